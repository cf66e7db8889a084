// What reports decide of the anchor and of a price (ECONOMY §5). Pure arithmetic. Not: collecting them (values.ts).
import { assert } from '../../../base/assert.ts'
import { maxBigint, minBigint, mulDivCeil, mulDivFloor, PPM } from '../../../base/units.ts'
import type { OracleParams, Price } from './schema.ts'
import type { Decision } from './shapes.ts'

/** Highest price of a coin, base units: products with it stay within a ledger cell. */
export const PRICE_MAX = 10n ** 30n

/** The revealed values of a chamber, in order, and how many members it has. */
export interface Side {
  readonly members: number
  readonly values: readonly bigint[]
}

/** More than half of a chamber; a chamber without members has no quorum. */
export function hasQuorum({ members, values }: Side): boolean {
  return 2 * values.length > members
}

/** Reports that are a quorum. */
export function quorumOf(members: number): number {
  return (members >> 1) + 1
}

/** The middle value; of two, their mean rounded down: a lower anchor and a lower price favour coverage. Asserts that there is one. */
export function medianOf(values: readonly bigint[]): bigint {
  assert(values.length > 0, 'a median of something')
  const upper = values[values.length >> 1]!
  if (values.length % 2 === 1) return upper
  return mulDivFloor(values[(values.length >> 1) - 1]! + upper, 1n, 2n)
}

/** Whether two medians agree: their difference is at most a share of the lower one. */
export function areClose(a: bigint, b: bigint, tolerancePpm: bigint): boolean {
  const [low, high] = a < b ? [a, b] : [b, a]
  return (high - low) * PPM <= tolerancePpm * low
}

/** What a window's end makes of the anchor, before it is kept within A and the bound. */
export interface AnchorDecision {
  readonly decision: Decision
  /** 0 to hold the anchor. */
  readonly target: bigint
  /** Largest rise, ppm. */
  readonly boundPpm: bigint
}

/** More than any anchor: the bound decides. */
const THE_BOUND = 2n ** 64n - 1n

/**
 * The anchor that the reports ask for. `silentWindows`: in a row without a quorum of reporters, this one included. Whatever
 * the chambers do, it rises by at most g, and by at most gDisputed unless they agree.
 */
export function decideAnchor(
  sides: { readonly reporters: Side; readonly providers: Side },
  params: Pick<OracleParams, 'driftPpm' | 'disputedDriftPpm' | 'tolerancePpm' | 'graceWindows'>,
  silentWindows: number,
): AnchorDecision {
  const { reporters, providers } = sides
  const { driftPpm, disputedDriftPpm: boundPpm, tolerancePpm, graceWindows } = params
  if (!hasQuorum(reporters)) {
    return silentWindows > graceWindows
      ? { decision: 'trend', target: THE_BOUND, boundPpm }
      : { decision: 'held', target: 0n, boundPpm: 0n }
  }
  const median = medianOf(reporters.values)
  if (!hasQuorum(providers)) return { decision: 'providersSilent', target: median, boundPpm }
  const other = medianOf(providers.values)
  if (!areClose(median, other, tolerancePpm)) return { decision: 'disputed', target: median, boundPpm }
  return { decision: 'agreed', target: medianOf([median, other]), boundPpm: driftPpm }
}

/** A price after one window: it moves by at most a share of what it was, rounded outward so that a small one can move, and stays positive. */
function moved(before: bigint, target: bigint, priceMovePpm: bigint): bigint {
  const least = maxBigint(1n, mulDivFloor(before, PPM - priceMovePpm, PPM))
  const most = minBigint(PRICE_MAX, mulDivCeil(before, PPM + priceMovePpm, PPM))
  return maxBigint(least, minBigint(most, target))
}

/**
 * The price that the reports ask for; undefined without a quorum of reporters. Where chambers differ, the reporters' median is
 * the price and values the bonds that there are; the higher median locks, and values the bonds of mints: a bond is worth
 * fewer coins at a higher price. Each moves by itself, so they keep their order.
 */
export function decidePrice(
  before: Price,
  sides: { readonly reporters: Side; readonly providers: Side },
  params: Pick<OracleParams, 'tolerancePpm' | 'priceMovePpm'>,
): Omit<Price, 'renewedWindow'> | undefined {
  const { reporters, providers } = sides
  if (!hasQuorum(reporters)) return undefined
  const median = medianOf(reporters.values)
  const other = hasQuorum(providers) ? medianOf(providers.values) : median
  const price = areClose(median, other, params.tolerancePpm) ? medianOf([median, other]) : undefined
  const step = (from: bigint, target: bigint): bigint => moved(from, target, params.priceMovePpm)
  return {
    priceBase: step(before.priceBase, price ?? median),
    bondPriceBase: step(before.bondPriceBase, price ?? median),
    lockPriceBase: step(before.lockPriceBase, price ?? maxBigint(median, other)),
  }
}
