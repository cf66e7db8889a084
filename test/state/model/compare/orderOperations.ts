// Orders that mostly make sense: the chain's action of each, and the model's function. Owns: the translation, and their draw.
import type { Random } from '../../../support/random.ts'
import type { Outcome } from '../issuance.ts'
import { unitsOf } from '../ledger.ts'
import {
  cancelOrder,
  LOT_BASE,
  type OrderTerms,
  openOrders,
  placeOrder,
  QUOTE,
  TICK_BASE,
} from '../orders.ts'
import type { World } from '../world.ts'
import { PRICE_BASE } from './scenario.ts'
import { holders, nameOf } from './wallets.ts'

/** Lots of an order that is meant to fail. */
const LOTS_MAX = 2_000n

export type OrderOperation =
  | ({ readonly kind: 'placeOrder' } & OrderTerms)
  | { readonly kind: 'cancelOrder'; readonly order: number }

export const isOrder = (operation: { readonly kind: string }): operation is OrderOperation =>
  operation.kind === 'placeOrder' || operation.kind === 'cancelOrder'

/** Arguments as the chain's action takes them. */
export function orderArgs(operation: OrderOperation): object {
  if (operation.kind === 'cancelOrder') return { order: operation.order }
  const { side, priceBase, amountBase, isImmediate } = operation
  const kind = isImmediate ? 'immediateOrCancel' : 'goodTillCancelled'
  return { base: 0, quote: QUOTE, side, priceBase, amountBase, kind }
}

export const applyOrder = (
  world: World,
  sender: string,
  operation: OrderOperation,
  txHash: string,
): Outcome =>
  operation.kind === 'cancelOrder'
    ? cancelOrder(world, sender, operation)
    : placeOrder(world, sender, { ...operation, txHash })

export function nextOrder(
  random: Random,
  world: World,
  kind: OrderOperation['kind'],
): { readonly from: number; readonly operation: OrderOperation } {
  const wallets = [...holders, ...world.providers.keys()]
  const from = random.pick(wallets)
  if (kind === 'cancelOrder') {
    const open = openOrders(world)
    if (open.length === 0) return { from, operation: { kind, order: 9_999 } }
    const { id, owner } = random.pick(open)
    const wallet = wallets.find((each) => nameOf(each) === owner) ?? from
    return { from: random.chance(0.95) ? wallet : from, operation: { kind, order: id } }
  }
  const side = random.chance(0.5) ? 'buy' : 'sell'
  const ticks = PRICE_BASE / TICK_BASE + BigInt(random.between(-4, 4))
  const affordable =
    side === 'sell'
      ? unitsOf(world, 0, nameOf(from)) / LOT_BASE
      : unitsOf(world, QUOTE, nameOf(from)) / (ticks === 0n ? 1n : ticks)
  const most = affordable < 80n ? affordable : 80n
  // The book's model has an item for each lot.
  const isTooMuch = random.chance(0.05) && affordable < LOTS_MAX
  const lots = isTooMuch ? affordable + 1n : (most * BigInt(random.between(0, 100))) / 100n
  const amountBase = lots * LOT_BASE + (random.chance(0.03) ? 1n : 0n)
  const priceBase = random.chance(0.03) ? random.pick([0n, 1n]) : ticks * TICK_BASE
  return { from, operation: { kind, side, priceBase, amountBase, isImmediate: random.chance(0.25) } }
}
