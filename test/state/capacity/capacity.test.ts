import assert from 'node:assert/strict'
import fc from 'fast-check'
import { u64be } from '../../../base/bytes.ts'
import { sha256 } from '../../../base/crypto/hash.ts'
import { AMOUNT_MAX, PPM } from '../../../base/units.ts'
import { DEV_PARAMETERS, TEST_PARAMETERS } from '../../../genesis/parameters.ts'
import { freeHours } from '../../../state/modules/capacity/book.ts'
import { getGroup, groupIdsOf, ratedHours } from '../../../state/modules/capacity/groups.ts'
import { getLot, lotIdsOf } from '../../../state/modules/capacity/lots.ts'
import { capacityModule } from '../../../state/modules/capacity/module.ts'
import { attestLot } from '../../../state/modules/capacity/pledges.ts'
import {
  classCounts,
  classLasts,
  coinsOfHours,
  groupHours,
  HOURS_MAX,
  hoursOfCoins,
  quarterPoints,
  WINDOW_COINS_MAX,
} from '../../../state/modules/capacity/rating.ts'
import {
  ALL_SERVICES,
  LOT_DEVICES_MAX,
  LOTS_MAX,
  type LotGroup,
  WINDOWS_MAX,
} from '../../../state/modules/capacity/schema.ts'
import {
  getCount,
  getMeasures,
  getSummary,
  pledgedSums,
  setSums,
} from '../../../state/modules/capacity/sums.ts'
import { capacityParams, capacityTables } from '../../../state/modules/capacity/tables.ts'
import { currentWindow, getClock } from '../../../state/modules/capacity/windows.ts'
import { RATING_MAX } from '../../../state/modules/catalogue/schema.ts'
import { catalogueTables } from '../../../state/modules/catalogue/tables.ts'
import { setProviderStatus } from '../../../state/modules/providers/members.ts'
import { PROVIDERS_MAX } from '../../../state/modules/providers/schema.ts'
import { accountOf, code, coins, EconomyChain, GENESIS_MS } from '../../support/economyFixture.ts'

const rootOf = (n: number): Uint8Array => sha256(u64be(10_000 + n))

function oneProvider(ratingPpm = 2_000_000n, parameters = DEV_PARAMETERS): EconomyChain {
  return new EconomyChain(parameters).addProviders([{ ratingPpm, devices: 100 }])
}

const onlyGroup = (chain: EconomyChain): LotGroup => capacityTables.group.mustGet(chain.state, { id: 1 })

const pledgeArgs = (more: object = {}) => ({
  classId: 1,
  devices: 10,
  deviceRoot: rootOf(1),
  region: 'tw-north',
  services: ALL_SERVICES,
  firstWindow: 1,
  ...more,
})

describe('capacity.rating', () => {
  it('rates a group in whole ppm of an hour and turns hours into coins, rounded down', () => {
    const terms = { windowHours: 24, ratingPpm: PPM, availabilityHaircutPpm: 50_000n }
    const hours = groupHours({ ...terms, devicesPpm: 256n * PPM })
    assert.equal(coinsOfHours(hours, PPM), coins(5_836.8))
    assert.equal(coinsOfHours(hours, 2n * PPM), coins(2_918.4))
    assert.equal(coinsOfHours(hours, PPM, 1_020_000n), (hours * PPM * PPM) / (PPM * 1_020_000n))
    // 24 · 1.000001 · 0.95 / 3 hours are 7.6000076, of which the seventh decimal is lost.
    const third = groupHours({ ...terms, ratingPpm: 1_000_001n, devicesPpm: 333_333n })
    assert.equal(third, 7_599_999n * PPM * PPM)
  })

  it('books at least the hours that deliver the coins', () => {
    const values = fc.tuple(fc.bigInt({ min: 0n, max: 10n ** 28n }), fc.bigInt({ min: 1n, max: 10n ** 12n }))
    fc.assert(
      fc.property(values, ([amountBase, anchor]) => {
        const hours = hoursOfCoins(amountBase, anchor)
        assert.ok(coinsOfHours(hours, anchor) >= amountBase)
        assert.ok(hours === 0n || (hours - 1n) * PPM < amountBase * anchor)
      }),
    )
  })

  it('saturates instead of overflowing a ledger cell', () => {
    const most = { windowHours: 8_760, ratingPpm: RATING_MAX, availabilityHaircutPpm: 0n }
    const devicesPpm = BigInt(LOT_DEVICES_MAX) * BigInt(LOTS_MAX) * PPM
    const hours = groupHours({ ...most, devicesPpm })
    assert.equal(hours, HOURS_MAX)
    assert.equal(coinsOfHours(hours, 1n), WINDOW_COINS_MAX)
    assert.ok(WINDOW_COINS_MAX * BigInt(LOTS_MAX * PROVIDERS_MAX * WINDOWS_MAX) <= AMOUNT_MAX)
  })

  it('keeps a class while its rating reaches the share of the anchor', () => {
    const limits = { minClassPpm: 250_000n, anchor: PPM, growthPpm: PPM }
    assert.ok(classCounts({ ...limits, ratingPpm: 250_000n }))
    assert.ok(!classCounts({ ...limits, ratingPpm: 249_999n }))
    assert.ok(!classCounts({ ...limits, ratingPpm: 250_000n, growthPpm: PPM + 1n }))
    // C* asks for twice the horizon: the square of the growth.
    assert.ok(classLasts({ ...limits, ratingPpm: 360_000n, growthPpm: 1_200_000n }))
    assert.ok(!classLasts({ ...limits, ratingPpm: 359_999n, growthPpm: 1_200_000n }))
  })

  it('uses the quarters of the horizon, rounded up', () => {
    assert.deepEqual(quarterPoints(120), [30, 60, 90])
    assert.deepEqual(quarterPoints(18), [5, 9, 14])
  })
})

describe('capacity: windows', () => {
  it('end with the first block at or after their end, one per block', () => {
    const chain = oneProvider()
    chain.endBlock(59_999)
    assert.equal(currentWindow(chain.state), 0)
    chain.endBlock(1)
    assert.equal(currentWindow(chain.state), 1)
    assert.deepEqual(chain.query(capacityModule, 'clock'), {
      windowIndex: 1,
      startedAtMs: GENESIS_MS + 60_000,
      endsAtMs: GENESIS_MS + 120_000,
      startedAtHeight: 2,
    })
    chain.endBlock(1)
    assert.equal(currentWindow(chain.state), 1)
  })

  it('have their full length after a late block', () => {
    const chain = oneProvider()
    chain.endBlock(200_000)
    assert.equal(getClock(chain.state).endsAtMs, GENESIS_MS + 260_000)
    chain.endBlock(59_999)
    assert.equal(currentWindow(chain.state), 1)
    chain.endBlock(1)
    assert.equal(currentWindow(chain.state), 2)
  })

  it('lose unused hours, and keep a constant capacity ahead', () => {
    const chain = oneProvider()
    const { capacityBase } = getSummary(chain.state, 1)
    const horizon = DEV_PARAMETERS.capacity.horizonWindows
    for (let window = 0; window < 3; window++) {
      assert.ok(ratedHours(chain.state, onlyGroup(chain), window + horizon) > 0n)
      chain.endWindow()
      const windows = chain.query<readonly { windowIndex: number }[]>(capacityModule, 'windows', {
        provider: 1,
      })
      assert.equal(windows[0]!.windowIndex, window + 1)
      assert.equal(getSummary(chain.state, 1).capacityBase, capacityBase)
    }
  })
})

describe('capacity.pledge', () => {
  const pledge = (chain: EconomyChain, more: object = {}, sender = 1) =>
    chain.act(capacityModule, 'pledge', accountOf(sender), pledgeArgs(more))

  it('adds a lot that does not count until its audit, then from the next window on, in the same group', () => {
    const chain = oneProvider()
    const before = getSummary(chain.state, 1).capacityBase
    assert.equal(pledge(chain), undefined)
    assert.deepEqual(lotIdsOf(chain.state, 1), [1, 2])
    chain.endWindow()
    assert.equal(getSummary(chain.state, 1).capacityBase, before)
    const free = freeHours(chain.state, { group: 1, windowIndex: 3 })
    attestLot(chain.ctx(), { lot: 2, auditPpm: PPM })
    chain.endBlock()
    // Until the window ends it has no hours.
    assert.equal(freeHours(chain.state, { group: 1, windowIndex: 3 }), free)
    assert.equal(getSummary(chain.state, 1).capacityBase, before)
    chain.endWindow()
    assert.equal(freeHours(chain.state, { group: 1, windowIndex: 3 }) * 10n, free * 11n)
    assert.equal(getSummary(chain.state, 1).capacityBase / 10n ** 9n, (before * 11n) / 10n ** 10n)
    assert.deepEqual(groupIdsOf(chain.state, 1), [1])
  })

  it('applies the haircut of an audit when the window ends', () => {
    const chain = oneProvider()
    const before = freeHours(chain.state, { group: 1, windowIndex: 2 })
    attestLot(chain.ctx(), { lot: 1, auditPpm: 900_000n })
    assert.equal(freeHours(chain.state, { group: 1, windowIndex: 2 }), before)
    chain.endWindow()
    assert.equal(freeHours(chain.state, { group: 1, windowIndex: 2 }), (before * 9n) / 10n)
    assert.equal(getLot(chain.state, 1)!.countsFrom, 0)
  })

  it('makes a group of each class, region, set of services and rating version', () => {
    const chain = oneProvider()
    chain.addClass(2, 3_000_000n)
    chain.addLot(1, { classId: 1, devices: 1, region: 'us' })
    chain.addLot(1, { classId: 1, devices: 1, services: 3 })
    chain.addLot(1, { classId: 2, devices: 1 })
    chain.addLot(1, { classId: 1, devices: 5 })
    const record = catalogueTables.class.mustGet(chain.state, { id: 1 })
    catalogueTables.class.set(chain.state, { id: 1 }, { ...record, trainPpm: 4_000_000n })
    chain.addLot(1, { classId: 1, devices: 1 })
    assert.deepEqual(groupIdsOf(chain.state, 1), [1, 2, 3, 4, 5])
    assert.equal(getGroup(chain.state, 1)!.lotCount, 2)
    assert.equal(getGroup(chain.state, 5)!.inForce.train, 4_000_000n)
    assert.equal(getGroup(chain.state, 1)!.inForce.train, 2_000_000n)
    const groups = chain.query<readonly { id: number; region: string }[]>(capacityModule, 'groups', {
      provider: 1,
    })
    assert.deepEqual(
      groups.map(({ region }) => region),
      ['tw-north', 'us', 'tw-north', 'tw-north', 'tw-north'],
    )
    assert.equal(chain.query<{ classId: number }>(capacityModule, 'group', { id: 4 }).classId, 2)
    assert.equal(chain.query(capacityModule, 'group', { id: 9 }), undefined)
    chain.endBlock()
  })

  it('rejects invalid pledges, each with its reason', () => {
    const chain = oneProvider()
    assert.equal(code(pledge(chain, {}, 9)), 'NotProvider')
    assert.equal(code(pledge(chain, { classId: 7 })), 'UnknownClass')
    assert.equal(code(pledge(chain, { devices: 0 })), 'DevicesOutOfRange')
    assert.equal(code(pledge(chain, { devices: LOT_DEVICES_MAX + 1 })), 'DevicesOutOfRange')
    for (const region of ['', 'Taipei', '-x', 'a'.repeat(17)])
      assert.equal(code(pledge(chain, { region })), 'MalformedRegion')
    for (const services of [0, 8]) assert.equal(code(pledge(chain, { services })), 'ServicesOutOfRange')
    for (const firstWindow of [0, 21])
      assert.deepEqual(pledge(chain, { firstWindow }), {
        code: 'FirstWindowOutOfRange',
        fields: { firstWindow, earliest: 1, latest: 20 },
      })
    setProviderStatus(chain.ctx(), 1, 'jailed')
    assert.equal(code(pledge(chain)), 'ProviderNotServing')
    assert.deepEqual(lotIdsOf(chain.state, 1), [1])
  })

  it('rejects devices that are in another lot until that lot has ended', () => {
    const chain = oneProvider(2_000_000n, TEST_PARAMETERS)
    assert.equal(pledge(chain), undefined)
    assert.deepEqual(pledge(chain), {
      code: 'DevicesAlreadyPledged',
      fields: { deviceRoot: rootOf(1), lot: 2 },
    })
    attestLot(chain.ctx(), { lot: 2, auditPpm: PPM })
    chain.act(capacityModule, 'giveNotice', accountOf(1), { lot: 2 })
    assert.equal(code(pledge(chain)), 'DevicesAlreadyPledged')
    while (currentWindow(chain.state) <= 12) chain.endWindow()
    assert.equal(pledge(chain, { firstWindow: currentWindow(chain.state) + 1 }), undefined)
    assert.deepEqual(lotIdsOf(chain.state, 1), [1, 3])
    chain.endBlock()
  })

  it('rejects more lots than the parameter allows', () => {
    const chain = oneProvider()
    capacityParams.set(chain.state, { ...DEV_PARAMETERS.capacity, lotsPerProviderMax: 2 })
    assert.equal(pledge(chain), undefined)
    assert.equal(code(pledge(chain, { deviceRoot: rootOf(2) })), 'TooManyLots')
  })

  it('counts no lot that leaves out a service, no unknown class, and a cut rating from the next window on', () => {
    const chain = oneProvider()
    const before = getSummary(chain.state, 1).capacityBase
    chain.addLot(1, { classId: 1, devices: 7, services: 3 })
    assert.equal(getSummary(chain.state, 1).capacityBase, before)
    const record = catalogueTables.class.mustGet(chain.state, { id: 1 })
    catalogueTables.class.set(chain.state, { id: 1 }, { ...record, inferPpm: 1_000_000n })
    assert.equal(getSummary(chain.state, 1).capacityBase, before)
    chain.endWindow()
    const cut = getSummary(chain.state, 1).capacityBase
    assert.ok(before / 2n - cut < 20n && cut <= before / 2n)
    catalogueTables.class.set(chain.state, { id: 1 }, { ...record, inferPpm: 9_000_000n })
    chain.endWindow()
    assert.equal(getSummary(chain.state, 1).capacityBase, before)
    catalogueTables.class.set(chain.state, { id: 1 }, { ...record, inferPpm: 0n })
    chain.endWindow()
    assert.equal(getSummary(chain.state, 1).capacityBase, 0n)
  })
})

describe('capacity.giveNotice', () => {
  const notice = (chain: EconomyChain, lot: number, sender = 1) =>
    chain.act(capacityModule, 'giveNotice', accountOf(sender), { lot })

  it('keeps the lot for K more windows and then removes it', () => {
    const chain = oneProvider(2_000_000n, TEST_PARAMETERS)
    const before = getSummary(chain.state, 1).capacityBase
    chain.endWindow()
    assert.equal(notice(chain, 1), undefined)
    assert.equal(getSummary(chain.state, 1).capacityBase, before)
    assert.equal(getSummary(chain.state, 1).noticeUntil, 13)
    let last = before
    for (let window = 2; window <= 13; window++) {
      chain.endWindow()
      const { capacityBase } = getSummary(chain.state, 1)
      assert.ok(window <= 10 ? capacityBase < last : capacityBase === 0n)
      assert.ok(freeHours(chain.state, { group: 1, windowIndex: window }) > 0n)
      last = capacityBase
    }
    chain.endWindow()
    assert.equal(getLot(chain.state, 1), undefined)
    assert.deepEqual(lotIdsOf(chain.state, 1), [])
    assert.deepEqual(groupIdsOf(chain.state, 1), [])
    assert.equal(getGroup(chain.state, 1), undefined)
    assert.equal(freeHours(chain.state, { group: 1, windowIndex: 15 }), 0n)
    assert.equal(getSummary(chain.state, 1).noticeUntil, undefined)
  })

  it('removes a pending lot at once', () => {
    const chain = oneProvider()
    chain.act(capacityModule, 'pledge', accountOf(1), pledgeArgs())
    assert.equal(notice(chain, 2), undefined)
    assert.equal(getLot(chain.state, 2), undefined)
    assert.equal(getSummary(chain.state, 1).noticeUntil, undefined)
    chain.endBlock()
  })

  it('stops no minting for a lot that can never count: it does not offer all services', () => {
    const chain = oneProvider(2_000_000n, TEST_PARAMETERS)
    chain.addLot(1, { classId: 1, devices: 7, services: 3 })
    assert.equal(notice(chain, 2), undefined)
    assert.equal(getLot(chain.state, 2)?.lastWindow, TEST_PARAMETERS.capacity.horizonWindows)
    assert.equal(getSummary(chain.state, 1).noticeUntil, undefined)
    assert.equal(notice(chain, 1), undefined)
    assert.equal(getSummary(chain.state, 1).noticeUntil, TEST_PARAMETERS.capacity.horizonWindows)
    chain.endBlock()
  })

  it('rejects non-providers, unknown lots, lots of others and a second notice', () => {
    const chain = new EconomyChain().addProviders([
      { ratingPpm: 2_000_000n, devices: 100 },
      { ratingPpm: 2_000_000n, devices: 100 },
    ])
    assert.equal(code(notice(chain, 1, 9)), 'NotProvider')
    assert.equal(code(notice(chain, 9)), 'UnknownLot')
    assert.deepEqual(notice(chain, 2), { code: 'NotLotProvider', fields: { lot: 2, provider: 2 } })
    assert.equal(notice(chain, 1), undefined)
    assert.deepEqual(notice(chain, 1), { code: 'NoticeAlreadyGiven', fields: { lot: 1, lastWindow: 20 } })
  })
})

describe('capacity: queries and invariants', () => {
  it('list lots, windows and totals', () => {
    const chain = oneProvider()
    const windows = chain.query<readonly { windowIndex: number; countedBase: bigint }[]>(
      capacityModule,
      'windows',
      { provider: 1 },
    )
    assert.equal(windows.length, 21)
    assert.ok(windows.length <= WINDOWS_MAX)
    const { capacityBase } = getSummary(chain.state, 1)
    assert.equal(
      windows.slice(3).reduce((sum, w) => sum + w.countedBase, 0n),
      capacityBase,
    )
    assert.equal(chain.query<{ capacityBase: bigint }>(capacityModule, 'totals').capacityBase, capacityBase)
    assert.equal(chain.query<readonly { id: number }[]>(capacityModule, 'lots', { provider: 1 })[0]!.id, 1)
    assert.equal(chain.query(capacityModule, 'lot', { id: 5 }), undefined)
    assert.equal(chain.query<{ provider: number }>(capacityModule, 'summary', { provider: 1 }).provider, 1)
    assert.equal(getMeasures(chain.state).growth.length, 21)
  })

  const broken = (damage: (chain: EconomyChain) => void): string | undefined => {
    const chain = oneProvider()
    chain.endBlock()
    damage(chain)
    try {
      chain.checkInvariants()
    } catch (error) {
      return /invariant (.*?):/.exec((error as Error).message)?.[1]
    }
    return undefined
  }

  const change = (fields: Partial<LotGroup>) => (chain: EconomyChain) =>
    capacityTables.group.set(chain.state, { id: 1 }, { ...onlyGroup(chain), ...fields })
  const booked = (windowIndex: number, hours: bigint) => [{ windowIndex, hours, amountBase: 1n }]

  it('detect hours booked beyond V, bookings of ended windows that are kept, and shared devices', () => {
    assert.equal(
      broken(() => undefined),
      undefined,
    )
    assert.equal(broken(change({ booked: booked(3, 10n ** 30n) })), '4 hours')
    assert.equal(
      broken((chain) => {
        chain.endWindow()
        change({ booked: booked(0, 1n) })(chain)
      }),
      '4 hours',
    )
    assert.equal(
      broken(({ state }) => {
        const lot = getLot(state, 1)!
        capacityTables.lot.set(state, { id: 2 }, lot)
      }),
      '5 devices',
    )
    assert.equal(
      broken(({ state }) => capacityTables.deviceRoot.set(state, { root: rootOf(4) }, { lot: 1 })),
      '5 devices',
    )
  })

  it('detect a group with other devices than its lots, and a list without one', () => {
    assert.equal(broken(change({ runs: [{ fromWindow: 0, devicesPpm: PPM }] })), 'capacity.groups')
    assert.equal(broken(change({ classId: 2 })), 'capacity.groups')
    assert.equal(
      broken(({ state }) => capacityTables.groups.delete(state, { provider: 1 })),
      'capacity.groups',
    )
    assert.equal(
      broken(({ state }) => {
        const { group: _, ...lot } = getLot(state, 1)!
        capacityTables.lot.set(state, { id: 1 }, lot)
      }),
      'capacity.groups',
    )
  })

  it('detect a cached sum that differs from the recount', () => {
    for (const fields of [
      { capacityBase: 1n },
      { lastingBase: 1n },
      { reservedBase: 1n },
      { quarterBase: [1n, 2n, 3n] },
    ])
      assert.equal(
        broken(({ state }) => {
          const { pass } = getCount(state)
          setSums(state, { provider: 1, pass }, { ...pledgedSums(state, 1), ...fields })
        }),
        'capacity.sums',
      )
    assert.equal(broken(change({ booked: booked(3, 10n ** 21n) })), 'capacity.sums')
  })
})
