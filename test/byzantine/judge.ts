// What an attack may cost the honest: each figure beside that of the same validator, silent, in the same run.

/** One phase. */
export interface Phase {
  /** Transfers submitted in it. */
  readonly transfers: number
  /** From the first submission to finality. */
  readonly p50Ms: number
  readonly p99Ms: number
  /** Transfers without finality long after its end. */
  readonly lost: number
  /** Longest time without a new final block. */
  readonly standstillMs: number
  /** Of one honest validator on average. */
  readonly cpuMsPerSecond: number
  /** Of the largest honest validator, at the end. */
  readonly memoryMiB: number
}

export interface Outcome {
  readonly behaviour: string
  /** The same validator silent; for a behaviour with a laggard, honest. */
  readonly base: Phase
  readonly attack: Phase
  /** Times one honest validator refused another. */
  readonly refusals: number
  /** From the end of the attack until every honest validator shows a block that was not final before. */
  readonly levelMs: number
  /** An honest validator halted or ended, or two of them contradict each other. */
  readonly failures: readonly string[]
}

const P50_FACTOR = 2
const P99_FACTOR = 4
export const LEVEL_LIMIT_MS = 5_000

/** The limits that this outcome breaks. `leaderMs`: a leader's time-out. */
export function brokenLimits(outcome: Outcome, leaderMs: number): readonly string[] {
  const { base, attack, refusals, levelMs, failures } = outcome
  const standMs = base.standstillMs + leaderMs
  const broken = [
    base.transfers === 0 || attack.transfers === 0 ? 'nothing was measured' : '',
    attack.p50Ms > P50_FACTOR * base.p50Ms ? `p50 above ${P50_FACTOR} times` : '',
    attack.p99Ms > P99_FACTOR * base.p99Ms ? `p99 above ${P99_FACTOR} times` : '',
    base.lost + attack.lost > 0 ? `${base.lost + attack.lost} transfers never final` : '',
    attack.standstillMs > standMs ? `stood for more than ${Math.round(standMs)} ms` : '',
    refusals > 0 ? 'the honest refuse each other' : '',
    levelMs > LEVEL_LIMIT_MS ? `not level within ${LEVEL_LIMIT_MS / 1000} s` : '',
    ...failures,
  ]
  return broken.filter((text) => text !== '')
}

const seconds = (ms: number): string => (Number.isFinite(ms) ? (ms / 1000).toFixed(2) : 'never')
const pair = (a: number, b: number): string => `${seconds(a)} / ${seconds(b)}`

export const TABLE_HEAD: readonly string[] = [
  '| behaviour | silent: p50 / p99, s | attacked: p50 / p99, s | longest standstill, silent / attacked, s | CPU a second of an honest one, silent / attacked, ms | its memory, MiB | refusals among the honest | level after, s | broken |',
  '|---|---|---|---|---|---|---|---|---|',
]

/** A row of the table of docs/performance.md. */
export function tableRow(outcome: Outcome, leaderMs: number): string {
  const { behaviour, base, attack, refusals, levelMs } = outcome
  const cells = [
    behaviour,
    pair(base.p50Ms, base.p99Ms),
    pair(attack.p50Ms, attack.p99Ms),
    pair(base.standstillMs, attack.standstillMs),
    `${Math.round(base.cpuMsPerSecond)} / ${Math.round(attack.cpuMsPerSecond)}`,
    `${Math.round(base.memoryMiB)} / ${Math.round(attack.memoryMiB)}`,
    refusals,
    seconds(levelMs),
    brokenLimits(outcome, leaderMs).join('; '),
  ]
  return `| ${cells.join(' | ')} |`
}
