import { strict as assert } from 'node:assert'
import { COIN } from '../../../base/units.ts'
import { DEV_PARAMETERS } from '../../../genesis/parameters.ts'
import { COIN_ASSET } from '../../../state/ledger.ts'
import { FEES_ADDRESS, GUARANTEE_FUND_ADDRESS, getAccount } from '../../../state/modules/accounts/ledger.ts'
import { getIncome } from '../../../state/modules/backing/income.ts'
import { getPool } from '../../../state/modules/backing/pools.ts'
import { backingSchema } from '../../../state/modules/backing/schema.ts'
import { defaultModule } from '../../../state/modules/default/module.ts'
import { governanceSchema } from '../../../state/modules/governance/schema.ts'
import { getTotals } from '../../../state/modules/issuance/ledger.ts'
import { redemptionSchema } from '../../../state/modules/redemption/schema.ts'
import { type Call, MemberChain, operatorOf, stranger } from '../../support/memberChain.ts'

const WINDOW_MS = DEV_PARAMETERS.capacity.windowMs
const held = (chain: MemberChain, address: Uint8Array) => getAccount(chain.full, address).balanceBase
const fund = (chain: MemberChain) => defaultModule.rules.queries.fund!(chain.context(), {} as never) as object
const call = (from: Uint8Array): Call => ({
  from,
  module: redemptionSchema,
  action: 'cancel',
  args: { id: 1 },
})
const operators = (chain: MemberChain) => chain.ids.map((id) => operatorOf(id))

/** A chain whose fund wants this share of all liabilities. */
const chainOf = (fundTargetPpm: bigint) =>
  new MemberChain(4, { default: { ...DEV_PARAMETERS.default, fundTargetPpm } })

describe('default.fees', () => {
  it('collects base fees outside the fund until the window ends; tips go to the proposer at once', () => {
    const chain = chainOf(20_000n)
    const proposer = operatorOf(1)
    const before = held(chain, proposer)
    const [receipt] = chain.next([call(stranger)])
    const { laneFees } = chain.parent.header
    const gas = BigInt(receipt!.gasUsed)
    assert.equal(held(chain, FEES_ADDRESS), gas * laneFees.redemption)
    assert.equal(held(chain, GUARANTEE_FUND_ADDRESS), 0n)
    assert.equal(held(chain, proposer) - before, gas * (receipt!.effectiveGasPrice - laneFees.redemption))
    assert.deepEqual(fund(chain), {
      heldBase: 0n,
      targetBase: (getTotals(chain.full).liabilitiesBase * 20_000n) / 1_000_000n,
      feesBase: gas * laneFees.redemption,
    })
  })

  it('gives all of them to a fund below its target', () => {
    const chain = chainOf(20_000n)
    chain.next([call(stranger)])
    const feesBase = held(chain, FEES_ADDRESS)
    const before = operators(chain).map((operator) => held(chain, operator))
    chain.wait(WINDOW_MS)
    assert.equal(held(chain, GUARANTEE_FUND_ADDRESS), feesBase)
    assert.equal(held(chain, FEES_ADDRESS), 0n)
    assert.deepEqual(
      operators(chain).map((operator) => held(chain, operator)),
      before,
    )
  })

  it('stops at the target and shares the rest equally, whoever proposes; odd units wait', () => {
    const chain = chainOf(0n)
    chain.next([call(stranger), call(operatorOf(5))])
    const feesBase = held(chain, FEES_ADDRESS)
    const before = operators(chain).map((operator) => held(chain, operator))
    chain.wait(WINDOW_MS)
    const eachBase = feesBase / 4n
    assert.ok(eachBase > 0n)
    assert.deepEqual(
      operators(chain).map((operator, i) => held(chain, operator) - before[i]!),
      [eachBase, eachBase, eachBase, eachBase],
    )
    assert.equal(held(chain, FEES_ADDRESS), feesBase % 4n)
    assert.equal(held(chain, GUARANTEE_FUND_ADDRESS), 0n)
  })

  it('gives the backers of a validator their share of its part, and no other anything less', () => {
    const chain = chainOf(0n)
    const of = (from: Uint8Array, action: string, args: object): Call => ({
      from,
      module: backingSchema,
      action,
      args,
    })
    chain.next([
      of(operatorOf(1), 'setShare', { sharePpm: 250_000n }),
      of(stranger, 'back', { provider: 1, amountBase: COIN }),
    ])
    assert.equal(getPool(chain.full, 1).backedBase, COIN)
    const eachBase = held(chain, FEES_ADDRESS) / 4n
    const before = operators(chain).map((operator) => held(chain, operator))
    chain.wait(WINDOW_MS)
    const { receivedBase } = getIncome(chain.full, { provider: 1, asset: COIN_ASSET })
    assert.equal(receivedBase, (eachBase + 3n) / 4n)
    assert.deepEqual(
      operators(chain).map((operator, i) => held(chain, operator) - before[i]!),
      [eachBase - receivedBase, eachBase, eachBase, eachBase],
    )
  })

  it('costs a proposer what it fills its own blocks with, but for its own part of the base fees', () => {
    const chain = chainOf(0n)
    const proposer = operatorOf(1)
    const before = operators(chain).map((operator) => held(chain, operator))
    let baseBase = 0n
    for (let block = 0; block < 8; block++) {
      const receipts = chain.next(Array.from({ length: 4 }, () => call(proposer)))
      assert.equal(receipts.length, 4)
      const { laneFees } = chain.parent.header
      for (const { gasUsed, effectiveGasPrice } of receipts) {
        assert.ok(effectiveGasPrice > laneFees.redemption, 'it tips, and gets the tip back')
        baseBase += BigInt(gasUsed) * laneFees.redemption
      }
    }
    // Its tips are its own again; the base fees are not.
    assert.equal(before[0]! - held(chain, proposer), baseBase)
    chain.wait(WINDOW_MS)
    assert.equal(before[0]! - held(chain, proposer), baseBase - baseBase / 4n)
    for (const [i, operator] of operators(chain).entries())
      if (i > 0) assert.equal(held(chain, operator) - before[i]!, baseBase / 4n)
  })

  it('fills the fund exactly to its target', () => {
    const chain = chainOf(1n)
    const { liabilitiesBase } = getTotals(chain.full)
    const targetBase = (liabilitiesBase + 999_999n) / 1_000_000n
    while (held(chain, FEES_ADDRESS) < targetBase + 4n) {
      chain.next(Array.from({ length: 60 }, () => call(stranger)))
    }
    const feesBase = held(chain, FEES_ADDRESS)
    chain.wait(WINDOW_MS)
    assert.equal(held(chain, GUARANTEE_FUND_ADDRESS), targetBase)
    assert.equal(held(chain, FEES_ADDRESS), (feesBase - targetBase) % 4n)
  })

  it('pays nothing to a member that has lost its vote', () => {
    const chain = new MemberChain(5, { default: { ...DEV_PARAMETERS.default, fundTargetPpm: 0n } })
    const voters = [1, 2, 3, 4].map((id) => operatorOf(id))
    chain.run(voters[0]!, governanceSchema, 'proposeJail', { provider: 5 })
    for (const from of voters.slice(1)) {
      chain.run(from, governanceSchema, 'vote', { proposal: 1, approve: true })
    }
    const before = held(chain, operatorOf(5))
    const paid = held(chain, operatorOf(2))
    chain.wait(WINDOW_MS)
    assert.equal(held(chain, operatorOf(5)), before)
    assert.ok(held(chain, operatorOf(2)) > paid)
    assert.ok(chain.systemLogs.some(({ address }) => address[19] === 12))
  })
})
