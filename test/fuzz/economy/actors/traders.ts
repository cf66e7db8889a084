// Traders: holders, members and the issuer of assets place orders that rest, cross, are dust or off the grid, in coins, settlement
// assets and receipts, also those of a series of their own; and take them back, or try to take back those of others.

import { receiptAsset } from '../../../../state/modules/assets/ledger.ts'
import { bookOf } from '../../../../state/modules/market/books.ts'
import { bestPrice } from '../../../../state/modules/market/levels.ts'
import { minimumFor } from '../../../../state/modules/market/orders.ts'
import { type Grid, gridOf, type Pair, priceOf } from '../../../../state/modules/market/pairs.ts'
import { marketTables } from '../../../../state/modules/market/tables.ts'
import { getPrice } from '../../../../state/modules/oracle/prices.ts'
import { schemas } from '../../../../state/schemas.ts'
import { type Act, act } from '../act.ts'
import type { Scene } from '../scene.ts'
import { addressOf, HOLDERS, ISSUER, OPERATORS_MAX } from '../wallets.ts'
import { ASSETS, UNIT } from '../world.ts'

const SIDES = ['buy', 'sell'] as const
type Side = (typeof SIDES)[number]
const TRADERS: readonly number[] = [
  ...HOLDERS,
  ...Array.from({ length: OPERATORS_MAX }, (_, i) => i + 1),
  ISSUER,
]
/** Where neither the oracle nor the book knows a price. */
const PRICE_BASE = 3n * UNIT

interface OpenOrder {
  readonly id: number
}

function openOrdersOf(scene: Scene, trader: number): readonly OpenOrder[] {
  const owner = addressOf(trader)
  return scene.chain.query<readonly OpenOrder[]>(schemas.market.name, 'orders', { owner })
}

/** Two assets that are traded, and now and then two that are not. */
function somePair(scene: Scene, provider: number | undefined): Pair {
  const { random } = scene
  const sold = scene.series().filter(([, series]) => provider === undefined || series.provider === provider)
  if (sold.length > 0 && random.chance(provider === undefined ? 0.3 : 0.7)) {
    const [id, { asset }] = random.pick(sold)
    return { base: receiptAsset(id), quote: random.chance(0.5) ? 0 : asset }
  }
  if (random.chance(0.05)) return { base: random.between(0, 4), quote: random.between(0, 4) }
  if (random.chance(0.25)) return { base: random.pick([2, 3]), quote: 1 }
  return { base: 0, quote: random.chance(0.7) ? 1 : random.pick(ASSETS) }
}

/** A price of the grid: at or across the best of the other side, or about what the oracle says. */
function somePrice(scene: Scene, pair: Pair, grid: Grid, side: Side): bigint {
  const { random, chain } = scene
  const book = bookOf(chain.full, pair)
  const other = side === 'buy' ? 'sell' : 'buy'
  const best = book === undefined ? undefined : bestPrice(chain.full, book, other)
  const ticks = random.pick([-3, -1, 0, 0, 1, 3])
  if (best !== undefined && random.chance(0.6)) return priceOf(grid, Math.max(1, best + ticks))
  const knownBase = pair.base === 0 ? getPrice(chain.full, pair.quote)?.priceBase : undefined
  const aboutBase = pair.quote === 0 ? 10n ** 18n : (knownBase ?? PRICE_BASE)
  const priceBase = (aboutBase * BigInt(random.between(90, 110))) / 100n
  return priceBase - (priceBase % grid.tickBase)
}

function order(scene: Scene, from: number, provider: number | undefined): readonly Act[] {
  const { random, chain } = scene
  const pair = somePair(scene, provider)
  const grid = gridOf(chain.full, pair)
  const side = random.pick(SIDES)
  const kind = random.chance(0.3) ? 'immediateOrCancel' : 'goodTillCancelled'
  if (grid === undefined)
    return [act(from, 'market.place', { ...pair, side, kind, priceBase: UNIT, amountBase: UNIT })]
  const least = minimumFor(chain.full, grid)
  const lots = random.pick([1n, 1n, BigInt(random.between(1, 50)), BigInt(random.between(50, 2_000))])
  const exactBase = least + (lots - 1n) * grid.lotBase
  // Dust, and what no grid has.
  const amountBase = random.chance(0.06) ? random.pick([0n, 1n, least - 1n, exactBase + 1n]) : exactBase
  const exact = somePrice(scene, pair, grid, side)
  const priceBase = random.chance(0.04) ? random.pick([0n, exact + 1n, 2n ** 127n]) : exact
  return [act(from, 'market.place', { ...pair, side, kind, priceBase, amountBase })]
}

function cancel(scene: Scene, from: number): readonly Act[] {
  const { random, chain } = scene
  const open = openOrdersOf(scene, from)
  if (open.length > 0 && random.chance(0.9))
    return [act(from, 'market.cancel', { order: random.pick(open).id })]
  const { nextOrder } = marketTables.totals.get(chain.full, {}) ?? { nextOrder: 1 }
  return [act(from, 'market.cancel', { order: random.between(0, nextOrder) })]
}

export function traderActs(scene: Scene): Act[] {
  const { random } = scene
  if (!random.chance(0.5)) return []
  const acts: Act[] = []
  for (let count = random.between(1, 4); count > 0; count--) {
    const from = random.pick(TRADERS)
    const provider = scene.ids.find((id) => scene.operator(id) === from)
    acts.push(...(random.chance(0.2) ? cancel(scene, from) : order(scene, from, provider)))
  }
  return acts
}

/** Everybody takes back what is open. */
export function leavingTraders(scene: Scene): Act[] {
  return TRADERS.flatMap((from) =>
    openOrdersOf(scene, from)
      .slice(0, 40)
      .map(({ id }) => act(from, 'market.cancel', { order: id })),
  )
}
