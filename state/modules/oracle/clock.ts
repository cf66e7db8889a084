// The oracle's part in the window clock: commitments in the first half of a window, reveals in the second. Capacity keeps
// the clock and tells it here.
import type { BlockContext } from '../../context.ts'
import type { StateReader, StateWriter } from '../../view.ts'
import type { Clock } from './schema.ts'
import type { Phase } from './shapes.ts'
import { oracleTables } from './tables.ts'

/** Capacity calls it for each window that begins. */
export function noteWindow(state: StateWriter, clock: Clock): void {
  oracleTables.clock.set(state, {}, clock)
}

/** The running window; undefined on a chain without capacity. */
export function getClock(state: StateReader): Clock | undefined {
  return oracleTables.clock.get(state, {})
}

/** Index of the running window. */
export function runningWindow(state: StateReader): number {
  return getClock(state)?.windowIndex ?? 0
}

/** Time of the first block that may hold reveals. */
export function revealsFromMs({ startedAtMs, endsAtMs }: Clock): number {
  return startedAtMs + Math.floor((endsAtMs - startedAtMs) / 2)
}

/**
 * The part of the window that a block is in, by its own time, and when it ends; 0 when the next block ends it. Times of
 * blocks only rise, so once a block holds a reveal no commitment follows: whoever commits has seen no report.
 */
export function phaseOf(
  state: StateReader,
  { timestampMs }: Pick<BlockContext, 'timestampMs'>,
): { readonly phase: Phase; readonly untilMs: number } {
  const clock = getClock(state)
  if (clock === undefined || timestampMs >= clock.endsAtMs) return { phase: 'closed', untilMs: 0 }
  const revealsMs = revealsFromMs(clock)
  return timestampMs < revealsMs
    ? { phase: 'commit', untilMs: revealsMs }
    : { phase: 'reveal', untilMs: clock.endsAtMs }
}
