import assert from 'node:assert/strict'
import { TEST_PARAMETERS } from '../../../genesis/parameters.ts'
import { getCount } from '../../../state/modules/capacity/sums.ts'
import { getLiability, getTotals } from '../../../state/modules/issuance/ledger.ts'
import { issuanceTables } from '../../../state/modules/issuance/tables.ts'
import { coins, type EconomyChain, fourEqual } from '../../support/economyFixture.ts'

describe('issuance: invariants', () => {
  const broken = (damage: (chain: EconomyChain) => void): string | undefined => {
    const chain = fourEqual(TEST_PARAMETERS)
    chain.mint(1, coins(10))
    chain.endBlock()
    damage(chain)
    try {
      chain.checkInvariants()
    } catch (error) {
      return /invariant (.*?):/.exec((error as Error).message)?.[1]
    }
    return undefined
  }
  const change = (fields: Partial<ReturnType<typeof getLiability>>) => (chain: EconomyChain) => {
    const liability = getLiability(chain.state, 1)
    issuanceTables.liability.set(chain.state, { provider: 1 }, { ...liability, ...fields })
  }

  it('hold after ordinary blocks', () => {
    assert.equal(
      broken(() => undefined),
      undefined,
    )
  })

  it('detect a liability without coins, issue or total', () => {
    assert.equal(broken(change({ liabilityBase: coins(11), issuedBase: coins(11) })), '2 liabilities')
    assert.equal(broken(change({ issuedBase: coins(12) })), '3 mint')
    assert.equal(broken(change({ issuedBase: coins(9), burnedBase: 0n })), '3 mint')
    assert.equal(
      broken(({ state }) => issuanceTables.liability.delete(state, { provider: 1 })),
      '2 liabilities',
    )
    assert.equal(
      broken(({ state }) => {
        issuanceTables.totals.set(state, {}, { ...getTotals(state), orphanBase: 1n })
      }),
      '2 liabilities',
    )
  })

  it('detect locks that do not add up', () => {
    assert.equal(broken(change({ lockedBase: coins(1) })), 'issuance.ledger')
    assert.equal(
      broken(({ state }) => issuanceTables.totals.set(state, {}, { ...getTotals(state), lockedBase: 1n })),
      'issuance.ledger',
    )
  })

  it('detect a stated shortfall that differs from a recount', () => {
    const slotIn = ({ state }: EconomyChain): number => getCount(state).pass & 1
    const cover = (fields: object) => (chain: EconomyChain) => {
      const at = { slot: slotIn(chain) }
      issuanceTables.cover.set(chain.state, at, {
        ...issuanceTables.cover.mustGet(chain.state, at),
        ...fields,
      })
    }
    for (const name of ['unreservedBase', 'capacityBase', 'lastingBase'])
      assert.equal(broken(cover({ [name]: 1n })), '18 shortfall')
    assert.equal(broken(cover({ suspendedGroups: 1 })), '18 shortfall')
    for (const ranking of [0, 1, 2])
      assert.equal(
        broken((chain) => {
          const at = { ranking, slot: slotIn(chain) }
          const tops = issuanceTables.rankTops.mustGet(chain.state, at)
          issuanceTables.rankTops.set(chain.state, at, { ...tops, values: tops.values.map((v) => v / 2n) })
        }),
        '18 shortfall',
      )
    assert.equal(
      broken(({ state }) => issuanceTables.short.set(state, {}, { sinceWindow: 0, sinceHeight: 0 })),
      '18 shortfall',
    )
  })
})
