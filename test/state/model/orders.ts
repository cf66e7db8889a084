// ECONOMY §8 as far as it moves what accounts have: orders for coins in the first settlement asset, escrowed, filled at a block's
// one price by the market's own model (../market/model/book.ts), and taken back. Not: other pairs, history, full tables.
import { fromHex } from '../../../base/bytes.ts'
import { ModelBook, type ModelOrder } from '../market/model/book.ts'
import type { Outcome } from './issuance.ts'
import { move, unitsOf } from './ledger.ts'
import type { Order, World } from './world.ts'

export const QUOTE = 1
/** A hundredth of a coin at a ten-thousandth of a unit: a lot at one tick costs one base unit. */
export const LOT_BASE = 10n ** 16n
export const TICK_BASE = 100n
/** As many as the chain's test parameters have, of a side and of an account in a book. */
const SIDE_MAX = 200
const STANDS_MAX = 64
const TICKS_MAX = 2n ** 53n - 1n

const OVER: ReadonlySet<string> = new Set(['UnknownOrder', 'NotOwner', 'OrderOver'])

export const ordersEscrow = 'what orders sell and pay with'

export interface OrderTerms {
  readonly side: 'buy' | 'sell'
  readonly priceBase: bigint
  readonly amountBase: bigint
  readonly isImmediate: boolean
}

export const openOrders = (world: World): readonly Order[] =>
  [...world.market.orders.values()].filter(({ lots }) => lots > 0)

/** What an order of so many lots has in escrow. */
const escrowOf = ({ side, ticks }: Pick<Order, 'side' | 'ticks'>, lots: number) =>
  side === 'sell'
    ? { asset: 0, amountBase: BigInt(lots) * LOT_BASE }
    : { asset: QUOTE, amountBase: BigInt(lots) * BigInt(ticks) }

export function placeOrder(
  world: World,
  sender: string,
  terms: OrderTerms & { readonly txHash: string },
): Outcome {
  const { side, priceBase, amountBase, isImmediate, txHash } = terms
  if (priceBase === 0n || priceBase > TICKS_MAX * TICK_BASE) return 'PriceOutOfRange'
  if (priceBase % TICK_BASE !== 0n) return 'PriceOffTick'
  if (amountBase % LOT_BASE !== 0n) return 'AmountOffLot'
  if (amountBase < LOT_BASE) return 'BelowMinimum'
  const ticks = Number(priceBase / TICK_BASE)
  const own = openOrders(world).filter(({ owner }) => owner === sender)
  const meets = (other: Order): boolean =>
    other.side !== side && (side === 'buy' ? other.ticks <= ticks : other.ticks >= ticks)
  if (own.some(meets)) return 'SelfTrade'
  if (own.length >= STANDS_MAX) return 'TooManyInBook'
  const lots = Number(amountBase / LOT_BASE)
  const escrow = escrowOf({ side, ticks }, lots)
  if (unitsOf(world, escrow.asset, sender) < escrow.amountBase) return 'InsufficientAsset'
  move(world, escrow.asset, sender, ordersEscrow, escrow.amountBase)
  const id = world.market.nextOrder++
  world.market.orders.set(id, { id, owner: sender, side, ticks, lots, isImmediate, txHash, amountBase })
  world.market.waiting.push(id)
  return undefined
}

export function cancelOrder(
  world: World,
  sender: string,
  { order: id }: { readonly order: number },
): Outcome {
  const order = world.market.orders.get(id)
  // One that is over stays in the state for a while, and this model forgets whose it was.
  if (order === undefined) return id < world.market.nextOrder ? OVER : 'UnknownOrder'
  if (order.owner !== sender) return 'NotOwner'
  giveBack(world, order)
  world.market.bids = world.market.bids.filter(({ name }) => name !== `${id}`)
  world.market.asks = world.market.asks.filter(({ name }) => name !== `${id}`)
  world.market.waiting = world.market.waiting.filter((waiting) => waiting !== id)
  return undefined
}

/** Pays back what an order has in escrow, and forgets it. */
function giveBack(world: World, order: Order): void {
  const { asset, amountBase } = escrowOf(order, order.lots)
  move(world, asset, ordersEscrow, order.owner, amountBase)
  world.market.orders.delete(order.id)
}

const lotOf = ({ id, owner, side, ticks, lots, isImmediate, txHash, amountBase }: Order): ModelOrder => ({
  ...{ name: `${id}`, owner: fromHex(owner), side, ticks, lots, isImmediate },
  txId: fromHex(txHash),
  amountBase,
})

/** The auction at the end of a block that brought orders. */
export function holdAuction(world: World, mix: string): void {
  const { market } = world
  if (market.waiting.length === 0) return
  const book = new ModelBook({ base: 0, quote: QUOTE }, SIDE_MAX, market)
  const coming = market.waiting.map((id) => market.orders.get(id)!)
  market.waiting = []
  const { trades, displaced } = book.auction(coming.map(lotOf), fromHex(mix))
  market.bids = book.bids
  market.asks = book.asks
  for (const { buy, sell, ticks } of trades) {
    const [buyer, seller] = [buy, sell].map((name) => market.orders.get(Number(name))!) as [Order, Order]
    move(world, 0, ordersEscrow, buyer.owner, LOT_BASE)
    move(world, QUOTE, ordersEscrow, seller.owner, BigInt(ticks))
    // What was bid above the price.
    move(world, QUOTE, ordersEscrow, buyer.owner, BigInt(buyer.ticks - ticks))
    buyer.lots--
    seller.lots--
    market.traded++
  }
  for (const order of coming) if (order.isImmediate && order.lots > 0) giveBack(world, order)
  for (const name of displaced) giveBack(world, market.orders.get(Number(name))!)
  for (const { id, lots } of [...market.orders.values()]) if (lots === 0) market.orders.delete(id)
}
