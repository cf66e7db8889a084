// What is kept of the past, and when it leaves the state.
import assert from 'node:assert/strict'
import { TEST_PARAMETERS } from '../../../genesis/parameters.ts'
import { COIN_ASSET } from '../../../state/ledger.ts'
import { assetsTables } from '../../../state/modules/assets/tables.ts'
import { getBook, getTotals } from '../../../state/modules/market/books.ts'
import { isWalkDue } from '../../../state/modules/market/history.ts'
import { AUCTIONS_KEPT, CANDLES } from '../../../state/modules/market/shapes.ts'
import { marketTables } from '../../../state/modules/market/tables.ts'
import { hundredths, MarketChain, price, USD, withMarket } from '../../support/marketFixture.ts'

const PAIR = { base: COIN_ASSET, quote: USD }
const TAIL = TEST_PARAMETERS.market.tailWindows

function trade(chain: MarketChain, ticks: number, afterMs = 50): void {
  chain.run(() => {
    chain.place(1, { side: 'buy', ticks, lots: 10 })
    chain.place(2, { side: 'sell', ticks, lots: 10 })
  }, afterMs)
}

interface Candle {
  readonly atMs: number
  readonly openBase: bigint
  readonly highBase: bigint
  readonly lowBase: bigint
  readonly closeBase: bigint
  readonly volumeBase: bigint
}

describe('market: trades and candles', () => {
  it('keeps the last auctions in a ring, newest first', () => {
    const chain = new MarketChain()
    chain.isChecked = false
    for (let i = 0; i < AUCTIONS_KEPT + 3; i++) trade(chain, 30_000 + i)
    const trades = chain.query<{ priceBase: bigint; volumeBase: bigint }[]>('trades', { ...PAIR, limit: 0 })
    assert.equal(trades.length, AUCTIONS_KEPT)
    assert.equal(trades[0]!.priceBase, price(30_000 + AUCTIONS_KEPT + 2))
    assert.equal(trades.at(-1)!.priceBase, price(30_003))
    assert.equal(chain.query<unknown[]>('trades', { ...PAIR, limit: 2 }).length, 2)
  })

  it('gives no trade to a block in which nothing was traded', () => {
    const chain = new MarketChain()
    chain.run(() => void chain.place(1, { side: 'buy', ticks: 30_000, lots: 10 }))
    assert.deepEqual(chain.query('trades', { ...PAIR, limit: 0 }), [])
    assert.deepEqual(chain.query('candles', { ...PAIR, span: 'minute', limit: 0 }), [])
  })

  it('adds up open, high, low, close and volume of a minute, and begins a new one after it', () => {
    const chain = new MarketChain()
    const { spanMs } = CANDLES.minute
    trade(chain, 30_000, spanMs - (chain.block.timestampMs % spanMs))
    trade(chain, 30_500)
    trade(chain, 29_500)
    trade(chain, 30_100)
    trade(chain, 31_000, spanMs)
    const candles = chain.query<Candle[]>('candles', { ...PAIR, span: 'minute', limit: 0 })
    assert.equal(candles.length, 2)
    const { atMs, ...first } = candles[1]!
    assert.equal(atMs % spanMs, 0)
    assert.deepEqual(first, {
      openBase: price(30_000),
      highBase: price(30_500),
      lowBase: price(29_500),
      closeBase: price(30_100),
      volumeBase: hundredths(40),
    })
    assert.equal(candles[0]!.atMs, atMs + spanMs)
    assert.equal(
      chain.query<Candle[]>('candles', { ...PAIR, span: 'day', limit: 0 })[0]!.volumeBase,
      hundredths(50),
    )
  })

  it('forgets candles that are older than the ring is long, though nothing has replaced them', () => {
    const chain = new MarketChain()
    trade(chain, 30_000)
    chain.run(() => {}, CANDLES.minute.spanMs * CANDLES.minute.kept)
    assert.deepEqual(chain.query('candles', { ...PAIR, span: 'minute', limit: 0 }), [])
    assert.equal(chain.query<Candle[]>('candles', { ...PAIR, span: 'hour', limit: 0 }).length, 1)
  })
})

describe('market: what leaves the state', () => {
  it('keeps an order that is over for some windows, then removes it', () => {
    const chain = new MarketChain()
    trade(chain, 30_000)
    chain.endWindows(TAIL - 1)
    assert.equal(chain.order(1).state, 'filled')
    chain.endWindows(1)
    assert.equal(chain.query('order', { id: 1 }), undefined)
    const { closedHead, closedTail } = getTotals(chain.state)
    assert.equal(closedHead, closedTail)
  })

  it('removes them in bounded steps', () => {
    const chain = new MarketChain(withMarket({ stepsPerBlockMax: 3 }))
    trade(chain, 30_000)
    chain.settle()
    trade(chain, 30_000)
    chain.settle()
    chain.endWindows(TAIL)
    assert.equal([1, 2, 3, 4].filter((id) => marketTables.order.has(chain.state, { id })).length, 1)
    chain.run()
    assert.equal(marketTables.order.has(chain.state, { id: 4 }), false)
  })

  it('keeps an order that is open', () => {
    const chain = new MarketChain()
    const id = chain.place(1, { side: 'buy', ticks: 30_000, lots: 10 })
    chain.endWindows(TAIL + 2)
    assert.equal(chain.order(id).state, 'resting')
  })

  it('removes an empty book of an asset that is gone with all of its history, in parts; not one whose assets are there', () => {
    const chain = new MarketChain()
    trade(chain, 30_000)
    chain.endWindows(TAIL + 2)
    assert.ok(getBook(chain.state, 1))
    assetsTables.asset.delete(chain.state, { asset: USD })
    chain.endWindows(1)
    let blocks = 0
    for (; isWalkDue(chain.state) && blocks < 100; blocks++) chain.run()
    assert.equal(getBook(chain.state, 1), undefined)
    for (const table of [marketTables.pair, marketTables.trade, marketTables.candle, marketTables.book])
      assert.deepEqual([...table.values(chain.committed)], [])
    assert.equal(chain.query('book', PAIR), undefined)
  })

  it('removes a book over several blocks when they have few acts', () => {
    const chain = new MarketChain(withMarket({ stepsPerBlockMax: 4 }))
    trade(chain, 30_000)
    chain.settle()
    assetsTables.asset.delete(chain.state, { asset: USD })
    chain.endWindows(TAIL)
    assert.ok(getBook(chain.state, 1)!.removedSlots > 0)
    const blocks = chain.settle()
    assert.ok(blocks > 3, `${blocks} blocks`)
    assert.equal(getBook(chain.state, 1), undefined)
  })
})
