// How many accounts have how many pooled transactions, so that the largest is known without a walk.

export class SizeCounts {
  readonly #counts: number[] = [0]
  #max = 0

  /** Transactions of the largest account; 0 when there are none. */
  get max(): number {
    return this.#max
  }

  /** An account had `from` transactions and now has `to`. */
  change(from: number, to: number): void {
    if (from > 0) this.#counts[from]!--
    if (to > 0) this.#counts[to] = (this.#counts[to] ?? 0) + 1
    if (to > this.#max) this.#max = to
    while (this.#max > 0 && (this.#counts[this.#max] ?? 0) === 0) this.#max--
  }
}
