import assert from 'node:assert/strict'
import fc from 'fast-check'
import { u64be } from '../../../base/bytes.ts'
import { sha256 } from '../../../base/crypto/hash.ts'
import { PPM } from '../../../base/units.ts'
import { DEV_PARAMETERS, TEST_PARAMETERS } from '../../../genesis/parameters.ts'
import {
  capacityRevision,
  freeCoins,
  freeHours,
  getMeasures,
  getSummary,
  getTotalCapacity,
  getWindow,
  recountProvider,
  reserveHours,
  unreserveHours,
} from '../../../state/modules/capacity/book.ts'
import { getLot, lotIdsOf } from '../../../state/modules/capacity/lots.ts'
import { capacityModule } from '../../../state/modules/capacity/module.ts'
import { attestLot, pledgeLot } from '../../../state/modules/capacity/pledges.ts'
import {
  classCounts,
  coinsOfHours,
  hoursOfCoins,
  lotHours,
  quarterPoints,
} from '../../../state/modules/capacity/rating.ts'
import { ALL_SERVICES, LOT_DEVICES_MAX, WINDOWS_MAX } from '../../../state/modules/capacity/schema.ts'
import { capacityParams, capacityTables } from '../../../state/modules/capacity/tables.ts'
import { currentWindow, getClock } from '../../../state/modules/capacity/windows.ts'
import { catalogueTables } from '../../../state/modules/catalogue/tables.ts'
import { growthFactors } from '../../../state/modules/oracle/drift.ts'
import { setProviderStatus } from '../../../state/modules/providers/members.ts'
import { accountOf, code, coins, EconomyChain, GENESIS_MS } from '../../support/economyFixture.ts'

const rootOf = (n: number): Uint8Array => sha256(u64be(10_000 + n))

function oneProvider(ratingPpm = 2_000_000n, parameters = DEV_PARAMETERS): EconomyChain {
  return new EconomyChain(parameters).addProviders([{ ratingPpm, devices: 100 }])
}

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
  it('rates a lot without rounding and turns hours into coins, rounded down', () => {
    const hours = lotHours({
      devices: 256,
      windowHours: 24,
      ratingPpm: PPM,
      auditPpm: PPM,
      availabilityHaircutPpm: 50_000n,
    })
    assert.equal(coinsOfHours(hours, PPM), coins(5_836.8))
    assert.equal(coinsOfHours(hours, 2n * PPM), coins(2_918.4))
    assert.equal(coinsOfHours(hours, PPM, 1_020_000n), (hours * PPM * PPM) / (PPM * 1_020_000n))
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

  it('keeps a class while its rating reaches the share of the anchor', () => {
    const limits = { minClassPpm: 250_000n, anchor: PPM, growthPpm: PPM }
    assert.ok(classCounts({ ...limits, ratingPpm: 250_000n }))
    assert.ok(!classCounts({ ...limits, ratingPpm: 249_999n }))
    assert.ok(!classCounts({ ...limits, ratingPpm: 250_000n, growthPpm: PPM + 1n }))
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
      assert.ok(getWindow(chain.state, { provider: 1, windowIndex: window + horizon }).ratedHours > 0n)
      chain.endWindow()
      assert.equal(getWindow(chain.state, { provider: 1, windowIndex: window }).ratedHours, 0n)
      assert.equal(getSummary(chain.state, 1).capacityBase, capacityBase)
    }
  })
})

describe('capacity.pledge', () => {
  const pledge = (chain: EconomyChain, more: object = {}, sender = 1) =>
    chain.act(capacityModule, 'pledge', accountOf(sender), pledgeArgs(more))

  it('adds a lot that does not count until its audit, then from the next window on', () => {
    const chain = oneProvider()
    const before = getSummary(chain.state, 1).capacityBase
    assert.equal(pledge(chain), undefined)
    assert.deepEqual(lotIdsOf(chain.state, 1), [1, 2])
    chain.endWindow()
    assert.equal(getSummary(chain.state, 1).capacityBase, before)
    attestLot(chain.ctx(), { lot: 2, auditPpm: PPM })
    const hours = (windowIndex: number) => getWindow(chain.state, { provider: 1, windowIndex }).ratedHours
    assert.equal(hours(2) * 10n, hours(1) * 11n)
    assert.equal(getSummary(chain.state, 1).capacityBase / 10n ** 9n, (before * 11n) / 10n ** 10n)
    chain.endBlock()
  })

  it('applies the haircut of an audit at once', () => {
    const chain = oneProvider()
    const before = freeHours(chain.state, { provider: 1, windowIndex: 0 })
    attestLot(chain.ctx(), { lot: 1, auditPpm: 900_000n })
    assert.equal(freeHours(chain.state, { provider: 1, windowIndex: 0 }), (before * 9n) / 10n)
    assert.equal(getLot(chain.state, 1)!.countsFrom, 0)
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

  it('counts no lot that leaves out a service, no unknown class, and a cut rating at once', () => {
    const chain = oneProvider()
    const before = getSummary(chain.state, 1).capacityBase
    const outcome = pledgeLot(chain.ctx(), { provider: 1, ...pledgeArgs({ services: 3, firstWindow: 0 }) })
    attestLot(chain.ctx(), { lot: outcome.lot!, auditPpm: PPM, countsFrom: 0 })
    assert.equal(getSummary(chain.state, 1).capacityBase, before)
    const record = catalogueTables.class.mustGet(chain.state, { id: 1 })
    catalogueTables.class.set(chain.state, { id: 1 }, { ...record, inferPpm: 1_000_000n })
    recountProvider(chain.ctx(), 1)
    const cut = getSummary(chain.state, 1).capacityBase
    assert.ok(before / 2n - cut < 20n && cut <= before / 2n)
    catalogueTables.class.set(chain.state, { id: 1 }, { ...record, inferPpm: 9_000_000n })
    recountProvider(chain.ctx(), 1)
    assert.equal(getSummary(chain.state, 1).capacityBase, before)
    catalogueTables.class.delete(chain.state, { id: 1 })
    recountProvider(chain.ctx(), 1)
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
      assert.ok(window <= 12 ? capacityBase < last : capacityBase === 0n)
      assert.ok(freeCoins(chain.state, { provider: 1, windowIndex: window }) > 0n)
      last = capacityBase
    }
    chain.endWindow()
    assert.equal(getLot(chain.state, 1), undefined)
    assert.deepEqual(lotIdsOf(chain.state, 1), [])
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

describe('capacity: reservations', () => {
  it('change D and C of their window only, and return exactly', () => {
    const chain = oneProvider()
    const before = getSummary(chain.state, 1)
    const revision = capacityRevision(chain.state)
    const hours = hoursOfCoins(coins(100), PPM)
    reserveHours(chain.ctx(), { provider: 1, windowIndex: 1, hours })
    assert.equal(getSummary(chain.state, 1).capacityBase, before.capacityBase)
    reserveHours(chain.ctx(), { provider: 1, windowIndex: 7, hours })
    const after = getSummary(chain.state, 1)
    const lost = before.capacityBase - after.capacityBase
    assert.equal(lost / 10n, (coins(100) * PPM) / growthFactors(20_000n, 20)[7]! / 10n)
    assert.deepEqual(
      before.quarterBase.map((sum, q) => sum - after.quarterBase[q]!),
      [0n, lost, lost],
    )
    assert.ok(capacityRevision(chain.state) > revision)
    chain.checkInvariants()
    unreserveHours(chain.ctx(), { provider: 1, windowIndex: 7, hours })
    assert.deepEqual(getSummary(chain.state, 1), before)
  })

  it('assert free hours and a window not yet begun; a window that has ended returns nothing', () => {
    const chain = oneProvider()
    const all = freeHours(chain.state, { provider: 1, windowIndex: 2 })
    const book = (windowIndex: number, hours: bigint) => () =>
      reserveHours(chain.ctx(), { provider: 1, windowIndex, hours })
    assert.throws(book(0, 1n), /has not begun/)
    assert.throws(book(21, 1n), /has not begun/)
    assert.throws(book(2, all + 1n), /are free/)
    book(1, all)()
    assert.equal(freeCoins(chain.state, { provider: 1, windowIndex: 1 }), 0n)
    assert.throws(book(1, 1n), /are free/)
    chain.endWindow()
    unreserveHours(chain.ctx(), { provider: 1, windowIndex: 1, hours: 1n })
    chain.endWindow()
    unreserveHours(chain.ctx(), { provider: 1, windowIndex: 1, hours: all })
    assert.equal(getWindow(chain.state, { provider: 1, windowIndex: 1 }).reservedHours, 0n)
    assert.throws(
      () => unreserveHours(chain.ctx(), { provider: 1, windowIndex: 3, hours: 1n }),
      /were booked/,
    )
  })

  it('find no free hours while the status does not count', () => {
    const chain = oneProvider()
    setProviderStatus(chain.ctx(), 1, 'jailed')
    recountProvider(chain.ctx(), 1)
    assert.equal(freeHours(chain.state, { provider: 1, windowIndex: 2 }), 0n)
    assert.equal(getTotalCapacity(chain.state), 0n)
    chain.endBlock()
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
      windows.slice(2).reduce((sum, w) => sum + w.countedBase, 0n),
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

  it('detect hours reserved beyond V, ended windows that are kept, and shared devices', () => {
    const at = { provider: 1, windowIndex: 3 }
    assert.equal(
      broken(() => undefined),
      undefined,
    )
    assert.equal(
      broken(({ state }) => capacityTables.window.set(state, at, { ratedHours: 1n, reservedHours: 2n })),
      '4 hours',
    )
    assert.equal(
      broken(({ state }) =>
        capacityTables.window.set(
          state,
          { provider: 1, windowIndex: 50 },
          { ratedHours: 1n, reservedHours: 0n },
        ),
      ),
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

  it('detect a cached sum that differs from the recount', () => {
    assert.equal(
      broken(({ state }) =>
        capacityTables.window.set(
          state,
          { provider: 1, windowIndex: 3 },
          { ratedHours: 5n, reservedHours: 0n },
        ),
      ),
      'capacity.summary',
    )
    assert.equal(
      broken(({ state }) => {
        const summary = getSummary(state, 1)
        capacityTables.summary.set(state, { provider: 1 }, { ...summary, capacityBase: 1n })
      }),
      'capacity.summary',
    )
    assert.equal(
      broken(({ state }) => capacityTables.totals.set(state, {}, { capacityBase: 1n, revision: 9 })),
      'capacity.summary',
    )
  })
})
