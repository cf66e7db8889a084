// The window clock. Owns: when a window ends and how later modules learn of it. Not: what perishes (book.ts).
import { assert } from '../../../base/assert.ts'
import type { WriteContext } from '../../context.ts'
import type { StateReader, StateWriter } from '../../view.ts'
import { tellWindow } from './external.ts'
import type { WindowClock } from './schema.ts'
import { capacityParams, capacityTables, events } from './tables.ts'

/** Starts window 0 at the genesis time; genesis only. */
export function openWindows(state: StateWriter, genesisTimeMs: number): void {
  assert(!capacityTables.clock.has(state, {}), 'the clock starts once')
  const { windowMs } = capacityParams.get(state)
  putClock(state, {
    windowIndex: 0,
    startedAtMs: genesisTimeMs,
    endsAtMs: genesisTimeMs + windowMs,
    startedAtHeight: 0,
  })
}

function putClock(state: StateWriter, clock: WindowClock): void {
  capacityTables.clock.set(state, {}, clock)
  const { windowIndex, startedAtMs, endsAtMs } = clock
  tellWindow(state, { windowIndex, startedAtMs, endsAtMs })
}

export function getClock(state: StateReader): WindowClock {
  return capacityTables.clock.mustGet(state, {})
}

/** When the running window ends, Unix milliseconds. */
export function dueAtMs(state: StateReader): number {
  return getClock(state).endsAtMs
}

/** Index of the running window; in the hooks after the transactions it is already the new one. */
export function currentWindow(state: StateReader): number {
  return getClock(state).windowIndex
}

/** Ends the running window when the block's time has reached its end: end' = max(end, blockTime) + length (ECONOMY §1). */
export function endWindow(ctx: WriteContext): number | undefined {
  const clock = getClock(ctx.state)
  const { timestampMs, height } = ctx.block
  if (timestampMs < clock.endsAtMs) return undefined
  assert(clock.windowIndex === 0 || height > clock.startedAtHeight, 'at most one window ends per block')
  const next: WindowClock = {
    windowIndex: clock.windowIndex + 1,
    startedAtMs: timestampMs,
    endsAtMs: Math.max(clock.endsAtMs, timestampMs) + capacityParams.get(ctx.state).windowMs,
    startedAtHeight: height,
  }
  putClock(ctx.state, next)
  events.WindowEnded(ctx, { windowIndex: clock.windowIndex, endsAtMs: next.endsAtMs })
  return clock.windowIndex
}

/** Blocks that fit into a window at the least interval between blocks. */
export function blocksPerWindow(windowMs: number, minBlockIntervalMs: number): number {
  return Math.floor(windowMs / Math.max(1, minBlockIntervalMs))
}
