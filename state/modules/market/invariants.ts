// Invariants of the market (ECONOMY §12): 12 after matching best bid < best ask, locks = remaining; and the lists that limits go by.
import { toHex } from '../../../base/bytes.ts'
import type { ReadContext } from '../../context.ts'
import type { Recount } from '../../recount.ts'
import { eachItem } from '../../recount.ts'
import type { Invariant } from '../../rules.ts'
import type { StateReader } from '../../view.ts'
import { getTotals, isDirty, waitingIn } from './books.ts'
import { escrowOf, unitsAt } from './external.ts'
import { bestPrice } from './levels.ts'
import { escrowFor, isOpen } from './orders.ts'
import type { Book } from './schema.ts'
import { marketTables } from './tables.ts'

const NOTHING: Sums = { base: 0n, quote: 0n, buys: 0, sells: 0 }

interface Sums {
  base: bigint
  quote: bigint
  buys: number
  sells: number
}

/** Numbers of all books that there ever were. */
function numbers(state: StateReader): readonly number[] {
  return Array.from({ length: getTotals(state).nextBook - 1 }, (_, i) => i + 1)
}

/** Between two auctions nobody would trade with anybody: what is open on both sides does not meet. */
function checkCrossed({ state }: ReadContext, id: number): string | undefined {
  if (marketTables.auction.has(state, { book: id })) return undefined
  const bid = bestPrice(state, id, 'buy')
  const ask = bestPrice(state, id, 'sell')
  return bid !== undefined && ask !== undefined && bid >= ask
    ? `book ${id}: the best bid of ${bid} ticks meets the best ask of ${ask}`
    : undefined
}

function* recountBooks(ctx: ReadContext): Recount {
  const { state } = ctx
  const sums = new Map<number, Sums>()
  let open = 0
  const broken = yield* marketTables.order.each((order) => {
    if (!isOpen(order)) return order.leftBase === 0n ? undefined : 'an order that is over has something left'
    const book = marketTables.book.get(state, { id: order.book })
    if (book === undefined) return 'an open order is in a book that is not there'
    const sum = sums.get(order.book) ?? { base: 0n, quote: 0n, buys: 0, sells: 0 }
    sums.set(order.book, sum)
    const { amountBase } = escrowFor(book, order, order.leftBase)
    if (order.side === 'buy') {
      sum.quote += amountBase
      sum.buys++
    } else {
      sum.base += amountBase
      sum.sells++
    }
    open++
    return undefined
  })
  if (broken !== undefined) return broken
  if (open !== getTotals(state).openOrders)
    return `${open} orders are open, the total says ${getTotals(state).openOrders}`
  return yield* eachItem(numbers(state), (id) => {
    const book = marketTables.book.get(state, { id })
    return book === undefined ? undefined : checkBook(ctx, id, book, sums.get(id) ?? NOTHING)
  })
}

function checkBook(ctx: ReadContext, id: number, book: Book, sum: Sums): string | undefined {
  const owner = escrowOf(id)
  const heldBase = unitsAt(ctx.state, { asset: book.base, owner })
  const heldQuote = unitsAt(ctx.state, { asset: book.quote, owner })
  if (heldBase !== sum.base || heldQuote !== sum.quote)
    return `book ${id} holds ${heldBase} and ${heldQuote}, its open orders lock ${sum.base} and ${sum.quote}`
  if (book.openBuys !== sum.buys || book.openSells !== sum.sells)
    return `book ${id}: ${sum.buys} buy and ${sum.sells} sell`
  const waits = waitingIn(book) > 0 || marketTables.auction.has(ctx.state, { book: id })
  if (waits !== isDirty(ctx.state, id)) return `book ${id} is ${waits ? 'not ' : ''}listed for an auction`
  return checkCrossed(ctx, id)
}

/** Each level has what its places have, and each open order in the book what its places have. */
function* recountLevels({ state }: ReadContext): Recount {
  let placedBase = 0n
  let levelBase = 0n
  let openBase = 0n
  const places = yield* marketTables.entry.each((place) => {
    placedBase += place.amountBase
    const order = marketTables.order.get(state, { id: place.order })
    return order?.state === 'resting' ? undefined : 'a place in a queue belongs to no order of the book'
  })
  if (places !== undefined) return places
  yield* marketTables.level.each((level) => {
    levelBase += level.amountBase
    return undefined
  })
  yield* marketTables.order.each((order) => {
    if (order.state === 'resting') openBase += order.leftBase
    return undefined
  })
  return placedBase === levelBase && levelBase === openBase
    ? undefined
    : `orders in the books have ${openBase} open, levels ${levelBase}, places ${placedBase}`
}

function* recountTraders({ state }: ReadContext): Recount {
  const counted = new Map<string, number>()
  yield* marketTables.order.each((order) => {
    if (isOpen(order)) counted.set(toHex(order.owner), (counted.get(toHex(order.owner)) ?? 0) + 1)
    return undefined
  })
  let listed = 0
  const broken = yield* marketTables.trader.each(({ openOrders }) => {
    listed += openOrders
    return openOrders > 0 ? undefined : 'an account without open orders is listed'
  })
  if (broken !== undefined) return broken
  const open = [...counted.values()].reduce((sum, count) => sum + count, 0)
  return open === listed && open === getTotals(state).openOrders
    ? undefined
    : `${open} orders are open, accounts count ${listed}`
}

export const marketInvariants: readonly Invariant[] = [
  {
    id: '12 market',
    severity: 'alert',
    doc: 'Between auctions the best bid is below the best ask; each book’s escrow is what its open orders lock.',
    recount: recountBooks,
  },
  {
    id: 'market.lists',
    severity: 'alert',
    doc: 'Levels, places, and the counts of accounts agree with the orders.',
    *recount(ctx) {
      return (yield* recountLevels(ctx)) ?? (yield* recountTraders(ctx))
    },
  },
]
