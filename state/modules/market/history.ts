// What is kept of the past: the last auctions of a book, candles, orders that are over; and when they leave the state.
// Not: when an order is over (orders.ts).
import { minBigint } from '../../../base/units.ts'
import type { WriteContext } from '../../context.ts'
import type { StateReader, StateWriter } from '../../view.ts'
import { getBook, getTotals, isDirty, mustGetBook, updateBook, updateTotals } from './books.ts'
import { decimalsOf, runningWindow } from './external.ts'
import { priceOf } from './pairs.ts'
import type { Book, Candle } from './schema.ts'
import { AUCTIONS_KEPT, CANDLE_SPANS, CANDLES, type CandleSpan } from './shapes.ts'
import { type Budget, spendAct, takeAct } from './steps.ts'
import { events, marketParams, marketTables } from './tables.ts'

const MAX_VOLUME = 2n ** 256n - 1n
/** Places of a book's history, and how many of them one act removes. */
const HISTORY_SLOTS = CANDLE_SPANS.reduce((sum, span) => sum + CANDLES[span].kept, AUCTIONS_KEPT)
const SLOTS_PER_ACT = 32

interface Clearing {
  readonly ticks: number
  readonly volumeBase: bigint
}

/** Remembers the price of an auction in which something is traded. */
export function noteAuction(ctx: WriteContext, id: number, { ticks, volumeBase }: Clearing): void {
  const { state, block } = ctx
  const book = mustGetBook(state, id)
  const { height, timestampMs: atMs } = block
  const slot = book.auctions % AUCTIONS_KEPT
  marketTables.trade.set(state, { book: id, slot }, { height, atMs, ticks, volumeBase })
  for (const span of CANDLE_SPANS) addToCandle(state, { book: id, span, atMs }, { ticks, volumeBase })
  updateBook(state, id, { lastTicks: ticks, lastAtMs: atMs, auctions: book.auctions + 1 })
  events.Cleared(ctx, { book: id, priceBase: priceOf(book, ticks), volumeBase })
}

function addToCandle(
  state: StateWriter,
  at: { readonly book: number; readonly span: CandleSpan; readonly atMs: number },
  { ticks, volumeBase }: Clearing,
): void {
  const { book, span } = at
  const { spanMs, kept } = CANDLES[span]
  const index = Math.floor(at.atMs / spanMs)
  const key = { book, span, slot: index % kept }
  const known = marketTables.candle.get(state, key)
  const atMs = index * spanMs
  const candle: Candle =
    known?.atMs === atMs
      ? {
          ...known,
          high: Math.max(known.high, ticks),
          low: Math.min(known.low, ticks),
          close: ticks,
          volumeBase: minBigint(MAX_VOLUME, known.volumeBase + volumeBase),
        }
      : { atMs, open: ticks, high: ticks, low: ticks, close: ticks, volumeBase }
  marketTables.candle.set(state, key, candle)
}

/** The candles of a book with trades, newest first: at most so many, and none that the ring would have replaced by now. */
export function candlesOf(
  state: StateReader,
  at: { readonly book: number; readonly span: CandleSpan; readonly nowMs: number; readonly limit: number },
): readonly Candle[] {
  const { book, span, nowMs, limit } = at
  const { spanMs, kept } = CANDLES[span]
  const newest = Math.floor(nowMs / spanMs)
  const found: Candle[] = []
  for (let index = newest; index > newest - kept && index >= 0 && found.length < limit; index--) {
    const candle = marketTables.candle.get(state, { book, span, slot: index % kept })
    if (candle?.atMs === index * spanMs) found.push(candle)
  }
  return found
}

/** The last auctions of a book, newest first. */
export function tradesOf(state: StateReader, id: number, limit: number) {
  const { auctions } = mustGetBook(state, id)
  const count = Math.min(auctions, AUCTIONS_KEPT, limit)
  return Array.from({ length: count }, (_, i) =>
    marketTables.trade.mustGet(state, { book: id, slot: (auctions - 1 - i) % AUCTIONS_KEPT }),
  )
}

/** Removes orders that were over `tailWindows` ago. */
export function removeClosed(ctx: WriteContext, budget: Budget): void {
  const { state } = ctx
  const { tailWindows } = marketParams.get(state)
  const current = runningWindow(state)
  for (;;) {
    const { closedHead, closedTail } = getTotals(state)
    if (closedHead === closedTail) return
    const { order, window } = marketTables.closed.mustGet(state, { index: closedHead })
    if (window + tailWindows > current || !takeAct(budget, 'remove')) return
    marketTables.closed.delete(state, { index: closedHead })
    marketTables.order.delete(state, { id: order })
    updateTotals(state, { closedHead: closedHead + 1 })
  }
}

/** A window's end: all books are looked at again. */
export function beginBookWalk(ctx: WriteContext): void {
  if (getTotals(ctx.state).nextBook > 1) updateTotals(ctx.state, { bookCursor: 1 })
}

/** Whether books are still to be looked at. */
export function isWalkDue(state: StateReader): boolean {
  const { bookCursor, nextBook } = getTotals(state)
  return bookCursor > 0 && bookCursor < nextBook
}

/** Removes empty books of which an asset is gone: the receipts of a series that is over. */
export function removeBooks(ctx: WriteContext, budget: Budget): void {
  const { state } = ctx
  const { tailWindows } = marketParams.get(state)
  while (isWalkDue(state)) {
    if (!takeAct(budget, 'look')) return
    const { bookCursor: id } = getTotals(state)
    const book = getBook(state, id)
    const isDue =
      book !== undefined && isOver(state, id, book) && book.idleSince + tailWindows <= runningWindow(state)
    if (isDue) {
      spendAct(budget, 'remove', SLOTS_PER_ACT)
      if (!removeSome(state, id, book)) continue
    }
    updateTotals(state, { bookCursor: id + 1 })
  }
}

function isOver(state: StateReader, id: number, { base, quote, openBuys, openSells }: Book): boolean {
  if (openBuys + openSells > 0 || isDirty(state, id)) return false
  return decimalsOf(state, base) === undefined || decimalsOf(state, quote) === undefined
}

/** Removes a part of the history of a book, and at last the book; true when it is gone. */
function removeSome(state: StateWriter, id: number, book: Book): boolean {
  const until = Math.min(HISTORY_SLOTS, book.removedSlots + SLOTS_PER_ACT)
  for (let slot = book.removedSlots; slot < until; slot++) removeSlot(state, id, slot)
  if (until < HISTORY_SLOTS) {
    updateBook(state, id, { removedSlots: until })
    return false
  }
  marketTables.pair.delete(state, { base: book.base, quote: book.quote })
  marketTables.book.delete(state, { id })
  return true
}

/** Removes what one place of a book's history holds: the ring of its trades comes first, then those of its candles. */
function removeSlot(state: StateWriter, book: number, place: number): void {
  let slot = place
  if (slot < AUCTIONS_KEPT) {
    if (marketTables.trade.has(state, { book, slot })) marketTables.trade.delete(state, { book, slot })
    return
  }
  slot -= AUCTIONS_KEPT
  for (const span of CANDLE_SPANS) {
    const { kept } = CANDLES[span]
    if (slot < kept) {
      const key = { book, span, slot }
      if (marketTables.candle.has(state, key)) marketTables.candle.delete(state, key)
      return
    }
    slot -= kept
  }
}
