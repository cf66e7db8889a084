// Cancelling an order: every refusal by its name, and what comes back.
import assert from 'node:assert/strict'
import { COIN_ASSET } from '../../../state/ledger.ts'
import { code, hundredths, MarketChain, price, USD, withMarket } from '../../support/marketFixture.ts'

const BUY = { side: 'buy', ticks: 30_000, lots: 100 } as const
const SELL = { side: 'sell', ticks: 30_000, lots: 40 } as const

describe('market.cancel', () => {
  it('returns the escrow of an order that waits, which then takes no part in the auction', () => {
    const chain = new MarketChain()
    let id = 0
    chain.run(() => {
      id = chain.place(1, BUY)
      chain.place(2, SELL)
      assert.equal(chain.cancel(1, id), undefined)
    })
    assert.equal(chain.gained(1, USD), 0n)
    assert.equal(chain.gained(1, COIN_ASSET), 0n)
    const { state, reason, leftBase } = chain.order(id)
    assert.deepEqual([state, reason, leftBase], ['cancelled', 'cancelledByOwner', 0n])
  })

  it('returns what is left of an order that rests, and keeps what it has traded', () => {
    const chain = new MarketChain()
    let id = 0
    chain.run(() => {
      id = chain.place(1, BUY)
      chain.place(2, SELL)
    })
    chain.run(() => assert.equal(chain.cancel(1, id), undefined))
    assert.equal(chain.gained(1, COIN_ASSET), hundredths(40))
    assert.equal(chain.gained(1, USD), (-price(30_000) * 40n) / 100n)
    assert.equal(chain.order(id).filledBase, hundredths(40))
  })

  it('takes both places of an order out of its queue', () => {
    const chain = new MarketChain()
    let ids: number[] = []
    let height = 0
    // Some mix splits the order in front.
    do {
      chain.run(() => {
        ids = [1, 2, 3].map((trader) => chain.place(trader, { ...BUY, lots: 50 }))
      })
      height++
    } while (ids.every((id) => chain.order(id).extra === 0) && height < 20)
    const split = ids.findIndex((id) => chain.order(id).extra > 0)
    assert.ok(split >= 0)
    chain.run(() => assert.equal(chain.cancel(split + 1, ids[split]!), undefined))
    assert.equal(chain.order(ids[split]!).leftBase, 0n)
  })

  it('rejects an order that never was, and another account’s', () => {
    const chain = new MarketChain()
    const id = chain.place(1, BUY)
    assert.deepEqual(chain.cancel(1, id + 1), { code: 'UnknownOrder', fields: { order: id + 1 } })
    assert.equal(code(chain.cancel(1, 0)), 'UnknownOrder')
    assert.equal(code(chain.cancel(2, id)), 'NotOwner')
  })

  it('rejects an order that is over, whichever way it ended', () => {
    const chain = new MarketChain()
    let buy = 0
    let sell = 0
    chain.run(() => {
      buy = chain.place(1, BUY)
      sell = chain.place(2, SELL)
    })
    assert.deepEqual(chain.cancel(2, sell)?.fields, { order: sell, state: 'filled' })
    assert.equal(chain.cancel(1, buy), undefined)
    assert.deepEqual(chain.cancel(1, buy), { code: 'OrderOver', fields: { order: buy, state: 'cancelled' } })
  })

  it('rejects an order of a book whose auction is under way, not one that came meanwhile', () => {
    const chain = new MarketChain(withMarket({ stepsPerBlockMax: 3 }))
    let id = 0
    chain.run(() => {
      id = chain.place(1, BUY)
      for (let i = 2; i < 6; i++) chain.place(i, SELL)
    })
    assert.deepEqual(chain.cancel(1, id), {
      code: 'AuctionUnderWay',
      fields: { base: COIN_ASSET, quote: USD },
    })
    const late = chain.place(9, BUY)
    assert.equal(chain.cancel(9, late), undefined)
    chain.settle()
    assert.equal(chain.order(id).state, 'filled')
  })

  it('frees a frozen account’s escrow: a refund is a credit', () => {
    const chain = new MarketChain()
    let id = 0
    chain.run(() => {
      id = chain.place(1, BUY)
    })
    chain.frozen.add(1)
    assert.equal(chain.cancel(1, id), undefined)
    assert.equal(chain.gained(1, USD), 0n)
  })

  it('lets a frozen account’s order be filled, and pays it', () => {
    const chain = new MarketChain()
    chain.run(() => void chain.place(1, BUY))
    chain.frozen.add(1)
    chain.run(() => void chain.place(2, SELL))
    assert.equal(chain.gained(1, COIN_ASSET), hundredths(40))
  })
})
