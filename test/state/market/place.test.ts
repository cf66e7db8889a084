// Placing an order: every refusal by its name, and what is just allowed.
import assert from 'node:assert/strict'
import { COIN_ASSET, ledger } from '../../../state/ledger.ts'
import { assetsTables } from '../../../state/modules/assets/tables.ts'
import { getTotals, updateTotals } from '../../../state/modules/market/books.ts'
import { escrowOf } from '../../../state/modules/market/external.ts'
import { STANDS_MAX } from '../../../state/modules/market/shapes.ts'
import { marketTables } from '../../../state/modules/market/tables.ts'
import { MEMBER_MAX } from '../../../state/orderedSet.ts'
import {
  CENT,
  code,
  FUNDS,
  hundredths,
  MarketChain,
  type OrderTerms,
  price,
  traderAt,
  USD,
  withMarket,
} from '../../support/marketFixture.ts'

const order = (over: Partial<OrderTerms> = {}): OrderTerms => ({
  side: 'buy',
  ticks: 30_000,
  lots: 100,
  ...over,
})

const ARGS = {
  base: COIN_ASSET,
  quote: USD,
  side: 'buy',
  priceBase: price(30_000),
  amountBase: hundredths(100),
  kind: 'goodTillCancelled',
}

function refusal(args: object, chain = new MarketChain()) {
  chain.fund(1)
  return chain.act('place', 1, { ...ARGS, ...args })
}

describe('market.place: terms', () => {
  it('escrows what a buyer pays with, and what a seller sells, to the unit', () => {
    const chain = new MarketChain()
    chain.run(() => {
      chain.place(1, order({ lots: 7, ticks: 29_999 }))
      chain.place(2, order({ side: 'sell', ticks: 31_000, lots: 13 }))
    })
    assert.equal(chain.gained(1, USD), -(7n * 29_999n))
    assert.equal(chain.gained(2, COIN_ASSET), -hundredths(13))
    const escrow = escrowOf(1)
    assert.equal(ledger.balanceOf(chain.state, { asset: USD, owner: escrow }), 7n * 29_999n)
  })

  it('opens one book for a pair, with its grid', () => {
    const chain = new MarketChain()
    chain.run(() => {
      chain.place(1, order())
      chain.place(2, order({ side: 'sell', ticks: 40_000 }))
    })
    const { openOrders, tickBase, lotBase, unitBase } = chain.query<{ [field: string]: unknown }>('book', {
      base: COIN_ASSET,
      quote: USD,
    })
    assert.deepEqual([openOrders, tickBase, lotBase, unitBase], [2, 100n, 10n ** 16n, 10n ** 18n])
    assert.equal(getTotals(chain.state).nextBook, 2)
  })

  it('rejects pairs that are not traded, or not this way round', () => {
    const unknown = [
      { base: COIN_ASSET, quote: COIN_ASSET },
      { base: USD, quote: COIN_ASSET },
      { base: USD, quote: USD },
      { base: COIN_ASSET, quote: 77 },
      { base: 77, quote: USD },
      // Of two settlement assets the lower number is the one that is paid with.
      { base: USD, quote: CENT },
    ]
    for (const pair of unknown) assert.equal(code(refusal(pair)), 'UnknownPair', JSON.stringify(pair))
    const chain = new MarketChain()
    assert.equal(
      refusal({ base: CENT, quote: USD, priceBase: price(100), amountBase: 10n ** 2n }, chain),
      undefined,
    )
  })

  it('rejects a price off the tick, none, and one tick more than the largest', () => {
    const most = BigInt(MEMBER_MAX) * 100n
    assert.equal(code(refusal({ priceBase: price(30_000) + 1n })), 'PriceOffTick')
    assert.equal(code(refusal({ priceBase: 0n })), 'PriceOutOfRange')
    assert.deepEqual(refusal({ priceBase: most + 100n })?.fields, {
      priceBase: most + 100n,
      maximumBase: most,
    })
    assert.equal(refusal({ priceBase: most, amountBase: hundredths(1) }), undefined)
  })

  it('rejects an amount off the lot, and none', () => {
    assert.equal(code(refusal({ amountBase: hundredths(100) + 1n })), 'AmountOffLot')
    assert.equal(code(refusal({ amountBase: 0n })), 'BelowMinimum')
    assert.equal(refusal({ amountBase: hundredths(1) }), undefined)
  })

  it('doubles the least amount with each sixteenth of the table above half full', () => {
    const chain = new MarketChain(withMarket({ ordersMax: 1_600 }))
    const least = (open: number): bigint => {
      updateTotals(chain.state, { openOrders: open })
      const failure = refusal({ amountBase: 0n }, chain)
      assert.equal(failure?.code, 'BelowMinimum')
      return failure.fields.minimumBase as bigint
    }
    assert.deepEqual(
      [800, 899, 900, 1_000, 1_599].map((open) => least(open) / hundredths(1)),
      [1n, 1n, 2n, 4n, 128n],
    )
  })

  it('rejects one unit more than the account has, and takes all that it has', () => {
    const chain = new MarketChain()
    chain.fund(1)
    const has = 50n * 30_000n
    ledger.move(chain.ctx(), {
      asset: USD,
      from: traderAt(1),
      to: traderAt(2),
      amountBase: FUNDS - has + 1n,
    })
    const failure = chain.tryPlace(1, order({ lots: 50 }))
    assert.deepEqual(failure, {
      code: 'InsufficientAsset',
      fields: { asset: USD, balanceBase: has - 1n, neededBase: has },
    })
    ledger.move(chain.ctx(), { asset: USD, from: traderAt(2), to: traderAt(1), amountBase: 1n })
    assert.equal(chain.tryPlace(1, order({ lots: 50 })), undefined)
    assert.equal(ledger.balanceOf(chain.state, { asset: USD, owner: traderAt(1) }), 0n)
  })

  it('refuses a frozen account, with nothing written', () => {
    const chain = new MarketChain()
    chain.frozen.add(1)
    assert.equal(code(chain.tryPlace(1, order())), 'DebitRefused')
    assert.equal(getTotals(chain.state).nextBook, 1)
  })
})

describe('market.place: the own order on the other side', () => {
  it('rejects what would meet it, at the same price or a better one, in either direction', () => {
    const chain = new MarketChain()
    const sells = chain.place(1, order({ side: 'sell', ticks: 30_000 }))
    assert.deepEqual(chain.tryPlace(1, order({ ticks: 30_000 })), {
      code: 'SelfTrade',
      fields: { order: sells },
    })
    assert.equal(code(chain.tryPlace(1, order({ ticks: 30_001 }))), 'SelfTrade')
    const buys = chain.place(1, order({ ticks: 29_999 }))
    assert.deepEqual(chain.tryPlace(1, order({ side: 'sell', ticks: 29_999 }))?.fields, { order: buys })
    assert.equal(code(chain.tryPlace(1, order({ side: 'sell', ticks: 29_998 }))), 'SelfTrade')
    assert.equal(code(chain.tryPlace(2, order({ ticks: 30_000 }))), undefined)
  })

  it('goes by what is still open, in this book', () => {
    const chain = new MarketChain()
    let id = 0
    chain.run(() => {
      id = chain.place(1, order({ side: 'sell' }))
    })
    assert.equal(code(chain.tryPlace(1, order({ quote: CENT }))), undefined)
    assert.equal(code(chain.tryPlace(1, order())), 'SelfTrade')
    assert.equal(chain.cancel(1, id), undefined)
    assert.equal(chain.tryPlace(1, order()), undefined)
  })
})

describe('market.place: room', () => {
  it('rejects one order more than an account may have, and takes it once another is over', () => {
    const chain = new MarketChain(withMarket({ ordersPerAccountMax: 3 }))
    const ids = [1, 2, 3].map(() => chain.place(1, order({ lots: 1 })))
    assert.deepEqual(chain.tryPlace(1, order())?.fields, { openOrders: 3, maximum: 3 })
    assert.equal(code(chain.tryPlace(1, order())), 'TooManyOrders')
    assert.equal(chain.cancel(1, ids[0]!), undefined)
    assert.equal(chain.tryPlace(1, order()), undefined)
  })

  it('rejects one more in a book than its list holds', () => {
    const chain = new MarketChain()
    for (let i = 0; i < STANDS_MAX; i++) chain.place(1, order({ lots: 1 }))
    assert.deepEqual(chain.tryPlace(1, order({ lots: 1 })), {
      code: 'TooManyInBook',
      fields: { openOrders: STANDS_MAX, maximum: STANDS_MAX },
    })
    assert.equal(chain.tryPlace(1, order({ lots: 100, quote: CENT, ticks: 1 })), undefined)
  })

  it('rejects one book more than an account’s list holds', () => {
    const chain = new MarketChain()
    chain.place(1, order({ lots: 1 }))
    const books = Array.from({ length: STANDS_MAX }, (_, i) => i + 100)
    marketTables.trader.set(chain.state, { owner: traderAt(1) }, { openOrders: 65, books })
    const failure = chain.tryPlace(1, order({ lots: 100, quote: CENT, ticks: 1 }))
    assert.deepEqual(failure, {
      code: 'TooManyBooks',
      fields: { books: STANDS_MAX, maximum: STANDS_MAX },
    })
  })

  it('rejects one order more than the market holds', () => {
    const chain = new MarketChain(withMarket({ ordersMax: 16 }))
    for (let i = 0; i < 16; i++) chain.place(i + 1, order({ lots: 1_000 }))
    assert.deepEqual(chain.tryPlace(20, order({ lots: 1_000 })), {
      code: 'MarketFull',
      fields: { openOrders: 16, maximum: 16 },
    })
  })

  it('rejects one more than may wait for their first auction, until it is over', () => {
    const chain = new MarketChain(withMarket({ waitingMax: 4 }))
    chain.run(() => {
      for (let i = 0; i < 4; i++) chain.place(i + 1, order({ lots: 1 }))
      assert.deepEqual(chain.tryPlace(9, order({ lots: 1 })), {
        code: 'TooManyWaiting',
        fields: { waiting: 4, maximum: 4 },
      })
    })
    assert.equal(chain.tryPlace(9, order({ lots: 1 })), undefined)
  })

  it('knows an asset only while it is there', () => {
    const chain = new MarketChain()
    chain.run(() => void chain.place(1, order()))
    assetsTables.asset.delete(chain.state, { asset: USD })
    assert.equal(code(chain.act('place', 1, ARGS)), 'UnknownPair')
  })
})
