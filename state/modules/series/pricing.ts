// Prices of primary sales: the schedule, what an amount costs, the least price, and what a forward series' lock must be.
// Pure but for the parameters. Not: where the oracle's prices come from.
import { AMOUNT_MAX, COIN, maxBigint, minBigint, mulDivCeil, mulDivFloor, PPM } from '../../../base/units.ts'
import type { StateReader } from '../../view.ts'
import { retainPpm } from './external.ts'
import type { Series } from './schema.ts'
import type { SeriesKind } from './shapes.ts'
import { seriesParams } from './tables.ts'

/** Bounds of an offer: products of them stay within the ledger's cells. */
export const CAP_MAX = 10n ** 12n * COIN
export const PRICE_MAX = 10n ** 24n

/** The oracle's prices that a sale is judged by. */
export interface SalePrices {
  readonly priceBase: bigint
  readonly lockPriceBase: bigint
}

/** Price of one coin at a time of the clock: linear from the first window of the sale to its last; rounded up for the issuer. */
export function priceAt(
  series: Pick<Series, 'startPriceBase' | 'endPriceBase' | 'opensAt' | 'closesAt'>,
  time: number,
): bigint {
  const { startPriceBase, endPriceBase, opensAt, closesAt } = series
  const passed = Math.max(0, Math.min(time, closesAt) - opensAt)
  if (passed === 0) return startPriceBase
  const fallBase = mulDivFloor(startPriceBase - endPriceBase, BigInt(passed), BigInt(closesAt - opensAt))
  return startPriceBase - fallBase
}

/** What an amount costs; rounded up: the issuer gains. */
export function costOf(amountBase: bigint, priceBase: bigint): bigint {
  return mulDivCeil(amountBase, priceBase, COIN)
}

/**
 * Least price of one coin: half of the oracle's, else a friend who pays next to nothing could turn a failed series into the
 * bond. Coins sold at once must also bring in what their mint locks, since it is locked out of the proceeds.
 */
export function leastPrice(state: StateReader, kind: SeriesKind, oracle: SalePrices): bigint {
  const halfBase = mulDivCeil(oracle.priceBase, 1n, 2n)
  return kind === 'forward'
    ? halfBase
    : maxBigint(halfBase, mulDivCeil(oracle.lockPriceBase, retainPpm(state), PPM))
}

/** Receipts that still wait for coins. */
export function outstandingOf(series: Pick<Series, 'faceBase' | 'coinsBase'>): bigint {
  return series.faceBase - series.coinsBase
}

/** What the lock of a forward series must be for so much of its cap: at the higher of oracle price and price paid; rounded up. */
export function lockNeeded(
  state: StateReader,
  series: Pick<Series, 'startPriceBase'>,
  terms: { readonly outstandingBase: bigint; readonly oracle: SalePrices },
): bigint {
  const { seriesPenaltyPpm } = seriesParams.get(state)
  const priceBase = maxBigint(series.startPriceBase, terms.oracle.lockPriceBase)
  return minBigint(AMOUNT_MAX, mulDivCeil(terms.outstandingBase * priceBase, seriesPenaltyPpm, COIN * PPM))
}

/** The part of its cap for which a forward series must have a lock: the whole cap until the sale has ended. */
export function securedCap(series: Series): bigint {
  return series.state === 'selling' ? series.capBase : outstandingOf(series)
}
