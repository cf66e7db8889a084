// Auctions for which a block's steps do not suffice: the same result, bounded blocks, other books not starved.
import assert from 'node:assert/strict'
import { u64be } from '../../../base/bytes.ts'
import { sha256 } from '../../../base/crypto/hash.ts'
import { COIN_ASSET } from '../../../state/ledger.ts'
import { getTotals } from '../../../state/modules/market/books.ts'
import { marketTables } from '../../../state/modules/market/tables.ts'
import { CENT, MarketChain, type OrderTerms, USD, withMarket } from '../../support/marketFixture.ts'
import { Random } from '../../support/random.ts'

function drawOrders(seed: number): (OrderTerms & { readonly trader: number })[] {
  const random = new Random(seed)
  return Array.from({ length: 30 }, (_, i) => ({
    trader: i + 1,
    side: random.chance(0.5) ? ('buy' as const) : ('sell' as const),
    ticks: 30_000 + random.between(-4, 4),
    lots: random.between(1, 40),
    kind: random.chance(0.3) ? ('immediateOrCancel' as const) : ('goodTillCancelled' as const),
    tx: `tx ${i}`,
  }))
}

/** What everybody has after one auction, and how many blocks it took. */
function outcome(seed: number, market: Parameters<typeof withMarket>[0]) {
  const chain = new MarketChain(withMarket(market))
  chain.mix = sha256(u64be(seed))
  const orders = drawOrders(seed)
  chain.run(() => {
    for (const { trader, ...order } of orders) chain.place(trader, order)
  })
  const blocks = chain.settle()
  const gained = orders.map(({ trader }) => [chain.gained(trader, COIN_ASSET), chain.gained(trader, USD)])
  return { blocks, gained }
}

describe('market: auctions that take several blocks', () => {
  it('end as they would have in one', () => {
    for (let seed = 1; seed <= 8; seed++) {
      const whole = outcome(seed, {})
      assert.equal(whole.blocks, 0)
      for (const stepsPerBlockMax of [2, 7, 20]) {
        const parts = outcome(seed, { stepsPerBlockMax })
        assert.ok(parts.blocks > 0, 'the auction went on')
        assert.deepEqual(parts.gained, whole.gained, `seed ${seed}, ${stepsPerBlockMax} acts`)
      }
      assert.deepEqual(outcome(seed, { auctionStepsMax: 1_000 }).gained, whole.gained)
    }
  })

  it('have steps of their own: what other work used does not stop them', () => {
    const chain = new MarketChain()
    chain.usedSteps = 10 ** 9
    chain.run(() => {
      chain.place(1, { side: 'buy', ticks: 30_000, lots: 1 })
      chain.place(2, { side: 'sell', ticks: 30_000, lots: 1 })
    })
    assert.equal(chain.order(1).state, 'filled')
  })

  it('leave orders that come meanwhile to the next auction', () => {
    const chain = new MarketChain(withMarket({ stepsPerBlockMax: 4 }))
    chain.run(() => {
      for (let i = 1; i <= 3; i++) chain.place(i, { side: 'buy', ticks: 30_000, lots: 10 })
      chain.place(4, { side: 'sell', ticks: 30_000, lots: 30 })
    })
    assert.ok(marketTables.auction.has(chain.state, { book: 1 }))
    let late = 0
    chain.run(() => {
      // It would have been in front of all others.
      late = chain.place(5, { side: 'buy', ticks: 30_009, lots: 10 })
    })
    assert.equal(chain.order(late).state, 'waiting')
    chain.settle()
    assert.equal(chain.order(4).state, 'filled')
    assert.deepEqual([chain.order(late).state, chain.order(late).filledBase], ['resting', 0n])
    assert.equal(chain.query<unknown[]>('trades', { base: COIN_ASSET, quote: USD, limit: 0 }).length, 1)
  })

  it('take turns: a book that never ends does not keep another from its auction', () => {
    const chain = new MarketChain(withMarket({ stepsPerBlockMax: 4 }))
    const busy = (i: number): void => {
      chain.place(1 + i, { side: 'buy', ticks: 30_000, lots: 1 })
      chain.place(101 + i, { side: 'sell', ticks: 30_000, lots: 1 })
    }
    chain.run(() => {
      for (let i = 0; i < 4; i++) busy(i)
      chain.place(50, { side: 'buy', ticks: 300, lots: 100, quote: CENT })
      chain.place(51, { side: 'sell', ticks: 300, lots: 100, quote: CENT })
    })
    const other = 10
    assert.equal(chain.order(other).ticks, 30_000)
    for (let i = 0; i < 40; i++) chain.run(() => busy(4 + (i % 40)))
    assert.equal(chain.gained(50, COIN_ASSET), 10n ** 18n)
    chain.settle()
    assert.equal(getTotals(chain.state).openOrders, 0)
  })
})
