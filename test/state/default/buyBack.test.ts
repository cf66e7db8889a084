// The guarantee fund buys orphans back at the market: how much, at which price, and what nobody can make of it (ECONOMY §9).
import assert from 'node:assert/strict'
import type { Failure } from '../../../base/moduleDefinition.ts'
import { COIN } from '../../../base/units.ts'
import { TEST_PARAMETERS } from '../../../genesis/parameters.ts'
import { COIN_ASSET } from '../../../state/ledger.ts'
import { GUARANTEE_FUND_ADDRESS, mintCoins } from '../../../state/modules/accounts/ledger.ts'
import { issueAsset } from '../../../state/modules/assets/ledger.ts'
import { buyBacks } from '../../../state/modules/default/buyBack.ts'
import { buyBackMeans, earmark, earmarkedOf, spendable } from '../../../state/modules/default/fund.ts'
import { getTotals } from '../../../state/modules/issuance/ledger.ts'
import { issuanceTables } from '../../../state/modules/issuance/tables.ts'
import { marketModule } from '../../../state/modules/market/module.ts'
import { oracleTables } from '../../../state/modules/oracle/tables.ts'
import { ASSET, coins, DefaultChain, K, PRICE, UNLOCKED, walletOf } from '../../support/defaultFixture.ts'

const SELLER = 50
const FRIEND = 51
/** Set aside, and what of the fund is not. */
const ASIDE = 600n * PRICE
const FREE = 600n * PRICE

/** A chain with orphans, whose fund holds no coins, and a seller that has all coins. */
function withOrphans(
  market: Partial<(typeof TEST_PARAMETERS)['market']> = {},
  orphans = 1_000,
): DefaultChain {
  const economy = { ...UNLOCKED, market: { ...TEST_PARAMETERS.market, ...market } }
  const chain = new DefaultChain({ economy })
  chain.run(() => {
    const { state } = chain
    issuanceTables.totals.set(state, {}, { ...getTotals(state), orphanBase: coins(orphans) })
    mintCoins(chain.ctx(), { to: walletOf(SELLER), amountBase: coins(orphans) })
    issueAsset(chain.ctx(), { asset: ASSET, to: GUARANTEE_FUND_ADDRESS, amountBase: ASIDE + FREE })
    earmark(chain.ctx(), { asset: ASSET, amountBase: ASIDE })
  })
  return chain
}

interface Terms {
  readonly side: 'buy' | 'sell'
  readonly priceBase: bigint
  readonly amountBase: bigint
}

function place(chain: DefaultChain, wallet: number, terms: Terms): Failure | undefined {
  const args = { base: COIN_ASSET, quote: ASSET, kind: 'goodTillCancelled', ...terms }
  return chain.act('place', walletOf(wallet), args, marketModule)
}

function sell(chain: DefaultChain, priceBase: bigint, amountBase: bigint, wallet = SELLER): void {
  chain.run(() => assert.equal(place(chain, wallet, { side: 'sell', priceBase, amountBase }), undefined))
}

const means = (chain: DefaultChain): bigint => buyBackMeans(chain.state, ASSET)

describe('default.buyBack', () => {
  it('buys at the seller’s price, for a K-th of what is set aside, and burns what it bought in that block', () => {
    const chain = withOrphans()
    const priceBase = PRICE - PRICE / 10n
    sell(chain, priceBase, coins(5))
    chain.pass()
    // All five: a K-th would have paid for fifty at the oracle price.
    assert.equal(chain.orphans, coins(995))
    assert.equal(chain.fundCoins, 0n)
    const paidBase = chain.units(SELLER)
    assert.ok(paidBase >= 5n * priceBase && paidBase <= 5n * PRICE, `${paidBase}`)
    assert.equal(earmarkedOf(chain.state, ASSET), ASIDE - paidBase)
    assert.equal(spendable(chain.state, ASSET), FREE)
    assert.deepEqual(buyBacks(chain.state), [])
    assert.deepEqual(chain.brokenInvariants(), [])
  })

  it('pays at most the oracle price, and nothing to whoever asks for more', () => {
    const chain = withOrphans()
    sell(chain, PRICE + 100n, coins(5))
    for (let window = 0; window < 3; window++) chain.pass()
    assert.equal(chain.orphans, coins(1_000))
    assert.equal(earmarkedOf(chain.state, ASSET), ASIDE)
    assert.equal(chain.units(SELLER), 0n)
    // At the price itself it buys.
    sell(chain, PRICE, coins(5))
    chain.pass()
    assert.equal(chain.units(SELLER), 5n * PRICE)
    assert.equal(chain.orphans, coins(995))
  })

  it('cannot be drained: whoever sells all that it takes, with bids of a friend above the price, gets a K-th a window and no more than the coins are worth', () => {
    const chain = withOrphans()
    chain.run(() => chain.give(FRIEND, 10_000n * PRICE))
    // The friend lifts the price of every auction, and takes what nobody else does.
    sell(chain, PRICE, coins(900))
    let before = chain.units(SELLER) + chain.units(FRIEND)
    for (let window = 0; window < 2 * K; window++) {
      const allowed = means(chain)
      const orphansBefore = chain.orphans
      const setAside = earmarkedOf(chain.state, ASSET)
      const friend = { side: 'buy', priceBase: 2n * PRICE, amountBase: COIN } as const
      chain.run(() => assert.equal(place(chain, FRIEND, friend), undefined))
      chain.pass()
      const burned = orphansBefore - chain.orphans
      const paid = setAside - earmarkedOf(chain.state, ASSET)
      assert.ok(paid > 0n && paid <= allowed, `window ${window}: paid ${paid} of ${allowed}`)
      assert.ok(paid * COIN <= burned * PRICE, 'never above the oracle price')
      // What both have together grew by what the fund paid and by nothing else.
      const after = chain.units(SELLER) + chain.units(FRIEND)
      assert.equal(after - before, paid)
      before = after
      assert.equal(spendable(chain.state, ASSET), FREE)
    }
    // (1 − 1/K)^2K of it is what is left, about an eighth.
    assert.ok(earmarkedOf(chain.state, ASSET) > ASIDE / 9n)
    assert.deepEqual(chain.brokenInvariants(), [])
  })

  it('is not kept out by tables that others fill', () => {
    const chain = withOrphans({ ordersMax: 16, waitingMax: 2 })
    sell(chain, PRICE, coins(5))
    chain.run(() => {
      chain.give(FRIEND, 10_000n * PRICE)
      const lot = { side: 'buy', priceBase: PRICE / 2n, amountBase: COIN } as const
      for (let n = 0; n < 2; n++) assert.equal(place(chain, FRIEND, lot), undefined)
      assert.equal(place(chain, FRIEND, lot)?.code, 'TooManyWaiting')
    })
    chain.pass()
    assert.equal(chain.orphans, coins(995))
  })

  it('buys no more coins than there are orphans, and then nothing is set aside any more', () => {
    const chain = withOrphans({}, 3)
    chain.run(() => chain.owe(1, coins(50), { to: SELLER }))
    sell(chain, PRICE, coins(50))
    chain.pass()
    assert.equal(chain.orphans, 0n)
    assert.equal(chain.units(SELLER), 3n * PRICE)
    assert.equal(chain.fundCoins, 0n)
    chain.pass()
    assert.equal(earmarkedOf(chain.state, ASSET), 0n)
    assert.equal(spendable(chain.state, ASSET), ASIDE + FREE - 3n * PRICE)
  })

  it('waits while the price is stale', () => {
    const chain = withOrphans()
    sell(chain, PRICE, coins(5))
    chain.run(() => {
      const price = oracleTables.price.mustGet(chain.state, { asset: ASSET })
      oracleTables.price.set(chain.state, { asset: ASSET }, { ...price, renewedWindow: 0 })
    })
    for (let window = 0; window <= TEST_PARAMETERS.oracle.priceFreshWindows; window++) chain.pass()
    const orphans = chain.orphans
    chain.pass()
    assert.equal(chain.orphans, orphans)
    chain.run(() => {
      const price = oracleTables.price.mustGet(chain.state, { asset: ASSET })
      oracleTables.price.set(chain.state, { asset: ASSET }, { ...price, renewedWindow: 1_000 })
    })
    sell(chain, PRICE, coins(5))
    chain.pass()
    assert.ok(chain.orphans < orphans)
  })

  it('keeps its books while an auction goes on over several blocks', () => {
    // Two acts a block: a look at the book, and one more.
    const chain = withOrphans({ stepsPerBlockMax: 2 })
    for (let n = 0; n < 4; n++) sell(chain, PRICE - 1_000n * BigInt(n), coins(2))
    chain.endWindow()
    let carried = 0
    for (let blocks = 0; buyBacks(chain.state).length > 0; blocks++) {
      assert.ok(blocks < 100, 'the auction ends')
      carried++
      const [bid] = buyBacks(chain.state)
      assert.equal(earmarkedOf(chain.state, ASSET), ASIDE - bid!.escrowedBase)
      assert.deepEqual(chain.brokenInvariants(), [])
      chain.run(() => {}, 10)
    }
    assert.ok(carried > 2, `${carried} blocks`)
    assert.equal(chain.orphans, coins(992))
    assert.equal(earmarkedOf(chain.state, ASSET) + chain.units(SELLER), ASIDE)
    assert.deepEqual(chain.brokenInvariants(), [])
  })
})
