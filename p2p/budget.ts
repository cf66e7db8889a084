// A token bucket: of CPU time for an intake (microseconds), of handshakes for the door. Owns: arithmetic.

export interface Allowance {
  /** Units gained a second. */
  readonly perSecond: number
  /** Most that may be saved up. */
  readonly burst: number
}

export class Budget {
  readonly #nowMs: () => number
  #allowance: Allowance
  #balance: number
  #atMs: number

  /** `nowMs`: a monotonic clock. */
  constructor(allowance: Allowance, nowMs: () => number = () => performance.now()) {
    this.#allowance = allowance
    this.#nowMs = nowMs
    this.#balance = allowance.burst
    this.#atMs = nowMs()
  }

  /** Takes effect at once; what is saved up stays, up to the new burst. */
  set allowance(allowance: Allowance) {
    if (allowance === this.#allowance) return
    this.#refill()
    this.#allowance = allowance
  }

  get hasCredit(): boolean {
    if (this.#balance > 0) return true
    this.#refill()
    return this.#balance > 0
  }

  /** Charges work that is done now: the balance may become negative, then nothing more is due until it is positive. */
  charge(cost: number): void {
    this.#balance -= cost
  }

  hasCreditFor(cost: number): boolean {
    this.#refill()
    return this.#balance >= cost
  }

  /** Charges only when there is credit; whether there was. */
  tryCharge(cost: number): boolean {
    if (!this.hasCreditFor(cost)) return false
    this.#balance -= cost
    return true
  }

  /** As much as may be saved up. */
  reset(): void {
    this.#balance = this.#allowance.burst
  }

  /** Milliseconds until there is credit; 0 when there is. */
  waitMs(): number {
    this.#refill()
    if (this.#balance > 0) return 0
    return ((1 - this.#balance) * 1000) / this.#allowance.perSecond
  }

  #refill(): void {
    const nowMs = this.#nowMs()
    const { perSecond, burst } = this.#allowance
    this.#balance = Math.min(burst, this.#balance + ((nowMs - this.#atMs) * perSecond) / 1000)
    this.#atMs = nowMs
  }
}
