// The price of an auction: the one at which most is traded; where several are, the middle of them (ECONOMY §8).
// Levels are compared from the best bid and the best ask on until they do not meet. Not: who is filled (auctions.ts).
import { minBigint } from '../../../base/units.ts'
import type { StateReader } from '../../view.ts'
import { bestPrice, getLevel, priceAfter } from './levels.ts'
import type { Auction } from './schema.ts'
import type { Side } from './shapes.ts'

/** No price: the side has no further level. */
const END = 0

function openAt(
  state: StateReader,
  book: number,
  side: Side,
  ticks: number | undefined,
): { ticks: number; restBase: bigint } {
  if (ticks === undefined) return { ticks: END, restBase: 0n }
  return { ticks, restBase: getLevel(state, { book, side, ticks })!.amountBase }
}

/** Begins to look for the price. */
export function beginPricing(state: StateReader, book: number, auction: Auction): Auction {
  const bid = openAt(state, book, 'buy', bestPrice(state, book, 'buy'))
  const ask = openAt(state, book, 'sell', bestPrice(state, book, 'sell'))
  return {
    ...auction,
    phase: 'pricing',
    bidTicks: bid.ticks,
    bidRestBase: bid.restBase,
    askTicks: ask.ticks,
    askRestBase: ask.restBase,
    bidMatchedTicks: END,
    askMatchedTicks: END,
    volumeBase: 0n,
  }
}

/** Whether the levels that are compared meet. */
export function doMeet({ bidTicks, askTicks }: Auction): boolean {
  return bidTicks !== END && askTicks !== END && bidTicks >= askTicks
}

/** Matches what is left of two levels; the one that is used up gives way to the next. */
export function comparePrices(state: StateReader, book: number, auction: Auction): Auction {
  const { bidTicks, askTicks } = auction
  const matchedBase = minBigint(auction.bidRestBase, auction.askRestBase)
  const bidRestBase = auction.bidRestBase - matchedBase
  const askRestBase = auction.askRestBase - matchedBase
  const bid =
    bidRestBase > 0n
      ? { ticks: bidTicks, restBase: bidRestBase }
      : openAt(state, book, 'buy', priceAfter(state, { book, side: 'buy', ticks: bidTicks }))
  const ask =
    askRestBase > 0n
      ? { ticks: askTicks, restBase: askRestBase }
      : openAt(state, book, 'sell', priceAfter(state, { book, side: 'sell', ticks: askTicks }))
  return {
    ...auction,
    bidTicks: bid.ticks,
    bidRestBase: bid.restBase,
    askTicks: ask.ticks,
    askRestBase: ask.restBase,
    bidMatchedTicks: bidTicks,
    askMatchedTicks: askTicks,
    volumeBase: auction.volumeBase + matchedBase,
  }
}

/**
 * The price at which the matched volume trades. Whoever is not filled in whole has no better price than it, and whoever is has
 * no worse one: between the last that matched and the first that did not, on both sides.
 */
export function clearingTicks(auction: Auction): number {
  const { bidTicks, askTicks, bidMatchedTicks, askMatchedTicks } = auction
  const least = Math.max(askMatchedTicks, bidTicks)
  const most = askTicks === END ? bidMatchedTicks : Math.min(bidMatchedTicks, askTicks)
  return Math.floor((least + most) / 2)
}
