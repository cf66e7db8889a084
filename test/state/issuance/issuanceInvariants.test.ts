import assert from 'node:assert/strict'
import { TEST_PARAMETERS } from '../../../genesis/parameters.ts'
import { getLiability, getTotals, reserveCoins } from '../../../state/modules/issuance/ledger.ts'
import { issuanceTables } from '../../../state/modules/issuance/tables.ts'
import { coins, type EconomyChain, fourEqual } from '../../support/economyFixture.ts'

describe('issuance: invariants', () => {
  const broken = (damage: (chain: EconomyChain) => void): string | undefined => {
    const chain = fourEqual(TEST_PARAMETERS)
    chain.mint(1, coins(10))
    reserveCoins(chain.ctx(), { provider: 1, windowIndex: 1, amountBase: coins(1) })
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

  it('detect reservations and locks that do not add up', () => {
    assert.equal(broken(change({ reservedBase: coins(2) })), 'issuance.ledger')
    assert.equal(broken(change({ lockedBase: coins(1) })), 'issuance.ledger')
    assert.equal(
      broken(({ state }) => issuanceTables.totals.set(state, {}, { ...getTotals(state), lockedBase: 1n })),
      'issuance.ledger',
    )
    assert.equal(
      broken((chain) => {
        chain.endWindow()
        chain.endWindow()
        const at = { provider: 1, windowIndex: 0 }
        issuanceTables.reservation.set(chain.state, at, { reservedBase: 1n })
      }),
      'issuance.ledger',
    )
  })

  it('detect a stated shortfall that differs from a recount', () => {
    assert.equal(
      broken(({ state }) => {
        const stored = issuanceTables.coverage.mustGet(state, {})
        issuanceTables.coverage.set(state, {}, { ...stored, shortfallBase: 1n })
      }),
      '18 shortfall',
    )
  })
})
