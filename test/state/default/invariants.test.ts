// Invariants 2, 8 and 9 of ECONOMY §12 and those of default's own: each fires when it is broken, with its severity.
import assert from 'node:assert/strict'
import { ledger } from '../../../state/ledger.ts'
import { escrows } from '../../../state/modules/default/escrows.ts'
import { defaultTables } from '../../../state/modules/default/tables.ts'
import { compensationAddress } from '../../../state/modules/issuance/external.ts'
import { getLiability, getTotals } from '../../../state/modules/issuance/ledger.ts'
import { issuanceTables } from '../../../state/modules/issuance/tables.ts'
import { returnBond } from '../../../state/modules/providers/penalties.ts'
import { providersTables } from '../../../state/modules/providers/tables.ts'
import { ASSET, coins, DefaultChain, PRICE, walletOf } from '../../support/defaultFixture.ts'

describe('default: invariants', () => {
  /** A chain in an auction: provider 1 has defaulted, provider 2 has bid, provider 3 offers what it owes. */
  function chainOf(): DefaultChain {
    const chain = new DefaultChain({
      providers: [0, 1, 2, 3, 4].map((i) => ({
        devices: 100,
        ...(i === 0 ? { bondBase: 1_000n * PRICE } : {}),
      })),
    })
    chain.run(() => {
      chain.owe(1, coins(5_000))
      chain.owe(2, coins(1_000), { to: 2 })
      chain.owe(3, coins(1_000), { to: 3 })
    })
    chain.fail(1)
    chain.pass()
    chain.run(() => {
      const bid = { amountBase: coins(1_000), sharePpm: 0n }
      assert.equal(chain.commit(1, 2, bid), undefined)
      const offer = { to: 2, amountBase: coins(10), asset: 0, paymentBase: coins(1) }
      assert.equal(chain.do(3, 'offerNovation', offer), undefined)
    }, 50)
    return chain
  }
  /** Ids and severities of the invariants that a damage breaks. */
  const broken = (damage: (chain: DefaultChain) => void): readonly string[] => {
    const chain = chainOf()
    damage(chain)
    return chain.brokenInvariants()
  }

  it('hold before any damage', () => {
    assert.deepEqual(
      broken(() => undefined),
      [],
    )
  })

  it('2: the supply is all that is owed, orphans included', () => {
    const damage = ({ state }: DefaultChain) =>
      issuanceTables.totals.set(state, {}, { ...getTotals(state), orphanBase: 1n })
    assert.deepEqual(broken(damage), ['2 liabilities halt'])
  })

  it('3: liability that was handed over is what others took over', () => {
    const damage = ({ state }: DefaultChain) => {
      const known = getLiability(state, 2)
      issuanceTables.liability.set(state, { provider: 2 }, { ...known, takenOverBase: 1n })
    }
    assert.deepEqual(broken(damage), ['3 mint stopMinting'])
    const exempt = ({ state }: DefaultChain) => {
      const known = getLiability(state, 2)
      issuanceTables.liability.set(state, { provider: 2 }, { ...known, exemptBase: 1n })
    }
    assert.deepEqual(broken(exempt), ['3 mint stopMinting'])
  })

  it('8: whoever has a short bond cures, whatever its status', () => {
    const chain = new DefaultChain({
      providers: [0, 1, 2, 3, 4].map((i) => ({ devices: 100, ...(i < 2 ? { bondBase: 100n * PRICE } : {}) })),
    })
    chain.run(() => {
      for (const id of [1, 2]) chain.owe(id, coins(1_000))
      assert.equal(chain.do(2, 'beginExit'), undefined)
    })
    chain.pass()
    assert.deepEqual([chain.status(1), chain.status(2)], ['curing', 'retiring'])
    assert.deepEqual(chain.brokenInvariants(), [])
    issuanceTables.cure.delete(chain.state, { provider: 2 })
    assert.deepEqual(chain.brokenInvariants(), ['8 bond stopMinting'])
  })

  it('8: a bond is paid back only after the tail', () => {
    const damage = (chain: DefaultChain) =>
      returnBond(chain.ctx(), { provider: 4, asset: ASSET, amountBase: 1n, to: walletOf(4) })
    assert.deepEqual(broken(damage), ['8 unlock stopMinting'])
    // Owing nothing is not enough, nor is the tail while something is owed.
    const owing = (chain: DefaultChain) => {
      defaultTables.tail.set(chain.state, { provider: 3 }, { sinceWindow: 0, untilWindow: 0 })
      chain.commitState()
      returnBond(chain.ctx(), { provider: 3, asset: ASSET, amountBase: 1n, to: walletOf(3) })
    }
    assert.deepEqual(broken(owing), ['8 unlock stopMinting'])
  })

  it('9: what was slashed went to victims or the fund, or burned', () => {
    const damage = ({ state }: DefaultChain) => {
      const known = providersTables.slashed.mustGet(state, { asset: ASSET })
      providersTables.slashed.set(state, { asset: ASSET }, { ...known, burnedBase: 1n })
    }
    assert.deepEqual(broken(damage), ['9 halt'])
  })

  it('1: estates, deposits and payments are held to the last unit', () => {
    assert.deepEqual(
      broken((chain) => chain.takeOne(escrows.estate(1), ASSET)),
      ['1 defaults halt'],
    )
    assert.deepEqual(
      broken((chain) => chain.takeOne(escrows.deposit(1), 0)),
      ['1 defaults halt'],
    )
    assert.deepEqual(
      broken((chain) => chain.takeOne(escrows.novation(3), 0)),
      ['1 defaults halt'],
    )
    const aside = ({ state }: DefaultChain) =>
      defaultTables.earmarked.set(state, {}, { assets: [{ asset: ASSET, amountBase: 10n ** 30n }] })
    assert.deepEqual(broken(aside), ['1 defaults halt'])
    const listed = ({ state }: DefaultChain) => defaultTables.open.set(state, {}, { providers: [] })
    assert.deepEqual(broken(listed), ['1 defaults halt'])
  })

  it('compensations are held', () => {
    const chain = chainOf()
    chain.close(1)
    assert.deepEqual(chain.brokenInvariants(), [])
    chain.takeOne(compensationAddress(4), ASSET)
    assert.deepEqual(chain.brokenInvariants(), ['issuance.ledger stopMinting'])
    assert.ok(ledger.balanceOf(chain.state, { asset: ASSET, owner: walletOf(60) }) > 0n)
  })
})
