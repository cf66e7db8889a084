// Which open orders an account has: how many, in which books, at which prices. Not: the orders themselves (orders.ts).
import type { Address } from '../../../base/ids.ts'
import type { StateReader, StateWriter } from '../../view.ts'
import type { Side } from './shapes.ts'
import { marketTables } from './tables.ts'

const NOBODY = { openOrders: 0, books: [] as readonly number[] }

export interface Standing {
  readonly order: number
  readonly side: Side
  readonly ticks: number
}

export function traderOf(state: StateReader, owner: Address) {
  return marketTables.trader.get(state, { owner }) ?? NOBODY
}

/** Open orders of an account in a book, by number. */
export function standingOf(state: StateReader, owner: Address, book: number): readonly Standing[] {
  return marketTables.stand.get(state, { owner, book })?.orders ?? []
}

/** The account's order that one on the other side at a price would meet. */
export function ownMatch(
  state: StateReader,
  at: { readonly owner: Address; readonly book: number; readonly side: Side; readonly ticks: number },
): number | undefined {
  const { owner, book, side, ticks } = at
  return standingOf(state, owner, book).find(
    (known) => known.side !== side && (side === 'buy' ? known.ticks <= ticks : known.ticks >= ticks),
  )?.order
}

export function enterStand(
  state: StateWriter,
  at: { readonly owner: Address; readonly book: number },
  standing: Standing,
): void {
  const { owner, book } = at
  const { openOrders, books } = traderOf(state, owner)
  marketTables.trader.set(
    state,
    { owner },
    {
      openOrders: openOrders + 1,
      books: books.includes(book) ? books : [...books, book].sort((a, b) => a - b),
    },
  )
  marketTables.stand.set(state, at, { orders: [...standingOf(state, owner, book), standing] })
}

export function leaveStand(
  state: StateWriter,
  at: { readonly owner: Address; readonly book: number },
  order: number,
): void {
  const { owner, book } = at
  const orders = standingOf(state, owner, book).filter((known) => known.order !== order)
  if (orders.length === 0) marketTables.stand.delete(state, at)
  else marketTables.stand.set(state, at, { orders })
  const known = traderOf(state, owner)
  const openOrders = known.openOrders - 1
  const books = orders.length === 0 ? known.books.filter((other) => other !== book) : known.books
  if (openOrders === 0) marketTables.trader.delete(state, { owner })
  else marketTables.trader.set(state, { owner }, { openOrders, books })
}
