import assert from 'node:assert/strict'
import { COIN, mulDivCeil, PPM } from '../../../base/units.ts'
import { TEST_PARAMETERS } from '../../../genesis/parameters.ts'
import { getAccount } from '../../../state/modules/accounts/ledger.ts'
import { currentWindow } from '../../../state/modules/capacity/windows.ts'
import { lockAddress } from '../../../state/modules/issuance/external.ts'
import { getLiability, getTotals, liabilityBurn } from '../../../state/modules/issuance/ledger.ts'
import { issuanceModule } from '../../../state/modules/issuance/module.ts'
import { countDelivery } from '../../../state/modules/providers/delivery.ts'
import { recordFault, setProviderStatus } from '../../../state/modules/providers/members.ts'
import { resumeProvider, suspendProvider } from '../../../state/modules/providers/suspension.ts'
import { accountOf, coins, type EconomyChain, fourEqual } from '../../support/economyFixture.ts'

const K = TEST_PARAMETERS.capacity.horizonWindows
const SPENT = accountOf(50)
const operatorHolds = (chain: EconomyChain): bigint => getAccount(chain.state, accountOf(1)).balanceBase
const locked = (chain: EconomyChain): bigint => getLiability(chain.state, 1).lockedBase

/** Provider 1 mints 120 coins to another account: 60 are locked, 24 of them until liability is burned, 3 go per window. */
function minted(): EconomyChain {
  const chain = fourEqual(TEST_PARAMETERS)
  assert.equal(chain.mint(1, coins(120), SPENT), undefined)
  return chain
}

describe('issuance: the lock', () => {
  it('locks the retained share and releases one K-th at each good window’s end, but never the floor', () => {
    const chain = fourEqual(TEST_PARAMETERS)
    const amountBase = coins(10) + 7n
    assert.equal(chain.mint(1, amountBase, SPENT), undefined)
    const lockedBase = 5n * COIN + 4n
    const floorBase = mulDivCeil(amountBase, 200_000n, PPM)
    assert.equal(getAccount(chain.state, SPENT).balanceBase, amountBase - lockedBase)
    assert.equal(getAccount(chain.state, lockAddress(1)).balanceBase, lockedBase)
    assert.equal(getTotals(chain.state).lockedBase, lockedBase)
    const timed = lockedBase - floorBase
    for (let window = 1; window <= K; window++) {
      chain.endWindow()
      // The remainder goes with the last K-th.
      assert.equal(operatorHolds(chain), window === K ? timed : (timed / BigInt(K)) * BigInt(window))
    }
    assert.equal(getLiability(chain.state, 1).releaseBase, 0n)
    chain.endWindow()
    assert.equal(operatorHolds(chain), timed)
    assert.equal(getTotals(chain.state).lockedBase, floorBase)
  })

  it('adds up the locks of several windows', () => {
    const chain = fourEqual(TEST_PARAMETERS)
    let timed = 0n
    let floor = 0n
    for (let round = 0; round < 3; round++) {
      for (const part of [coins(1), 13n]) {
        assert.equal(chain.mint(1, part, SPENT), undefined)
        floor += mulDivCeil(part, 200_000n, PPM)
        timed += mulDivCeil(part, 500_000n, PPM) - mulDivCeil(part, 200_000n, PPM)
      }
      chain.endWindow()
    }
    while (currentWindow(chain.state) < K + 3) chain.endWindow()
    assert.equal(operatorHolds(chain), timed)
    assert.equal(getTotals(chain.state).lockedBase, floor)
  })

  it('frees the floor in proportion to liability burned, and pays it at the window’s end', () => {
    const chain = minted()
    assert.equal(getLiability(chain.state, 1).floorBase, coins(24))
    const burn = (amountBase: bigint): bigint =>
      liabilityBurn(chain.ctx(), { provider: 1, from: SPENT, amountBase })
    burn(coins(30))
    // A quarter of the liability is gone, and with it a quarter of the floor.
    assert.equal(getLiability(chain.state, 1).floorBase, coins(18))
    assert.equal(locked(chain), coins(60))
    chain.endWindow()
    assert.equal(operatorHolds(chain), coins(6 + 3))
    burn(coins(30))
    assert.equal(getLiability(chain.state, 1).floorBase, coins(12))
    chain.endWindow()
    assert.equal(operatorHolds(chain), coins(12 + 6))
    chain.act(issuanceModule, 'retire', accountOf(1), { amountBase: coins(18) })
    assert.equal(getLiability(chain.state, 1).floorBase, (coins(12) * 42n) / 60n)
    chain.endWindow()
    chain.checkInvariants()
  })

  it('is all floor if the parameters say so: no window releases any of it', () => {
    const chain = fourEqual({
      ...TEST_PARAMETERS,
      issuance: { ...TEST_PARAMETERS.issuance, retainPpm: 1_000_000n, lockFloorPpm: 1_000_000n },
    })
    assert.equal(chain.mint(1, coins(40), SPENT), undefined)
    assert.equal(getAccount(chain.state, SPENT).balanceBase, 0n)
    for (let window = 0; window < K + 2; window++) chain.endWindow()
    assert.equal(operatorHolds(chain), 0n)
    assert.equal(locked(chain), coins(40))
  })

  const bad: readonly (readonly [string, (chain: EconomyChain) => void])[] = [
    ['not active', (chain) => setProviderStatus(chain.ctx(), 1, 'jailed')],
    ['suspended', (chain) => suspendProvider(chain.ctx(), 1, currentWindow(chain.state))],
    ['at fault', (chain) => recordFault(chain.ctx(), { provider: 1, kind: 'audit', amountBase: 0n })],
    [
      'less than half of its grants signed for',
      (chain) => {
        const at = { provider: 1, window: currentWindow(chain.state) }
        countDelivery(chain.state, at, { grantedBase: coins(10), voucheredBase: coins(5) - 1n })
      },
    ],
  ]
  for (const [name, spoil] of bad)
    it(`releases nothing for a window in which the provider was ${name}, and goes on later`, () => {
      const chain = minted()
      chain.endWindow()
      assert.equal(operatorHolds(chain), coins(3))
      chain.endBlock()
      spoil(chain)
      chain.endWindow()
      assert.equal(operatorHolds(chain), coins(3))
      if (name === 'not active') setProviderStatus(chain.ctx(), 1, 'active')
      if (name === 'suspended') resumeProvider(chain.ctx(), 1)
      chain.endWindow()
      assert.equal(operatorHolds(chain), coins(6))
      // The lost window is made up for at the end.
      for (let window = 0; window < K - 2; window++) chain.endWindow()
      assert.equal(operatorHolds(chain), coins(36))
    })

  it('releases for a window in which half was signed for, or nothing granted', () => {
    const chain = minted()
    const at = { provider: 1, window: 0 }
    countDelivery(chain.state, at, { grantedBase: coins(10), voucheredBase: coins(2) })
    countDelivery(chain.state, at, { voucheredBase: coins(3) })
    chain.endWindow()
    assert.equal(operatorHolds(chain), coins(3))
  })

  it('pays nothing to a defaulted provider: the lock belongs to the estate', () => {
    const chain = minted()
    liabilityBurn(chain.ctx(), { provider: 1, from: SPENT, amountBase: coins(30) })
    setProviderStatus(chain.ctx(), 1, 'defaulted')
    chain.endWindow()
    assert.equal(operatorHolds(chain), 0n)
    assert.equal(locked(chain), coins(60))
  })
})

describe('issuance.retireLocked', () => {
  const retireLocked = (chain: EconomyChain, amountBase: bigint) =>
    chain.act(issuanceModule, 'retireLocked', accountOf(1), { amountBase })
  const unsecured = (chain: EconomyChain): bigint =>
    getLiability(chain.state, 1).liabilityBase - locked(chain)

  it('burns what is freed first, then what good windows release next, and what a run would gain stays', () => {
    const chain = minted()
    const before = unsecured(chain)
    assert.equal(retireLocked(chain, coins(30)), undefined)
    // A quarter of the liability is gone, and with it a quarter of the floor: 6 of the 30 are what that has freed.
    const { liabilityBase, floorBase, freedBase, lockedBase, releaseBase } = getLiability(chain.state, 1)
    assert.deepEqual(
      [liabilityBase, floorBase, freedBase, lockedBase],
      [90n, 18n, 0n, 30n].map((n) => n * COIN),
    )
    // 12 of the timed 36 are left, in the same windows.
    assert.equal(releaseBase, coins(1))
    assert.equal(unsecured(chain), before)
    assert.equal(getAccount(chain.state, lockAddress(1)).balanceBase, coins(30))
    chain.endWindow()
    assert.equal(operatorHolds(chain), coins(1))
    for (let window = 2; window <= K; window++) chain.endWindow()
    assert.equal(operatorHolds(chain), coins(12))
    assert.equal(locked(chain), coins(18))
  })

  it('takes of several endings to the last unit, the nearest first', () => {
    const chain = fourEqual(TEST_PARAMETERS)
    for (const amountBase of [coins(7) + 5n, 13n, coins(3)]) {
      assert.equal(chain.mint(1, amountBase, SPENT), undefined)
      chain.endWindow()
    }
    while (locked(chain) > 0n) {
      const before = { locked: locked(chain), unsecured: unsecured(chain) }
      const amountBase = before.locked < COIN ? before.locked : COIN - 1n
      assert.equal(retireLocked(chain, amountBase), undefined)
      assert.deepEqual(
        { locked: locked(chain), unsecured: unsecured(chain) },
        { ...before, locked: before.locked - amountBase },
      )
      chain.checkInvariants()
    }
    assert.equal(getLiability(chain.state, 1).releaseBase, 0n)
  })

  it('lets a provider owe nothing that nobody else holds coins of, to the last unit', () => {
    const chain = fourEqual(TEST_PARAMETERS)
    assert.equal(chain.mint(1, coins(10), accountOf(1)), undefined)
    assert.equal(
      chain.act(issuanceModule, 'retire', accountOf(1), { amountBase: operatorHolds(chain) }),
      undefined,
    )
    const { liabilityBase } = getLiability(chain.state, 1)
    assert.equal(liabilityBase, locked(chain))
    assert.deepEqual(chain.act(issuanceModule, 'retire', accountOf(1), { amountBase: liabilityBase }), {
      code: 'InsufficientCoins',
      fields: { balanceBase: 0n, neededBase: liabilityBase },
    })
    assert.equal(retireLocked(chain, liabilityBase), undefined)
    const after = getLiability(chain.state, 1)
    assert.deepEqual(
      [after.liabilityBase, after.lockedBase, after.floorBase, after.releaseBase],
      [0n, 0n, 0n, 0n],
    )
    assert.deepEqual(retireLocked(chain, 1n), { code: 'NothingToRetire', fields: { provider: 1 } })
  })

  it('refuses by name', () => {
    const chain = minted()
    assert.equal(retireLocked(chain, 0n)?.code, 'ZeroAmount')
    assert.deepEqual(retireLocked(chain, coins(61)), {
      code: 'InsufficientLock',
      fields: { provider: 1, lockedBase: coins(60), neededBase: coins(61) },
    })
    assert.equal(chain.act(issuanceModule, 'retireLocked', SPENT, { amountBase: 1n })?.code, 'NotProvider')
    assert.equal(locked(chain), coins(60))
  })
})

describe('issuance.security', () => {
  interface Security {
    readonly liabilityBase: bigint
    readonly bondValueBase: bigint
    readonly lockedBase: bigint
    readonly compensationBase: bigint
    readonly unsecuredBase: bigint
  }
  const security = (chain: EconomyChain) =>
    chain.query<Security | undefined>(issuanceModule, 'security', { provider: 1 })

  it('is what neither bond nor lock covers, at the oracle price', () => {
    const chain = fourEqual(TEST_PARAMETERS)
    assert.equal(security(chain)?.unsecuredBase, 0n)
    assert.equal(chain.query(issuanceModule, 'security', { provider: 77 }), undefined)
    const small = fourEqual(TEST_PARAMETERS)
    small.setBond(1, 3_028_200n * 30n)
    assert.equal(small.mint(1, coins(120), SPENT), undefined)
    assert.deepEqual(security(small), {
      provider: 1,
      liabilityBase: coins(120),
      bondValueBase: coins(30),
      lockedBase: coins(60),
      compensationBase: 0n,
      unsecuredBase: coins(30),
      backedBase: 0n,
    })
    small.endWindow()
    assert.equal(security(small)?.unsecuredBase, coins(33))
  })
})
