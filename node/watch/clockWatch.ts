// Detects that this machine's clock differs from the other validators'. Owns: judging finalized timestamps.
// Not: the rules of timestamps (consensus/proposalRules.ts).

/** Consecutive blocks that must agree before a verdict. */
const BLOCKS_MIN = 4
/** And the time they must span. */
const SPAN_MS = 10_000
/** Offsets of live blocks vary by less than this; blocks from catching up are old too, but not equally old. */
const SPREAD_MS = 2_000
/** Repeat a lasting verdict this often. */
export const CLOCK_REPEAT_MS = 60_000

export interface ClockVerdict {
  readonly kind: 'behind' | 'ahead' | 'right'
  /** This clock minus the others', approximately, milliseconds. */
  readonly offsetMs: number
}

interface Sample {
  readonly atMs: number
  readonly offsetMs: number
}

/**
 * Takes every finalized block. A quorum found its timestamp right when it was proposed: a timestamp in this clock's
 * future means that this clock is behind; one far in its past, by the same amount block after block, means that it is
 * ahead.
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

  /** The least offset of the latest blocks, which the time to finality is part of; undefined until there are some. */
  get offsetMs(): number | undefined {
    if (this.#samples.length < BLOCKS_MIN) return undefined
    return Math.min(...this.#samples.map(({ offsetMs }) => offsetMs))
  }

  /** The verdict to report now; undefined if nothing is new. `tickMs`: monotonic clock. */
  onFinalized(timestampMs: number, nowMs: number, tickMs: number): ClockVerdict | undefined {
    this.#samples.push({ atMs: tickMs, offsetMs: nowMs - timestampMs })
    // Drop the oldest samples that the span does not need.
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
