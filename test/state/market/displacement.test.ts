// A side that is too full: the worst prices make room after the auction, whoever came first in the block.
import assert from 'node:assert/strict'
import { code, MarketChain, USD, withMarket } from '../../support/marketFixture.ts'

const FULL = withMarket({ ordersPerSideMax: 3 })
const bid = (ticks: number, lots = 10) => ({ side: 'buy', ticks, lots }) as const

/** A chain with bids at 1 to 3 ticks above 30,000, of traders 1 to 3. */
function fullChain(parameters = FULL): MarketChain {
  const chain = new MarketChain(parameters)
  chain.run(() => {
    for (let i = 1; i <= 3; i++) chain.place(i, bid(30_000 + i))
  })
  return chain
}

describe('market: a full side', () => {
  it('returns the worst price and its escrow when a better one comes', () => {
    const chain = fullChain()
    chain.run(() => void chain.place(9, bid(30_009)))
    const { state, reason } = chain.order(1)
    assert.deepEqual([state, reason], ['cancelled', 'displaced'])
    assert.equal(chain.gained(1, USD), 0n)
    assert.equal(chain.order(4).state, 'resting')
  })

  it('returns the new one when it is the worst, and at equal prices the one behind', () => {
    const chain = fullChain()
    chain.run(() => {
      chain.place(8, bid(30_000))
      chain.place(9, bid(30_001))
    })
    assert.deepEqual(
      [4, 5].map((id) => chain.order(id).reason),
      ['displaced', 'displaced'],
    )
    assert.equal(chain.order(1).state, 'resting')
  })

  it('decides it after the auction: what trades displaces nobody', () => {
    const chain = fullChain()
    chain.run(() => {
      chain.place(8, bid(30_010))
      chain.place(9, { side: 'sell', ticks: 30_010, lots: 10 })
    })
    assert.deepEqual(
      [1, 2, 3].map((id) => chain.order(id).state),
      ['resting', 'resting', 'resting'],
    )
    assert.equal(chain.order(4).state, 'filled')
  })

  it('does not depend on the order in the block', () => {
    const outcomes = [
      [30_002, 30_009],
      [30_009, 30_002],
    ].map((prices) => {
      const chain = fullChain()
      chain.run(() => {
        for (const ticks of prices) chain.place(ticks - 30_000 + 10, { ...bid(ticks), tx: `${ticks}` })
      })
      return chain.query<{ bids: unknown }>('depth', { base: 0, quote: USD, levels: 0 }).bids
    })
    assert.deepEqual(outcomes[0], outcomes[1])
  })

  it('counts only what rests: orders that wait are no part of it', () => {
    const chain = fullChain(withMarket({ ordersPerSideMax: 3, stepsPerBlockMax: 2 }))
    chain.settle()
    chain.run(() => void chain.place(4, bid(30_020)))
    chain.run(() => void chain.place(5, bid(30_021)))
    chain.settle()
    assert.deepEqual(
      [1, 2, 3, 4, 5].map((id) => chain.order(id).reason === 'displaced'),
      [true, true, false, false, false],
    )
  })

  it('finds the worst place behind more gaps than one act looks at', () => {
    const chain = new MarketChain(withMarket({ ordersPerSideMax: 150 }))
    chain.isChecked = false
    const ids: number[] = []
    for (let i = 0; i < 150; i++) chain.run(() => void ids.push(chain.place(1 + (i % 10), bid(30_000, 1))))
    // The places behind the second are gone, the last of them first and last.
    chain.run(() => {
      for (const [i, id] of ids.entries())
        if (i >= 2 && i < 149) assert.equal(code(chain.cancel(1 + (i % 10), id)), undefined)
      assert.equal(chain.cancel(10, ids[149]!), undefined)
      for (let i = 0; i < 149; i++) chain.place(20 + (i % 10), bid(30_001, 1))
    })
    chain.settle()
    assert.deepEqual([chain.order(ids[0]!).state, chain.order(ids[1]!).reason], ['resting', 'displaced'])
    chain.checkInvariants()
  })
})
