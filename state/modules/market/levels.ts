// The prices of a book and the queues at them: adding to a queue, taking from it, the best price.
// Not: who is in front of whom within a block (entering.ts).
import { assert } from '../../../base/assert.ts'
import type { StateReader, StateWriter } from '../../view.ts'
import { pricesOf, sets } from './books.ts'
import type { Level } from './schema.ts'
import type { Side } from './shapes.ts'
import { marketTables } from './tables.ts'

export interface LevelKey {
  readonly book: number
  readonly side: Side
  readonly ticks: number
}

/** Places of orders that left, skipped in one act. */
const GAPS_MAX = 64

export function getLevel(state: StateReader, at: LevelKey): Level | undefined {
  return marketTables.level.get(state, at)
}

/** The best price of a side, the highest bid or the lowest ask; undefined when nothing is open there. */
export function bestPrice(state: StateReader, book: number, side: Side): number | undefined {
  return priceAfter(state, { book, side, ticks: side === 'buy' ? Number.MAX_SAFE_INTEGER : -1 })
}

/** The worst price of a side. */
export function worstPrice(state: StateReader, book: number, side: Side): number | undefined {
  const prices = pricesOf(book, side)
  return side === 'buy' ? sets.next(state, prices, 0) : sets.previous(state, prices, Number.MAX_SAFE_INTEGER)
}

/** The next worse price than one of a side; undefined when there is none. */
export function priceAfter(state: StateReader, { book, side, ticks }: LevelKey): number | undefined {
  const prices = pricesOf(book, side)
  if (side === 'sell') return sets.next(state, prices, ticks + 1)
  return ticks === 0 ? undefined : sets.previous(state, prices, ticks - 1)
}

/** Appends places of orders to the queue of a level, which it opens where there is none. Returns their first number. */
export function append(
  state: StateWriter,
  at: LevelKey,
  places: readonly { readonly order: number; readonly amountBase: bigint }[],
): number {
  const known = getLevel(state, at)
  if (known === undefined) sets.insert(state, pricesOf(at.book, at.side), at.ticks)
  const { amountBase: openBase, head, tail: first } = known ?? { amountBase: 0n, head: 1, tail: 1 }
  let amountBase = openBase
  for (const [i, place] of places.entries()) {
    amountBase += place.amountBase
    marketTables.entry.set(state, { ...at, number: first + i }, place)
  }
  marketTables.level.set(state, at, { amountBase, head, tail: first + places.length })
  return first
}

/** Takes an amount off a place; off the whole of it the place goes. */
export function take(
  state: StateWriter,
  at: LevelKey & { readonly number: number },
  amountBase: bigint,
): void {
  const place = marketTables.entry.mustGet(state, at)
  const level = marketTables.level.mustGet(state, at)
  const leftBase = level.amountBase - amountBase
  assert(amountBase <= place.amountBase && leftBase >= 0n, 'a place has what is taken off it')
  if (amountBase === place.amountBase) marketTables.entry.delete(state, at)
  else marketTables.entry.set(state, at, { ...place, amountBase: place.amountBase - amountBase })
  if (leftBase === 0n) {
    marketTables.level.delete(state, at)
    sets.remove(state, pricesOf(at.book, at.side), at.ticks)
    return
  }
  // At its ends a queue has no gaps that its own cancelled orders made last: so looking for an order at an end is short.
  const isGone = amountBase === place.amountBase
  const head = isGone && at.number === level.head ? level.head + 1 : level.head
  const tail = isGone && at.number === level.tail - 1 ? level.tail - 1 : level.tail
  marketTables.level.set(state, at, { amountBase: leftBase, head, tail })
}

export interface Place {
  readonly number: number
  readonly order: number
  readonly amountBase: bigint
}

/**
 * The first place of a level that exists. It looks at no more than `GAPS_MAX` numbers and remembers how far it came; undefined
 * when it has not found one yet.
 */
export function firstPlace(state: StateWriter, at: LevelKey): Place | undefined {
  const level = marketTables.level.mustGet(state, at)
  const until = Math.min(level.tail, level.head + GAPS_MAX)
  for (let number = level.head; number < until; number++) {
    const place = marketTables.entry.get(state, { ...at, number })
    if (place === undefined) continue
    if (number > level.head) marketTables.level.set(state, at, { ...level, head: number })
    return { number, ...place }
  }
  assert(until < level.tail, 'what is open at a level is in its queue')
  marketTables.level.set(state, at, { ...level, head: until })
  return undefined
}

/** The last place of a level, as `firstPlace` finds the first. */
export function lastPlace(state: StateWriter, at: LevelKey): Place | undefined {
  const level = marketTables.level.mustGet(state, at)
  const until = Math.max(level.head, level.tail - GAPS_MAX)
  for (let number = level.tail - 1; number >= until; number--) {
    const place = marketTables.entry.get(state, { ...at, number })
    if (place === undefined) continue
    if (number < level.tail - 1) marketTables.level.set(state, at, { ...level, tail: number + 1 })
    return { number, ...place }
  }
  assert(until > level.head, 'what is open at a level is in its queue')
  marketTables.level.set(state, at, { ...level, tail: until })
  return undefined
}
