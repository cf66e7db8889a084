// How much of one assignment is served, reserved and vouchered, and whether more may be served. Owns: the arithmetic of
// exposure. Pure and in memory. Not: writing it down (ledger.ts), what a request costs (price.ts).
//
// Invariant: metered + lost + reserved − vouchered ≤ exposure, and metered + reserved ≤ amount. `lost` is what may have been
// served before a crash without a line: it counts against exposure until a voucher that covers the meter comes after it (the
// same one again will do), and is never charged.
import { assert } from '../../base/assert.ts'
import { maxBigint, minBigint } from '../../base/units.ts'

/** What the chain says of an assignment. */
export interface MeterLimits {
  readonly amountBase: bigint
  readonly exposureBase: bigint
}

export type Reserved =
  | { readonly kind: 'reserved' }
  /** A voucher is due before more is served. */
  | { readonly kind: 'pay'; readonly owedBase: bigint }
  /** Own requests under way hold what is left of the exposure. */
  | { readonly kind: 'busy' }
  /** Less than the request can cost is left of the assignment. */
  | { readonly kind: 'short'; readonly leftBase: bigint }

export class AssignmentMeter {
  readonly #limits: MeterLimits
  meteredBase: bigint
  voucheredBase: bigint
  reservedBase = 0n
  lostBase: bigint
  /** On disk: at most so much was served. */
  horizonBase: bigint

  constructor(
    limits: MeterLimits,
    stored: { readonly meteredBase: bigint; readonly voucheredBase: bigint; readonly horizonBase: bigint },
  ) {
    this.#limits = limits
    this.meteredBase = stored.meteredBase
    this.voucheredBase = stored.voucheredBase
    this.horizonBase = maxBigint(stored.horizonBase, stored.meteredBase)
    this.lostBase = this.horizonBase - stored.meteredBase
  }

  get amountBase(): bigint {
    return this.#limits.amountBase
  }

  get exposureBase(): bigint {
    return this.#limits.exposureBase
  }

  /** What nobody has used or reserved. */
  get leftBase(): bigint {
    return maxBigint(0n, this.amountBase - this.meteredBase - this.reservedBase)
  }

  get #servedBase(): bigint {
    return this.meteredBase + this.lostBase + this.reservedBase
  }

  /** Sets aside what a request can cost at most. */
  reserve(costMaxBase: bigint): Reserved {
    assert(costMaxBase >= 0n, 'a cost is not negative')
    const { leftBase } = this
    if (costMaxBase > leftBase) return this.reservedBase > 0n ? { kind: 'busy' } : { kind: 'short', leftBase }
    if (this.#servedBase + costMaxBase - this.voucheredBase > this.exposureBase) {
      const owedBase = this.meteredBase - this.voucheredBase
      return owedBase > 0n || this.lostBase > 0n ? { kind: 'pay', owedBase } : { kind: 'busy' }
    }
    this.reservedBase += costMaxBase
    return { kind: 'reserved' }
  }

  /** Ends a request: at most what was reserved is charged. */
  charge(costMaxBase: bigint, costBase: bigint): bigint {
    assert(this.reservedBase >= costMaxBase, 'what ends was reserved')
    const chargedBase = minBigint(costBase, costMaxBase)
    this.reservedBase -= costMaxBase
    this.meteredBase += chargedBase
    return chargedBase
  }

  /**
   * Raises the horizon when less than what is reserved is below it. True: it must be on disk before more is served.
   */
  raiseHorizon(): boolean {
    if (this.#servedBase <= this.horizonBase) return false
    // A quarter of the exposure ahead, so that most requests need no write.
    const ahead = this.#servedBase + this.exposureBase / 4n
    this.horizonBase = maxBigint(this.#servedBase, minBigint(ahead, this.voucheredBase + this.exposureBase))
    return true
  }

  /** Nothing beyond what is metered and reserved needs to be remembered: what was lost is about to be forgiven. */
  lowerHorizon(): void {
    this.horizonBase = this.meteredBase + this.reservedBase
  }

  /** A voucher that is on disk. */
  vouch(deliveredBase: bigint): void {
    this.voucheredBase = maxBigint(this.voucheredBase, deliveredBase)
  }
}
