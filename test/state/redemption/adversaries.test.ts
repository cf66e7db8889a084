// What an attacker gains, or pays, around the queue: deposits just before assignment, requests in pieces, hoarding, full lanes.
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { LANES, type Lane, laneGasMax, perLane } from '../../../base/lanes.ts'
import { headerFees } from '../../../base/protocol/header.ts'
import { COIN } from '../../../base/units.ts'
import { DEV_PARAMETERS } from '../../../genesis/parameters.ts'
import { nextBaseFees } from '../../../state/fees.ts'
import { redemptionTables } from '../../../state/modules/redemption/tables.ts'
import { ALICE, BOB, coins, fundedChain, type RedemptionChain } from '../../support/redemptionFixture.ts'

const PROVIDERS = [1, 2, 3, 4]

/** Who delivers what of the requests that are open, in order: provider, window and coins. */
function routing(chain: RedemptionChain): readonly (readonly [number, number, bigint])[] {
  return chain.openAssignments().map(([id, assignment]) => {
    const at = redemptionTables.assignment.mustGet(chain.committed, { id, assignment })
    return [at.provider, at.window, at.amountBase] as const
  })
}

/** Providers that list at par, after a window's end: the snapshot knows what they owe. */
function listed(): RedemptionChain {
  const chain = fundedChain()
  chain.run(() => {
    for (const provider of PROVIDERS) assert.equal(chain.list(provider), undefined)
  })
  chain.turn()
  return chain
}

describe('redemption: deposits just before assignment', () => {
  it('change nothing in the window they come in, whoever mints or burns how much', () => {
    const deed = fc.record({
      provider: fc.constantFrom(...PROVIDERS),
      amount: fc.integer({ min: 1, max: 150 }),
    })
    const requests = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 4 })
    fc.assert(
      fc.property(fc.array(deed, { minLength: 1, maxLength: 4 }), requests, (deeds, amounts) => {
        const outcome = (isMoved: boolean) => {
          const chain = listed()
          chain.run(() => {
            // As far as the mint rule lets it.
            if (isMoved) for (const { provider, amount } of deeds) chain.mint(BOB, provider, coins(amount))
          })
          chain.run(() => {
            for (const amount of amounts) assert.equal(chain.request(ALICE, coins(amount)), undefined)
          })
          for (let block = 0; block < 3; block++) chain.run()
          return routing(chain)
        }
        const [moved, unmoved] = [outcome(true), outcome(false)]
        assert.ok(unmoved.length > 0)
        assert.deepEqual(moved, unmoved)
      }),
      { numRuns: 8 },
    )
  })
})

describe('redemption: booking what one does not use', () => {
  it('costs a hundredth of it in each window, for ever', () => {
    const chain = listed()
    chain.run(() => assert.equal(chain.request(ALICE, coins(100)), undefined))
    let unusedBase = 0n
    for (let window = 0; window < 8; window++) {
      chain.run()
      const posted = chain.openAssignments().map(([id, assignment]) => ({ id, assignment }))
      for (const at of posted) {
        const known = redemptionTables.assignment.mustGet(chain.state, at)
        if (known.window === chain.window && known.grantedAtMs > 0) unusedBase += known.amountBase
      }
      chain.turn(() => {
        for (const { id, assignment } of posted)
          if (redemptionTables.assignment.mustGet(chain.state, { id, assignment }).grantedAtMs === 0)
            assert.equal(chain.grant(id, assignment), undefined)
      })
    }
    assert.ok(unusedBase > coins(300))
    const feesBase = chain.guarantee()
    assert.ok(feesBase >= unusedBase / 100n - 100n, `${feesBase} for ${unusedBase} not used`)
    assert.equal(redemptionTables.redemption.mustGet(chain.state, { id: 1 }).feesBase, feesBase)
  })
})

describe('redemption: filling a lane', () => {
  const { accounts } = DEV_PARAMETERS
  const GWEI = 1_000_000_000n

  /** Coins that a lane full for so many blocks, one each second, costs, and its fee afterwards. */
  function costOfFilling(lane: Lane, blocks: number) {
    const gas = laneGasMax(lane, accounts.blockGasLimit)
    let fees = perLane(() => GWEI)
    let paidBase = 0n
    for (let block = 0; block < blocks; block++) {
      paidBase += fees[lane] * BigInt(gas)
      const { general, ...laneGas } = { ...perLane(() => 0), [lane]: gas }
      const { redemption, service, proof } = laneGas
      const gasUsed = general + redemption + service + proof
      const above = {
        ...headerFees(fees),
        gasUsed,
        laneGas,
        gasLimit: accounts.blockGasLimit,
        timestampMs: 0,
      }
      fees = nextBaseFees(above, 1_000, accounts)
    }
    return { paidBase, fees }
  }

  it('costs more from block to block, and makes no other lane dearer', () => {
    for (const lane of LANES) {
      const { paidBase, fees } = costOfFilling(lane, 60)
      for (const other of LANES) if (other !== lane) assert.ok(fees[other] < GWEI, other)
      // An eighth more with each block: the last minute's fee is a thousand times the first's.
      assert.ok(fees[lane] > 1_000n * GWEI)
      const least = { general: 280n, redemption: 84n, service: 56n, proof: 140n }[lane]
      assert.ok(paidBase > least * COIN, `${lane}: ${paidBase}`)
    }
  })
})
