// The bonus that a listing adds to par, and the conversion between coins and hours with it.
import { mulDivCeil, mulDivFloor, PPM } from '../../../base/units.ts'
import { coinsAtPar, hoursAtPar } from './external.ts'
import type { Listing } from './schema.ts'

/** The bonus of a listing for assignments made in a window, ppm. */
export function bonusAt(listing: Listing, window: number): bigint {
  return window >= listing.nextBonusWindow ? listing.nextBonusPpm : listing.bonusPpm
}

/** Coins that free hours can serve at an anchor and a bonus, rounded down: a booking never exceeds what is free. */
export function coinsWithBonus(hours: bigint, anchor: bigint, bonusPpm: bigint): bigint {
  return mulDivFloor(coinsAtPar(hours, anchor), PPM, PPM + bonusPpm)
}

/** Rated hours booked for coins at an anchor and a bonus, rounded up: the client gains. */
export function hoursWithBonus(amountBase: bigint, anchor: bigint, bonusPpm: bigint): bigint {
  return hoursAtPar(mulDivCeil(amountBase, PPM + bonusPpm, PPM), anchor)
}
