// Which leaders keep failing, by the certificates of their views, and how much of a leader's time they are still given.
// Not: leaders that do not vote at all (activity.ts).

/** A nullified view costs this much, a notarized one earns 1: a leader that fails once in 60 turns is remembered. */
const FAILURE_COST = 64
/** Bounds how long a mended leader is mistrusted. */
const SCORE_MAX = 256
/** Until as many successes as its failures cost: a quarter of its time, enough for a mended leader in most networks. */
const SHORTER_DIVISOR = 4
/** From three failures on: a sixteenth, but for every 16th of its turns. */
const SHORT = { from: 129, divisor: 16, butEveryTurns: 16 } as const
/** Whatever its record, a leader has as many times what other leaders' views took of late. */
const USUAL_TIMES = 2
/** A long view is forgotten by this part in each later view of its leader. */
const FADE_DIVISOR = 8
/** The whole time, at all validators in the same view, whatever each of them thinks of the leader. */
const WHOLE_EVERY_TURNS = 1_024

export class LeaderRecord {
  readonly #faultyMax: number
  readonly #scores: number[]
  /** Longest recent time from a view's need to its N, without the wait until its block may be dated, by leader. */
  readonly #tookMs: number[]

  constructor(options: { validatorCount: number; faultyMax: number }) {
    this.#faultyMax = options.faultyMax
    this.#scores = new Array<number>(options.validatorCount).fill(0)
    this.#tookMs = new Array<number>(options.validatorCount).fill(0)
  }

  /** Continues the record of the epoch before: `indexBefore` of each leader, undefined for one that was no member then. */
  takeOver(before: LeaderRecord, indexBefore: readonly (number | undefined)[]): void {
    for (const [leader, index] of indexBefore.entries()) {
      if (index === undefined) continue
      this.#scores[leader] = before.#scores[index]!
      this.#tookMs[leader] = before.#tookMs[index]!
    }
  }

  /** A view that it led was nullified although it votes. */
  noteFailure(leader: number): void {
    this.#scores[leader] = Math.min(SCORE_MAX, this.#scores[leader]! + FAILURE_COST)
  }

  /** A view that it led was notarized. */
  noteSuccess(leader: number): void {
    this.#scores[leader] = Math.max(0, this.#scores[leader]! - 1)
  }

  /** How long this node waited for N of a view that it needed, apart from the wait until its block could be dated, ms. */
  noteTime(leader: number, tookMs: number): void {
    const held = this.#tookMs[leader]!
    this.#tookMs[leader] = Math.max(tookMs, held - Math.ceil(held / FADE_DIVISOR))
  }

  /**
   * What a leader has at least, ms: without it, one failure would keep out an honest leader that is as fast as the others
   * but needs more than a quarter of a time-out. Of the others' times the f longest do not count: a slow member's.
   */
  leastMs(leader: number): number {
    const others = this.#tookMs.filter((_, index) => index !== leader).sort((a, b) => b - a)
    return USUAL_TIMES * (others[this.#faultyMax] ?? 0)
  }

  /**
   * By how much the time-outs of a leader's turn are divided: 1 unless it is failing and among the f worst. When more fail
   * alike, the network or this node is to blame, and they have their whole time. `turn` counts the rounds of all leaders, so
   * that validators give a leader its longer turns in the same views.
   */
  timeDivisor(leader: number, turn: number): number {
    const score = this.#scores[leader]!
    // A score of 0 is never among the f worst.
    if (this.#scores.filter((other) => other >= score).length > this.#faultyMax) return 1
    // Not all leaders in one round.
    const shifted = turn + leader
    if (shifted % WHOLE_EVERY_TURNS === 0) return 1
    const isShort = score >= SHORT.from && shifted % SHORT.butEveryTurns !== 0
    return isShort ? SHORT.divisor : SHORTER_DIVISOR
  }
}
