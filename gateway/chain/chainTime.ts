// What time it is on the chain, by this machine's clock and the blocks that arrive. A fresh block tells how far the two are
// apart; an idle chain makes none, and then the machine is believed.
import type { WindowClock } from './chainReader.ts'

/** Two readings further apart do not make the newer block a fresh one. */
const FRESH_MS = 5_000

export class ChainTime {
  readonly #nowMs: () => number
  #seen: { readonly height: number; readonly atMs: number } | undefined
  /** Chain minus machine. */
  skewMs = 0

  constructor(nowMs: () => number = Date.now) {
    this.#nowMs = nowMs
  }

  take({ height, timestampMs }: Pick<WindowClock, 'height' | 'timestampMs'>): void {
    const atMs = this.#nowMs()
    const last = this.#seen
    if (last !== undefined && height > last.height && atMs - last.atMs <= FRESH_MS)
      this.skewMs = timestampMs - atMs
    // A block of the future is one whether it is fresh or not.
    else if (timestampMs - atMs > this.skewMs) this.skewMs = timestampMs - atMs
    this.#seen = { height, atMs }
  }

  nowMs(): number {
    return this.#nowMs() + this.skewMs
  }
}
