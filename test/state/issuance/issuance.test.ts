import assert from 'node:assert/strict'
import { moduleAddress } from '../../../base/moduleDefinition.ts'
import { COIN, PPM } from '../../../base/units.ts'
import { TEST_PARAMETERS } from '../../../genesis/parameters.ts'
import { getAccount, getSupply, transferCoins } from '../../../state/modules/accounts/ledger.ts'
import {
  getMeasures,
  getSummary,
  recountProvider,
  reserveHours,
  unreserveHours,
} from '../../../state/modules/capacity/book.ts'
import { capacityModule } from '../../../state/modules/capacity/module.ts'
import { coinsOfHours, hoursOfCoins } from '../../../state/modules/capacity/rating.ts'
import { currentWindow } from '../../../state/modules/capacity/windows.ts'
import { lockAddress } from '../../../state/modules/issuance/external.ts'
import {
  getLiability,
  getTotals,
  liabilityBurn,
  reserveCoins,
  unreserveCoins,
  windowSnapshot,
} from '../../../state/modules/issuance/ledger.ts'
import { getCoverage } from '../../../state/modules/issuance/limits.ts'
import { stopMinting } from '../../../state/modules/issuance/minting.ts'
import { issuanceModule } from '../../../state/modules/issuance/module.ts'
import { issuanceSchema } from '../../../state/modules/issuance/schema.ts'
import { issuanceTables } from '../../../state/modules/issuance/tables.ts'
import { setPrice } from '../../../state/modules/oracle/prices.ts'
import { setProviderStatus } from '../../../state/modules/providers/members.ts'
import { MODULES } from '../../../state/registry.ts'
import { readReserve } from '../../../state/reserve.ts'
import {
  accountOf,
  code,
  coins,
  EconomyChain,
  fourEqual,
  quotaQuery,
  SETTLEMENT_ASSET,
} from '../../support/economyFixture.ts'

describe('issuance.mint', () => {
  it('mints to the named account and raises supply and liability together', () => {
    const chain = fourEqual()
    assert.equal(chain.mint(1, coins(10), accountOf(77)), undefined)
    assert.equal(getAccount(chain.state, accountOf(77)).balanceBase, coins(10))
    assert.equal(getSupply(chain.state), coins(10))
    assert.equal(getLiability(chain.state, 1).liabilityBase, coins(10))
    chain.endBlock()
  })

  it('rejects non-providers, zero amounts, and recipients that nobody can spend from', () => {
    const chain = fourEqual()
    assert.equal(code(chain.mint(77, 1n)), 'NotProvider')
    assert.equal(code(chain.mint(1, 0n)), 'ZeroAmount')
    assert.equal(code(chain.mint(1, 1n, moduleAddress(issuanceSchema))), 'RecipientRefused')
    assert.equal(code(chain.mint(1, 1n, new Uint8Array(20))), 'RecipientRefused')
    assert.equal(getSupply(chain.state), 0n)
  })

  it('rejects a provider whose status does not allow it', () => {
    const chain = fourEqual()
    setProviderStatus(chain.ctx(), 2, 'amortizing')
    assert.deepEqual(chain.mint(2, 1n)?.fields, { provider: 2, status: 'amortizing' })
    assert.equal(quotaQuery(chain, 2).blocked, 'ProviderNotActive')
    assert.equal(quotaQuery(chain, 2).mintableBase, 0n)
  })

  it('rejects a provider without capacity by the quota, and with an empty quota query elsewhere', () => {
    const chain = fourEqual()
    chain.addProvider(9)
    assert.equal(code(chain.mint(9, 1n)), 'QuotaExceeded')
    assert.equal(chain.query(issuanceModule, 'quota', { provider: 55 }), undefined)
  })

  it('rejects under notice until the last window of the lot has ended', () => {
    const chain = fourEqual(TEST_PARAMETERS)
    const failure = chain.act(capacityModule, 'giveNotice', accountOf(1), { lot: 1 })
    assert.equal(failure, undefined)
    const lastWindow = TEST_PARAMETERS.capacity.horizonWindows
    assert.deepEqual(chain.mint(1, 1n), { code: 'UnderNotice', fields: { provider: 1, lastWindow } })
    assert.equal(chain.mint(2, 1n), undefined)
    while (currentWindow(chain.state) <= lastWindow) chain.endWindow()
    assert.equal(code(chain.mint(1, 1n)), 'QuotaExceeded')
  })

  it('names the joint limit when orphans use it up', () => {
    const chain = fourEqual()
    const room = quotaQuery(chain, 1).jointBase
    const orphanBase = room - coins(5)
    issuanceTables.totals.set(
      chain.state,
      {},
      {
        liabilitiesBase: 0n,
        orphanBase,
        lockedBase: 0n,
        revision: 1,
      },
    )
    assert.deepEqual(chain.mint(1, coins(5) + 1n), {
      code: 'JointLimitExceeded',
      fields: { provider: 1, amountBase: coins(5) + 1n, mintableBase: coins(5) },
    })
  })

  it('names own backing when a group mints through its smaller member', () => {
    const chain = new EconomyChain().addProviders([
      { ratingPpm: 2_000_000n, devices: 10, group: 'a' },
      { ratingPpm: 2_000_000n, devices: 90, group: 'a' },
      { ratingPpm: 2_000_000n, devices: 100 },
      { ratingPpm: 2_000_000n, devices: 100 },
    ])
    const limits = quotaQuery(chain, 1)
    assert.ok(limits.ownBackingBase < limits.quotaBase)
    const failure = chain.mint(1, limits.ownBackingBase + 1n)
    assert.equal(code(failure), 'OwnBackingExceeded')
    assert.equal(chain.mint(1, limits.ownBackingBase), undefined)
    chain.endBlock()
  })

  it('names front-load when the capacity comes late', () => {
    const chain = new EconomyChain().addProviders([
      { ratingPpm: 2_000_000n, devices: 0 },
      { ratingPpm: 2_000_000n, devices: 100 },
      { ratingPpm: 2_000_000n, devices: 100 },
      { ratingPpm: 2_000_000n, devices: 100 },
    ])
    chain.addLot(1, { classId: 1, devices: 1_000, firstWindow: 16 })
    const limits = quotaQuery(chain, 1)
    assert.equal(limits.frontLoadBase, 0n)
    assert.equal(code(chain.mint(1, 1n)), 'FrontLoadExceeded')
  })

  it('names the bond, values it at the price, and marks it below maintenance', () => {
    const chain = new EconomyChain().addProviders(
      [30_282n, 0n, 10n ** 12n, 10n ** 12n].map((bondBase) => ({
        ratingPpm: 2_000_000n,
        devices: 100,
        bondBase,
      })),
    )
    // 0.030282 units at 3.0282 per coin are a hundredth of a coin: a twentieth may be issued against it.
    assert.deepEqual(chain.mint(1, coins(0.05) + 1n), {
      code: 'BondTooSmall',
      fields: {
        provider: 1,
        amountBase: coins(0.05) + 1n,
        mintableBase: coins(0.05),
        bondValueBase: coins(0.01),
      },
    })
    assert.equal(code(chain.mint(2, 1n)), 'BondTooSmall')
    assert.equal(chain.mint(1, coins(0.05)), undefined)
    chain.endWindow()
    assert.equal(getLiability(chain.state, 1).bondShortSince, undefined)
    setPrice(chain.state, { asset: SETTLEMENT_ASSET, priceBase: 2n * 3_028_200n })
    chain.endWindow()
    assert.equal(getLiability(chain.state, 1).bondShortSince, 2)
    chain.endWindow()
    assert.equal(getLiability(chain.state, 1).bondShortSince, 2)
    setPrice(chain.state, { asset: SETTLEMENT_ASSET, priceBase: 3_028_200n })
    chain.endWindow()
    assert.equal(getLiability(chain.state, 1).bondShortSince, undefined)
  })

  it('stops for all providers while coverage falls short, and starts the time to cure', () => {
    const chain = fourEqual()
    for (const provider of [1, 2, 3, 4]) chain.mint(provider, quotaQuery(chain, provider).mintableBase)
    chain.endBlock()
    // Cover-1 provides for one silent provider, not for two.
    setProviderStatus(chain.ctx(), 1, 'jailed')
    recountProvider(chain.ctx(), 1)
    assert.equal(readReserve(MODULES, chain.state).shortfallBase, 0n)
    setProviderStatus(chain.ctx(), 3, 'jailed')
    chain.endWindow()
    const { shortfallBase } = readReserve(MODULES, chain.state)
    assert.ok(shortfallBase > 0n)
    assert.deepEqual(chain.mint(2, 1n), { code: 'CoverageShortfall', fields: { shortfallBase } })
    const coverage = chain.query<{ shortSince: number; cureUntil: number }>(issuanceModule, 'coverage')
    assert.equal(coverage.shortSince, 1)
    assert.equal(coverage.cureUntil, 6)
    setProviderStatus(chain.ctx(), 1, 'active')
    setProviderStatus(chain.ctx(), 3, 'active')
    chain.endWindow()
    assert.equal(readReserve(MODULES, chain.state).shortfallBase, 0n)
    assert.equal(chain.query<{ shortSince?: number }>(issuanceModule, 'coverage').shortSince, undefined)
  })

  it('stops by order until it is lifted', () => {
    const chain = fourEqual()
    stopMinting(chain.ctx(), 'invariant 4')
    stopMinting(chain.ctx(), 'a later reason')
    assert.deepEqual(chain.mint(1, 1n), { code: 'MintingStopped', fields: { reason: 'invariant 4' } })
    assert.equal(chain.query<{ stopReason: string }>(issuanceModule, 'coverage').stopReason, 'invariant 4')
  })
})

describe('issuance: the lock', () => {
  it('locks the retained share and releases one K-th at each window end, the remainder with the last', () => {
    const chain = fourEqual(TEST_PARAMETERS)
    const amountBase = coins(10) + 7n
    assert.equal(chain.mint(1, amountBase, accountOf(50)), undefined)
    const lockedBase = 5n * COIN + 4n
    assert.equal(getAccount(chain.state, accountOf(50)).balanceBase, amountBase - lockedBase)
    assert.equal(getAccount(chain.state, lockAddress(1)).balanceBase, lockedBase)
    assert.equal(getTotals(chain.state).lockedBase, lockedBase)
    for (let window = 1; window <= 12; window++) {
      chain.endWindow()
      const freed = window === 12 ? lockedBase : (lockedBase / 12n) * BigInt(window)
      assert.equal(getAccount(chain.state, accountOf(1)).balanceBase, freed)
    }
    assert.equal(getLiability(chain.state, 1).releaseBase, 0n)
    chain.endWindow()
    assert.equal(getAccount(chain.state, accountOf(1)).balanceBase, lockedBase)
  })

  it('adds up the locks of several windows', () => {
    const chain = fourEqual(TEST_PARAMETERS)
    let lockedBase = 0n
    for (let round = 0; round < 3; round++) {
      for (const part of [coins(1), 13n]) {
        assert.equal(chain.mint(1, part, accountOf(50)), undefined)
        lockedBase += part - (part * 500_000n) / PPM
      }
      chain.endWindow()
    }
    while (currentWindow(chain.state) < 15) chain.endWindow()
    assert.equal(getAccount(chain.state, accountOf(1)).balanceBase, lockedBase)
    assert.equal(getTotals(chain.state).lockedBase, 0n)
  })
})

describe('issuance.retire', () => {
  it("burns at most the provider's own liability", () => {
    const chain = fourEqual()
    chain.mint(1, coins(10))
    chain.mint(2, coins(10))
    const retire = (provider: number, amountBase: bigint) =>
      chain.act(issuanceModule, 'retire', accountOf(provider), { amountBase })
    assert.equal(code(retire(77, 1n)), 'NotProvider')
    assert.equal(code(retire(1, 0n)), 'ZeroAmount')
    assert.equal(code(retire(3, 1n)), 'NothingToRetire')
    assert.equal(retire(1, coins(4)), undefined)
    assert.equal(getLiability(chain.state, 1).liabilityBase, coins(6))
    transferCoins(chain.ctx(), { from: accountOf(2), to: accountOf(1), amountBase: coins(10) })
    assert.deepEqual(retire(2, coins(1)), {
      code: 'InsufficientCoins',
      fields: { balanceBase: 0n, neededBase: coins(1) },
    })
    assert.equal(retire(1, coins(100)), undefined)
    assert.equal(getAccount(chain.state, accountOf(1)).balanceBase, coins(10))
    assert.equal(getSupply(chain.state), coins(10))
    chain.endBlock()
  })
})

describe('issuance: what redemption calls', () => {
  /** Books coins on provider 1 in a window as redemption does. */
  function book(chain: EconomyChain, windowIndex: number, amountBase: bigint): bigint {
    const hours = hoursOfCoins(amountBase, getMeasures(chain.state).anchor)
    reserveHours(chain.ctx(), { provider: 1, windowIndex, hours })
    reserveCoins(chain.ctx(), { provider: 1, windowIndex, amountBase })
    return hours
  }

  it('reserves and returns coins, and forgets them when the window ends', () => {
    const chain = fourEqual()
    chain.mint(1, coins(100))
    chain.endBlock()
    const before = getCoverage(chain.state)
    const hours = book(chain, 2, coins(30))
    assert.equal(getLiability(chain.state, 1).reservedBase, coins(30))
    assert.equal(getCoverage(chain.state).unreservedBase, coins(70))
    chain.checkInvariants()
    unreserveHours(chain.ctx(), { provider: 1, windowIndex: 2, hours })
    unreserveCoins(chain.ctx(), { provider: 1, windowIndex: 2, amountBase: coins(30) })
    assert.deepEqual(getCoverage(chain.state), before)
    book(chain, 1, coins(20))
    book(chain, 2, coins(5))
    chain.endWindow()
    assert.equal(getLiability(chain.state, 1).reservedBase, coins(25))
    chain.endWindow()
    assert.equal(getLiability(chain.state, 1).reservedBase, coins(5))
    unreserveCoins(chain.ctx(), { provider: 1, windowIndex: 1, amountBase: coins(20) })
    assert.equal(getLiability(chain.state, 1).reservedBase, coins(5))
    assert.throws(() => reserveCoins(chain.ctx(), { provider: 1, windowIndex: 2, amountBase: 1n }), /ahead/)
    assert.throws(
      () => unreserveCoins(chain.ctx(), { provider: 1, windowIndex: 2, amountBase: coins(6) }),
      /no more is returned/,
    )
  })

  it('burns at most the liability of the deliverer and leaves the rest in place', () => {
    const chain = fourEqual()
    chain.mint(1, coins(10))
    chain.mint(2, coins(10), accountOf(1))
    const burn = (amountBase: bigint): bigint =>
      liabilityBurn(chain.ctx(), { provider: 1, from: accountOf(1), amountBase })
    assert.equal(burn(coins(4)), coins(4))
    assert.equal(burn(coins(9)), coins(6))
    assert.equal(burn(coins(1)), 0n)
    assert.equal(getAccount(chain.state, accountOf(1)).balanceBase, coins(10))
    chain.endBlock()
  })

  it('takes the snapshot of liability and capacity when a window begins', () => {
    const chain = fourEqual()
    chain.mint(1, coins(10))
    assert.deepEqual(windowSnapshot(chain.state, 1), { liabilityBase: 0n, capacityBase: 0n })
    chain.endWindow()
    const { capacityBase } = getSummary(chain.state, 1)
    chain.mint(1, coins(10))
    assert.deepEqual(windowSnapshot(chain.state, 1), { liabilityBase: coins(10), capacityBase })
    assert.equal(coinsOfHours(hoursOfCoins(7n, 1_234_567n), 1_234_567n) >= 7n, true)
  })
})
