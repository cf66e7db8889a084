// Random books on the chain and on the model, order by order: what was traded at which price, what every trader has, what is left.
// The chain gets the orders of a block in a random order and the model in another, so agreement is also that the order does not matter.
import assert from 'node:assert/strict'
import { concatBytes, u64be, utf8 } from '../../../../base/bytes.ts'
import { sha256 } from '../../../../base/crypto/hash.ts'
import type { Hash32 } from '../../../../base/ids.ts'
import { COIN_ASSET } from '../../../../state/ledger.ts'
import type { Side } from '../../../../state/modules/market/shapes.ts'
import { hundredths, MarketChain, price, traderAt, USD, withMarket } from '../../../support/marketFixture.ts'
import { Random } from '../../../support/random.ts'
import { ModelBook, type ModelOrder } from './book.ts'

const BLOCKS_MAX = 4
const ORDERS_MAX = 12
const SIDE_MAX = 16
const AROUND = 30_000

export interface Counts {
  orders: number
  trades: number
  cancelled: number
  displaced: number
  immediate: number
  carried: number
}

export const noCounts = (): Counts => ({
  orders: 0,
  trades: 0,
  cancelled: 0,
  displaced: 0,
  immediate: 0,
  carried: 0,
})

interface Known {
  readonly id: number
  readonly trader: number
}

/** One random book over some blocks. */
class Comparison {
  readonly #random: Random
  readonly #chain: MarketChain
  readonly #model: ModelBook
  readonly #known = new Map<string, Known>()
  /** What each trader should have gained, lots and ticks times lots. */
  readonly #lots = new Map<number, number>()
  readonly #paid = new Map<number, number>()
  readonly #counts: Counts
  readonly #spread: number

  constructor(seed: number, counts: Counts) {
    this.#random = new Random(seed)
    this.#counts = counts
    const isSmall = this.#random.chance(0.2)
    // A few acts a block: auctions that go on in the next one end as if they had not.
    const stepsPerBlockMax = this.#random.chance(0.2) ? this.#random.between(2, 8) : 512
    this.#chain = new MarketChain(withMarket({ ordersPerSideMax: isSmall ? 3 : SIDE_MAX, stepsPerBlockMax }))
    this.#chain.isChecked = this.#random.chance(0.02)
    this.#model = new ModelBook({ base: COIN_ASSET, quote: USD }, isSmall ? 3 : SIDE_MAX)
    this.#spread = this.#random.pick([0, 1, 3, 10])
  }

  run(): void {
    const blocks = this.#random.between(1, BLOCKS_MAX)
    for (let i = 0; i < blocks; i++) {
      this.#chain.run(() => this.#cancelSome())
      const orders = Array.from({ length: this.#random.between(0, ORDERS_MAX) }, (_, k) =>
        this.#drawOrder(`${i}.${k}`),
      )
      this.#block(
        orders,
        sha256(concatBytes(utf8('mix of a block'), u64be(this.#random.between(0, 2 ** 30)))),
      )
      this.#compare()
    }
  }

  #drawOrder(name: string): ModelOrder & { readonly trader: number } {
    const random = this.#random
    const side: Side = random.chance(0.5) ? 'buy' : 'sell'
    const lots = random.between(1, 12)
    // Nobody is on both sides, so that no order is refused.
    const trader = 2 * random.between(1, 4) + (side === 'buy' ? 0 : 1)
    return {
      name,
      trader,
      owner: traderAt(trader),
      side,
      ticks: AROUND + random.between(-this.#spread, this.#spread),
      lots,
      isImmediate: random.chance(0.25),
      txId: sha256(utf8(name)),
      amountBase: hundredths(lots),
    }
  }

  #cancelSome(): void {
    for (const [name, { id, trader }] of this.#known) {
      if (this.#model.leftOf(name) === 0 || !this.#random.chance(0.1)) continue
      assert.equal(this.#chain.cancel(trader, id), undefined)
      this.#model.cancel(name)
      this.#counts.cancelled++
    }
  }

  #block(orders: readonly (ModelOrder & { readonly trader: number })[], mix: Hash32): void {
    this.#chain.mix = mix
    this.#chain.run(() => {
      for (const order of this.#random.shuffled(orders)) {
        const { name, trader, side, ticks, lots, isImmediate } = order
        const kind = isImmediate ? 'immediateOrCancel' : 'goodTillCancelled'
        const id = this.#chain.place(trader, { side, ticks, lots, kind, tx: name })
        this.#known.set(name, { id, trader })
      }
    })
    const further = this.#chain.settle()
    const { trades, displaced } = this.#model.auction(this.#random.shuffled(orders), mix)
    for (const { buy, sell, ticks } of trades) {
      this.#gain(buy, 1, ticks)
      this.#gain(sell, -1, -ticks)
    }
    this.#counts.orders += orders.length
    this.#counts.trades += trades.length
    this.#counts.displaced += displaced.length
    this.#counts.immediate += orders.filter(({ isImmediate }) => isImmediate).length
    if (further > 0) this.#counts.carried++
    for (const name of displaced) {
      const { state, reason } = this.#chain.order(this.#known.get(name)!.id)
      assert.deepEqual([state, reason], ['cancelled', 'displaced'])
    }
  }

  #gain(name: string, lots: number, ticks: number): void {
    const { trader } = this.#known.get(name)!
    this.#lots.set(trader, (this.#lots.get(trader) ?? 0) + lots)
    this.#paid.set(trader, (this.#paid.get(trader) ?? 0) + ticks)
  }

  #compare(): void {
    for (const [name, { id }] of this.#known)
      assert.equal(this.#chain.order(id).leftBase, hundredths(this.#model.leftOf(name)), `left of ${name}`)
    for (const trader of new Set([...this.#known.values()].map((known) => known.trader))) {
      const held = this.#heldBy(trader)
      assert.equal(
        this.#chain.gained(trader, COIN_ASSET),
        hundredths((this.#lots.get(trader) ?? 0) - held.lots),
        `coins of ${trader}`,
      )
      // A lot at one tick costs one unit.
      assert.equal(
        this.#chain.gained(trader, USD),
        -BigInt((this.#paid.get(trader) ?? 0) + held.ticks),
        `units of ${trader}`,
      )
    }
    const depth = this.#chain.query<Depth | undefined>('depth', { base: COIN_ASSET, quote: USD, levels: 0 })
    if (depth === undefined) return
    assert.deepEqual(depth.bids, levelsOf(this.#model.bids))
    assert.deepEqual(depth.asks, levelsOf(this.#model.asks))
    assert.equal(depth.lastPriceBase, price(this.#model.lastTicks))
  }

  /** What a trader's open orders have in escrow: lots that they sell, and what the lots that they buy would cost. */
  #heldBy(trader: number): { readonly lots: number; readonly ticks: number } {
    const owner = Buffer.from(traderAt(trader))
    const isOwn = (lot: ModelOrder): boolean => owner.equals(lot.owner)
    return {
      lots: this.#model.asks.filter(isOwn).length,
      ticks: this.#model.bids.filter(isOwn).reduce((sum, { ticks }) => sum + ticks, 0),
    }
  }
}

interface Depth {
  readonly bids: readonly object[]
  readonly asks: readonly object[]
  readonly lastPriceBase: bigint
}

function levelsOf(lots: readonly ModelOrder[]) {
  const counts = new Map<number, number>()
  for (const { ticks } of lots) counts.set(ticks, (counts.get(ticks) ?? 0) + 1)
  return [...counts].map(([ticks, count]) => ({ priceBase: price(ticks), amountBase: hundredths(count) }))
}

/** Compares one random book. Throws at the first difference, naming the seed. */
export function compareBook(seed: number, counts: Counts): void {
  try {
    new Comparison(seed, counts).run()
  } catch (cause) {
    throw new Error(`npm run test:market -- --books 1 --seed ${seed}: ${(cause as Error).message}`, { cause })
  }
}
