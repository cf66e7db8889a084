// Pure arithmetic of capacity (ECONOMY §3): rated device-hours, what they are worth in coins, which class counts.
// Unit of rated hours: 10^-18 of a reference device-hour, the product of three ppm factors, so nothing is rounded.
import { assert } from '../../../base/assert.ts'
import { minBigint, mulDivCeil, mulDivFloor, PPM } from '../../../base/units.ts'

/** Rated hours of one lot in one window: devices · hours · rating · audit share · (P − availability haircut). */
export function lotHours(lot: {
  readonly devices: number
  readonly windowHours: number
  readonly ratingPpm: bigint
  readonly auditPpm: bigint
  readonly availabilityHaircutPpm: bigint
}): bigint {
  assert(lot.auditPpm <= PPM && lot.availabilityHaircutPpm <= PPM, 'haircuts are shares')
  const deviceHours = BigInt(lot.devices) * BigInt(lot.windowHours)
  return deviceHours * lot.ratingPpm * lot.auditPpm * (PPM - lot.availabilityHaircutPpm)
}

/**
 * Coins that rated hours deliver at an anchor with a growth factor charged, base units:
 * c = floor(hours · P² / (A · G)), which is floor(V · 10^18 · P / (A · G)) with V in whole ppm. Rounded down.
 */
export function coinsOfHours(hours: bigint, anchor: bigint, growthPpm: bigint = PPM): bigint {
  return mulDivFloor(hours, PPM * PPM, anchor * growthPpm)
}

/** Rated hours that deliver `amountBase` at an anchor; rounded up: the reservation covers the coins. */
export function hoursOfCoins(amountBase: bigint, anchor: bigint): bigint {
  return mulDivCeil(amountBase, anchor, PPM)
}

/** Whether a class counts with the growth factor charged: rating · P² ≥ minClass · A · G_k. */
export function classCounts(limits: {
  readonly ratingPpm: bigint
  readonly minClassPpm: bigint
  readonly anchor: bigint
  readonly growthPpm: bigint
}): boolean {
  return limits.ratingPpm * PPM * PPM >= limits.minClassPpm * limits.anchor * limits.growthPpm
}

/** The rating a lot counts with: that of its pledge, or the class's current one after a cut. */
export function countedRating(pledgedPpm: bigint, presentPpm: bigint): bigint {
  return minBigint(pledgedPpm, presentPpm)
}

/** The k at which the front-load rule looks: ⌈K/4⌉, ⌈K/2⌉, ⌈3K/4⌉. */
export function quarterPoints(horizon: number): readonly [number, number, number] {
  // In integers: ⌈n/4⌉ = (n + 3) >> 2.
  return [(horizon + 3) >> 2, (horizon + 1) >> 1, (3 * horizon + 3) >> 2]
}
