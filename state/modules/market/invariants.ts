// Invariants of the market (ECONOMY §12): 12 after matching best bid < best ask, locks = remaining; and the lists that limits go by.
import { toHex } from '../../../base/bytes.ts'
import type { Address } from '../../../base/ids.ts'
import type { ReadContext } from '../../context.ts'
import type { Recount } from '../../recount.ts'
import { eachItem } from '../../recount.ts'
import type { Invariant } from '../../rules.ts'
import type { StateReader } from '../../view.ts'
import { getTotals, isDirty, pricesOf, sets, waitingIn } from './books.ts'
import { escrowOf, unitsAt } from './external.ts'
import { bestPrice, getLevel, type LevelKey } from './levels.ts'
import { escrowFor, isOpen, levelOf } from './orders.ts'
import type { Book } from './schema.ts'
import { marketTables } from './tables.ts'
import { standingOf, traderOf } from './traders.ts'

interface Sums {
  base: bigint
  quote: bigint
  buys: number
  sells: number
  restingBuys: number
  restingSells: number
}

function nothing(): Sums {
  return { base: 0n, quote: 0n, buys: 0, sells: 0, restingBuys: 0, restingSells: 0 }
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
    const sum = sums.get(order.book) ?? nothing()
    sums.set(order.book, sum)
    const { amountBase } = escrowFor(book, order, order.leftBase)
    if (order.side === 'buy') {
      sum.quote += amountBase
      sum.buys++
      if (order.state === 'resting') sum.restingBuys++
    } else {
      sum.base += amountBase
      sum.sells++
      if (order.state === 'resting') sum.restingSells++
    }
    open++
    return undefined
  })
  if (broken !== undefined) return broken
  if (open !== getTotals(state).openOrders)
    return `${open} orders are open, the total says ${getTotals(state).openOrders}`
  return yield* eachItem(numbers(state), (id) => {
    const book = marketTables.book.get(state, { id })
    return book === undefined ? undefined : checkBook(ctx, id, book, sums.get(id) ?? nothing())
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
  if (book.restingBuys !== sum.restingBuys || book.restingSells !== sum.restingSells)
    return `book ${id}: ${sum.restingBuys} that buy and ${sum.restingSells} that sell are in it`
  const waits = waitingIn(book) > 0 || marketTables.auction.has(ctx.state, { book: id })
  if (waits !== isDirty(ctx.state, id)) return `book ${id} is ${waits ? 'not ' : ''}listed for an auction`
  return checkCrossed(ctx, id)
}

/** What the levels of the books should have, by their names. */
type Levels = Map<string, { readonly at: LevelKey; openBase: bigint }>

/** Each order in a book has what its places have, and each level what its orders have. */
function* recountLevels({ state }: ReadContext): Recount {
  const levels: Levels = new Map()
  let places = 0
  const broken = yield* marketTables.order.each((order) => {
    if (order.state !== 'resting') return undefined
    const at = levelOf(order)
    const numbers = [order.entry, order.extra].filter((number) => number !== 0)
    const entries = numbers.flatMap((number) => marketTables.entry.get(state, { ...at, number }) ?? [])
    const placedBase = entries.reduce((sum, { amountBase }) => sum + amountBase, 0n)
    places += entries.length
    if (placedBase !== order.leftBase)
      return `an order in book ${order.book} has ${order.leftBase} open, its places ${placedBase}`
    const name = `${at.book} ${at.side} ${at.ticks}`
    const level = levels.get(name) ?? { at, openBase: 0n }
    levels.set(name, level)
    level.openBase += order.leftBase
    return undefined
  })
  if (broken !== undefined) return broken
  let count = 0
  let placeCount = 0
  yield* marketTables.level.each(() => void count++)
  yield* marketTables.entry.each(() => void placeCount++)
  if (placeCount !== places) return `${placeCount} places in queues, orders have ${places}`
  if (count !== levels.size) return `${count} levels, orders rest at ${levels.size}`
  return yield* eachItem(levels.values(), ({ at, openBase }) => {
    const level = getLevel(state, at)
    if (level?.amountBase !== openBase || !sets.has(state, pricesOf(at.book, at.side), at.ticks))
      return `book ${at.book}, ${at.side} at ${at.ticks}: orders have ${openBase}, the level ${level?.amountBase}`
    return undefined
  })
}

/** Each account has as many open orders as it counts, and lists them with their prices. */
function* recountTraders({ state }: ReadContext): Recount {
  const counted = new Map<string, { readonly owner: Address; count: number }>()
  const unlisted = yield* marketTables.order.each((order) => {
    if (!isOpen(order)) return undefined
    const { owner, book, side, ticks } = order
    const trader = counted.get(toHex(owner)) ?? { owner, count: 0 }
    counted.set(toHex(owner), trader)
    trader.count++
    const isListed = standingOf(state, owner, book).some((each) => each.side === side && each.ticks === ticks)
    return isListed ? undefined : `${toHex(owner)} does not list an open order in book ${book}`
  })
  if (unlisted !== undefined) return unlisted
  let accounts = 0
  yield* marketTables.trader.each(() => void accounts++)
  if (accounts !== counted.size) return `${accounts} accounts are listed, ${counted.size} have open orders`
  return yield* eachItem(counted.values(), ({ owner, count }) => {
    const { openOrders, books } = traderOf(state, owner)
    const listed = books.reduce((sum, book) => sum + standingOf(state, owner, book).length, 0)
    return openOrders === count && listed === count
      ? undefined
      : `${toHex(owner)} has ${count} open orders, counts ${openOrders} and lists ${listed}`
  })
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
