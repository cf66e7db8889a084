// How many devices of which class a provider owns on each day: its share of the world's shipments, scaled down. Pure.
// Not: pledging them (fleets.ts).
import { weekOf } from './calendar.ts'
import type { WorldStock } from './stock.ts'

/** One device of the replay stands for a thousand of the world's. */
const SCALE = 1_000
const PER_MILLE = 1_000
const YEAR_DAYS = 365
/** Age at which a device is given up. */
export const LIFE_DAYS = 5 * YEAR_DAYS

/** Classes that the providers buy: those that may be sold to anybody. */
export const FLEET_CLASSES = [
  ...['a100-sxm-80', 'h100-sxm', 'mi300x', 'mi325x', 'mi350x', 'mi355x', 'b200-sxm', 'b300-sxm'],
] as const

/**
 * What existed before the figures begin, which they do not say: as many A100s as a year of early 2022 brings, bought a year
 * before on average, and as many V100s, bought three and a half years before.
 */
const BEFORE = [
  { classId: 'v100-sxm2-32', units: 848_480, ageDays: 1_277 },
  { classId: 'a100-sxm-80', units: 848_480, ageDays: YEAR_DAYS },
] as const

export interface Owned {
  readonly classId: string
  readonly devices: number
}

/** Age of a class's first devices on day 0, days. */
export function firstAge(classId: string): number {
  return BEFORE.find((held) => held.classId === classId)?.ageDays ?? 0
}

const scaled = (units: number, share: number): number => Math.floor((units * share) / (PER_MILLE * SCALE))

/** Devices of a class that a provider has bought by a day. */
export function boughtBy(
  stock: WorldStock,
  bought: { readonly classId: string; readonly day: number; readonly share: number },
): number {
  const { classId, day, share } = bought
  const before = BEFORE.find((held) => held.classId === classId)?.units ?? 0
  return scaled(before + stock.unitsOf(classId, weekOf(day)), share)
}

/** What a provider owns when the chain begins. */
export function firstFleet(fleet: {
  readonly stock: WorldStock
  readonly day: number
  readonly share: number
}): readonly Owned[] {
  const { stock, day, share } = fleet
  const [oldest] = BEFORE
  const old = { classId: oldest.classId, devices: scaled(oldest.units, share) }
  const others = FLEET_CLASSES.map((classId) => ({
    classId,
    devices: boughtBy(stock, { classId, day, share }),
  }))
  return [old, ...others].filter(({ devices }) => devices > 0)
}
