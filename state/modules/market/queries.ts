// Queries of the market: orders, books, depth, what an order would get, trades and candles.
import type { Infer } from '../../../base/field.ts'
import { AMOUNT_MAX, minBigint } from '../../../base/units.ts'
import type { ReadContext } from '../../context.ts'
import { pageDown } from '../../pages.ts'
import type { Rules } from '../../rules.ts'
import type { StateReader } from '../../view.ts'
import { bookOf, getBook, getTotals, mustGetBook, waitingIn } from './books.ts'
import { candlesOf, tradesOf } from './history.ts'
import { bestPrice, getLevel, priceAfter } from './levels.ts'
import { escrowFor, getOrder } from './orders.ts'
import { costOf, type Pair, priceOf, ticksOf } from './pairs.ts'
import type { Book, marketSchema } from './schema.ts'
import {
  AUCTIONS_KEPT,
  type bookInfo,
  CANDLES,
  type estimateInfo,
  LEVELS_MAX,
  type levelInfo,
  type orderInfo,
  PAGE_MAX,
  type Side,
} from './shapes.ts'
import { marketTables } from './tables.ts'
import { standingOf, traderOf } from './traders.ts'

/** Entries looked at for one page of books. */
const LOOK_MAX = 200

function pairOf({ base, quote, unitBase, tickBase, lotBase }: Book) {
  return { base, quote, unitBase, tickBase, lotBase }
}

function phaseOf(state: StateReader, book: number) {
  return marketTables.auction.get(state, { book })?.phase ?? 'none'
}

function showOrder(state: StateReader, id: number): Infer<typeof orderInfo> | undefined {
  const order = getOrder(state, id)
  if (order === undefined) return undefined
  const { book: _book, ticks, entry: _entry, extra: _extra, ...facts } = order
  const book = getBook(state, order.book)
  // A book that is gone had no open order for longer than orders stay.
  if (book === undefined) return undefined
  const { base, quote } = book
  const escrowBase = escrowFor(book, order, order.leftBase).amountBase
  return { id, base, quote, ...facts, priceBase: priceOf(book, ticks), escrowBase }
}

function showBook(state: StateReader, id: number): Infer<typeof bookInfo> | undefined {
  const book = getBook(state, id)
  if (book === undefined) return undefined
  return {
    ...pairOf(book),
    phase: phaseOf(state, id),
    openOrders: book.openBuys + book.openSells,
    waitingOrders: waitingIn(book),
    lastPriceBase: priceOf(book, book.lastTicks),
    lastAtMs: book.lastAtMs,
    id,
  }
}

/** The best levels of a side, and whether there are more. */
function levelsOf(
  state: StateReader,
  at: { readonly book: number; readonly side: Side; readonly count: number },
) {
  const { book, side, count } = at
  const facts = mustGetBook(state, book)
  const levels: Infer<typeof levelInfo>[] = []
  let ticks = bestPrice(state, book, side)
  while (ticks !== undefined && levels.length < count) {
    const { amountBase } = getLevel(state, { book, side, ticks })!
    levels.push({ priceBase: priceOf(facts, ticks), amountBase })
    ticks = priceAfter(state, { book, side, ticks })
  }
  return { levels, hasMore: ticks !== undefined }
}

function depthOf(state: StateReader, pair: Pair, levels: number) {
  const id = bookOf(state, pair)
  if (id === undefined) return undefined
  const book = mustGetBook(state, id)
  const count = levels === 0 ? LEVELS_MAX : Math.min(levels, LEVELS_MAX)
  const bids = levelsOf(state, { book: id, side: 'buy', count })
  const asks = levelsOf(state, { book: id, side: 'sell', count })
  return {
    ...pairOf(book),
    phase: phaseOf(state, id),
    bids: bids.levels,
    asks: asks.levels,
    hasMore: bids.hasMore || asks.hasMore,
    lastPriceBase: priceOf(book, book.lastTicks),
  }
}

function estimateOf(
  state: StateReader,
  at: Pair & { readonly side: Side; readonly amountBase: bigint },
): Infer<typeof estimateInfo> | undefined {
  const book = bookOf(state, { base: at.base, quote: at.quote })
  if (book === undefined) return undefined
  const facts = mustGetBook(state, book)
  const { levels } = levelsOf(state, { book, side: at.side === 'buy' ? 'sell' : 'buy', count: LEVELS_MAX })
  let leftBase = at.amountBase
  let quoteBase = 0n
  let limitPriceBase = 0n
  for (const level of levels) {
    if (leftBase === 0n) break
    const takenBase = minBigint(leftBase, level.amountBase)
    quoteBase += costOf(facts, takenBase, ticksOf(facts, level.priceBase))
    limitPriceBase = level.priceBase
    leftBase -= takenBase
  }
  return { fillsBase: at.amountBase - leftBase, quoteBase: minBigint(AMOUNT_MAX, quoteBase), limitPriceBase }
}

function ordersOf(state: StateReader, owner: Uint8Array) {
  const at = owner as Parameters<typeof traderOf>[1]
  const ids = traderOf(state, at).books.flatMap((book) =>
    standingOf(state, at, book).map(({ order }) => order),
  )
  return ids.flatMap((id) => showOrder(state, id) ?? [])
}

function trades({ state }: ReadContext, { limit, ...pair }: Pair & { readonly limit: number }) {
  const id = bookOf(state, pair)
  if (id === undefined) return []
  const book = mustGetBook(state, id)
  return tradesOf(state, id, limit === 0 ? AUCTIONS_KEPT : limit).map(({ ticks, ...facts }) => ({
    ...facts,
    priceBase: priceOf(book, ticks),
  }))
}

export const marketQueries: Rules<typeof marketSchema>['queries'] = {
  order: ({ state }, { id }) => showOrder(state, id),
  orders: ({ state }, { owner }) => ordersOf(state, owner),
  book: ({ state }, pair) => {
    const id = bookOf(state, pair)
    return id === undefined ? undefined : showBook(state, id)
  },
  books: ({ state }, page) => {
    const { items, nextCursor } = pageDown(page, {
      count: getTotals(state).nextBook - 1,
      pageMax: PAGE_MAX,
      lookMax: LOOK_MAX,
      read: (index) => showBook(state, index + 1),
    })
    return { books: items, nextCursor }
  },
  depth: ({ state }, { levels, ...pair }) => depthOf(state, pair, levels),
  estimate: ({ state }, at) => estimateOf(state, at),
  trades,
  candles: ({ state, block }, { span, limit, ...pair }) => {
    const id = bookOf(state, pair)
    if (id === undefined) return []
    const book = mustGetBook(state, id)
    const { kept } = CANDLES[span]
    const most = limit === 0 ? kept : Math.min(limit, kept)
    return candlesOf(state, { book: id, span, nowMs: block.timestampMs, limit: most }).map((candle) => ({
      atMs: candle.atMs,
      openBase: priceOf(book, candle.open),
      highBase: priceOf(book, candle.high),
      lowBase: priceOf(book, candle.low),
      closeBase: priceOf(book, candle.close),
      volumeBase: candle.volumeBase,
    }))
  },
}
