// Which two assets are traded against each other, and the grid of prices and amounts on which they are.
// A pair has one book: quoted in a settlement asset, of two the one with the lower number; else in the coin.
import { mulDivFloor } from '../../../base/units.ts'
import type { StateReader } from '../../view.ts'
import { decimalsOf, isCoin, seriesOf, soldFor } from './external.ts'

export interface Pair {
  readonly base: number
  readonly quote: number
}

export interface Grid {
  readonly unitBase: bigint
  readonly tickBase: bigint
  readonly lotBase: bigint
}

/** Digits after the point of a price, and of an amount, at most. */
const DIGITS_MAX = 4

function isSettlementAsset(asset: number): boolean {
  return !isCoin(asset) && seriesOf(asset) === undefined
}

/** Whether an asset may be paid with for another. */
function isQuoteOf(state: StateReader, { base, quote }: Pair): boolean {
  const series = seriesOf(base)
  // Receipts are traded for what they were sold for and for what they become: so each series has two books.
  if (series !== undefined) return isCoin(quote) || soldFor(state, series) === quote
  if (!isSettlementAsset(quote)) return false
  return isCoin(base) || quote < base
}

/**
 * The grid of a pair, or undefined when it is not traded. A lot at one tick is worth a whole number of units, so that no fill
 * is ever rounded.
 */
export function gridOf(state: StateReader, pair: Pair): Grid | undefined {
  const baseDecimals = decimalsOf(state, pair.base)
  const quoteDecimals = decimalsOf(state, pair.quote)
  if (baseDecimals === undefined || quoteDecimals === undefined || !isQuoteOf(state, pair)) return undefined
  const priceDigits = Math.min(DIGITS_MAX, Math.ceil((2 * quoteDecimals) / 3))
  const amountDigits = Math.min(DIGITS_MAX, quoteDecimals - priceDigits)
  return {
    unitBase: 10n ** BigInt(baseDecimals),
    tickBase: 10n ** BigInt(quoteDecimals - priceDigits),
    lotBase: 10n ** BigInt(Math.max(0, baseDecimals - amountDigits)),
  }
}

/** What an amount costs at a price in ticks, base units of the quote asset. Whole lots cost whole units: nothing is rounded. */
export function costOf({ unitBase, tickBase }: Grid, amountBase: bigint, ticks: number): bigint {
  return mulDivFloor(amountBase, BigInt(ticks) * tickBase, unitBase)
}

/** A price of the grid in ticks. */
export function ticksOf({ tickBase }: Pick<Grid, 'tickBase'>, priceBase: bigint): number {
  return Number(mulDivFloor(priceBase, 1n, tickBase))
}

/** A price in ticks as the price of one whole of the base asset. */
export function priceOf({ tickBase }: Pick<Grid, 'tickBase'>, ticks: number): bigint {
  return BigInt(ticks) * tickBase
}
