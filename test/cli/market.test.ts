// `suanli market`: numbers as people write them, and what becomes of orders in words.
import assert from 'node:assert/strict'
import { COIN } from '../../base/units.ts'
import { bookOf, ordersOf, pairOf, placeArgs } from '../../cli/commands/market.ts'
import { UsageError } from '../../cli/usageError.ts'
import type { ChainClient } from '../../client/chainClient.ts'
import { assetsModule } from '../../state/modules/assets/module.ts'
import { MarketChain, traderAt, USD } from '../support/marketFixture.ts'

/** A client whose node answers from a chain in memory. */
function clientOf(chain: MarketChain): Pick<ChainClient, 'query'> {
  const query = async (
    { definition }: { readonly definition: { readonly name: string } },
    name: string,
    args: object,
  ): Promise<unknown> =>
    definition.name === 'assets'
      ? assetsModule.rules.queries[name]!({ state: chain.state, block: chain.block }, args as never)
      : chain.query(name, args)
  return { query } as unknown as Pick<ChainClient, 'query'>
}

describe('cli.market', () => {
  it('reads amounts and prices with the decimals of the two assets', async () => {
    const chain = new MarketChain()
    const pair = await pairOf(clientOf(chain), { base: 0, quote: USD })
    const order = { side: 'buy', amount: '2.5', price: '3.04', isNow: false } as const
    assert.deepEqual(placeArgs(pair, order), {
      base: 0,
      quote: USD,
      side: 'buy',
      amountBase: (5n * COIN) / 2n,
      priceBase: 3_040_000n,
      kind: 'goodTillCancelled',
    })
    assert.equal(placeArgs(pair, { ...order, isNow: true }).kind, 'immediateOrCancel')
    for (const [what, wrong] of [
      ['--price', { price: '3.0400001' }],
      ['--price', { price: '0' }],
      ['--price', { price: '-1' }],
      ['<amount>', { amount: '1e3' }],
    ] as const)
      assert.throws(
        () => placeArgs(pair, { ...order, ...wrong }),
        (error) => error instanceof UsageError && error.message.startsWith(what),
      )
    await assert.rejects(pairOf(clientOf(chain), { base: 0, quote: 77 }), /asset 77 is not on this chain/)
  })

  it('shows a book and orders so that they can be read', async () => {
    const chain = new MarketChain()
    const client = clientOf(chain)
    const pair = await pairOf(client, { base: 0, quote: USD })
    await assert.rejects(bookOf(client, pair, 5), /nobody has ever ordered ACPC for dUSD/)
    chain.run(() => {
      chain.place(1, { side: 'sell', ticks: 30_500, lots: 150 })
      chain.place(1, { side: 'sell', ticks: 30_000, lots: 50 })
      chain.place(2, { side: 'buy', ticks: 30_000, lots: 120 })
    })
    chain.settle()
    assert.deepEqual(await bookOf(client, pair, 5), {
      pair: 'ACPC in dUSD',
      last: '3 dUSD',
      tick: '0.0001',
      lot: '0.01',
      asks: [{ price: '3.05', amount: '1.5' }],
      bids: [{ price: '3', amount: '0.7' }],
      more: false,
    })
    assert.deepEqual(await ordersOf(client, traderAt(2)), [
      'order 3 buys 1.2 ACPC at 3 dUSD; 0.5 ACPC filled for 1.5 dUSD; it is in the book',
    ])
    chain.run(() => void chain.place(3, { side: 'buy', ticks: 29_000, lots: 1 }))
    assert.match((await ordersOf(client, traderAt(3)))[0]!, /nothing filled; it is in the book$/)
    assert.deepEqual(await ordersOf(client, traderAt(9)), [])
  })
})
