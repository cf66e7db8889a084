// Notices that this machine's clock differs from those of the other validators. Owns: judging finalized timestamps.
// Not: the rules of timestamps (consensus/proposalRules.ts), what is done about it (an operator).

/** Blocks in a row that must agree before anything is said. */
const BLOCKS_MIN = 4
/** And the time they must span. */
const SPAN_MS = 10_000
/** Catching up shows old timestamps too, but not block after block equally old; live blocks differ by less than this. */
const SPREAD_MS = 2_000
/** A verdict that lasts is repeated this often. */
export const CLOCK_REPEAT_MS = 60_000

export interface ClockVerdict {
  readonly kind: 'behind' | 'ahead' | 'right'
  /** This clock minus the others', about, milliseconds. */
  readonly offsetMs: number
}

interface Sample {
  readonly atMs: number
  readonly offsetMs: number
}

/**
 * Fed with every finalized block. A quorum found the timestamp right when the block was proposed: one that lies in this
 * clock's future means that this clock is behind; one that lies far in its past, by the same amount block after
 * block, means that it is ahead.
 */
export class ClockWatch {
  readonly #precisionMs: number
  readonly #lateMs: number
  #samples: Sample[] = []
  #told: ClockVerdict | undefined
  #toldAtMs = 0

  constructor(timing: { readonly precisionMs: number; readonly messageDelayMs: number }) {
    this.#precisionMs = timing.precisionMs
    this.#lateMs = 2 * (timing.messageDelayMs + timing.precisionMs)
  }

  /** What is worth saying now; undefined while nothing is new. `tickMs`: a clock that never jumps. */
  onFinalized(timestampMs: number, nowMs: number, tickMs: number): ClockVerdict | undefined {
    this.#samples.push({ atMs: tickMs, offsetMs: nowMs - timestampMs })
    // The oldest samples that are not needed for the span go.
    while (this.#samples.length > BLOCKS_MIN && tickMs - this.#samples[1]!.atMs >= SPAN_MS)
      this.#samples.shift()
    const verdict = this.#judge(tickMs)
    if (verdict === undefined) return undefined
    const isNews = (this.#told?.kind ?? 'right') !== verdict.kind
    if (!isNews && (verdict.kind === 'right' || tickMs - this.#toldAtMs < CLOCK_REPEAT_MS)) return undefined
    this.#told = verdict
    this.#toldAtMs = tickMs
    return verdict
  }

  #judge(tickMs: number): ClockVerdict | undefined {
    const first = this.#samples[0]!
    if (this.#samples.length < BLOCKS_MIN || tickMs - first.atMs < SPAN_MS) return undefined
    const offsets = this.#samples.map((sample) => sample.offsetMs)
    const [least, most] = [Math.min(...offsets), Math.max(...offsets)]
    if (most < -this.#precisionMs) return { kind: 'behind', offsetMs: most }
    if (least > this.#lateMs) {
      return most - least < SPREAD_MS ? { kind: 'ahead', offsetMs: least } : undefined
    }
    const isRight = most <= this.#lateMs && least >= -this.#precisionMs
    return isRight ? { kind: 'right', offsetMs: least } : undefined
  }
}
