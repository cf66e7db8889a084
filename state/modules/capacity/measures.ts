// What rated hours are worth in coins with the largest drift charged: c, C, C* and their parts (ECONOMY §3).
// Not: where the sums are kept (sums.ts), what is booked (book.ts).
import { assert } from '../../../base/assert.ts'
import { mulDivFloor, PPM } from '../../../base/units.ts'
import type { StateReader } from '../../view.ts'
import { growthAhead } from './external.ts'
import { groupRating, offersAll, ratedHours } from './groups.ts'
import { classCounts, classLasts, coinsOfHours, quarterPoints, WINDOW_COINS_MAX } from './rating.ts'
import type { CapacitySums, LotGroup } from './schema.ts'
import { capacityParams } from './tables.ts'

export const NO_SUMS: CapacitySums = {
  capacityBase: 0n,
  lastingBase: 0n,
  quarterBase: [0n, 0n, 0n],
  reservedBase: 0n,
  cutBase: 0n,
  withdrawnBase: 0n,
}

/** The factors from hours to coins of one recount, read once per rule. */
export interface Measures {
  /** The window from which windows ahead are counted. */
  readonly windowIndex: number
  readonly anchor: bigint
  /** K. */
  readonly horizon: number
  /** The nearest window ahead that C counts: 2 + coverN. */
  readonly first: number
  /** G_0 … G_K. */
  readonly growth: readonly bigint[]
  /** A · G_0 … A · G_K: what hours are divided by. */
  readonly divisors: readonly bigint[]
  readonly quarters: readonly [number, number, number]
  readonly minClassPpm: bigint
  readonly crumbBase: bigint
}

type CapacityParams = ReturnType<typeof capacityParams.get>

/** The last measures, a pure function of what rarely changes: two, since bookings during a recount need both. */
let recent: readonly { readonly params: CapacityParams; readonly measures: Measures }[] = []

/** The measures of a recount that began in a window at an anchor. */
export function measuresAt(
  state: StateReader,
  at: { readonly windowIndex: number; readonly anchor: bigint },
): Measures {
  const { windowIndex, anchor } = at
  const params = capacityParams.get(state)
  const growth = growthAhead(state, params.horizonWindows)
  for (const known of recent) {
    const { measures } = known
    if (known.params !== params || measures.growth !== growth) continue
    if (measures.windowIndex === windowIndex && measures.anchor === anchor) return measures
  }
  const measures = newMeasures(params, growth, { windowIndex, anchor })
  recent = [{ params, measures }, ...recent.slice(0, 1)]
  return measures
}

function newMeasures(
  params: CapacityParams,
  growth: readonly bigint[],
  at: { readonly windowIndex: number; readonly anchor: bigint },
): Measures {
  const { horizonWindows: horizon, coverN, minClassPpm, crumbBase } = params
  return {
    ...at,
    horizon,
    // The next window may be missed by a last-block request; each silent group may park the queue for one more.
    first: 2 + coverN,
    growth,
    divisors: growth.map((growthPpm) => at.anchor * growthPpm),
    quarters: quarterPoints(horizon),
    minClassPpm,
    crumbBase,
  }
}

/** How a group counts at some measures. */
export interface Standing {
  /** It counts in windows up to this many ahead; −1 if in none. */
  readonly countsTo: number
  /** It is part of C*. */
  readonly lasts: boolean
}

/** How a group counts: all three services, and a rating that keeps up with the largest drift for long enough. */
export function standingOf(group: LotGroup, measures: Measures): Standing {
  if (!offersAll(group)) return { countsTo: -1, lasts: false }
  const { minClassPpm, anchor, growth, horizon } = measures
  const ratingPpm = groupRating(group)
  const limits = { ratingPpm, minClassPpm, anchor }
  let countsTo = horizon
  // Growth factors never fall with k, so the class drops out at the far end.
  while (countsTo >= 0 && !classCounts({ ...limits, growthPpm: growth[countsTo]! })) countsTo--
  return { countsTo, lasts: classLasts({ ...limits, growthPpm: growth[horizon]! }) }
}

/** c of free hours of a group k windows ahead, base units; crumbs smaller than any request count nothing. */
export function windowCoins(hours: bigint, k: number, measures: Measures): bigint {
  assert(k >= 0 && k <= measures.horizon, 'the window lies within the horizon')
  if (hours <= 0n) return 0n
  return dividedCoins(hours * PPM * PPM, k, measures)
}

/** c of free hours times P²: the inner step of a recount. */
function dividedCoins(scaledHours: bigint, k: number, measures: Measures): bigint {
  const coins = mulDivFloor(scaledHours, 1n, measures.divisors[k]!)
  if (coins < measures.crumbBase) return 0n
  return coins > WINDOW_COINS_MAX ? WINDOW_COINS_MAX : coins
}

/** Adds what one window of a group counts, or takes it away with a negative sign, to sums. */
export function addWindow(
  sums: CapacitySums,
  part: { readonly k: number; readonly coins: bigint; readonly lasts: boolean },
  measures: Measures,
): CapacitySums {
  const { k, coins, lasts } = part
  if (coins === 0n || k < measures.first) return sums
  const { quarters } = measures
  return {
    ...sums,
    capacityBase: sums.capacityBase + coins,
    lastingBase: lasts ? sums.lastingBase + coins : sums.lastingBase,
    quarterBase: lasts
      ? sums.quarterBase.map((sum, q) => (k <= quarters[q]! ? sum + coins : sum))
      : sums.quarterBase,
  }
}

/** C, C* and R of one group; at most K steps. */
export function sumsOfGroup(state: StateReader, group: LotGroup, measures: Measures): CapacitySums {
  const { countsTo, lasts } = standingOf(group, measures)
  const { windowIndex, first, quarters } = measures
  let reservedBase = 0n
  const booked = new Map<number, bigint>()
  for (const booking of group.booked) {
    const k = booking.windowIndex - windowIndex
    if (k < 0) continue
    booked.set(k, booking.hours)
    if (k <= countsTo) reservedBase += booking.amountBase
  }
  const quarterBase = [0n, 0n, 0n]
  let capacityBase = 0n
  let run = -1
  let rated = 0n
  let scaled = 0n
  for (let k = first; k <= countsTo; k++) {
    // V changes only where a run begins.
    while (run + 1 < group.runs.length && group.runs[run + 1]!.fromWindow <= windowIndex + k) run++
    if (k === first || group.runs[run]?.fromWindow === windowIndex + k) {
      rated = ratedHours(state, group, windowIndex + k)
      scaled = rated * PPM * PPM
    }
    const hours = booked.get(k)
    capacityBase +=
      hours === undefined ? dividedCoins(scaled, k, measures) : windowCoins(rated - hours, k, measures)
    for (let q = 0; q < 3; q++) if (quarters[q] === k) quarterBase[q] = capacityBase
  }
  // A group that stops counting before a quarter has all of its coins by then.
  for (let q = 0; q < 3; q++) if (quarters[q]! > countsTo) quarterBase[q] = capacityBase
  return {
    capacityBase,
    lastingBase: lasts ? capacityBase : 0n,
    quarterBase: lasts ? quarterBase : [0n, 0n, 0n],
    reservedBase,
    cutBase: 0n,
    withdrawnBase: 0n,
  }
}

/** The sum of two sums. */
export function addSums(a: CapacitySums, b: CapacitySums): CapacitySums {
  return {
    capacityBase: a.capacityBase + b.capacityBase,
    lastingBase: a.lastingBase + b.lastingBase,
    quarterBase: a.quarterBase.map((sum, q) => sum + b.quarterBase[q]!),
    reservedBase: a.reservedBase + b.reservedBase,
    cutBase: a.cutBase + b.cutBase,
    withdrawnBase: a.withdrawnBase + b.withdrawnBase,
  }
}

/** Coins that rated hours deliver now at an anchor, no drift charged. */
export function coinsNow(hours: bigint, anchor: bigint): bigint {
  return hours <= 0n ? 0n : coinsOfHours(hours, anchor, PPM)
}
