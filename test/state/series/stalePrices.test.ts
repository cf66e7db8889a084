// Series whose settlement asset has no fresh price: what waits, and what is given up after K windows.
import assert from 'node:assert/strict'
import { TEST_PARAMETERS } from '../../../genesis/parameters.ts'
import { code, coins, K, PRICE, SeriesChain, units } from '../../support/seriesFixture.ts'

const A = 20
const B = 21

const textOf = (chain: SeriesChain): string =>
  chain.query<readonly { readonly text: string }[]>('status', { provider: 1 })[0]!.text

/** Provider 1 has minted to its limit and then sold receipts: 60 to A and 40 to B, or in proportion. */
function sold(amount: number, due: number): { readonly chain: SeriesChain; readonly id: number } {
  const chain = new SeriesChain({ devices: [40, 100, 100, 100] })
  assert.equal(chain.mint(1, chain.roomOf(1)), undefined)
  const id = chain.open(1, { kind: 'forward', capBase: coins(amount), closesAt: 0, dueAt: due })
  chain.run(() => {
    assert.equal(chain.buy(A, id, coins(amount * 0.6)), undefined)
    assert.equal(chain.buy(B, id, coins(amount * 0.4)), undefined)
  })
  chain.run()
  return { chain, id }
}

describe('series: a price that is stale', () => {
  it('waits while the price is stale: dates move, and nothing falls due', () => {
    const { chain, id } = sold(100, 2)
    chain.setPrice(PRICE)
    chain.endWindows(2)
    assert.equal(chain.series(id).state, 'delivering')
    // Renewed in window 0: windows 3 to 7 begin with a stale price.
    chain.endWindows(5)
    assert.equal(chain.window, 7)
    assert.equal(chain.series(id).state, 'delivering')
    assert.match(textOf(chain), /stale since window 3/)
    chain.livePrice = PRICE
    chain.endWindow()
    assert.equal(chain.series(id).state, 'failed')
    assert.equal(chain.query<{ stoppedWindows: number }>('show', { series: id }).stoppedWindows, 0)
  })

  it('lets holders take their money once the price has been stale for K windows, and goes on if it comes back', () => {
    const { chain, id } = sold(100, 6)
    chain.setPrice(PRICE)
    const freshWindows = TEST_PARAMETERS.oracle.priceFreshWindows
    while (chain.window < freshWindows + K) chain.endWindow()
    assert.equal(chain.series(id).state, 'delivering')
    assert.equal(code(chain.act('refund', A, { series: id, amountBase: coins(40) })), 'RefundNotOpen')
    chain.endWindow()
    assert.equal(chain.series(id).state, 'blocked')
    const before = chain.unitsOf(A)
    assert.equal(chain.act('refund', A, { series: id, amountBase: coins(40) }), undefined)
    assert.equal(chain.unitsOf(A) - before, units(120))
    chain.livePrice = PRICE
    chain.endWindow()
    assert.equal(chain.series(id).state, 'delivering')
    chain.run(() => chain.addLot(1, 20))
    chain.endWindow()
    assert.equal(chain.series(id).coinsBase, coins(60))
  })

  it('ends a sale of coins once the price has been stale for K windows', () => {
    const chain = new SeriesChain()
    chain.setPrice(PRICE)
    const id = chain.open(1, { closesAt: 2 })
    while (chain.window <= TEST_PARAMETERS.oracle.priceFreshWindows + K) {
      assert.equal(chain.series(id).state, 'selling')
      chain.endWindow()
    }
    assert.equal(chain.series(id).state, 'ended')
  })
})
