import assert from 'node:assert/strict'
import { type Parameters, TEST_PARAMETERS } from '../../../genesis/parameters.ts'
import { issueAsset, registerAsset } from '../../../state/modules/assets/ledger.ts'
import { bookHours, freeHours, returnHours } from '../../../state/modules/capacity/book.ts'
import { getGroup } from '../../../state/modules/capacity/groups.ts'
import { capacityModule } from '../../../state/modules/capacity/module.ts'
import { hasOverbooked, nextOverbooked } from '../../../state/modules/capacity/overbooked.ts'
import { attestLot } from '../../../state/modules/capacity/pledges.ts'
import {
  type CapacitySummary,
  getSummary,
  noteParametersChanged,
} from '../../../state/modules/capacity/sums.ts'
import { capacityParams } from '../../../state/modules/capacity/tables.ts'
import { currentWindow } from '../../../state/modules/capacity/windows.ts'
import { getLiability } from '../../../state/modules/issuance/ledger.ts'
import { issuanceModule } from '../../../state/modules/issuance/module.ts'
import { issuanceParams, issuanceTables } from '../../../state/modules/issuance/tables.ts'
import { setAnchor } from '../../../state/modules/oracle/anchor.ts'
import { renewPrice, setPrice } from '../../../state/modules/oracle/prices.ts'
import { addBond } from '../../../state/modules/providers/bonds.ts'
import { getProvider } from '../../../state/modules/providers/members.ts'
import { providersTables } from '../../../state/modules/providers/tables.ts'
import {
  accountOf,
  code,
  EconomyChain,
  fourEqual,
  PRICE_BASE,
  quotaQuery,
  SETTLEMENT_ASSET,
} from '../../support/economyFixture.ts'

interface Cure {
  readonly cause: string
  readonly sinceWindow: number
  readonly untilWindow: number
  readonly shortfallBase: bigint
  readonly faultBase: bigint
}
const K = TEST_PARAMETERS.capacity.horizonWindows
const PARAMETERS: Parameters = {
  ...TEST_PARAMETERS,
  issuance: { ...TEST_PARAMETERS.issuance, retainPpm: 0n, lockFloorPpm: 0n },
}
const cureOf = (chain: EconomyChain) => chain.query<Cure | undefined>(issuanceModule, 'cure', { provider: 1 })
const statusOf = (chain: EconomyChain) => getProvider(chain.state, 1)!.status
const faultsOf = (chain: EconomyChain) =>
  providersTables.fault.get(chain.state, { provider: 1, kind: 'coverage' })
const shortBy = (chain: EconomyChain): bigint =>
  getLiability(chain.state, 1).liabilityBase - getSummary(chain.state, 1).capacityBase

/** Four providers; the first owes what its capacity delivers to within a unit, so that anything lost leaves it short. */
function atTheEdge(): EconomyChain {
  const chain = owing(({ capacityBase }) => capacityBase)
  assert.equal(shortBy(chain), 0n)
  return chain
}

/** Four providers; the first owes all that its own capacity lets it mint. */
const atOwnLimit = (): EconomyChain =>
  owing(({ lastingBase }) => (lastingBase * 1_000_000n) / PARAMETERS.issuance.marginPpm)

function owing(amountOf: (summary: CapacitySummary) => bigint): EconomyChain {
  const chain = fourEqual(PARAMETERS)
  assert.equal(chain.mint(1, quotaQuery(chain, 1).mintableBase), undefined)
  chain.endBlock()
  const owed = getLiability(chain.state, 1).liabilityBase
  const wanted = amountOf(getSummary(chain.state, 1))
  // Minted in steps that the mint rule would not allow: the test is about what follows.
  const more = wanted - owed
  const liability = getLiability(chain.state, 1)
  const totals = issuanceTables.totals.mustGet(chain.state, {})
  issuanceTables.liability.set(
    chain.state,
    { provider: 1 },
    { ...liability, liabilityBase: wanted, issuedBase: liability.issuedBase + more },
  )
  issuanceTables.totals.set(chain.state, {}, { ...totals, liabilitiesBase: totals.liabilitiesBase + more })
  issuanceTables.changed.set(chain.state, {}, { providers: [1] })
  chain.giveCoins(more)
  chain.endBlock()
  return chain
}

describe('issuance: cures', () => {
  it('does not ask one whose own capacity covers what it owes: above its own limits it is amortizing', () => {
    const chain = atTheEdge()
    chain.endWindow()
    assert.equal(statusOf(chain), 'amortizing')
    assert.equal(cureOf(chain), undefined)
    assert.equal(code(chain.mint(1, 1n)), 'ProviderNotActive')
    assert.equal(faultsOf(chain), undefined)
  })

  it('calls amortizing whose own limits drift exceeds, and active again when they hold', () => {
    const chain = atOwnLimit()
    chain.endWindow()
    assert.equal(statusOf(chain), 'active')
    setAnchor(chain.ctx(), 1_001_000n)
    chain.endWindow()
    assert.equal(statusOf(chain), 'amortizing')
    assert.equal(cureOf(chain), undefined)
    assert.equal(code(chain.mint(1, 1n)), 'ProviderNotActive')
    chain.addLot(1, { classId: 1, devices: 1 })
    chain.endWindow()
    assert.equal(statusOf(chain), 'active')
  })

  it('calls amortizing whose own limits new parameters exceed', () => {
    const chain = atOwnLimit()
    const params = issuanceParams.get(chain.state)
    issuanceParams.set(chain.state, { ...params, marginPpm: params.marginPpm + 1_000n })
    chain.endWindow()
    assert.equal(statusOf(chain), 'amortizing')
    issuanceParams.set(chain.state, { ...params, frontLoadPpm: 9_000_000n })
    chain.endWindow()
    assert.equal(statusOf(chain), 'amortizing', 'front-load is one of them')
    issuanceParams.set(chain.state, params)
    chain.endWindow()
    assert.equal(statusOf(chain), 'active')
  })

  it('asks for a cure of what drift leaves short: no penalty, no minting, and the usual time', () => {
    const chain = atTheEdge()
    setAnchor(chain.ctx(), 1_010_000n)
    chain.endWindow()
    assert.equal(statusOf(chain), 'curing')
    assert.deepEqual(cureOf(chain), {
      cause: 'drift',
      sinceWindow: 1,
      untilWindow: 1 + PARAMETERS.issuance.cureWindows,
      shortfallBase: shortBy(chain),
      faultBase: 0n,
    })
    assert.equal(faultsOf(chain), undefined)
    assert.equal(code(chain.mint(1, 1n)), 'ProviderNotActive')
    // More hardware of its own ends it.
    chain.addLot(1, { classId: 1, devices: 1_000 })
    chain.endWindow()
    assert.equal(statusOf(chain), 'active')
    assert.equal(cureOf(chain), undefined)
  })

  it('gives K windows for what new parameters did', () => {
    const chain = atTheEdge()
    const params = capacityParams.get(chain.state)
    capacityParams.set(chain.state, { ...params, availabilityHaircutPpm: 60_000n })
    noteParametersChanged(chain.state)
    chain.endWindow()
    const cure = cureOf(chain)
    assert.equal(statusOf(chain), 'curing')
    assert.equal(cure?.cause, 'parameters')
    assert.equal(cure?.untilWindow, 1 + K)
    assert.equal(cure?.faultBase, 0n)
    assert.equal(faultsOf(chain), undefined)
  })

  it('penalises what an audit took, once', () => {
    const chain = atTheEdge()
    attestLot(chain.ctx(), { lot: 1, auditPpm: 900_000n })
    setAnchor(chain.ctx(), 1_010_000n)
    chain.endWindow()
    const { cutBase } = getSummary(chain.state, 1)
    const cure = cureOf(chain)
    assert.equal(statusOf(chain), 'curing')
    assert.equal(cure?.cause, 'haircut')
    // Drift is part of the shortfall, but not of the fault.
    assert.equal(cure?.faultBase, cutBase)
    assert.ok(cutBase > 0n && cutBase < shortBy(chain))
    assert.equal(faultsOf(chain)?.amountBase, cutBase)
    chain.endWindow()
    assert.equal(faultsOf(chain)?.count, 1)
    assert.equal(cureOf(chain)?.sinceWindow, 1)
  })

  it('penalises what notice has withdrawn, as it grows', () => {
    const chain = atTheEdge()
    const failure = chain.act(capacityModule, 'giveNotice', accountOf(1), { lot: 1 })
    assert.equal(failure, undefined)
    chain.endWindow()
    assert.equal(cureOf(chain)?.cause, 'withdrawal')
    assert.equal(statusOf(chain), 'curing')
    for (let window = 1; window <= 3; window++) {
      assert.equal(cureOf(chain)?.faultBase, shortBy(chain))
      assert.equal(faultsOf(chain)?.amountBase, shortBy(chain))
      assert.equal(faultsOf(chain)?.count, window)
      chain.endWindow()
    }
  })

  it('asks for a bond below its maintenance level to be topped up', () => {
    const chain = fourEqual(PARAMETERS)
    assert.equal(chain.mint(1, quotaQuery(chain, 1).mintableBase), undefined)
    chain.setBond(1, 1n)
    chain.endWindow()
    assert.equal(statusOf(chain), 'curing')
    assert.equal(cureOf(chain)?.cause, 'bond')
    assert.equal(faultsOf(chain), undefined)
    chain.setBond(1, 10n ** 15n)
    chain.endWindow()
    assert.equal(statusOf(chain), 'active')
  })

  it('stands still while only the bond is missing and its price is too old to tell', () => {
    const chain = atOwnLimit()
    const flat = { priceBase: PRICE_BASE, bondPriceBase: PRICE_BASE, lockPriceBase: PRICE_BASE }
    const renew = (): void =>
      renewPrice(chain.state, { asset: SETTLEMENT_ASSET, window: currentWindow(chain.state), ...flat })
    renew()
    chain.setBond(1, 1n)
    chain.endWindow()
    const { untilWindow } = cureOf(chain)!
    renew()
    chain.endWindow()
    assert.equal(cureOf(chain)!.untilWindow, untilWindow)
    const { priceFreshWindows } = PARAMETERS.oracle
    for (let i = 0; i < priceFreshWindows - 1; i++) chain.endWindow()
    assert.equal(cureOf(chain)!.untilWindow, untilWindow, 'fresh until then')
    for (let i = 1; i <= 4; i++) {
      chain.endWindow()
      assert.equal(cureOf(chain)!.untilWindow, untilWindow + i)
    }
    renew()
    chain.endWindow()
    assert.equal(cureOf(chain)!.untilWindow, untilWindow + 4)
    assert.equal(statusOf(chain), 'curing')
  })

  it('goes on once the price has been too old for K windows, while another one is fresh', () => {
    const chain = atOwnLimit()
    const FORGOTTEN = 7
    const renew = (asset: number): void => {
      const flat = { priceBase: PRICE_BASE, bondPriceBase: PRICE_BASE, lockPriceBase: PRICE_BASE }
      renewPrice(chain.state, { asset, window: currentWindow(chain.state), ...flat })
    }
    const issuer = accountOf(999)
    registerAsset(chain.ctx(), { id: FORGOTTEN, name: 'Forgotten', symbol: 'FGT', decimals: 6, issuer })
    setPrice(chain.state, { asset: FORGOTTEN, priceBase: PRICE_BASE })
    renew(FORGOTTEN)
    renew(SETTLEMENT_ASSET)
    chain.setBond(1, 1n)
    issueAsset(chain.ctx(), { asset: FORGOTTEN, to: accountOf(1), amountBase: 10n ** 15n })
    assert.ok(
      addBond(chain.ctx(), { provider: 1, asset: FORGOTTEN, from: accountOf(1), amountBase: 10n ** 15n }),
    )
    const { priceFreshWindows } = PARAMETERS.oracle
    const givenUpAt = 1 + priceFreshWindows + K
    // Nobody can tell what the bond is worth: it is not short, and nothing can be minted on it.
    while (currentWindow(chain.state) < givenUpAt - 1) {
      renew(SETTLEMENT_ASSET)
      chain.endWindow()
      assert.equal(cureOf(chain), undefined)
    }
    assert.equal(chain.mint(1, 1n)?.code, 'OracleStale')
    renew(SETTLEMENT_ASSET)
    chain.endWindow()
    assert.deepEqual([cureOf(chain)!.cause, statusOf(chain)], ['bond', 'curing'])
    const { untilWindow } = cureOf(chain)!
    assert.equal(untilWindow, givenUpAt + PARAMETERS.issuance.cureWindows)
    renew(SETTLEMENT_ASSET)
    chain.endWindow()
    assert.equal(cureOf(chain)!.untilWindow, untilWindow)
    // Without any fresh price nobody could make the bond good: the clock stands still as before.
    for (let i = 0; i < priceFreshWindows + 1; i++) chain.endWindow()
    assert.ok(cureOf(chain)!.untilWindow > untilWindow)
    chain.checkInvariants()
  })
})

describe('capacity: groups with more booked than they have', () => {
  it('are named after a haircut until what is booked fits again', () => {
    const chain = new EconomyChain(PARAMETERS).addProviders([{ ratingPpm: 2_000_000n, devices: 100 }])
    const all = freeHours(chain.state, { group: 1, windowIndex: 2 })
    bookHours(chain.ctx(), { group: 1, windowIndex: 2, hours: all, amountBase: 10n })
    attestLot(chain.ctx(), { lot: 1, auditPpm: 900_000n })
    chain.endBlock()
    assert.equal(hasOverbooked(chain.state), false)
    chain.endWindow()
    assert.equal(
      nextOverbooked(chain.ctx(), () => true),
      1,
    )
    assert.equal(freeHours(chain.state, { group: 1, windowIndex: 2 }), 0n)
    const part = all / 10n
    const back = { group: 1, windowIndex: 2, amountBase: 1n }
    returnHours(chain.ctx(), { ...back, hours: part - 1n })
    assert.equal(
      nextOverbooked(chain.ctx(), () => true),
      1,
    )
    chain.checkInvariants()
    returnHours(chain.ctx(), { ...back, hours: 1n })
    assert.equal(getGroup(chain.state, 1)!.overbooked, false)
    assert.equal(
      nextOverbooked(chain.ctx(), () => true),
      undefined,
    )
    assert.equal(hasOverbooked(chain.state), false)
    assert.equal(currentWindow(chain.state), 1)
    chain.endBlock()
  })
  it('are not named for the window that is running: its hours are being delivered', () => {
    const chain = new EconomyChain(PARAMETERS).addProviders([{ ratingPpm: 2_000_000n, devices: 100 }])
    const all = freeHours(chain.state, { group: 1, windowIndex: 1 })
    bookHours(chain.ctx(), { group: 1, windowIndex: 1, hours: all, amountBase: 10n })
    attestLot(chain.ctx(), { lot: 1, auditPpm: 900_000n })
    chain.endWindow()
    assert.equal(currentWindow(chain.state), 1)
    assert.equal(hasOverbooked(chain.state), false)
    chain.checkInvariants()
  })
})
