import assert from 'node:assert/strict'
import fc from 'fast-check'

import { moduleAddress } from '../../base/module.ts'
import { COIN, formatCoins, PPM } from '../../base/units.ts'
import { loadCatalogue } from '../../genesis/catalogue.ts'
import { getAccount, getSupply, transferCoins } from '../../state/modules/accounts/module.ts'
import {
  freeCoins,
  getMeasures,
  getSummary,
  recountProvider,
  reserveHours,
  unreserveHours,
} from '../../state/modules/capacity/book.ts'
import { capacityModule } from '../../state/modules/capacity/module.ts'
import { coinsOfHours, hoursOfCoins } from '../../state/modules/capacity/rating.ts'
import { currentWindow } from '../../state/modules/capacity/windows.ts'
import {
  getLiability,
  getTotals,
  liabilityBurn,
  lockAddress,
  reserveCoins,
  unreserveCoins,
  windowSnapshot,
} from '../../state/modules/issuance/ledger.ts'
import { getCoverage } from '../../state/modules/issuance/limits.ts'
import { issuanceModule, mintAtGenesis, stopMinting } from '../../state/modules/issuance/module.ts'
import { issuanceSchema } from '../../state/modules/issuance/schema.ts'
import { issuanceTables } from '../../state/modules/issuance/tables.ts'
import { setAnchor, setPrice } from '../../state/modules/oracle/module.ts'
import { DEV_PARAMETERS, TEST_PARAMETERS } from '../../state/modules/parameters.ts'
import { setProviderStatus } from '../../state/modules/providers/module.ts'
import { readReserve } from '../../state/reserve.ts'
import { accountOf, coins, EconomyChain, SETTLEMENT_ASSET } from './economyFixture.ts'

type Limits = {
  readonly mintableBase: bigint
  readonly blocked: string
  readonly quotaBase: bigint
  readonly jointBase: bigint
  readonly ownBackingBase: bigint
  readonly frontLoadBase: bigint
  readonly bondBase: bigint
}

const quotaQuery = (chain: EconomyChain, provider: number): Limits =>
  chain.query<Limits>(issuanceModule, 'quota', { provider })

/** Coins rounded to three decimals, as the table of ECONOMY §14 is. */
const rounded = (amountBase: bigint): string =>
  formatCoins(((amountBase + 5n * 10n ** 14n) / 10n ** 15n) * 10n ** 15n)
const whole = (amountBase: bigint): string => (amountBase / COIN).toString()

/** The members of ECONOMY §14 with the ratings of the data. */
function devnet(): EconomyChain {
  const classes = new Map(loadCatalogue().map((entry) => [entry.classId, entry]))
  const members = [
    { name: 'h100-sxm', devices: 256 },
    { name: 'h200-sxm', devices: 240 },
    { name: 'b200-sxm', devices: 128 },
    { name: 'mi300x', devices: 256 },
  ]
  return new EconomyChain().addProviders(
    members.map((member) => {
      const { ratingTrain, ratingFinetune, ratingInfer } = classes.get(member.name)!
      const ratingPpm = [ratingTrain, ratingFinetune, ratingInfer].reduce((a, b) => (a < b ? a : b))
      return { ...member, ratingPpm, bondBase: 30_000_000_000n }
    }),
  )
}

/** Four members that differ little, so that the quota binds. */
function fourEqual(parameters = DEV_PARAMETERS): EconomyChain {
  return new EconomyChain(parameters).addProviders(
    [0, 1, 2, 3].map(() => ({ ratingPpm: 2_000_000n, devices: 100 })),
  )
}

const code = (failure: { readonly code: string } | undefined): string | undefined => failure?.code

describe('issuance: the devnet table of ECONOMY §14', () => {
  const ids = [1, 2, 3, 4]
  const chain = devnet()
  const limits = ids.map((id) => quotaQuery(chain, id))

  it('delivers the coins per window', () => {
    const now = ids.map((provider) => {
      const [first] = chain.query<readonly { freeBase: bigint }[]>(capacityModule, 'windows', { provider })
      return formatCoins(first!.freeBase)
    })
    assert.deepEqual(now, ['5836.8', '5855.04', '5895.168', '5982.72'])
  })

  it('counts C, C/m, front-load and bond', () => {
    const C = ids.map((id) => rounded(getSummary(chain.state, id).capacityBase))
    assert.deepEqual(C, ['89717.444', '89997.811', '90614.618', '91960.38'])
    assert.deepEqual(
      limits.map((l) => rounded(l.ownBackingBase)),
      ['59811.629', '59998.54', '60409.745', '61306.92'],
    )
    assert.deepEqual(
      limits.map((l) => whole(l.frontLoadBase)),
      ['174313', '174857', '176056', '178671'],
    )
    assert.deepEqual(
      limits.map((l) => whole(l.bondBase)),
      ['49534', '49534', '49534', '49534'],
    )
  })

  it('binds at the quota, and the quotas add up to the joint limit', () => {
    assert.deepEqual(
      limits.map((l) => rounded(l.quotaBase)),
      ['44796.002', '44935.989', '45243.962', '45243.962'],
    )
    for (const l of limits) assert.equal(l.mintableBase, l.quotaBase)
    const coverage = getCoverage(chain.state)
    assert.equal(rounded(coverage.capacityBase), '362290.252')
    assert.equal(rounded(coverage.capacityBase - coverage.topExposureBase), '270329.872')
    assert.equal(rounded(limits[0]!.jointBase), '180219.915')
    const sum = limits.reduce((total, l) => total + l.quotaBase, 0n)
    assert.ok(sum <= limits[0]!.jointBase && limits[0]!.jointBase - sum < 10n)
  })

  it('lets each mint its genesis liability and its whole quota, and not one unit more', () => {
    for (const provider of ids)
      assert.equal(
        mintAtGenesis(chain.ctx(), { provider, to: accountOf(provider), amountBase: coins(25_250) }),
        undefined,
      )
    assert.deepEqual(windowSnapshot(chain.state, 2), {
      liabilityBase: coins(25_250),
      capacityBase: getSummary(chain.state, 2).capacityBase,
    })
    chain.endBlock()
    assert.equal(readReserve(chain.state).supplyBase, coins(101_000))
    for (const provider of ids) {
      const { mintableBase } = quotaQuery(chain, provider)
      const failure = chain.mint(provider, mintableBase + 1n)
      assert.deepEqual(failure, {
        code: 'QuotaExceeded',
        fields: { provider, amountBase: mintableBase + 1n, mintableBase },
      })
      assert.equal(chain.mint(provider, mintableBase), undefined)
    }
    chain.endBlock()
    const { supplyBase, liabilitiesBase, shortfallBase, anchor } = readReserve(chain.state)
    assert.equal(rounded(supplyBase), '180219.915')
    assert.equal(liabilitiesBase, supplyBase)
    assert.equal(shortfallBase, 0n)
    assert.equal(anchor, PPM)
  })
})

describe('issuance.mint', () => {
  it('mints to the named account and raises supply and liability together', () => {
    const chain = fourEqual()
    assert.equal(chain.mint(1, coins(10), accountOf(77)), undefined)
    assert.equal(getAccount(chain.state, accountOf(77)).balanceBase, coins(10))
    assert.equal(getSupply(chain.state), coins(10))
    assert.equal(getLiability(chain.state, 1).liabilityBase, coins(10))
    chain.endBlock()
  })

  it('refuses strangers, nothing, and recipients that nobody can spend from', () => {
    const chain = fourEqual()
    assert.equal(code(chain.mint(77, 1n)), 'NotProvider')
    assert.equal(code(chain.mint(1, 0n)), 'ZeroAmount')
    assert.equal(code(chain.mint(1, 1n, moduleAddress(issuanceSchema))), 'RecipientRefused')
    assert.equal(code(chain.mint(1, 1n, new Uint8Array(20))), 'RecipientRefused')
    assert.equal(getSupply(chain.state), 0n)
  })

  it('refuses a provider whose status does not allow it', () => {
    const chain = fourEqual()
    setProviderStatus(chain.ctx(), 2, 'amortizing')
    assert.deepEqual(chain.mint(2, 1n)?.fields, { provider: 2, status: 'amortizing' })
    assert.equal(quotaQuery(chain, 2).blocked, 'ProviderNotActive')
    assert.equal(quotaQuery(chain, 2).mintableBase, 0n)
  })

  it('refuses a provider without capacity by the quota, and with an empty quota query elsewhere', () => {
    const chain = fourEqual()
    chain.addProvider(9)
    assert.equal(code(chain.mint(9, 1n)), 'QuotaExceeded')
    assert.equal(chain.query(issuanceModule, 'quota', { provider: 55 }), undefined)
  })

  it('refuses under notice until the last window of the lot has ended', () => {
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
    // 0.030282 units at 3.0282 a coin are a hundredth of a coin: a twentieth may be issued on it.
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

  it('stops for everybody while coverage falls short, and starts the time to cure', () => {
    const chain = fourEqual()
    for (const provider of [1, 2, 3, 4]) chain.mint(provider, quotaQuery(chain, provider).mintableBase)
    chain.endBlock()
    // One silent provider is what cover-1 provides for; two are not.
    setProviderStatus(chain.ctx(), 1, 'jailed')
    recountProvider(chain.ctx(), 1)
    assert.equal(readReserve(chain.state).shortfallBase, 0n)
    setProviderStatus(chain.ctx(), 3, 'jailed')
    chain.endWindow()
    const { shortfallBase } = readReserve(chain.state)
    assert.ok(shortfallBase > 0n)
    assert.deepEqual(chain.mint(2, 1n), { code: 'CoverageShortfall', fields: { shortfallBase } })
    const coverage = chain.query<{ shortSince: number; cureUntil: number }>(issuanceModule, 'coverage')
    assert.equal(coverage.shortSince, 1)
    assert.equal(coverage.cureUntil, 6)
    setProviderStatus(chain.ctx(), 1, 'active')
    setProviderStatus(chain.ctx(), 3, 'active')
    chain.endWindow()
    assert.equal(readReserve(chain.state).shortfallBase, 0n)
    assert.equal(chain.query<{ shortSince?: number }>(issuanceModule, 'coverage').shortSince, undefined)
  })

  it('stops by order until the order is lifted', () => {
    const chain = fourEqual()
    stopMinting(chain.ctx(), 'invariant 4')
    stopMinting(chain.ctx(), 'a later reason')
    assert.deepEqual(chain.mint(1, 1n), { code: 'MintingStopped', fields: { reason: 'invariant 4' } })
    assert.equal(chain.query<{ stopReason: string }>(issuanceModule, 'coverage').stopReason, 'invariant 4')
  })
})

describe('issuance: the lock', () => {
  it('keeps the retained share and frees one K-th at each window end, the rest at last', () => {
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
  it('burns at most the own liability', () => {
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

  it('burns at most the liability of the deliverer and leaves the rest where it lies', () => {
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

describe('issuance: coverage through drift', () => {
  for (const [name, parameters] of [
    ['dev', DEV_PARAMETERS],
    ['test', TEST_PARAMETERS],
  ] as const)
    it(`has no shortfall through K windows of the largest drift at the limit (${name})`, () => {
      const chain = new EconomyChain(parameters).addProviders(
        [31, 47, 53, 20, 77].map((devices) => ({ ratingPpm: 2_345_678n, devices })),
      )
      for (const provider of [1, 2, 3, 4, 5]) {
        const { mintableBase } = quotaQuery(chain, provider)
        assert.ok(mintableBase > 0n)
        assert.equal(chain.mint(provider, mintableBase), undefined)
      }
      chain.endBlock()
      for (let k = 1; k <= parameters.capacity.horizonWindows; k++) {
        setAnchor(chain.ctx(), 10n ** 12n)
        chain.endWindow()
        assert.equal(readReserve(chain.state).shortfallBase, 0n, `after ${k} windows`)
      }
    })
})

describe('issuance against a naive model', () => {
  const K = TEST_PARAMETERS.capacity.horizonWindows
  const step = fc.record({
    kind: fc.constantFrom('mint', 'mint', 'retire', 'reserve', 'settle', 'return', 'window'),
    provider: fc.integer({ min: 1, max: 4 }),
    share: fc.integer({ min: 0, max: 100 }),
    windowAhead: fc.integer({ min: 1, max: 3 }),
  })

  interface Model {
    /** L per provider. */
    readonly owed: bigint[]
    /** Coins and hours booked per `provider/window`. */
    readonly booked: Map<string, { amountBase: bigint; hours: bigint }>
    windows: number
  }

  const reservedOf = (model: Model, provider: number): bigint =>
    [...model.booked].reduce(
      (sum, [key, { amountBase }]) => (key.startsWith(`${provider}/`) ? sum + amountBase : sum),
      0n,
    )

  function apply(
    chain: EconomyChain,
    model: Model,
    {
      kind,
      provider,
      share,
      windowAhead,
    }: { kind: string; provider: number; share: number; windowAhead: number },
  ): void {
    const part = (whole: bigint): bigint => (whole * BigInt(share)) / 100n
    const windowIndex = currentWindow(chain.state) + windowAhead
    const key = `${provider}/${windowIndex}`
    const entry = model.booked.get(key) ?? { amountBase: 0n, hours: 0n }
    if (kind === 'mint') {
      const { mintableBase } = quotaQuery(chain, provider)
      assert.notEqual(chain.mint(provider, mintableBase + 1n), undefined)
      const amountBase = part(mintableBase)
      if (amountBase === 0n) return
      assert.equal(chain.mint(provider, amountBase), undefined)
      model.owed[provider]! += amountBase
    } else if (kind === 'retire') {
      const free = getAccount(chain.state, accountOf(provider)).balanceBase
      const amountBase = part(free < model.owed[provider]! ? free : model.owed[provider]!)
      if (amountBase === 0n) return
      assert.equal(chain.act(issuanceModule, 'retire', accountOf(provider), { amountBase }), undefined)
      model.owed[provider]! -= amountBase
    } else if (kind === 'reserve') {
      // As much as the provider owes and has not reserved: what it delivers is its own.
      const own = model.owed[provider]! - reservedOf(model, provider)
      const room = freeCoins(chain.state, { provider, windowIndex })
      const amountBase = part(own < room ? own : room)
      if (amountBase <= 0n) return
      const hours = hoursOfCoins(amountBase, getMeasures(chain.state).anchor)
      reserveHours(chain.ctx(), { provider, windowIndex, hours })
      reserveCoins(chain.ctx(), { provider, windowIndex, amountBase })
      model.booked.set(key, { amountBase: entry.amountBase + amountBase, hours: entry.hours + hours })
    } else if (kind === 'settle') {
      const held = getAccount(chain.state, accountOf(provider)).balanceBase
      const amountBase = part(entry.amountBase < held ? entry.amountBase : held)
      const burn = { provider, from: accountOf(provider), amountBase }
      const burnedBase = liabilityBurn(chain.ctx(), burn)
      assert.equal(burnedBase, amountBase < model.owed[provider]! ? amountBase : model.owed[provider]!)
      unreserveCoins(chain.ctx(), { provider, windowIndex, amountBase })
      model.owed[provider]! -= burnedBase
      model.booked.set(key, { ...entry, amountBase: entry.amountBase - amountBase })
    } else if (kind === 'return') {
      unreserveHours(chain.ctx(), { provider, windowIndex, hours: entry.hours })
      unreserveCoins(chain.ctx(), { provider, windowIndex, amountBase: entry.amountBase })
      model.booked.delete(key)
    } else if (model.windows < K) {
      model.windows++
      const ended = currentWindow(chain.state)
      setAnchor(chain.ctx(), (getMeasures(chain.state).anchor * BigInt(1_000 + share)) / 1_000n)
      chain.endWindow()
      for (const id of [1, 2, 3, 4]) model.booked.delete(`${id}/${ended}`)
    }
  }

  it('keeps L, R and the supply, and is never short while constant capacity serves its own issuers', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const chain = new EconomyChain(TEST_PARAMETERS).addProviders(
          [31, 47, 53, 40].map((devices) => ({ ratingPpm: 5_000_000n, devices })),
        )
        const model: Model = { owed: [0n, 0n, 0n, 0n, 0n], booked: new Map(), windows: 0 }
        for (const one of steps) {
          apply(chain, model, one)
          for (const provider of [1, 2, 3, 4]) {
            const { liabilityBase, reservedBase } = getLiability(chain.state, provider)
            assert.equal(liabilityBase, model.owed[provider])
            assert.equal(reservedBase, reservedOf(model, provider))
          }
          const { supplyBase, shortfallBase } = readReserve(chain.state)
          assert.equal(
            supplyBase,
            model.owed.reduce((a, b) => a + b, 0n),
          )
          // Each reservation may round its coins up by one unit of capacity.
          assert.ok(shortfallBase <= BigInt(steps.length), `short of ${shortfallBase}`)
        }
        chain.endBlock()
      }),
      { numRuns: 40 },
    )
  })
})

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

  it('notice a liability without coins, issue or total', () => {
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

  it('notice reservations and locks that do not add up', () => {
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

  it('notice a stated shortfall that a recount does not find', () => {
    assert.equal(
      broken(({ state }) => {
        const stored = issuanceTables.coverage.mustGet(state, {})
        issuanceTables.coverage.set(state, {}, { ...stored, shortfallBase: 1n })
      }),
      '18 shortfall',
    )
  })
})
