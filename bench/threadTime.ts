// What a call costs its thread: processor time, time by the clock, and the collector's pauses in it, told apart.
// Owns: these three clocks, and a fixed amount of work to compare runs by. Not: what is measured.
import { openSync, readSync } from 'node:fs'
import { GCProfiler } from 'node:v8'
import { utf8 } from '../base/bytes.ts'
import { sha256 } from '../base/crypto/hash.ts'
import { percentile } from './statistics.ts'

export interface Timing {
  /** Processor time of the thread, the collector's pauses included. */
  readonly cpuMs: number
  readonly wallMs: number
  /** Pauses of the collector, by the clock: on a busy machine they contain waiting. */
  readonly collectorMs: number
}

/** Several timings of one thing. */
export interface Figures {
  /** Median processor time without the collector. */
  readonly ms: number
  /** The most processor time of one, the collector included. */
  readonly worstMs: number
  /** Median by the clock. */
  readonly wallMs: number
  /** Mean of the collector's pauses. */
  readonly collectorMs: number
}

/** What the clock counts: newer versions of Node and Linux know the thread's own time. */
export const CLOCK = clockOf()

function clockOf(): { readonly of: 'thread' | 'process'; cpuMs(): number } {
  const { threadCpuUsage } = process as unknown as { threadCpuUsage?: () => NodeJS.CpuUsage }
  const sum = ({ user, system }: NodeJS.CpuUsage): number => (user + system) / 1_000
  if (threadCpuUsage !== undefined) return { of: 'thread', cpuMs: () => sum(threadCpuUsage.call(process)) }
  const kernel = kernelClock()
  return kernel === undefined
    ? { of: 'process', cpuMs: () => sum(process.cpuUsage()) }
    : { of: 'thread', cpuMs: kernel }
}

/** Linux' count of the nanoseconds that this thread has run. */
function kernelClock(): (() => number) | undefined {
  let file: number
  try {
    file = openSync('/proc/thread-self/schedstat', 'r')
  } catch {
    return undefined
  }
  const bytes = Buffer.alloc(64)
  const read = (): number => {
    // Asking for the process's time first makes the kernel count what the thread has run since it was scheduled.
    process.cpuUsage()
    const length = readSync(file, bytes, 0, bytes.length, 0)
    return Number.parseInt(bytes.toString('latin1', 0, length), 10) / 1e6
  }
  return read() > 0 ? read : undefined
}

/** Calls once. */
export function timed<T>(call: () => T): { readonly result: T; readonly timing: Timing } {
  const collector = new GCProfiler()
  collector.start()
  const [startMs, startCpuMs] = [performance.now(), CLOCK.cpuMs()]
  const result = call()
  const [cpuMs, wallMs] = [CLOCK.cpuMs() - startCpuMs, performance.now() - startMs]
  const pauses = collector.stop().statistics
  const collectorMs = pauses.reduce((total, { cost }) => total + cost, 0) / 1_000
  return { result, timing: { cpuMs, wallMs, collectorMs } }
}

/** Processor time without the collector, at least: a pause may contain time in which the thread did not run. */
function ownMs({ cpuMs, collectorMs }: Timing): number {
  return Math.max(0, cpuMs - collectorMs)
}

/** Figures of at least one timing. Those in which nothing was collected are exact, so they decide where there are any. */
export function figuresOf(timings: readonly Timing[]): Figures {
  const undisturbed = timings.filter(({ collectorMs }) => collectorMs === 0)
  const decisive = undisturbed.length > 0 ? undisturbed : timings
  return {
    ms: percentile(decisive.map(ownMs), 50),
    worstMs: Math.max(...timings.map(({ cpuMs }) => cpuMs)),
    wallMs: percentile(
      timings.map(({ wallMs }) => wallMs),
      50,
    ),
    collectorMs: timings.reduce((total, { collectorMs }) => total + collectorMs, 0) / timings.length,
  }
}

const CALIBRATION_ROUNDS = 400

/**
 * A fixed amount of the work that blocks are made of: hashes, maps with long keys, bigints. How long it takes tells how fast
 * the machine is at the moment.
 */
function calibrationWork(): bigint {
  const known = new Map<string, Uint8Array>()
  let sum = 1n
  for (let i = 0; i < CALIBRATION_ROUNDS; i++) {
    const key = `suanli/bench/calibration/${i % 97}`
    const hash = sha256(known.get(key) ?? utf8(key))
    known.set(key, hash)
    sum = (sum * 1_000_003n + BigInt(hash[0]!)) % 2n ** 120n
  }
  return sum
}

/** Collects how long the fixed work takes while something else is measured. */
export class Calibration {
  readonly #ms: number[] = []

  take(): void {
    const { result, timing } = timed(calibrationWork)
    if (result < 0n) throw new Error('a sum of positive numbers')
    this.#ms.push(ownMs(timing))
  }

  /** Median. */
  get ms(): number {
    return percentile(this.#ms, 50)
  }
}
