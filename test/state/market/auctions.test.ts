// Auctions: one price for all of a block, who is filled, what becomes of the rest; the same whatever the order in the block.
import assert from 'node:assert/strict'
import { COIN_ASSET } from '../../../state/ledger.ts'
import { hundredths, MarketChain, type OrderTerms, price, USD } from '../../support/marketFixture.ts'
import { Random } from '../../support/random.ts'

const buy = (ticks: number, lots: number, more: Partial<OrderTerms> = {}): OrderTerms => ({
  side: 'buy',
  ticks,
  lots,
  ...more,
})
const sell = (ticks: number, lots: number, more: Partial<OrderTerms> = {}): OrderTerms => ({
  side: 'sell',
  ticks,
  lots,
  ...more,
})

describe('market.place', () => {
  it('trades at one price for all, the middle of those at which most is traded; what a buyer bid above it comes back', () => {
    const chain = new MarketChain()
    let ids: number[] = []
    chain.run(() => {
      ids = [chain.place(1, buy(30_400, 100)), chain.place(2, buy(30_300, 100))]
      ids.push(chain.place(3, sell(30_100, 150)), chain.place(4, sell(30_200, 50)))
    })
    // 200 bid at 30,300 or more and 200 offered at 30,200 or less: any price between clears all.
    assert.deepEqual(
      ids.map((id) => chain.order(id).state),
      ['filled', 'filled', 'filled', 'filled'],
    )
    assert.equal(chain.gained(1, COIN_ASSET), hundredths(100))
    assert.equal(chain.gained(1, USD), -price(30_250))
    assert.equal(chain.gained(2, USD), -price(30_250))
    assert.equal(chain.gained(3, USD), (price(30_250) * 150n) / 100n)
    assert.equal(
      chain.query<{ lastPriceBase: bigint }>('book', { base: 0, quote: USD }).lastPriceBase,
      price(30_250),
    )
  })

  it('lets who is partly filled set the price', () => {
    const chain = new MarketChain()
    chain.run(() => {
      chain.place(1, buy(30_400, 100))
      chain.place(2, sell(30_100, 40))
    })
    assert.equal(chain.gained(2, USD), (price(30_400) * 40n) / 100n)
    const { bids, asks } = chain.query<{ bids: { amountBase: bigint }[]; asks: unknown[] }>('depth', {
      base: 0,
      quote: USD,
      levels: 0,
    })
    assert.deepEqual(
      bids.map(({ amountBase }) => amountBase),
      [hundredths(60)],
    )
    assert.deepEqual(asks, [])
  })

  it('fills earlier blocks first at a price, and returns what is left of an immediate order', () => {
    const chain = new MarketChain()
    const first = chain.run(() => void chain.place(1, sell(30_000, 50)))
    assert.equal(first, undefined)
    chain.run(() => void chain.place(2, sell(30_000, 50)))
    let taker = 0
    chain.run(() => {
      taker = chain.place(3, buy(30_000, 70, { kind: 'immediateOrCancel' }))
    })
    assert.equal(chain.order(1).state, 'filled')
    assert.equal(chain.order(2).leftBase, hundredths(30))
    assert.equal(chain.order(taker).state, 'filled')
    chain.run(() => {
      taker = chain.place(3, buy(30_000, 70, { kind: 'immediateOrCancel' }))
    })
    const { state, reason, filledBase } = chain.order(taker)
    assert.deepEqual([state, reason, filledBase], ['cancelled', 'notMatched', hundredths(30)])
    assert.equal(chain.gained(3, USD), -price(30_000))
  })

  it('gives every permutation of a block the same result', () => {
    for (let seed = 1; seed <= 30; seed++) {
      const random = new Random(seed)
      const terms = Array.from({ length: 2 + random.between(0, 13) }, (_, i) => ({
        trader: i + 1,
        side: random.between(0, 1) === 0 ? ('buy' as const) : ('sell' as const),
        ticks: 30_000 + random.between(0, 3),
        lots: 1 + random.between(0, 59),
        kind: random.between(0, 3) === 0 ? ('immediateOrCancel' as const) : ('goodTillCancelled' as const),
        tx: `tx ${i}`,
      }))
      const resting = Array.from({ length: random.between(0, 5) }, (_, i) => ({
        trader: 50 + i,
        side: random.between(0, 1) === 0 ? ('buy' as const) : ('sell' as const),
        ticks: 30_000 + random.between(0, 3),
        lots: 1 + random.between(0, 59),
        tx: `resting ${i}`,
      }))
      const results = Array.from({ length: 4 }, () => {
        const chain = new MarketChain()
        chain.run(() => {
          for (const { trader, ...order } of resting) chain.place(trader, order)
        })
        const shuffled = random.shuffled(terms)
        chain.run(() => {
          for (const { trader, ...order } of shuffled) chain.place(trader, order)
        })
        const traders = [...terms, ...resting].map(({ trader }) => trader)
        return traders.map((trader) => `${chain.gained(trader, COIN_ASSET)} ${chain.gained(trader, USD)}`)
      })
      for (const result of results) assert.deepEqual(result, results[0], `seed ${seed}`)
    }
  })
})
