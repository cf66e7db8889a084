import assert from 'node:assert/strict'
import { COIN } from '../../../base/units.ts'
import { setProviderStatus } from '../../../state/modules/providers/members.ts'
import { suspendProvider } from '../../../state/modules/providers/suspension.ts'
import { CAP_MAX, PRICE_MAX } from '../../../state/modules/series/pricing.ts'
import { LIVE_MAX } from '../../../state/modules/series/shapes.ts'
import { BUYER, code, coins, PRICE, SeriesChain, units } from '../../support/seriesFixture.ts'

interface Info {
  readonly priceBase: bigint
  readonly isOpen: boolean
  readonly lockNeededBase: bigint
  readonly stoppedWindows: number
}

describe('series.open', () => {
  it('offers coins at once, at a fixed price or one that falls from window to window', () => {
    const chain = new SeriesChain()
    const fixed = chain.open(1)
    const falling = chain.open(1, { startPriceBase: 2n * PRICE, endPriceBase: PRICE, closesAt: 3 })
    const price = (id: number): bigint => chain.query<Info>('show', { series: id }).priceBase
    const seen: bigint[] = []
    for (let window = 0; window < 4; window++) {
      seen.push(price(falling))
      chain.endWindow()
    }
    assert.deepEqual(seen, [6_000_000n, 5_000_000n, 4_000_000n, 3_000_000n])
    assert.equal(chain.query<Info | undefined>('show', { series: 77 }), undefined)
    assert.equal(chain.series(fixed).state, 'ended')
  })

  it('locks a fifth of the cap of a forward series at the higher of oracle price and its own', () => {
    const chain = new SeriesChain()
    chain.fund(1)
    const before = chain.unitsOf(1)
    const cheap = chain.open(1, { kind: 'forward', startPriceBase: PRICE / 2n })
    assert.equal(before - chain.unitsOf(1), units(60))
    const dear = chain.open(1, { kind: 'forward', startPriceBase: 2n * PRICE })
    assert.equal(before - chain.unitsOf(1), units(60 + 120))
    assert.equal(chain.series(cheap).lockBase, units(60))
    assert.equal(chain.series(dear).lockBase, units(120))
    chain.checkInvariants()
  })

  it('is refused by the rule that one unit more breaks', () => {
    const chain = new SeriesChain()
    const refused = (terms: Parameters<typeof chain.tryOpen>[1]) => code(chain.tryOpen(1, terms))
    assert.equal(code(chain.tryOpen(BUYER)), 'NotProvider')
    assert.equal(refused({ asset: 7 }), 'NoPrice')
    assert.equal(refused({ capBase: CAP_MAX + 1n }), 'CapOutOfRange')
    assert.equal(refused({ capBase: COIN / 100n - 1n }), 'CapOutOfRange')
    assert.equal(refused({ startPriceBase: PRICE, endPriceBase: PRICE + 1n }), 'PriceRises')
    assert.equal(refused({ startPriceBase: PRICE_MAX + 1n }), 'PriceOutOfRange')
    assert.equal(refused({ startPriceBase: PRICE / 2n - 1n }), 'PriceTooLow')
    assert.equal(refused({ kind: 'forward', startPriceBase: PRICE / 2n - 1n }), 'PriceTooLow')
    assert.equal(refused({ kind: 'forward', endPriceBase: PRICE - 1n }), 'OnePriceOnly')
    assert.equal(refused({ dueAt: 5 }), 'DueOutOfRange')
    assert.equal(refused({ kind: 'forward', closesAt: 3, dueAt: 3 }), 'DueOutOfRange')
    assert.equal(refused({ kind: 'forward', closesAt: 3, dueAt: 40 }), 'DueOutOfRange')
    assert.equal(refused({ closesAt: 24 }), 'WindowsOutOfRange')
    assert.equal(refused({ opensAt: 25, closesAt: 25 }), 'WindowsOutOfRange')
    assert.equal(refused({ opensAt: 2, closesAt: 1 }), 'WindowsOutOfRange')
    assert.equal(refused({ kind: 'forward', capBase: 10n ** 9n * COIN }), 'InsufficientAsset')
    assert.equal(refused({ startPriceBase: PRICE / 2n, closesAt: 23 }), undefined)
    assert.equal(refused({ kind: 'forward', closesAt: 3, dueAt: 39 }), undefined)
    chain.endWindow()
    chain.endWindow()
    assert.equal(refused({ opensAt: 1, closesAt: 5 }), 'WindowsOutOfRange')
    assert.equal(refused({ opensAt: 0, endPriceBase: 0n, closesAt: 5 }), undefined)
    assert.equal(chain.series(3).opensAt, 2)
    assert.equal(chain.series(3).endPriceBase, PRICE)
  })

  it('asks as much as a mint locks of coins that are sold at once', () => {
    const chain = new SeriesChain()
    chain.setPrice(PRICE, { lockPriceBase: 2n * PRICE })
    assert.equal(code(chain.tryOpen(1, { startPriceBase: PRICE - 1n })), 'PriceTooLow')
    assert.equal(chain.tryOpen(1, { startPriceBase: PRICE }), undefined)
    assert.equal(chain.tryOpen(1, { kind: 'forward', startPriceBase: PRICE / 2n }), undefined)
  })

  it('is for active members in good standing, a few series at a time', () => {
    const chain = new SeriesChain()
    for (let i = 0; i < LIVE_MAX; i++) assert.equal(chain.tryOpen(1), undefined)
    assert.equal(code(chain.tryOpen(1)), 'TooManySeries')
    setProviderStatus(chain.ctx(), 2, 'amortizing')
    assert.equal(code(chain.tryOpen(2)), 'ProviderNotActive')
    suspendProvider(chain.ctx(), 3, chain.window)
    assert.equal(code(chain.tryOpen(3)), 'ProviderSuspended')
  })

  it('is refused while the price is stale', () => {
    const chain = new SeriesChain()
    chain.setPrice(PRICE)
    chain.endWindows(3)
    assert.equal(code(chain.tryOpen(1)), 'OracleStale')
    chain.setPrice(PRICE)
    assert.equal(chain.tryOpen(1), undefined)
  })
})

describe('series.stop', () => {
  it('ends a sale: what was bought before is settled, nothing more is taken', () => {
    const chain = new SeriesChain()
    const id = chain.open(1, { closesAt: 10 })
    chain.run(() => {
      assert.equal(chain.buy(BUYER, id, coins(10)), undefined)
      assert.equal(code(chain.act('stop', BUYER, { series: id })), 'NotProvider')
      assert.equal(code(chain.act('stop', 2, { series: id })), 'NotIssuer')
      assert.equal(code(chain.act('stop', 1, { series: 9 })), 'UnknownSeries')
      assert.equal(chain.act('stop', 1, { series: id }), undefined)
      assert.equal(code(chain.act('stop', 1, { series: id })), 'SeriesOver')
      assert.equal(code(chain.buy(BUYER, id, coins(10))), 'SaleNotOpen')
    })
    chain.run()
    assert.equal(chain.coinsOf(BUYER), coins(10))
    chain.endWindow()
    assert.equal(chain.series(id).state, 'ended')
  })
})

describe('series.secure', () => {
  it('adds to the lock, whoever pays', () => {
    const chain = new SeriesChain()
    const id = chain.open(1, { kind: 'forward' })
    chain.fund(BUYER)
    const add = (series: number, amountBase: bigint) =>
      code(chain.act('secure', BUYER, { series, amountBase }))
    assert.equal(add(id, units(5)), undefined)
    assert.equal(chain.series(id).lockBase, units(65))
    assert.equal(add(id, 0n), 'ZeroAmount')
    assert.equal(add(id, chain.unitsOf(BUYER) + 1n), 'InsufficientAsset')
    assert.equal(add(9, 1n), 'UnknownSeries')
    assert.equal(add(chain.open(2), 1n), 'NotForward')
    chain.checkInvariants()
  })
})

describe('series.reclaim', () => {
  it('gives back what the lock has beyond what it must be, and not one unit more', () => {
    const chain = new SeriesChain()
    const id = chain.open(1, { kind: 'forward', closesAt: 1 })
    const reclaim = (account = 1) => code(chain.act('reclaim', account, { series: id }))
    assert.equal(reclaim(), 'NothingToReclaim')
    assert.equal(reclaim(2), 'NotIssuer')
    chain.setPrice(2n * PRICE)
    assert.equal(chain.act('secure', 1, { series: id, amountBase: units(60) + 1n }), undefined)
    assert.equal(reclaim(), undefined)
    assert.equal(chain.series(id).lockBase, units(120))
    chain.setPrice(PRICE)
    assert.equal(reclaim(), undefined)
    assert.equal(chain.series(id).lockBase, units(60))
    chain.checkInvariants()
  })

  it('gives back the part for what was not sold once the sale has ended', () => {
    const chain = new SeriesChain({ devices: [1, 100, 100, 100] })
    chain.mint(1, chain.roomOf(1))
    const id = chain.open(1, { kind: 'forward', closesAt: 0, dueAt: 9 })
    assert.equal(chain.bought(BUYER, id, coins(25)).state, 'filled')
    chain.endWindow()
    assert.equal(chain.series(id).state, 'delivering')
    assert.equal(chain.act('reclaim', 1, { series: id }), undefined)
    assert.equal(chain.series(id).lockBase, units(15))
  })

  it('waits while the price is stale', () => {
    const chain = new SeriesChain()
    chain.setPrice(PRICE)
    const id = chain.open(1, { kind: 'forward', closesAt: 10 })
    chain.endWindows(3)
    assert.equal(code(chain.act('reclaim', 1, { series: id })), 'OracleStale')
  })
})
