// The auction of a book: its orders enter, the price is found, orders are filled from the best on, what is left of immediate
// ones goes back, and so do the worst prices of a side that is too full. Who makes room is decided when all have traded, so that it does not
// depend on who came first in the block. One auction a block and book; one that the block's steps do not suffice for goes on in the next
// block, while new orders wait for the one after it (ECONOMY §8).
import { assert } from '../../../base/assert.ts'
import { minBigint } from '../../../base/units.ts'
import type { WriteContext } from '../../context.ts'
import {
  getTotals,
  markClean,
  mustGetBook,
  nextDirty,
  restingOn,
  updateBook,
  updateTotals,
  waitingIn,
} from './books.ts'
import { enterBatch } from './entering.ts'
import { payOut } from './external.ts'
import { noteAuction } from './history.ts'
import { bestPrice, firstPlace, type LevelKey, lastPlace, type Place, take, worstPrice } from './levels.ts'
import { closeOrder, endOrder, getOrder, isOpen, putOrder } from './orders.ts'
import { costOf, priceOf } from './pairs.ts'
import { beginPricing, clearingTicks, comparePrices, doMeet } from './pricing.ts'
import type { Auction, Book, Order } from './schema.ts'
import { SIDES, type Side } from './shapes.ts'
import { type Budget, spendAct, takeAct } from './steps.ts'
import { events, marketParams, marketTables } from './tables.ts'

const BEGUN: Auction = {
  phase: 'entering',
  until: 0,
  cursor: 0,
  bidTicks: 0,
  askTicks: 0,
  bidRestBase: 0n,
  askRestBase: 0n,
  bidMatchedTicks: 0,
  askMatchedTicks: 0,
  ticks: 0,
  volumeBase: 0n,
  leftBase: 0n,
}

/** Holds the auctions that are due, as far as the block's steps go; one that is under way goes on first. */
export function holdAuctions(ctx: WriteContext, budget: Budget): void {
  const { state } = ctx
  const { auctionCursor: first } = getTotals(state)
  let cursor = first
  const held = new Set<number>()
  for (;;) {
    const book = nextDirty(state, cursor)
    // A book whose auction is over, but for which orders came while it was under way, has its next one in the next block.
    if (book === undefined || held.has(book) || !takeAct(budget, 'look')) break
    held.add(book)
    cursor = book
    if (!holdAuction(ctx, book, budget)) break
    if (waitingIn(mustGetBook(state, book)) === 0) markClean(state, book)
    cursor = book + 1
  }
  if (cursor !== first) updateTotals(state, { auctionCursor: cursor })
}

/** Goes on with the auction of a book, or begins it; true when it is over. */
function holdAuction(ctx: WriteContext, book: number, budget: Budget): boolean {
  const { state } = ctx
  const { waitingHead, waitingTail } = mustGetBook(state, book)
  const known = marketTables.auction.get(state, { book })
  let auction = known ?? { ...BEGUN, until: waitingTail, cursor: waitingHead }
  for (;;) {
    const next = step(ctx, book, auction, budget)
    if (next === 'over') {
      if (known !== undefined) marketTables.auction.delete(state, { book })
      return true
    }
    if (next === undefined) {
      marketTables.auction.set(state, { book }, auction)
      return false
    }
    auction = next
  }
}

/** One act of an auction; undefined when the block's steps are used up. */
function step(
  ctx: WriteContext,
  book: number,
  auction: Auction,
  budget: Budget,
): Auction | 'over' | undefined {
  switch (auction.phase) {
    case 'entering':
      return enterNext(ctx, book, auction, budget)
    case 'pricing':
      if (!doMeet(auction)) return endPricing(ctx, book, auction, budget)
      return takeAct(budget, 'price') ? comparePrices(ctx.state, book, auction) : undefined
    case 'filling':
      if (auction.leftBase === 0n) return beginReturning(ctx, book, auction)
      return takeAct(budget, 'fill') ? fillNext(ctx, book, auction) : undefined
    case 'returning':
      return returnNext(ctx, book, auction, budget)
    default:
      return displaceNext(ctx, book, auction, budget)
  }
}

function enterNext(ctx: WriteContext, book: number, auction: Auction, budget: Budget): Auction | undefined {
  const { cursor, until } = auction
  if (cursor === until) return beginPricing(ctx.state, book, auction)
  if (!takeAct(budget, 'enter')) return undefined
  const { count, end } = enterBatch(ctx, { book, from: cursor, until })
  spendAct(budget, 'enter', count - 1)
  return { ...auction, cursor: end }
}

function endPricing(ctx: WriteContext, book: number, auction: Auction, budget: Budget): Auction | undefined {
  const { volumeBase } = auction
  if (volumeBase === 0n) return beginReturning(ctx, book, auction)
  if (!takeAct(budget, 'note')) return undefined
  const ticks = clearingTicks(auction)
  noteAuction(ctx, book, { ticks, volumeBase })
  return { ...auction, phase: 'filling', ticks, leftBase: volumeBase }
}

/** The order in front on a side, or undefined while its queue is still being looked through. */
function frontOf(ctx: WriteContext, book: number, side: Side): { at: LevelKey; place: Place } | undefined {
  const ticks = bestPrice(ctx.state, book, side)
  assert(ticks !== undefined, 'what an auction matched is open')
  const at = { book, side, ticks }
  const place = firstPlace(ctx.state, at)
  return place === undefined ? undefined : { at, place }
}

/** Lets the orders in front of both sides meet: as much as the smaller of the two has. */
function fillNext(ctx: WriteContext, id: number, auction: Auction): Auction {
  const { state } = ctx
  const bid = frontOf(ctx, id, 'buy')
  const ask = frontOf(ctx, id, 'sell')
  if (bid === undefined || ask === undefined) return auction
  const { ticks, leftBase } = auction
  assert(
    bid.at.ticks >= ticks && ask.at.ticks <= ticks,
    'nobody trades at a price that is worse than its own',
  )
  const amountBase = [bid.place.amountBase, ask.place.amountBase].reduce(minBigint, leftBase)
  const book = mustGetBook(state, id)
  const fill = { amountBase, quoteBase: costOf(book, amountBase, ticks) }
  take(state, { ...bid.at, number: bid.place.number }, amountBase)
  take(state, { ...ask.at, number: ask.place.number }, amountBase)
  const priceBase = priceOf(book, ticks)
  events.Traded(ctx, { book: id, buy: bid.place.order, sell: ask.place.order, priceBase, amountBase })
  fillOrder(ctx, book, bid.place.order, fill)
  fillOrder(ctx, book, ask.place.order, fill)
  return { ...auction, leftBase: leftBase - amountBase }
}

/** Pays an order what it traded: a buyer the asset, and what its own price was above that of the auction; a seller the price. */
function fillOrder(
  ctx: WriteContext,
  book: Book,
  id: number,
  { amountBase, quoteBase }: { readonly amountBase: bigint; readonly quoteBase: bigint },
): void {
  const order = marketTables.order.mustGet(ctx.state, { id })
  const { owner: to, side, ticks } = order
  const from = order.book
  if (side === 'buy') {
    payOut(ctx, { book: from, asset: book.base, to, amountBase })
    const savedBase = costOf(book, amountBase, ticks) - quoteBase
    payOut(ctx, { book: from, asset: book.quote, to, amountBase: savedBase })
  } else payOut(ctx, { book: from, asset: book.quote, to, amountBase: quoteBase })
  const after: Order = {
    ...order,
    leftBase: order.leftBase - amountBase,
    filledBase: order.filledBase + amountBase,
    filledQuoteBase: order.filledQuoteBase + quoteBase,
  }
  if (after.leftBase > 0n) putOrder(ctx.state, id, after)
  else closeOrder(ctx, id, { ...after, state: 'filled' })
}

function beginReturning({ state }: WriteContext, book: number, auction: Auction): Auction {
  return { ...auction, phase: 'returning', cursor: mustGetBook(state, book).waitingHead }
}

/** Looks at the next order that entered with this auction: what is left of an immediate one goes back. */
function returnNext(ctx: WriteContext, book: number, auction: Auction, budget: Budget): Auction | undefined {
  const { state } = ctx
  const { cursor: number, until } = auction
  if (number === until) return { ...auction, phase: 'displacing' }
  if (!takeAct(budget, 'return')) return undefined
  const { order: id } = marketTables.waiting.mustGet(state, { book, number })
  marketTables.waiting.delete(state, { book, number })
  updateBook(state, book, { waitingHead: number + 1 })
  const order = getOrder(state, id)
  if (order !== undefined && isOpen(order) && order.kind === 'immediateOrCancel')
    endOrder(ctx, id, 'notMatched')
  return { ...auction, cursor: number + 1 }
}

/** Returns the order behind all others on a side that has too many. */
function displaceNext(
  ctx: WriteContext,
  book: number,
  auction: Auction,
  budget: Budget,
): Auction | 'over' | undefined {
  const { state } = ctx
  const { ordersPerSideMax } = marketParams.get(state)
  const facts = mustGetBook(state, book)
  const side = SIDES.find((each) => restingOn(facts, each) > ordersPerSideMax)
  if (side === undefined) return 'over'
  if (!takeAct(budget, 'return')) return undefined
  const ticks = worstPrice(state, book, side)
  assert(ticks !== undefined, 'a full side has a price')
  const place = lastPlace(state, { book, side, ticks })
  if (place !== undefined) endOrder(ctx, place.order, 'displaced')
  return auction
}
