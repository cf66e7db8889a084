// Books and numbers: reading and storing them, opening one, and which have an auction to hold.
// Not: what is in a book (levels.ts, orders.ts), its history (history.ts).
import { concatBytes, u64be, utf8 } from '../../../base/bytes.ts'
import { sha256 } from '../../../base/crypto/hash.ts'
import type { WriteContext } from '../../context.ts'
import { orderedSetsOf } from '../../orderedSet.ts'
import type { StateReader, StateWriter } from '../../view.ts'
import { runningWindow } from './external.ts'
import { type Grid, gridOf, type Pair } from './pairs.ts'
import type { Book, Totals } from './schema.ts'
import type { Side } from './shapes.ts'
import { events, marketTables } from './tables.ts'

export const sets = orderedSetsOf(marketTables.setNode)

/** The set of books that have orders waiting or an auction under way. */
const DIRTY = sha256(utf8('suanli/market/auctions/v1'))

const NONE: Totals = {
  nextBook: 1,
  nextOrder: 1,
  openOrders: 0,
  closedHead: 0,
  closedTail: 0,
  auctionCursor: 0,
  bookCursor: 0,
}

export function getTotals(state: StateReader): Totals {
  return marketTables.totals.get(state, {}) ?? NONE
}

export function updateTotals(state: StateWriter, change: Partial<Totals>): void {
  marketTables.totals.set(state, {}, { ...getTotals(state), ...change })
}

/** The set of prices of one side of a book. */
export function pricesOf(book: number, side: Side): Uint8Array {
  return sha256(concatBytes(utf8('suanli/market/prices/v1'), u64be(book), utf8(side)))
}

export function bookOf(state: StateReader, pair: Pair): number | undefined {
  return marketTables.pair.get(state, pair)?.book
}

export function getBook(state: StateReader, id: number): Book | undefined {
  return marketTables.book.get(state, { id })
}

export function mustGetBook(state: StateReader, id: number): Book {
  return marketTables.book.mustGet(state, { id })
}

export function updateBook(state: StateWriter, id: number, change: Partial<Book>): void {
  marketTables.book.set(state, { id }, { ...mustGetBook(state, id), ...change })
}

/** Orders of a book that wait for their first auction. */
export function waitingIn({ waitingHead, waitingTail }: Book): number {
  return waitingTail - waitingHead
}

/** Orders of a side that are in the book. */
export function restingOn({ restingBuys, restingSells }: Book, side: Side): number {
  return side === 'buy' ? restingBuys : restingSells
}

/** The counts of a book with so many more open orders on a side, and so many more of them in the book. */
export function countedOn(
  book: Book,
  side: Side,
  { open = 0, resting = 0 }: { readonly open?: number; readonly resting?: number },
): Partial<Book> {
  return side === 'buy'
    ? { openBuys: book.openBuys + open, restingBuys: book.restingBuys + resting }
    : { openSells: book.openSells + open, restingSells: book.restingSells + resting }
}

/** The grid of the book of a pair, or of the one that its first order would open. */
export function gridFor(state: StateReader, pair: Pair): Grid | undefined {
  const grid = gridOf(state, pair)
  const id = bookOf(state, pair)
  return grid === undefined || id === undefined ? grid : mustGetBook(state, id)
}

/** Opens the book of a pair. Asserts nothing: the caller knows that there is none. */
export function openBook(ctx: WriteContext, pair: Pair, grid: Grid): number {
  const { state } = ctx
  const { unitBase, tickBase, lotBase } = grid
  const { nextBook: id } = getTotals(state)
  updateTotals(state, { nextBook: id + 1 })
  const { base, quote } = pair
  marketTables.pair.set(state, pair, { book: id })
  marketTables.book.set(
    state,
    { id },
    {
      base,
      quote,
      unitBase,
      tickBase,
      lotBase,
      openBuys: 0,
      openSells: 0,
      restingBuys: 0,
      restingSells: 0,
      waitingHead: 0,
      waitingTail: 0,
      lastTicks: 0,
      lastAtMs: 0,
      auctions: 0,
      idleSince: runningWindow(state),
      removedSlots: 0,
    },
  )
  events.BookOpened(ctx, { base, quote, tickBase, lotBase })
  return id
}

/** Marks a book as one whose auction is to be held; again is nothing. */
export function markDirty(state: StateWriter, book: number): void {
  if (!sets.has(state, DIRTY, book)) sets.insert(state, DIRTY, book)
}

export function markClean(state: StateWriter, book: number): void {
  sets.remove(state, DIRTY, book)
}

export function isDirty(state: StateReader, book: number): boolean {
  return sets.has(state, DIRTY, book)
}

/** The next book with an auction to hold, from a number on and then from the first. */
export function nextDirty(state: StateReader, from: number): number | undefined {
  return sets.next(state, DIRTY, from) ?? sets.next(state, DIRTY, 0)
}
