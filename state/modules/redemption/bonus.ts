// The bonus that a listing adds to par, and the conversion between coins and hours with it.
import { mulDivCeil, mulDivFloor, PPM } from '../../../base/units.ts'
import type { LotGroup } from '../capacity/schema.ts'
import type { Service } from '../catalogue/schema.ts'
import { coinsAtPar, hoursAtPar } from './external.ts'
import type { Listing } from './schema.ts'

interface Terms {
  readonly service: Service
  readonly anchor: bigint
  readonly bonusPpm: bigint
}

/** The bonus of a listing for assignments made in a window, ppm. */
export function bonusAt(listing: Listing, window: number): bigint {
  return window >= listing.nextBonusWindow ? listing.nextBonusPpm : listing.bonusPpm
}

/** Coins that free hours can serve at an anchor and a bonus, rounded down: a booking never exceeds what is free. */
export function coinsWithBonus(group: LotGroup, terms: Terms & { readonly hours: bigint }): bigint {
  return mulDivFloor(coinsAtPar(group, terms), PPM, PPM + terms.bonusPpm)
}

/** Rated hours booked for coins at an anchor and a bonus, rounded up: the client gains. */
export function hoursWithBonus(group: LotGroup, terms: Terms & { readonly amountBase: bigint }): bigint {
  const amountBase = mulDivCeil(terms.amountBase, PPM + terms.bonusPpm, PPM)
  return hoursAtPar(group, { ...terms, amountBase })
}
