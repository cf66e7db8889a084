// Pure arithmetic of capacity (ECONOMY §3): rated device-hours, what they are worth in coins, which class counts.
// Unit of rated hours: 10^-18 of a reference device-hour, the product of three ppm factors, so nothing is rounded.
import { assert } from '../../../base/assert.ts'
import { minBigint, mulDivCeil, mulDivFloor, PPM } from '../../../base/units.ts'

/** Most coins that one group's window counts as, base units: sums over all groups and windows stay in a ledger cell. */
export const WINDOW_COINS_MAX = 2n ** 104n - 1n
/** Most rated hours of one group in one window; beyond any catalogue and pledge, so that products stay in a cell. */
export const HOURS_MAX = 2n ** 120n - 1n

/**
 * Rated hours of a group in one window: floor(devices · hours · rating · audit share · (P − availability haircut) / P²)
 * whole ppm of an hour, as ECONOMY §3 rounds them, in units of 10^-18 of a reference device-hour.
 */
export function groupHours(group: {
  /** Devices times their audit share, ppm. */
  readonly devicesPpm: bigint
  readonly windowHours: number
  readonly ratingPpm: bigint
  readonly availabilityHaircutPpm: bigint
}): bigint {
  assert(group.availabilityHaircutPpm <= PPM, 'a haircut is a share')
  const deviceHours = group.devicesPpm * BigInt(group.windowHours)
  const hoursPpm = mulDivFloor(deviceHours * group.ratingPpm, PPM - group.availabilityHaircutPpm, PPM * PPM)
  return minBigint(hoursPpm * PPM * PPM, HOURS_MAX)
}

/**
 * Coins that rated hours deliver at an anchor with a growth factor charged, base units:
 * c = floor(hours · P² / (A · G)), which is floor(V · 10^18 · P / (A · G)) with V in whole ppm. Rounded down; saturates.
 */
export function coinsOfHours(hours: bigint, anchor: bigint, growthPpm: bigint = PPM): bigint {
  return minBigint(mulDivFloor(hours, PPM * PPM, anchor * growthPpm), WINDOW_COINS_MAX)
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

/**
 * Whether a class still counts after 2K windows of the largest drift: rating · P³ ≥ minClass · A · G_K² (C* of ECONOMY §3).
 */
export function classLasts(limits: {
  readonly ratingPpm: bigint
  readonly minClassPpm: bigint
  readonly anchor: bigint
  /** G_K. */
  readonly growthPpm: bigint
}): boolean {
  const { ratingPpm, minClassPpm, anchor, growthPpm } = limits
  return ratingPpm * PPM * PPM * PPM >= minClassPpm * anchor * growthPpm * growthPpm
}

/** The k at which the front-load rule looks: ⌈K/4⌉, ⌈K/2⌉, ⌈3K/4⌉. */
export function quarterPoints(horizon: number): readonly [number, number, number] {
  // In integers: ⌈n/4⌉ = (n + 3) >> 2.
  return [(horizon + 3) >> 2, (horizon + 1) >> 1, (3 * horizon + 3) >> 2]
}
