// Durations and deadlines of a view, all derived (CONSENSUS §4 "Timers"). Not: who sets real timers (node/driver.ts).
import type { ConsensusParameters } from './types.ts'

/** No back-off goes beyond this. */
export const TIMEOUT_MAX_MS = 20_000
/** Without finality for this long, a node starts to retransmit. */
export const QUIET_MS = 1_000

/** durationMs × 1.5^steps, rounded down each step, at most max(durationMs, 20 s). */
export function backedOff(durationMs: number, steps: number): number {
  const cap = Math.max(durationMs, TIMEOUT_MAX_MS)
  let value = durationMs
  for (let i = 0; i < steps && value < cap && value > 0; i++) {
    // At least one more each step, so that tiny durations grow too.
    value += Math.max(1, (value - (value % 2)) / 2)
  }
  return Math.min(value, cap)
}

/** k = max(0, view − lastFinalized.view − 1). */
export function backoffSteps(view: number, finalizedView: number): number {
  return Math.max(0, view - finalizedView - 1)
}

export interface Deadlines {
  readonly leaderAtMs: number
  /** Half of the leader's time: a leader that still lacks its parent gives up here. */
  readonly halfAtMs: number
  readonly advanceAtMs: number
}

/**
 * Time until a successor of the parent may be dated. Valid clocks differ by at most the precision, so more than that on
 * both sides means that this clock is behind: a wrong clock delays no timer.
 */
export function successorWaitMs(
  parameters: ConsensusParameters,
  times: { readonly parentTimestampMs: number; readonly wallMs: number },
): number {
  const { minBlockIntervalMs, precisionMs } = parameters
  const waitMs = times.parentTimestampMs + minBlockIntervalMs - times.wallMs
  return Math.min(Math.max(0, waitMs), minBlockIntervalMs + 2 * precisionMs)
}

/** How much of its time a leader has: a part of it, but not less than `leastMs`. */
export interface LeaderTime {
  readonly divisor: number
  readonly leastMs: number
}

const WHOLE: LeaderTime = { divisor: 1, leastMs: 0 }

/** What is left of a duration for a leader that keeps failing; the wait that every leader has to keep is not divided. */
function dividedMs(durationMs: number, waitMs: number, { divisor, leastMs }: LeaderTime): number {
  const beyond = Math.max(0, durationMs - waitMs)
  return durationMs - beyond + Math.min(beyond, Math.max(leastMs, Math.floor(beyond / divisor)))
}

/**
 * Deadlines of a view that has been needed since `armedAtMs`; `waitMs` is `successorWaitMs`, 0 when no parent is known.
 * `time`: see `LeaderRecord`.
 */
export function deadlines(options: {
  readonly parameters: ConsensusParameters
  readonly armedAtMs: number
  readonly waitMs: number
  readonly steps: number
  readonly time?: LeaderTime
}): Deadlines {
  const { parameters: p, armedAtMs, waitMs, steps, time = WHOLE } = options
  const leader = waitMs + p.precisionMs + p.buildMs + 2 * p.deltaMs
  const leaderMs = dividedMs(backedOff(leader, steps), waitMs, time)
  const advanceMs = dividedMs(backedOff(leader + p.verifyMs + p.deltaMs, steps), waitMs, time)
  return {
    leaderAtMs: armedAtMs + leaderMs,
    halfAtMs: armedAtMs + (leaderMs - (leaderMs % 2)) / 2,
    advanceAtMs: armedAtMs + Math.max(advanceMs, leaderMs),
  }
}

/** Pseudo-random, below `rangeMs`, integer arithmetic only, different per node and per call (retransmission jitter). */
export function jitter(seed: number, counter: number, rangeMs: number): number {
  let x = (seed ^ Math.imul(counter + 1, 0x9e3779b1)) >>> 0
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b) >>> 0
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35) >>> 0
  return ((x ^ (x >>> 16)) >>> 0) % rangeMs
}
