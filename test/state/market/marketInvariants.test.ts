import assert from 'node:assert/strict'
import { COIN_ASSET, ledger } from '../../../state/ledger.ts'
import {
  getTotals,
  markDirty,
  pricesOf,
  sets,
  updateBook,
  updateTotals,
} from '../../../state/modules/market/books.ts'
import { escrowOf } from '../../../state/modules/market/external.ts'
import { append } from '../../../state/modules/market/levels.ts'
import type { Order } from '../../../state/modules/market/schema.ts'
import { marketTables } from '../../../state/modules/market/tables.ts'
import { MarketChain, traderAt, USD } from '../../support/marketFixture.ts'

const AT = { book: 1, side: 'buy', ticks: 30_000 } as const

/** A bid and an ask that rest. */
function chainWithBook(): MarketChain {
  const chain = new MarketChain()
  chain.run(() => {
    chain.place(1, { side: 'buy', ticks: 30_000, lots: 10 })
    chain.place(2, { side: 'sell', ticks: 30_100, lots: 10 })
  })
  return chain
}

function change(chain: MarketChain, fields: Partial<Order>): void {
  marketTables.order.set(chain.state, { id: 1 }, { ...chain.order(1), ...fields })
}

describe('market: invariants fire', () => {
  const breaks: readonly (readonly [string, RegExp, (chain: MarketChain) => void])[] = [
    [
      'a bid that meets an ask',
      /^12 market: .* meets the best ask/,
      (chain) => sets.insert(chain.state, pricesOf(1, 'buy'), 30_100),
    ],
    [
      'units that no order has locked',
      /^12 market: book 1 holds/,
      (chain) => ledger.mint(chain.ctx(), { asset: COIN_ASSET, to: escrowOf(1), amountBase: 1n }),
    ],
    [
      'units that are missing',
      /^12 market: book 1 holds/,
      (chain) =>
        ledger.release(chain.ctx(), { asset: USD, from: escrowOf(1), to: traderAt(9), amountBase: 1n }),
    ],
    [
      'a total that counts one too many',
      /^12 market: 2 orders are open/,
      (chain) => updateTotals(chain.state, { openOrders: 3 }),
    ],
    [
      'a book that counts one too many',
      /^12 market: book 1: 1 buy/,
      (chain) => updateBook(chain.state, 1, { openBuys: 2 }),
    ],
    [
      'a book that counts too few in it',
      /^12 market: book 1: 1 that buy/,
      (chain) => updateBook(chain.state, 1, { restingSells: 0 }),
    ],
    [
      'a book listed for an auction without one',
      /^12 market: book 1 is listed/,
      (chain) => markDirty(chain.state, 1),
    ],
    [
      'a book with an auction that is not listed',
      /^12 market: book 1 is not listed/,
      (chain) => updateBook(chain.state, 1, { waitingTail: 9 }),
    ],
    [
      'an order over with something left',
      /^12 market: an order that is over/,
      (chain) => change(chain, { state: 'cancelled' }),
    ],
    [
      'an order in a book that is not there',
      /^12 market: an open order is in a book/,
      (chain) => change(chain, { book: 7 }),
    ],
    [
      'a place with less than its order',
      /^market.lists: an order in book 1 has/,
      (chain) =>
        marketTables.entry.set(
          chain.state,
          { ...AT, number: chain.order(1).entry },
          { order: 1, amountBase: 1n },
        ),
    ],
    [
      'a place that is nobody’s',
      /^market.lists: 3 places/,
      (chain) => void append(chain.state, AT, [{ order: 1, amountBase: 1n }]),
    ],
    [
      'a level with more than its orders',
      /^market.lists: book 1, buy at 30000/,
      (chain) => {
        const level = marketTables.level.mustGet(chain.state, AT)
        marketTables.level.set(chain.state, AT, { ...level, amountBase: level.amountBase + 1n })
      },
    ],
    [
      'a level that is nobody’s',
      /^market.lists: 3 levels/,
      (chain) =>
        marketTables.level.set(chain.state, { ...AT, ticks: 5 }, { amountBase: 1n, head: 1, tail: 2 }),
    ],
    [
      'a price that is not listed',
      /^market.lists: book 1, buy at 30000/,
      (chain) => sets.remove(chain.state, pricesOf(1, 'buy'), 30_000),
    ],
    [
      'an account that lists another price',
      /^market.lists: .* does not list/,
      (chain) =>
        marketTables.stand.set(
          chain.state,
          { owner: traderAt(1), book: 1 },
          { orders: [{ order: 1, side: 'buy', ticks: 1 }] },
        ),
    ],
    [
      'an account that counts too many',
      /^market.lists: .* has 1 open orders, counts 2/,
      (chain) => marketTables.trader.set(chain.state, { owner: traderAt(1) }, { openOrders: 2, books: [1] }),
    ],
    [
      'an account without open orders',
      /^market.lists: 3 accounts/,
      (chain) => marketTables.trader.set(chain.state, { owner: traderAt(5) }, { openOrders: 1, books: [1] }),
    ],
  ]
  for (const [name, reason, breakIt] of breaks) {
    it(`on ${name}`, () => {
      const chain = chainWithBook()
      assert.equal(chain.broken(), undefined)
      breakIt(chain)
      assert.match(chain.broken() ?? 'holds', reason)
    })
  }

  it('holds on an empty market', () => {
    const chain = new MarketChain()
    assert.equal(getTotals(chain.state).nextBook, 1)
    assert.equal(chain.broken(), undefined)
  })
})
