// How the orders of one block enter their book: at a price behind those of earlier blocks, and among themselves fairly.
// The orders of a block at one price stand in a circle, in an order that depends on their transactions and not on their places in
// the block; the mix draws the point of the circle at which the queue begins. So every unit is equally likely to be in
// front: neither the place in the block nor splitting an order gains anything. The order that holds the point has two places.
import { bytesToBigint, compareBytes, concatBytes, u64be, utf8 } from '../../../base/bytes.ts'
import { sha256 } from '../../../base/crypto/hash.ts'
import { mulDivFloor } from '../../../base/units.ts'
import type { WriteContext } from '../../context.ts'
import type { StateReader } from '../../view.ts'
import { countedOn, mustGetBook, updateBook } from './books.ts'
import { append } from './levels.ts'
import { getOrder, isOpen, putOrder } from './orders.ts'
import type { Order } from './schema.ts'
import type { Side } from './shapes.ts'
import { marketTables } from './tables.ts'

const HASH_RANGE = 2n ** 256n

interface Coming {
  readonly id: number
  readonly order: Order
  readonly rank: Uint8Array
}

/** The open orders that one block brought to a book, from a number on, and where the next block's begin. */
function batchAt(
  state: StateReader,
  at: { readonly book: number; readonly from: number; readonly until: number },
): { readonly batch: readonly Coming[]; readonly end: number } {
  const batch: Coming[] = []
  let number = at.from
  let height: number | undefined
  for (; number < at.until; number++) {
    const entry = marketTables.waiting.mustGet(state, { book: at.book, number })
    if (height !== undefined && entry.height !== height) break
    height = entry.height
    const order = getOrder(state, entry.order)
    // Cancelled while it waited, perhaps long enough ago to have left the state.
    if (order === undefined || !isOpen(order)) continue
    const rank = sha256(
      concatBytes(entry.txId, order.owner, u64be(order.ticks), utf8(order.amountBase.toString())),
    )
    batch.push({ id: entry.order, order, rank })
  }
  return { batch, end: number }
}

/** The point of a level's circle at which its queue begins, in lots. */
function startOf(
  ctx: WriteContext,
  level: { readonly book: number; readonly side: Side; readonly ticks: number },
  lots: bigint,
): bigint {
  const { base, quote } = mustGetBook(ctx.state, level.book)
  const drawn = sha256(
    concatBytes(ctx.block.mix, u64be(base), u64be(quote), utf8(level.side), u64be(level.ticks)),
  )
  // A hash is below the range, so the point is one of the circle.
  return mulDivFloor(bytesToBigint(drawn), lots, HASH_RANGE)
}

/** Turns a circle so that it begins at a point; the order that holds the point begins it and, with what is before the point, ends it. */
function turn(circle: readonly Coming[], startBase: bigint) {
  if (circle.length === 1) return [{ order: circle[0]!.id, amountBase: circle[0]!.order.leftBase }]
  let passedBase = 0n
  const index = circle.findIndex(({ order }) => {
    passedBase += order.leftBase
    return passedBase > startBase
  })
  const first = circle[index]!
  const frontBase = passedBase - startBase
  const whole = [...circle.slice(index + 1), ...circle.slice(0, index)]
  return [
    { order: first.id, amountBase: frontBase },
    ...whole.map(({ id, order }) => ({ order: id, amountBase: order.leftBase })),
    { order: first.id, amountBase: first.order.leftBase - frontBase },
  ].filter(({ amountBase }) => amountBase > 0n)
}

/** Puts the orders of one block at one price into their queue. */
function enterLevel(ctx: WriteContext, coming: readonly Coming[]): void {
  const { state } = ctx
  const { book, side, ticks } = coming[0]!.order
  const circle = [...coming].sort((a, b) => compareBytes(a.rank, b.rank))
  const facts = mustGetBook(state, book)
  const { lotBase } = facts
  const sumBase = circle.reduce((sum, { order }) => sum + order.leftBase, 0n)
  // Amounts are whole lots.
  const lots = mulDivFloor(sumBase, 1n, lotBase)
  const places = turn(circle, startOf(ctx, { book, side, ticks }, lots) * lotBase)
  const first = append(state, { book, side, ticks }, places)
  updateBook(state, book, countedOn(facts, side, { resting: circle.length }))
  for (const { id, order } of circle) {
    const at = places.findIndex((place) => place.order === id)
    const again = places.findLastIndex((place) => place.order === id)
    putOrder(state, id, {
      ...order,
      state: 'resting',
      entry: first + at,
      extra: again > at ? first + again : 0,
    })
  }
}

/**
 * Enters the orders that one block brought to a book. Returns how many there were, and where the next block's begin. Their number is bounded by the
 * gas of that block, and by `waitingMax`.
 */
export function enterBatch(
  ctx: WriteContext,
  at: { readonly book: number; readonly from: number; readonly until: number },
): { readonly count: number; readonly end: number } {
  const { batch, end } = batchAt(ctx.state, at)
  const levels = new Map<string, Coming[]>()
  for (const coming of batch) {
    const key = `${coming.order.side} ${coming.order.ticks}`
    const known = levels.get(key)
    if (known === undefined) levels.set(key, [coming])
    else known.push(coming)
  }
  for (const coming of levels.values()) enterLevel(ctx, coming)
  return { count: end - at.from, end }
}
