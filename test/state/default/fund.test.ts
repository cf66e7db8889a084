// The guarantee fund: orphans burned from it, what is set aside, and spending by governance (ECONOMY §9, §10).
import assert from 'node:assert/strict'
import { GUARANTEE_FUND_ADDRESS, getAccount, mintCoins } from '../../../state/modules/accounts/ledger.ts'
import { getAssetBalance, issueAsset } from '../../../state/modules/assets/ledger.ts'
import {
  buyBackMeans,
  earmark,
  earmarkedOf,
  spendable,
  spendFund,
} from '../../../state/modules/default/fund.ts'
import { governanceModule } from '../../../state/modules/governance/module.ts'
import { governanceSchema } from '../../../state/modules/governance/schema.ts'
import { getTotals } from '../../../state/modules/issuance/ledger.ts'
import { issuanceTables } from '../../../state/modules/issuance/tables.ts'
import { ASSET, coins, DefaultChain, K, PRICE, walletOf } from '../../support/defaultFixture.ts'
import { MemberChain, operatorOf, stranger } from '../../support/memberChain.ts'

/** A chain with orphans, whose fund holds coins and units set aside. */
function withOrphans(amount: number, fund: number): DefaultChain {
  const chain = new DefaultChain()
  chain.run(() => {
    const { state } = chain
    const totals = getTotals(state)
    issuanceTables.totals.set(state, {}, { ...totals, orphanBase: coins(amount) })
    mintCoins(chain.ctx(), { to: GUARANTEE_FUND_ADDRESS, amountBase: coins(fund) })
    mintCoins(chain.ctx(), { to: walletOf(50), amountBase: coins(amount - fund) })
    issueAsset(chain.ctx(), { asset: ASSET, to: GUARANTEE_FUND_ADDRESS, amountBase: 120n * PRICE })
    earmark(chain.ctx(), { asset: ASSET, amountBase: 60n * PRICE })
  })
  return chain
}

describe('default.fund', () => {
  it('burns its coins against orphans, a K-th of them a window, until none is left', () => {
    const chain = withOrphans(120, 60)
    chain.pass()
    assert.equal(chain.fundCoins, coins(60) - coins(60) / BigInt(K))
    assert.equal(chain.orphans, coins(120) - coins(60) / BigInt(K))
    const some = withOrphans(60, 59)
    const last = some.orphans
    some.run(() => {
      const totals = getTotals(some.state)
      issuanceTables.totals.set(some.state, {}, { ...totals, orphanBase: 1n, liabilitiesBase: last - 1n })
      const at = { provider: 1 }
      const known = { liabilityBase: last - 1n, issuedBase: last - 1n }
      const zero = {
        burnedBase: 0n,
        lockedBase: 0n,
        floorBase: 0n,
        freedBase: 0n,
        releaseBase: 0n,
        goodWindows: 0,
      }
      const none = { takenOverBase: 0n, handedOverBase: 0n, assumedBase: 0n, exemptBase: 0n }
      const start = { startLiabilityBase: 0n, startCapacityBase: 0n }
      issuanceTables.liability.set(some.state, at, { ...known, ...zero, ...none, ...start })
      issuanceTables.changed.set(some.state, {}, { providers: [1] })
    })
    some.pass()
    assert.equal(some.orphans, 0n)
    // What was set aside for them is free again.
    some.pass()
    assert.equal(spendable(some.state, ASSET), 120n * PRICE)
  })

  it('burns coins that are set aside too, and then they are no longer set aside', () => {
    const chain = withOrphans(120, 60)
    // An estate holds coins where a compensation was paid in coins.
    chain.run(() => earmark(chain.ctx(), { asset: 0, amountBase: coins(60) }))
    let fundBase = coins(60)
    for (let window = 0; window < 3; window++) {
      chain.pass()
      fundBase -= (fundBase + BigInt(K) - 1n) / BigInt(K)
      assert.equal(chain.fundCoins, fundBase)
      assert.equal(earmarkedOf(chain.state, 0), fundBase)
      assert.equal(spendable(chain.state, 0), 0n)
    }
    assert.equal(earmarkedOf(chain.state, ASSET), 60n * PRICE)
    assert.deepEqual(chain.brokenInvariants(), [])
  })

  it('forgets what was set aside once all of it is burned', () => {
    const chain = withOrphans(120, 60)
    chain.run(() => earmark(chain.ctx(), { asset: 0, amountBase: coins(1) }))
    chain.pass()
    assert.equal(earmarkedOf(chain.state, 0), 0n)
    assert.equal(spendable(chain.state, 0), chain.fundCoins)
    assert.equal(earmarkedOf(chain.state, ASSET), 60n * PRICE)
  })

  it('spends what is not set aside, and that only to accounts', () => {
    const chain = withOrphans(120, 60)
    assert.equal(spendable(chain.state, ASSET), 60n * PRICE)
    assert.equal(buyBackMeans(chain.state, ASSET), (60n * PRICE) / BigInt(K))
    chain.run(() => {
      const to = walletOf(51)
      assert.equal(spendFund(chain.ctx(), { asset: ASSET, to, amountBase: 60n * PRICE + 1n }), false)
      assert.equal(
        spendFund(chain.ctx(), { asset: ASSET, to: GUARANTEE_FUND_ADDRESS, amountBase: 1n }),
        false,
      )
      assert.equal(spendFund(chain.ctx(), { asset: ASSET, to, amountBase: 60n * PRICE }), true)
    })
    assert.equal(chain.units(51), 60n * PRICE)
  })
})

describe('governance.proposeSpending', () => {
  const propose = (chain: MemberChain, amountBase: bigint, over: object = {}) =>
    chain.run(operatorOf(1), governanceSchema, 'proposeSpending', {
      asset: 1,
      to: stranger,
      amountBase,
      ...over,
    })
  /** Four members; the fund holds 1,000 units. */
  function funded(): MemberChain {
    const chain = new MemberChain(4)
    const ctx = { ...chain.context(), state: chain.full, emit: () => {} }
    issueAsset(ctx, { asset: 1, to: GUARANTEE_FUND_ADDRESS, amountBase: 1_000n })
    return chain
  }

  it('pays after two thirds and the time lock', () => {
    const chain = funded()
    const before = getAssetBalance(chain.full, { asset: 1, owner: stranger })
    assert.equal(propose(chain, 400n), undefined)
    assert.deepEqual(governanceModule.rules.queries.spending!(chain.context(), { id: 1 } as never), {
      asset: 1,
      to: stranger,
      amountBase: 400n,
    })
    for (const id of [2, 3])
      assert.equal(
        chain.run(operatorOf(id), governanceSchema, 'vote', { proposal: 1, approve: true }),
        undefined,
      )
    assert.equal(getAssetBalance(chain.full, { asset: 1, owner: GUARANTEE_FUND_ADDRESS }), 1_000n)
    chain.wait(60_000)
    chain.next()
    assert.equal(getAssetBalance(chain.full, { asset: 1, owner: GUARANTEE_FUND_ADDRESS }), 600n)
    assert.equal(getAssetBalance(chain.full, { asset: 1, owner: stranger }), before + 400n)
  })

  it('is impossible by then if the fund has too little left', () => {
    const chain = funded()
    assert.equal(propose(chain, 800n), undefined)
    assert.equal(propose(chain, 900n), undefined)
    for (const proposal of [1, 2])
      for (const id of [2, 3])
        chain.run(operatorOf(id), governanceSchema, 'vote', { proposal, approve: true })
    chain.wait(60_000)
    chain.next()
    assert.equal(getAssetBalance(chain.full, { asset: 1, owner: GUARANTEE_FUND_ADDRESS }), 200n)
    assert.deepEqual(governanceModule.rules.queries.proposals!(chain.context(), {} as never), [])
  })

  it('refuses nothing, a system address, and more than there is', () => {
    const chain = funded()
    assert.equal(propose(chain, 0n), 'ZeroAmount()')
    assert.match(propose(chain, 1n, { to: GUARANTEE_FUND_ADDRESS })!, /^RecipientRefused/)
    assert.match(propose(chain, 1_001n)!, /^FundTooSmall/)
    const coinsHeld = getAccount(chain.full, GUARANTEE_FUND_ADDRESS).balanceBase
    assert.match(propose(chain, coinsHeld + 10n ** 18n, { asset: 0 })!, /^FundTooSmall/)
    assert.equal(
      chain
        .run(stranger, governanceSchema, 'proposeSpending', { asset: 1, to: stranger, amountBase: 1n })
        ?.startsWith('NotValidator'),
      true,
    )
  })
})
