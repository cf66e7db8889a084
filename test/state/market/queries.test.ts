import assert from 'node:assert/strict'
import { COIN_ASSET } from '../../../state/ledger.ts'
import { LEVELS_MAX } from '../../../state/modules/market/shapes.ts'
import {
  CENT,
  hundredths,
  MarketChain,
  price,
  traderAt,
  USD,
  withMarket,
} from '../../support/marketFixture.ts'

const PAIR = { base: COIN_ASSET, quote: USD }

interface Depth {
  readonly bids: readonly { readonly priceBase: bigint; readonly amountBase: bigint }[]
  readonly asks: readonly { readonly priceBase: bigint; readonly amountBase: bigint }[]
  readonly hasMore: boolean
  readonly phase: string
}

/** Three bids at two prices and two asks. */
function chainWithBook(): MarketChain {
  const chain = new MarketChain()
  chain.run(() => {
    chain.place(1, { side: 'buy', ticks: 30_000, lots: 10 })
    chain.place(2, { side: 'buy', ticks: 30_000, lots: 5 })
    chain.place(1, { side: 'buy', ticks: 29_000, lots: 7 })
    chain.place(3, { side: 'sell', ticks: 31_000, lots: 20 })
    chain.place(3, { side: 'sell', ticks: 32_000, lots: 30 })
  })
  return chain
}

describe('market queries', () => {
  it('answers null where there is no book, and empty lists', () => {
    const chain = new MarketChain()
    assert.equal(chain.query('book', PAIR), undefined)
    assert.equal(chain.query('depth', { ...PAIR, levels: 0 }), undefined)
    assert.equal(chain.query('estimate', { ...PAIR, side: 'buy', amountBase: 1n }), undefined)
    assert.equal(chain.query('order', { id: 1 }), undefined)
    assert.deepEqual(chain.query('orders', { owner: traderAt(1) }), [])
    assert.deepEqual(chain.query('trades', { ...PAIR, limit: 0 }), [])
    assert.deepEqual(chain.query('books', { cursor: 0, limit: 0 }), { books: [], nextCursor: 0 })
  })

  it('shows depth by price, the best first, and whether there is more', () => {
    const chain = chainWithBook()
    const { bids, asks, hasMore } = chain.query<Depth>('depth', { ...PAIR, levels: 0 })
    assert.deepEqual(bids, [
      { priceBase: price(30_000), amountBase: hundredths(15) },
      { priceBase: price(29_000), amountBase: hundredths(7) },
    ])
    assert.deepEqual(
      asks.map(({ priceBase }) => priceBase),
      [price(31_000), price(32_000)],
    )
    assert.equal(hasMore, false)
    const one = chain.query<Depth>('depth', { ...PAIR, levels: 1 })
    assert.deepEqual([one.bids.length, one.asks.length, one.hasMore], [1, 1, true])
  })

  it('answers no more levels than one answer holds', () => {
    const chain = new MarketChain()
    chain.isChecked = false
    chain.run(() => {
      for (let i = 0; i <= LEVELS_MAX; i++)
        chain.place(1 + (i % 20), { side: 'buy', ticks: 30_000 + i, lots: 1 })
    })
    const { bids, hasMore } = chain.query<Depth>('depth', { ...PAIR, levels: 10_000 })
    assert.deepEqual([bids.length, hasMore], [LEVELS_MAX, true])
    assert.equal(bids[0]!.priceBase, price(30_000 + LEVELS_MAX))
  })

  it('estimates what an amount gets level by level, and the price it needs', () => {
    const chain = chainWithBook()
    const estimate = (side: 'buy' | 'sell', lots: number): unknown =>
      chain.query('estimate', { ...PAIR, side, amountBase: hundredths(lots) })
    assert.deepEqual(estimate('buy', 25), {
      fillsBase: hundredths(25),
      quoteBase: 20n * 31_000n + 5n * 32_000n,
      limitPriceBase: price(32_000),
    })
    assert.deepEqual(estimate('sell', 100), {
      fillsBase: hundredths(22),
      quoteBase: 15n * 30_000n + 7n * 29_000n,
      limitPriceBase: price(29_000),
    })
  })

  it('shows an order with its pair and what it has in escrow', () => {
    const chain = chainWithBook()
    const { base, quote, priceBase, escrowBase, leftBase, state } = chain.query<{ [field: string]: unknown }>(
      'order',
      { id: 1 },
    )
    assert.deepEqual([base, quote, priceBase, state], [COIN_ASSET, USD, price(30_000), 'resting'])
    assert.deepEqual([leftBase, escrowBase], [hundredths(10), 10n * 30_000n])
    assert.equal(chain.query<{ escrowBase: bigint }>('order', { id: 4 }).escrowBase, hundredths(20))
  })

  it('lists an account’s open orders by book', () => {
    const chain = chainWithBook()
    chain.run(() => void chain.place(1, { side: 'buy', ticks: 100, lots: 100, quote: CENT }))
    const open = chain.query<{ id: number; quote: number }[]>('orders', { owner: traderAt(1) })
    assert.deepEqual(
      open.map(({ id, quote }) => [id, quote]),
      [
        [1, USD],
        [3, USD],
        [6, CENT],
      ],
    )
    chain.cancel(1, 3)
    assert.equal(chain.query<unknown[]>('orders', { owner: traderAt(1) }).length, 2)
  })

  it('pages through the books, newest first', () => {
    const chain = chainWithBook()
    chain.run(() => void chain.place(1, { side: 'buy', ticks: 100, lots: 100, quote: CENT }))
    const first = chain.query<{ books: { quote: number }[]; nextCursor: number }>('books', {
      cursor: 0,
      limit: 1,
    })
    assert.equal(first.books[0]!.quote, CENT)
    const second = chain.query<typeof first>('books', { cursor: first.nextCursor, limit: 1 })
    assert.deepEqual([second.books[0]!.quote, second.nextCursor], [USD, 0])
  })

  it('says where an auction stands that is under way', () => {
    const chain = new MarketChain(withMarket({ stepsPerBlockMax: 3 }))
    chain.run(() => {
      for (let i = 1; i < 4; i++) chain.place(i, { side: 'buy', ticks: 30_000, lots: 10 })
      chain.place(4, { side: 'sell', ticks: 30_000, lots: 30 })
    })
    assert.notEqual(chain.query<Depth>('depth', { ...PAIR, levels: 0 }).phase, 'none')
    chain.settle()
    assert.equal(chain.query<Depth>('depth', { ...PAIR, levels: 0 }).phase, 'none')
  })
})
