// What faults cost: double votes, lost coverage, absence; and that every unit reaches the fund (ECONOMY §9).
import assert from 'node:assert/strict'
import { ZERO_ADDRESS } from '../../../base/ids.ts'
import { TEST_PARAMETERS } from '../../../genesis/parameters.ts'
import { judgeAttendance, noteProposer } from '../../../state/modules/default/attendance.ts'
import { onFault } from '../../../state/modules/default/slashing.ts'
import { getLiability } from '../../../state/modules/issuance/ledger.ts'
import { setPrice } from '../../../state/modules/oracle/prices.ts'
import { getBond } from '../../../state/modules/providers/bonds.ts'
import { postFault } from '../../../state/modules/providers/faultQueue.ts'
import { convictEquivocator, isBondFrozen, recordFault } from '../../../state/modules/providers/members.ts'
import type { FaultKind } from '../../../state/modules/providers/schema.ts'
import { markUnpaid, unpaidPenalties } from '../../../state/modules/providers/suspension.ts'
import { providersTables } from '../../../state/modules/providers/tables.ts'
import { ASSET, coins, DefaultChain, K, PRICE, walletOf } from '../../support/defaultFixture.ts'
import { MemberChain } from '../../support/memberChain.ts'

const BOND = 1_000n * PRICE
const chainOf = () =>
  new DefaultChain({ providers: Array.from({ length: 5 }, () => ({ devices: 100, bondBase: BOND })) })
const post = (chain: DefaultChain, cause: FaultKind, amountBase = 0n) =>
  postFault(chain.ctx(), { module: 12, provider: 1, victim: ZERO_ADDRESS, amountBase, cause })
const faultOf = (cause: FaultKind, amountBase = 0n) => ({
  module: 12,
  provider: 1,
  victim: ZERO_ADDRESS,
  amountBase,
  cause,
  height: 1,
})
const toFund = (slashedBase: bigint) => ({
  slashedBase,
  victimsBase: 0n,
  fundBase: slashedBase,
  burnedBase: 0n,
})

describe('default: penalties', () => {
  it('a double vote costs half of the bond, and the freeze ends with that', () => {
    const chain = chainOf()
    chain.run(() => {
      convictEquivocator(chain.ctx(), 1, 15)
      assert.equal(isBondFrozen(chain.state, 1), true)
    })
    assert.equal(chain.bond(1), BOND / 2n)
    assert.equal(isBondFrozen(chain.state, 1), false)
    assert.equal(chain.status(1), 'jailed')
    assert.equal(chain.fundUnits, BOND / 2n)
    assert.deepEqual(chain.slashed, toFund(BOND / 2n))
    // Another epoch's is another fault: half of what is left.
    chain.run(() => convictEquivocator(chain.ctx(), 1, 15))
    assert.equal(chain.bond(1), BOND / 4n)
  })

  it('what fell due while the bond was frozen is taken with it, as far as there is anything', () => {
    const chain = chainOf()
    chain.run(() => {
      markUnpaid(chain.state, 1, coins(100))
      convictEquivocator(chain.ctx(), 1, 15)
    })
    assert.equal(chain.bond(1), BOND / 2n - 100n * PRICE)
    assert.equal(unpaidPenalties(chain.state, 1), 0n)
    chain.run(() => {
      markUnpaid(chain.state, 1, coins(10_000))
      convictEquivocator(chain.ctx(), 1, 15)
    })
    assert.equal(chain.bond(1), 0n)
    assert.equal(unpaidPenalties(chain.state, 1), 0n)
    assert.deepEqual(chain.slashed, toFund(BOND))
  })

  it('lost coverage costs a tenth of its value at the last price, never more than there is', () => {
    const chain = chainOf()
    chain.run(() => post(chain, 'coverage', coins(500)))
    assert.equal(chain.bond(1), BOND - 50n * PRICE)
    // Rounded up.
    chain.run(() => post(chain, 'coverage', 1n))
    assert.equal(chain.bond(1), BOND - 50n * PRICE - 1n)
    chain.run(() => {
      setPrice(chain.state, { asset: ASSET, priceBase: 2n * PRICE })
      post(chain, 'coverage', coins(1_000))
    })
    assert.equal(chain.bond(1), BOND - 250n * PRICE - 1n)
    chain.run(() => post(chain, 'coverage', coins(1_000_000)))
    assert.equal(chain.bond(1), 0n)
    assert.deepEqual(chain.slashed, toFund(BOND))
  })

  it('is taken of each asset by its value; what never had a price stays', () => {
    const chain = chainOf()
    chain.run(() => {
      chain.register(2)
      chain.register(3)
      setPrice(chain.state, { asset: 2, priceBase: PRICE * 3n })
      chain.bondIn(1, 2, BOND)
      chain.bondIn(1, 3, BOND)
      onFault(chain.ctx(), faultOf('coverage', coins(4_000)))
    })
    // 1,000 and 333.3 coins of bond: 400 coins are taken of them as 3 to 1.
    const taken = (asset: number): bigint =>
      BOND - providersTables.bond.mustGet(chain.state, { provider: 1, asset }).amountBase
    for (const asset of [ASSET, 2])
      assert.ok(taken(asset) >= 300n * PRICE && taken(asset) <= 300n * PRICE + 2n)
    assert.equal(providersTables.bond.get(chain.state, { provider: 1, asset: 3 })!.amountBase, BOND)
  })

  it('waits for the part of a double vote that is behind it in the queue', () => {
    const chain = chainOf()
    chain.run(() => {
      post(chain, 'coverage', coins(500))
      post(chain, 'absence')
      convictEquivocator(chain.ctx(), 1, 15)
    })
    assert.equal(chain.bond(1), BOND / 2n - 51n * PRICE)
    assert.equal(unpaidPenalties(chain.state, 1), 0n)
  })

  it('goes to the victim first, as far as it lost something, then to the fund', () => {
    const chain = chainOf()
    chain.run(() => {
      onFault(chain.ctx(), { ...faultOf('coverage', coins(500)), victim: walletOf(40) })
      onFault(chain.ctx(), { ...faultOf('absence', coins(1) / 2n), victim: walletOf(41) })
    })
    // A tenth of 500 coins is less than the victim lost; a thousandth of the bond is more.
    assert.deepEqual([chain.units(40), chain.units(41)], [50n * PRICE, PRICE / 2n])
    const absence = (BOND - 50n * PRICE + 999n) / 1_000n
    assert.equal(chain.fundUnits, absence - PRICE / 2n)
    assert.equal(chain.slashed.victimsBase, 50n * PRICE + PRICE / 2n)
  })

  it('delivery is penalised where a window’s faults are added up, an audit’s haircut as coverage', () => {
    const chain = chainOf()
    chain.run(() => {
      post(chain, 'delivery', coins(100))
      post(chain, 'audit', coins(100))
    })
    assert.equal(chain.bond(1), BOND)
  })
})

describe('default: absence', () => {
  /** Blocks of a window, one a view, by the providers that are there. */
  function window(
    chain: DefaultChain,
    index: number,
    options: { readonly there: readonly number[]; readonly gap?: number },
  ) {
    const { there, gap = 1 } = options
    for (let turn = 0; turn < 20; turn++) {
      const view = (index * 20 + turn) * gap
      const block = {
        ...chain.block,
        epoch: 1,
        view,
        parentView: view - gap,
        proposer: walletOf(there[turn % there.length]!),
      }
      noteProposer({ ...chain.ctx(), block })
      if (turn === 19) judgeAttendance({ ...chain.ctx(), block }, index)
    }
  }
  const absences = (chain: DefaultChain) =>
    providersTables.fault.get(chain.state, { provider: 5, kind: 'absence' })?.count ?? 0

  it('the first three within K windows are free, then each costs a thousandth of the bond', () => {
    const chain = chainOf()
    const there = [1, 2, 3, 4]
    chain.run(() => {
      // The window in which counting begins is not whole.
      for (let index = 0; index <= 3; index++) window(chain, index, { there })
    })
    assert.equal(absences(chain), 0)
    chain.run(() => window(chain, 4, { there }))
    assert.equal(absences(chain), 1)
    assert.equal(chain.bond(5), BOND - BOND / 1_000n)
    chain.run(() => window(chain, 5, { there }))
    assert.equal(absences(chain), 2)
    for (const id of there) assert.equal(chain.bond(id), BOND)
    // K windows later they are forgotten.
    chain.run(() => {
      for (let index = 6; index < 6 + K; index++) window(chain, index, { there: [...there, 5] })
      for (let index = 6 + K; index < 9 + K; index++) window(chain, index, { there })
    })
    assert.equal(absences(chain), 2)
  })

  it('is no open fault: the window stays a good one, whether it is found before or after the recount', () => {
    const lockedAfter = (kind?: 'absence' | 'audit'): bigint => {
      const chain = new DefaultChain({ economy: TEST_PARAMETERS })
      chain.run(() => {
        chain.owe(5, coins(100), { locked: true })
        if (kind !== undefined) recordFault(chain.ctx(), { provider: 5, kind, amountBase: 0n })
      })
      chain.pass()
      return getLiability(chain.state, 5).lockedBase
    }
    assert.equal(lockedAfter('absence'), lockedAfter())
    assert.ok(lockedAfter('audit') > lockedAfter())
  })

  it('is seen on a chain of blocks, by whose turn made them', function () {
    this.timeout(60_000)
    const chain = new MemberChain(4)
    const bondOf = (provider: number): bigint => getBond(chain.full, { provider, asset: 1 })
    const before = bondOf(2)
    // Member 1 makes every block. The window in which counting begins is not whole, then three are free.
    for (let window = 0; window <= 4; window++) {
      assert.equal(bondOf(2), before)
      for (let block = 0; block < 8; block++) chain.next()
      chain.wait(60_000)
    }
    assert.equal(bondOf(2), before - before / 1_000n)
    assert.equal(bondOf(1), before)
  })

  it('nobody is absent who made one block, nor where the chain stood still or moved too little', () => {
    const chain = chainOf()
    chain.run(() => {
      for (let index = 0; index < 9; index++) window(chain, index, { there: [1, 2, 3, 4, 1, 2, 5] })
    })
    assert.equal(absences(chain), 0)
    const still = chainOf()
    still.run(() => {
      // More views than validators passed without a block: a quorum was missing.
      for (let index = 0; index < 9; index++) window(still, index, { there: [1, 2, 3, 4], gap: 6 })
    })
    assert.equal(absences(still), 0)
    const idle = chainOf()
    idle.run(() => {
      for (let index = 0; index < 9; index++) {
        const block = { ...idle.block, epoch: 1, view: index + 1, parentView: index, proposer: walletOf(1) }
        noteProposer({ ...idle.ctx(), block })
        judgeAttendance({ ...idle.ctx(), block }, index)
      }
    })
    assert.equal(absences(idle), 0)
  })
})
