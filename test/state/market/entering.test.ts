// Who is in front within a block and a price: every unit equally often; neither the place in the block nor splitting gains.
import assert from 'node:assert/strict'
import { u64be } from '../../../base/bytes.ts'
import { sha256 } from '../../../base/crypto/hash.ts'
import { COIN_ASSET } from '../../../state/ledger.ts'
import { hundredths, MarketChain } from '../../support/marketFixture.ts'

const DRAWS = 300
const SELLER = 99

/** How many lots of each trader are filled when `lots` come to all of them, over many mixes. */
function filledOver(orders: readonly (readonly [trader: number, lots: number])[], lots: number) {
  const sums = new Map<number, number>()
  for (let draw = 0; draw < DRAWS; draw++) {
    const chain = new MarketChain()
    chain.isChecked = draw === 0
    chain.mix = sha256(u64be(draw))
    chain.run(() => {
      for (const [trader, own] of orders) chain.place(trader, { side: 'buy', ticks: 30_000, lots: own })
      chain.place(SELLER, { side: 'sell', ticks: 30_000, lots })
    })
    for (const [trader] of new Map(orders)) {
      const got = Number(chain.gained(trader, COIN_ASSET) / hundredths(1))
      sums.set(trader, (sums.get(trader) ?? 0) + got)
    }
  }
  return sums
}

describe('market: within a block and a price', () => {
  it('fills every unit equally often, over many mixes', () => {
    // 100 lots bid for, 25 come: each trader expects a quarter of what it bids.
    const sums = filledOver(
      [
        [1, 10],
        [2, 20],
        [3, 30],
        [4, 40],
      ],
      25,
    )
    assert.equal(
      [...sums.values()].reduce((a, b) => a + b),
      25 * DRAWS,
    )
    for (const [trader, own] of [
      [1, 10],
      [2, 20],
      [3, 30],
      [4, 40],
    ] as const) {
      const share = sums.get(trader)! / DRAWS / own
      // Five standard deviations of the mean of 300 draws, each within 0 and 1.
      assert.ok(Math.abs(share - 0.25) < 0.14, `trader ${trader}: ${share}`)
    }
  })

  it('gives an order cut into pieces what it would have got whole', () => {
    const pieces = Array.from({ length: 20 }, () => [1, 2] as const)
    const cut = filledOver([...pieces, [2, 40]], 20)
    assert.ok(Math.abs(cut.get(1)! / (20 * DRAWS) - 0.5) < 0.1, `${cut.get(1)}`)
  })

  it('fills orders of an earlier block first, whatever the mix', () => {
    for (let draw = 0; draw < 20; draw++) {
      const chain = new MarketChain()
      chain.mix = sha256(u64be(draw))
      chain.run(() => void chain.place(1, { side: 'buy', ticks: 30_000, lots: 10 }))
      chain.run(() => void chain.place(2, { side: 'buy', ticks: 30_000, lots: 10 }))
      chain.run(() => void chain.place(3, { side: 'sell', ticks: 30_000, lots: 10 }))
      assert.equal(chain.gained(1, COIN_ASSET), hundredths(10))
      assert.equal(chain.gained(2, COIN_ASSET), 0n)
    }
  })

  it('fills a better price of a later block first', () => {
    const chain = new MarketChain()
    chain.run(() => void chain.place(1, { side: 'buy', ticks: 30_000, lots: 10 }))
    chain.run(() => void chain.place(2, { side: 'buy', ticks: 30_001, lots: 10 }))
    chain.run(() => void chain.place(3, { side: 'sell', ticks: 30_000, lots: 10 }))
    assert.equal(chain.gained(2, COIN_ASSET), hundredths(10))
  })

  it('keeps the order of a queue whose front was cancelled, over more gaps than one act looks at', () => {
    const chain = new MarketChain()
    chain.isChecked = false
    const ids: (readonly [number, number])[] = []
    for (let i = 0; i < 150; i++) {
      const trader = 1 + (i % 4)
      chain.run(() => void ids.push([trader, chain.place(trader, { side: 'buy', ticks: 30_000, lots: 1 })]))
    }
    chain.run(() => {
      // All but the first and the last two; then the first: a long gap behind the front.
      for (const [trader, id] of ids.slice(1, -2)) assert.equal(chain.cancel(trader, id), undefined)
      assert.equal(chain.cancel(ids[0]![0], ids[0]![1]), undefined)
    })
    chain.run(() => void chain.place(SELLER, { side: 'sell', ticks: 30_000, lots: 1 }))
    assert.equal(chain.order(ids.at(-2)![1]).state, 'filled')
    assert.equal(chain.order(ids.at(-1)![1]).state, 'resting')
    chain.checkInvariants()
  })
})
