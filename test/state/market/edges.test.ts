// The ends of the scales: all units that there can be, the last tick, sums that exceed an asset.
import assert from 'node:assert/strict'
import { AMOUNT_MAX } from '../../../base/units.ts'
import { COIN_ASSET, ledger } from '../../../state/ledger.ts'
import { MEMBER_MAX } from '../../../state/orderedSet.ts'
import { CENT, code, MarketChain, traderAt, USD } from '../../support/marketFixture.ts'

/** Gives a trader all units of an asset that can still be made. */
function giveAll(chain: MarketChain, trader: number, asset: number): void {
  const amountBase = AMOUNT_MAX - ledger.supplyOf(chain.state, asset)
  ledger.mint(chain.ctx(), { asset, to: traderAt(trader), amountBase })
}

const LOT = 10n ** 18n
/** The most lots of a coin that one order in hundredths of a unit may be for. */
const MOST = AMOUNT_MAX - (AMOUNT_MAX % LOT)

const args = (side: 'buy' | 'sell', priceBase: bigint, amountBase: bigint) => ({
  base: COIN_ASSET,
  quote: CENT,
  side,
  priceBase,
  amountBase,
  kind: 'goodTillCancelled',
})

describe('market: the ends of the scales', () => {
  it('takes bids that together are for more coins than there can be', () => {
    const chain = new MarketChain()
    chain.fund(2)
    giveAll(chain, 1, CENT)
    chain.run(() => {
      for (let i = 0; i < 3; i++) assert.equal(chain.act('place', 1, args('buy', 1n, MOST)), undefined)
    })
    const { bids } = chain.query<{ bids: { amountBase: bigint }[] }>('depth', {
      base: COIN_ASSET,
      quote: CENT,
      levels: 0,
    })
    assert.deepEqual(
      bids.map(({ amountBase }) => amountBase),
      [3n * MOST],
    )
    chain.run(() => assert.equal(chain.act('place', 2, args('sell', 1n, 10n * LOT)), undefined))
    assert.equal(chain.gained(2, CENT), 10n)
  })

  it('trades all coins that there can be', () => {
    const chain = new MarketChain()
    giveAll(chain, 1, COIN_ASSET)
    giveAll(chain, 2, CENT)
    chain.run(() => {
      assert.equal(chain.act('place', 1, args('sell', 1n, MOST)), undefined)
      assert.equal(chain.act('place', 2, args('buy', 1n, MOST)), undefined)
    })
    assert.equal(ledger.balanceOf(chain.state, { asset: COIN_ASSET, owner: traderAt(2) }), MOST)
  })

  it('counts what an order earns beyond all units that there are, when they come round again', () => {
    const chain = new MarketChain()
    chain.fund(2)
    giveAll(chain, 1, CENT)
    giveAll(chain, 2, USD)
    const has = ledger.balanceOf(chain.state, { asset: USD, owner: traderAt(2) })
    const amountBase = 3n * 10n ** 26n
    const priceBase = BigInt(MEMBER_MAX) * 100n
    const terms = (side: 'buy' | 'sell', times: bigint) => ({
      ...args(side, priceBase, amountBase * times),
      base: CENT,
      quote: USD,
    })
    chain.run(() => assert.equal(chain.act('place', 1, terms('sell', 2n)), undefined))
    const costBase = (amountBase * priceBase) / 100n
    for (let i = 0; i < 2; i++) {
      chain.run(() => assert.equal(chain.act('place', 2, terms('buy', 1n)), undefined))
      ledger.move(chain.ctx(), { asset: USD, from: traderAt(1), to: traderAt(2), amountBase: costBase })
    }
    const { state, filledQuoteBase } = chain.order(1)
    assert.deepEqual([state, filledQuoteBase], ['filled', 2n * costBase])
    assert.ok(filledQuoteBase > AMOUNT_MAX)
    assert.equal(ledger.balanceOf(chain.state, { asset: USD, owner: traderAt(2) }), has)
    assert.ok(chain.query('order', { id: 1 }))
  })

  it('refuses an order that would cost more than an amount can say', () => {
    const chain = new MarketChain()
    giveAll(chain, 1, USD)
    const terms = { base: CENT, quote: USD, amountBase: AMOUNT_MAX }
    const failure = chain.act('place', 1, { ...args('buy', BigInt(MEMBER_MAX) * 100n, MOST), ...terms })
    assert.equal(code(failure), 'InsufficientAsset')
    assert.equal(failure?.fields.neededBase, AMOUNT_MAX)
  })

  it('trades at the first and at the last tick', () => {
    for (const priceBase of [1n, BigInt(MEMBER_MAX)]) {
      const chain = new MarketChain()
      for (const trader of [1, 2]) chain.fund(trader)
      chain.run(() => {
        assert.equal(chain.act('place', 1, args('sell', priceBase, LOT)), undefined)
        assert.equal(chain.act('place', 2, args('buy', priceBase, LOT)), undefined)
      })
      assert.equal(chain.gained(1, CENT), priceBase)
    }
  })

  it('finds the middle of the first and the last tick', () => {
    const chain = new MarketChain()
    for (const trader of [1, 2]) chain.fund(trader)
    chain.run(() => {
      assert.equal(chain.act('place', 1, args('sell', 1n, LOT)), undefined)
      assert.equal(chain.act('place', 2, args('buy', BigInt(MEMBER_MAX), LOT)), undefined)
    })
    assert.equal(chain.gained(1, CENT), 2n ** 39n)
  })

  it('never rounds: a lot at one tick costs whole units in every pair', () => {
    const chain = new MarketChain()
    for (const trader of [1, 2]) chain.fund(trader)
    for (const [base, quote] of [
      [COIN_ASSET, USD],
      [COIN_ASSET, CENT],
      [CENT, USD],
    ] as const) {
      const at = { base, quote, side: 'buy', priceBase: 1n, amountBase: 1n, kind: 'goodTillCancelled' }
      const off = chain.act('place', 1, at)
      const tickBase = (off?.fields.tickBase as bigint | undefined) ?? 1n
      const lots = chain.act('place', 1, { ...at, priceBase: tickBase })
      const lotBase = (lots?.fields.lotBase as bigint | undefined) ?? 1n
      const before = chain.gained(1, quote)
      assert.equal(chain.act('place', 1, { ...at, priceBase: tickBase, amountBase: lotBase }), undefined)
      assert.ok(before - chain.gained(1, quote) >= 1n)
    }
  })
})
