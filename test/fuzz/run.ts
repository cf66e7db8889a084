// Fuzzes one target: frames, failures, memory. Owns: the loop. Not: the targets (all.ts), the command (main.ts).
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { Random } from '../support/random.ts'
import type { FuzzReport, FuzzTarget } from './target.ts'

/** Frames between checks of the live state. */
const CHECK_EVERY = 4_096
const FAILURES_MAX = 5
/** Heap growth between the first tenth and the end that counts as a leak, bytes. */
export const HEAP_GROWTH_MAX = 48 * 1024 * 1024

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

function heapBytes(): number {
  collect()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

export interface FuzzOptions {
  readonly frames: number
  readonly seed: number
  readonly stacks?: boolean
  /** False when collecting a large heap would cost more than the frames. */
  readonly weighed?: boolean
}

/**
 * Seed and number of a failing frame replay it. Refusals are errors whose stack traces cost more than the tested code, so
 * there are none unless `stacks` is set.
 */
export async function fuzz(target: FuzzTarget, options: FuzzOptions): Promise<FuzzReport> {
  const { stackTraceLimit } = Error
  if (options.stacks !== true) Error.stackTraceLimit = 0
  try {
    return await playFrames(target, options)
  } finally {
    Error.stackTraceLimit = stackTraceLimit
  }
}

async function playFrames(target: FuzzTarget, options: FuzzOptions): Promise<FuzzReport> {
  const { frames, seed } = options
  const weigh = options.weighed === false ? () => 0 : heapBytes
  const random = new Random(seed)
  const session = await target.open(random)
  const failures: string[] = []
  const settled = Math.ceil(frames / 10)
  let heapBefore = 0
  const started = process.cpuUsage()
  let frame = 0
  for (; frame < frames && failures.length < FAILURES_MAX; frame++) {
    try {
      const pending = session.step(random)
      if (pending !== undefined) await pending
    } catch (error) {
      failures.push(`frame ${frame}: ${error instanceof Error ? error.stack : String(error)}`)
    }
    if (frame % CHECK_EVERY === 0) {
      const fault = session.check?.()
      if (fault !== undefined) failures.push(`frame ${frame}: ${fault}`)
    }
    if (frame + 1 === settled) heapBefore = weigh()
  }
  const { user, system } = process.cpuUsage(started)
  const seconds = (user + system) / 1e6
  const heapAfter = weigh()
  if (heapAfter - heapBefore > HEAP_GROWTH_MAX) {
    failures.push(`the heap grew from ${heapBefore} to ${heapAfter} bytes`)
  }
  session.close?.()
  return { target: target.name, frames: frame, seconds, heapBefore, heapAfter, failures }
}
