// The bonus that a listing adds to par, and the conversion between coins and hours of a lot group with it.
import { mulDivCeil, mulDivFloor, PPM } from '../../../base/units.ts'
import type { StateReader } from '../../view.ts'
import type { LotGroup } from '../capacity/schema.ts'
import type { Service } from '../catalogue/schema.ts'
import { coinsAtPar, hoursAtPar, legalGroupOf } from './external.ts'
import type { Listing } from './schema.ts'
import { redemptionTables } from './tables.ts'

/** Poor windows among the last K with grants from which on a group's bonus counts nothing. */
const POOR_WINDOWS_MAX = 3

/** The bonus of a listing for assignments made in a window, ppm. */
export function bonusAt(listing: Listing, window: number): bigint {
  return window >= listing.nextBonusWindow ? listing.nextBonusPpm : listing.bonusPpm
}

/** Whether what a provider's legal group granted went unserved in three of its last K windows with grants. */
export function isUnreliable(state: StateReader, provider: number): boolean {
  const { poor } = redemptionTables.record.get(state, { group: legalGroupOf(state, provider) }) ?? {
    poor: [],
  }
  return poor.filter((isPoor) => isPoor).length >= POOR_WINDOWS_MAX
}

/** The bonus that counts for assignments made in a window, ppm. */
export function countedBonus(
  state: StateReader,
  at: { readonly provider: number; readonly window: number },
  listing: Listing,
): bigint {
  const bonusPpm = bonusAt(listing, at.window)
  return bonusPpm === 0n || isUnreliable(state, at.provider) ? 0n : bonusPpm
}

interface Terms {
  readonly service: Service
  readonly anchor: bigint
  readonly bonusPpm: bigint
}

/** Coins that free hours of a lot group can serve, rounded down: a booking never exceeds what is free. */
export function coinsWithBonus(group: LotGroup, hours: bigint, terms: Terms): bigint {
  const { service, anchor, bonusPpm } = terms
  return mulDivFloor(coinsAtPar(group, { service, hours, anchor }), PPM, PPM + bonusPpm)
}

/** Rated hours of a lot group booked for coins, rounded up: the client gains. */
export function hoursWithBonus(group: LotGroup, coinsBase: bigint, terms: Terms): bigint {
  const { service, anchor, bonusPpm } = terms
  const amountBase = mulDivCeil(coinsBase, PPM + bonusPpm, PPM)
  return hoursAtPar(group, { service, amountBase, anchor })
}
