// Receipts of a series as what is traded: two books each, and a series that ends while orders rest.
import assert from 'node:assert/strict'
import { TEST_PARAMETERS } from '../../../genesis/parameters.ts'
import { COIN_ASSET, ledger } from '../../../state/ledger.ts'
import { receiptAsset, registerReceipts, removeReceipts } from '../../../state/modules/assets/ledger.ts'
import { getBook } from '../../../state/modules/market/books.ts'
import { type Series, seriesSchema } from '../../../state/modules/series/schema.ts'
import { seriesTables } from '../../../state/modules/series/tables.ts'
import { CENT, code, MarketChain, traderAt, USD } from '../../support/marketFixture.ts'
import { sampleFields } from '../../support/sample.ts'

const SERIES = 5
const RECEIPT = receiptAsset(SERIES)
const LOT = 10n ** 18n

const args = (side: 'buy' | 'sell', quote: number, priceBase: bigint) => ({
  base: RECEIPT,
  quote,
  side,
  priceBase,
  amountBase: 2n * LOT,
  kind: 'goodTillCancelled',
})

/** A chain with receipts of a series that was sold for dollars; trader 1 has some. */
function chainWithReceipts(): MarketChain {
  const chain = new MarketChain()
  const issuer = traderAt(888)
  registerReceipts(chain.ctx(), { series: SERIES, issuer, name: 'Receipt', symbol: 'SR5', decimals: 18 })
  const record = seriesTables.series
  record.set(
    chain.state,
    { id: SERIES },
    { ...(sampleFields('series', seriesSchema.records.series.value) as Series), kind: 'forward', asset: USD },
  )
  chain.give(1, RECEIPT, 10n * LOT)
  for (const trader of [1, 2]) chain.fund(trader)
  return chain
}

function endSeries(chain: MarketChain): void {
  seriesTables.series.delete(chain.state, { id: SERIES })
  removeReceipts(chain.ctx(), SERIES)
}

describe('market: receipts of a series', () => {
  it('trades them for what they were sold for, and for coins; not for another asset, nor the other way round', () => {
    const chain = chainWithReceipts()
    chain.run(() => {
      assert.equal(chain.act('place', 1, args('sell', USD, 3_000_000n)), undefined)
      assert.equal(chain.act('place', 2, args('buy', USD, 3_000_000n)), undefined)
      assert.equal(chain.act('place', 1, args('sell', COIN_ASSET, LOT)), undefined)
      assert.equal(chain.act('place', 2, args('buy', COIN_ASSET, LOT)), undefined)
      assert.equal(code(chain.act('place', 1, args('sell', CENT, 300n))), 'UnknownPair')
      assert.equal(
        code(chain.act('place', 1, { ...args('sell', USD, 3_000_000n), base: COIN_ASSET, quote: RECEIPT })),
        'UnknownPair',
      )
    })
    assert.equal(ledger.balanceOf(chain.state, { asset: RECEIPT, owner: traderAt(2) }), 4n * LOT)
    assert.equal(chain.gained(1, USD), 6_000_000n)
    assert.equal(chain.gained(1, COIN_ASSET), 2n * LOT)
  })

  it('knows no receipts of a series that never was', () => {
    const chain = chainWithReceipts()
    const failure = chain.act('place', 1, { ...args('buy', USD, 3_000_000n), base: receiptAsset(6) })
    assert.equal(code(failure), 'UnknownPair')
  })

  it('returns bids that rest when the series is over, and takes no new ones; then the book goes', () => {
    const chain = chainWithReceipts()
    chain.run(() => assert.equal(chain.act('place', 2, args('buy', USD, 3_000_000n)), undefined))
    assert.equal(
      ledger.burn(chain.ctx(), { asset: RECEIPT, from: traderAt(1), amountBase: 10n * LOT }),
      undefined,
    )
    endSeries(chain)
    chain.run()
    assert.equal(code(chain.act('place', 2, args('buy', USD, 3_000_000n))), 'UnknownPair')
    chain.endWindows(TEST_PARAMETERS.market.tailWindows + 1)
    assert.ok(getBook(chain.state, 1), 'a book with an open order stays')
    assert.equal(chain.cancel(2, 1), undefined)
    assert.equal(chain.gained(2, USD), 0n)
    chain.endWindows(TEST_PARAMETERS.market.tailWindows)
    chain.settle()
    assert.equal(getBook(chain.state, 1), undefined)
    assert.equal(chain.query('order', { id: 1 }), undefined)
  })
})
