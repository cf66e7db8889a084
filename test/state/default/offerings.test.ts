// What sales have locked and promised when their issuer defaults, or hands its liability over (ECONOMY §4, §9).
import assert from 'node:assert/strict'
import { TEST_PARAMETERS } from '../../../genesis/parameters.ts'
import { ledger } from '../../../state/ledger.ts'
import { lockAddress } from '../../../state/modules/issuance/external.ts'
import { lockedProceeds } from '../../../state/modules/issuance/proceeds.ts'
import { seriesModule } from '../../../state/modules/series/module.ts'
import { seriesTables } from '../../../state/modules/series/tables.ts'
import { ASSET, coins, DefaultChain, K, PRICE, walletOf } from '../../support/defaultFixture.ts'

const BUYER = 40
const code = (failure: { readonly code: string } | undefined): string | undefined => failure?.code

/** A chain on which provider 1 has sold 100 coins, and receipts for 50 when `isForward`. */
function sold(isForward = false): DefaultChain {
  const chain = new DefaultChain({ economy: TEST_PARAMETERS })
  const act = (wallet: number, action: string, args: object) =>
    assert.equal(code(chain.act(action, walletOf(wallet), args, seriesModule)), undefined, action)
  const open = (terms: object) =>
    act(1, 'open', {
      asset: ASSET,
      capBase: coins(100),
      startPriceBase: PRICE,
      endPriceBase: PRICE,
      opensAt: 0,
      closesAt: 1,
      ...terms,
    })
  chain.run(() => {
    chain.give(1, 1_000n * PRICE)
    chain.give(BUYER, 1_000n * PRICE)
    open({ kind: 'immediate', dueAt: 0 })
    act(BUYER, 'buy', { series: 1, amountBase: coins(100), payMaxBase: 100n * PRICE })
    if (!isForward) return
    open({ kind: 'forward', dueAt: 9 })
    act(BUYER, 'buy', { series: 2, amountBase: coins(50), payMaxBase: 50n * PRICE })
  })
  for (let blocks = 0; blocks < 3; blocks++) chain.run(() => {}, 50)
  assert.equal(chain.liability(1), coins(100))
  assert.deepEqual(lockedProceeds(chain.state, 1), [{ asset: ASSET, amountBase: 50n * PRICE }])
  return chain
}

const heldFor = (chain: DefaultChain, provider: number): bigint =>
  ledger.balanceOf(chain.state, { asset: ASSET, owner: lockAddress(provider) })

describe('default of an issuer', () => {
  it('takes locked proceeds into the estate, and leaves nothing of the lock behind', () => {
    const chain = sold()
    const before = chain.sums
    chain.fail(1)
    const { estate } = chain.case(1)!
    assert.deepEqual(lockedProceeds(chain.state, 1), [])
    assert.equal(heldFor(chain, 1), 0n)
    assert.deepEqual(
      estate.map(({ asset }) => asset),
      [ASSET],
    )
    // Some of the lock was released in good windows before, and lost coverage was penalised.
    assert.ok(estate[0]!.totalBase > 10n ** 15n / 2n)
    chain.close(1)
    assert.deepEqual(chain.sums, before)
    assert.deepEqual(chain.brokenInvariants(), [])
  })

  it('refunds receipts with what was paid and the lock of their series', () => {
    const chain = sold(true)
    assert.equal(chain.units(BUYER), 850n * PRICE)
    chain.fail(1)
    const series = seriesTables.series.mustGet(chain.state, { id: 2 })
    assert.deepEqual([series.state, series.failReason], ['failed', 'defaulted'])
    chain.run(() => {
      const claim = { series: 2, amountBase: coins(50) }
      assert.equal(code(chain.act('claim', walletOf(BUYER), claim, seriesModule)), undefined)
    })
    // A fifth of the cap's price is the series' lock; half of the cap was sold.
    assert.ok(chain.units(BUYER) >= (850n + 50n + 10n) * PRICE, String(chain.units(BUYER) / PRICE))
    assert.equal(seriesTables.series.mustGet(chain.state, { id: 2 }).state, 'ended')
    chain.close(1)
    assert.deepEqual(chain.brokenInvariants(), [])
  })
})

describe('default.completeExit of an issuer', () => {
  it('waits for its series, which keep the bond locked too', () => {
    const chain = sold(true)
    chain.owe(5, coins(1), { to: 1 })
    chain.run(() => {
      assert.equal(code(chain.do(1, 'beginExit')), undefined)
      assert.equal(code(chain.do(1, 'completeExit')), 'LiabilityLeft')
    })
    const terms = { amountBase: coins(100), asset: ASSET, paymentBase: 0n }
    chain.run(() => {
      assert.equal(code(chain.do(1, 'offerNovation', { to: 2, ...terms })), undefined)
      assert.equal(code(chain.do(2, 'acceptNovation', { from: 1, ...terms })), undefined)
      assert.equal(code(chain.do(1, 'completeExit')), 'SeriesLive')
    })
    // Nothing is delivered any more: the series fails some windows after it was due.
    for (let window = 0; seriesTables.series.mustGet(chain.state, { id: 2 }).state !== 'failed'; window++) {
      assert.ok(window < 2 * K)
      chain.pass()
    }
    chain.run(() => assert.equal(code(chain.do(1, 'completeExit')), undefined))
    assert.deepEqual(chain.brokenInvariants(), [])
  })
})

describe('default.acceptNovation of an issuer’s liability', () => {
  it('takes locked proceeds along, in proportion, and releases them there', () => {
    const chain = sold()
    const before = chain.sums
    chain.run(() => {
      const terms = { amountBase: coins(40), asset: ASSET, paymentBase: 0n }
      assert.equal(code(chain.do(1, 'offerNovation', { to: 2, ...terms })), undefined)
      assert.equal(code(chain.do(2, 'acceptNovation', { from: 1, ...terms })), undefined)
    })
    const held = [1, 2].map((id) => heldFor(chain, id))
    assert.deepEqual(
      held,
      [1, 2].map((id) => lockedProceeds(chain.state, id)[0]!.amountBase),
    )
    assert.equal(held[0]! + held[1]!, 50n * PRICE)
    assert.ok(held[1]! <= 20n * PRICE && held[1]! > 20n * PRICE - 100n, String(held[1]))
    for (let window = 0; window <= K; window++) chain.pass()
    // The floors stay until liability burns: a fifth of what was paid.
    assert.deepEqual(
      [1, 2].map((id) => heldFor(chain, id)),
      [12n * PRICE, 8n * PRICE],
    )
    assert.deepEqual(chain.sums, before)
    assert.deepEqual(chain.brokenInvariants(), [])
  })
})
