// Orders: their escrow, placing and cancelling them, and the end of one (ECONOMY §8).
// Not: their place in a queue (levels.ts, entering.ts), their fills (auctions.ts).
import { assert } from '../../../base/assert.ts'
import { equalBytes } from '../../../base/bytes.ts'
import type { Address, TxId } from '../../../base/ids.ts'
import type { ActionArgs } from '../../../base/moduleDefinition.ts'
import { AMOUNT_MAX, minBigint } from '../../../base/units.ts'
import type { ActionContext, WriteContext } from '../../context.ts'
import { MEMBER_MAX } from '../../orderedSet.ts'
import type { StateReader, StateWriter } from '../../view.ts'
import {
  bookOf,
  countedOn,
  getTotals,
  gridFor,
  markDirty,
  mustGetBook,
  openBook,
  updateBook,
  updateTotals,
  waitingIn,
} from './books.ts'
import { payIn, payOut, runningWindow, unitsAt } from './external.ts'
import { type LevelKey, take } from './levels.ts'
import { costOf, type Grid, type Pair, priceOf, ticksOf } from './pairs.ts'
import type { marketSchema, Order } from './schema.ts'
import { type CancelReason, type OrderKind, type Side, STANDS_MAX } from './shapes.ts'
import { events, fail, marketParams, marketTables } from './tables.ts'
import { enterStand, leaveStand, ownMatch, standingOf, traderOf } from './traders.ts'

/** Above half full the least amount doubles with each further sixteenth of the table, as that of a redemption does. */
const STEPS_OF_FULLNESS = 16

export function getOrder(state: StateReader, id: number): Order | undefined {
  return marketTables.order.get(state, { id })
}

export function putOrder(state: StateWriter, id: number, order: Order): void {
  marketTables.order.set(state, { id }, order)
}

export function isOpen({ state }: Pick<Order, 'state'>): boolean {
  return state === 'waiting' || state === 'resting'
}

export function levelOf({ book, side, ticks }: Order): LevelKey {
  return { book, side, ticks }
}

/** What an order has in escrow for an amount: it pays with the quote asset when it buys, with the base asset when it sells. */
export function escrowFor(
  book: Grid & Pair,
  order: { readonly side: Side; readonly ticks: number },
  amountBase: bigint,
): { readonly asset: number; readonly amountBase: bigint } {
  return order.side === 'buy'
    ? { asset: book.quote, amountBase: costOf(book, amountBase, order.ticks) }
    : { asset: book.base, amountBase }
}

/** The least amount of an order now. */
export function minimumFor(state: StateReader, { lotBase }: Grid): bigint {
  const { ordersMax } = marketParams.get(state)
  const over = getTotals(state).openOrders - Math.floor(ordersMax / 2)
  return over <= 0 ? lotBase : lotBase * 2n ** BigInt(Math.floor((STEPS_OF_FULLNESS * over) / ordersMax))
}

type PlaceArgs = ActionArgs<typeof marketSchema, 'place'>

/** Why an order of the sender is off the grid or too small, or its price and grid. */
function readTerms(state: StateReader, args: PlaceArgs) {
  const { base, quote, priceBase, amountBase } = args
  const grid = gridFor(state, args)
  if (grid === undefined) return { failure: fail.UnknownPair({ base, quote }) }
  const { tickBase, lotBase } = grid
  const maximumBase = minBigint(AMOUNT_MAX, BigInt(MEMBER_MAX) * tickBase)
  if (priceBase === 0n || priceBase > maximumBase)
    return { failure: fail.PriceOutOfRange({ priceBase, maximumBase }) }
  if (priceBase % tickBase !== 0n) return { failure: fail.PriceOffTick({ priceBase, tickBase }) }
  if (amountBase % lotBase !== 0n) return { failure: fail.AmountOffLot({ amountBase, lotBase }) }
  const minimumBase = minimumFor(state, grid)
  if (amountBase < minimumBase) return { failure: fail.BelowMinimum({ amountBase, minimumBase }) }
  return { grid, ticks: ticksOf(grid, priceBase) }
}

/** Why there is no room for one more order of an account in a book, or undefined. */
function refuseRoom(
  state: StateReader,
  { owner, book }: { readonly owner: Address; readonly book: number | undefined },
) {
  const { ordersMax, ordersPerAccountMax, waitingMax } = marketParams.get(state)
  const { openOrders, books } = traderOf(state, owner)
  if (openOrders >= ordersPerAccountMax)
    return fail.TooManyOrders({ openOrders, maximum: ordersPerAccountMax })
  const inBook = book === undefined ? 0 : standingOf(state, owner, book).length
  if (inBook >= STANDS_MAX) return fail.TooManyInBook({ openOrders: inBook, maximum: STANDS_MAX })
  if (inBook === 0 && books.length >= STANDS_MAX)
    return fail.TooManyBooks({ books: books.length, maximum: STANDS_MAX })
  const all = getTotals(state).openOrders
  if (all >= ordersMax) return fail.MarketFull({ openOrders: all, maximum: ordersMax })
  if (book === undefined) return undefined
  const facts = mustGetBook(state, book)
  if (waitingIn(facts) < waitingMax) return undefined
  return fail.TooManyWaiting({ waiting: waitingIn(facts), maximum: waitingMax })
}

export function place(ctx: ActionContext, args: PlaceArgs) {
  const { state, sender: owner } = ctx
  const { base, quote, side, amountBase, kind } = args
  const terms = readTerms(state, args)
  if (terms.failure !== undefined) return terms.failure
  const { grid, ticks } = terms
  const book = bookOf(state, { base, quote })
  const own = book === undefined ? undefined : ownMatch(state, { owner, book, side, ticks })
  if (own !== undefined) return fail.SelfTrade({ order: own })
  const refused = refuseRoom(state, { owner, book })
  if (refused !== undefined) return refused
  const needed = escrowFor({ base, quote, ...grid }, { side, ticks }, amountBase)
  const balanceBase = unitsAt(state, { asset: needed.asset, owner })
  if (balanceBase < needed.amountBase) {
    const neededBase = minBigint(AMOUNT_MAX, needed.amountBase)
    return fail.InsufficientAsset({ asset: needed.asset, balanceBase, neededBase })
  }
  // A frozen account is refused here, before anything is written; otherwise the action must succeed after this point.
  const { nextBook } = getTotals(state)
  const into = book ?? nextBook
  const moved = payIn(ctx, { book: into, from: owner, ...needed })
  if (moved !== undefined) {
    assert(moved.code === 'DebitRefused', 'the account has what it escrows')
    return moved
  }
  if (book === undefined) openBook(ctx, { base, quote }, grid)
  enter(ctx, { owner, book: into, side, ticks, amountBase, kind, txId: ctx.txId })
  return undefined
}

/** Stores an order whose escrow is paid; it takes part in the auction at the end of the block. Returns its number. */
export function enter(
  ctx: WriteContext,
  order: {
    readonly owner: Address
    readonly book: number
    readonly side: Side
    readonly ticks: number
    readonly amountBase: bigint
    readonly kind: OrderKind
    readonly txId: TxId | Uint8Array
  },
): number {
  const { state, block } = ctx
  const { owner, book, side, ticks, amountBase, kind, txId } = order
  const { nextOrder: id, openOrders } = getTotals(state)
  updateTotals(state, { nextOrder: id + 1, openOrders: openOrders + 1 })
  const { height, timestampMs: placedAtMs } = block
  putOrder(state, id, {
    owner,
    book,
    side,
    kind,
    state: 'waiting',
    reason: 'none',
    ticks,
    amountBase,
    leftBase: amountBase,
    filledBase: 0n,
    filledQuoteBase: 0n,
    placedAtMs,
    height,
    entry: 0,
    extra: 0,
  })
  const facts = mustGetBook(state, book)
  marketTables.waiting.set(
    state,
    { book, number: facts.waitingTail },
    { order: id, height, txId: txId as Uint8Array },
  )
  updateBook(state, book, { waitingTail: facts.waitingTail + 1, ...countedOn(facts, side, { open: 1 }) })
  enterStand(state, { owner, book }, { order: id, side, ticks })
  markDirty(state, book)
  events.Placed(ctx, { order: id, book, owner, side, kind, priceBase: priceOf(facts, ticks), amountBase })
  return id
}

export function cancel(ctx: ActionContext, { order: id }: ActionArgs<typeof marketSchema, 'cancel'>) {
  const { state, sender } = ctx
  const order = getOrder(state, id)
  if (order === undefined) return fail.UnknownOrder({ order: id })
  if (!equalBytes(order.owner, sender)) return fail.NotOwner({ owner: order.owner })
  if (!isOpen(order)) return fail.OrderOver({ order: id, state: order.state })
  if (order.state === 'resting' && marketTables.auction.has(state, { book: order.book })) {
    const { base, quote } = mustGetBook(state, order.book)
    return fail.AuctionUnderWay({ base, quote })
  }
  // After this point the action must succeed.
  endOrder(ctx, id, 'cancelledByOwner')
  return undefined
}

/** Takes what is left of an open order out of its book and returns its escrow. */
export function endOrder(ctx: WriteContext, id: number, reason: Exclude<CancelReason, 'none'>): void {
  const { state } = ctx
  const order = marketTables.order.mustGet(state, { id })
  assert(isOpen(order), 'an open order ends once')
  const book = mustGetBook(state, order.book)
  for (const number of [order.entry, order.extra]) {
    if (number === 0) continue
    const at = { ...levelOf(order), number }
    const place = marketTables.entry.get(state, at)
    if (place !== undefined) take(state, at, place.amountBase)
  }
  const back = escrowFor(book, order, order.leftBase)
  payOut(ctx, { book: order.book, to: order.owner, ...back })
  closeOrder(ctx, id, { ...order, state: 'cancelled', reason })
}

/** Stores an order that is over; it leaves the lists, and the state some windows later. */
export function closeOrder(ctx: WriteContext, id: number, order: Order): void {
  const { state } = ctx
  const { owner, book, side, reason, leftBase, filledBase } = order
  const window = runningWindow(state)
  putOrder(state, id, { ...order, leftBase: 0n, entry: 0, extra: 0 })
  leaveStand(state, { owner, book }, id)
  const facts = mustGetBook(state, book)
  const resting = order.entry === 0 ? 0 : -1
  updateBook(state, book, { ...countedOn(facts, side, { open: -1, resting }), idleSince: window })
  const { openOrders, closedTail } = getTotals(state)
  marketTables.closed.set(state, { index: closedTail }, { order: id, window })
  updateTotals(state, { openOrders: openOrders - 1, closedTail: closedTail + 1 })
  events.Closed(ctx, {
    order: id,
    book,
    owner,
    state: order.state,
    reason,
    filledBase,
    returnedBase: leftBase,
  })
}
