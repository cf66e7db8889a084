import assert from 'node:assert/strict'
import { PPM } from '../../../base/units.ts'
import {
  bookHours,
  bookingAt,
  freeHours,
  releaseCoins,
  returnHours,
} from '../../../state/modules/capacity/book.ts'
import { coinsOfGroup, getGroup, hoursOfGroup } from '../../../state/modules/capacity/groups.ts'
import { type LotGroup, SERVICE_BITS } from '../../../state/modules/capacity/schema.ts'
import { capacityRevision, getSummary, touchCapacity } from '../../../state/modules/capacity/sums.ts'
import { capacityTables } from '../../../state/modules/capacity/tables.ts'
import { addClass } from '../../../state/modules/catalogue/classes.ts'
import { growthFactors } from '../../../state/modules/oracle/drift.ts'
import { setProviderStatus } from '../../../state/modules/providers/members.ts'
import { coins, EconomyChain } from '../../support/economyFixture.ts'

const onlyGroup = (chain: EconomyChain): LotGroup => capacityTables.group.mustGet(chain.state, { id: 1 })
const oneProvider = (): EconomyChain =>
  new EconomyChain().addProviders([{ ratingPpm: 2_000_000n, devices: 100 }])

describe('capacity: bookings', () => {
  const AT = { service: 'train', anchor: PPM } as const

  it('change D, R and C of their window only, and return exactly', () => {
    const chain = oneProvider()
    const before = getSummary(chain.state, 1)
    const revision = capacityRevision(chain.state)
    const hours = hoursOfGroup(onlyGroup(chain), { ...AT, amountBase: coins(100) })
    const booking = { group: 1, hours, amountBase: coins(100) }
    bookHours(chain.ctx(), { ...booking, windowIndex: 1 })
    // The next window may be missed, and a silent group may park the queue for one more: neither is part of C.
    bookHours(chain.ctx(), { ...booking, windowIndex: 2 })
    assert.equal(getSummary(chain.state, 1).capacityBase, before.capacityBase)
    assert.equal(getSummary(chain.state, 1).reservedBase, coins(200))
    bookHours(chain.ctx(), { ...booking, windowIndex: 7 })
    const after = getSummary(chain.state, 1)
    const lost = before.capacityBase - after.capacityBase
    assert.equal(lost / 10n, (coins(100) * PPM) / growthFactors(20_000n, 20)[7]! / 10n)
    assert.equal(before.lastingBase - after.lastingBase, lost)
    assert.deepEqual(
      before.quarterBase.map((sum, q) => sum - after.quarterBase[q]!),
      [0n, lost, lost],
    )
    assert.ok(capacityRevision(chain.state) > revision)
    chain.checkInvariants()
    for (const windowIndex of [1, 2, 7]) returnHours(chain.ctx(), { ...booking, windowIndex })
    assert.deepEqual(getSummary(chain.state, 1), before)
    assert.deepEqual(onlyGroup(chain).booked, [])
  })

  it('keep the hours of delivered coins, which leave R', () => {
    const chain = oneProvider()
    const hours = hoursOfGroup(onlyGroup(chain), { ...AT, amountBase: coins(10) })
    bookHours(chain.ctx(), { group: 1, windowIndex: 1, hours, amountBase: coins(10) })
    chain.endWindow()
    releaseCoins(chain.ctx(), { group: 1, windowIndex: 1, amountBase: coins(4) })
    assert.equal(getSummary(chain.state, 1).reservedBase, coins(6))
    assert.deepEqual(bookingAt(onlyGroup(chain), 1), { windowIndex: 1, hours, amountBase: coins(6) })
    chain.endWindow()
    assert.equal(getSummary(chain.state, 1).reservedBase, 0n)
    releaseCoins(chain.ctx(), { group: 1, windowIndex: 1, amountBase: coins(6) })
    assert.equal(getSummary(chain.state, 1).reservedBase, 0n)
  })

  it('assert free hours and a window not yet begun; a window that has ended returns nothing', () => {
    const chain = oneProvider()
    const all = freeHours(chain.state, { group: 1, windowIndex: 2 })
    const book = (windowIndex: number, hours: bigint) => () =>
      bookHours(chain.ctx(), { group: 1, windowIndex, hours, amountBase: 1n })
    assert.throws(book(0, 1n), /has not begun/)
    assert.throws(book(21, 1n), /has not begun/)
    assert.throws(book(2, all + 1n), /are free/)
    book(1, all)()
    assert.equal(freeHours(chain.state, { group: 1, windowIndex: 1 }), 0n)
    assert.throws(book(1, 1n), /are free/)
    chain.endWindow()
    returnHours(chain.ctx(), { group: 1, windowIndex: 1, hours: 0n, amountBase: 1n })
    chain.endWindow()
    returnHours(chain.ctx(), { group: 1, windowIndex: 1, hours: all, amountBase: 1n })
    assert.throws(
      () => returnHours(chain.ctx(), { group: 1, windowIndex: 3, hours: 1n, amountBase: 0n }),
      /was booked/,
    )
  })

  it('find no free hours while the status does not count, and all of them when it counts again', () => {
    const chain = oneProvider()
    const { capacityBase } = getSummary(chain.state, 1)
    setProviderStatus(chain.ctx(), 1, 'jailed')
    touchCapacity(chain.state)
    assert.equal(freeHours(chain.state, { group: 1, windowIndex: 2 }), 0n)
    assert.equal(getSummary(chain.state, 1).capacityBase, 0n)
    chain.endBlock()
    setProviderStatus(chain.ctx(), 1, 'active')
    touchCapacity(chain.state)
    assert.equal(getSummary(chain.state, 1).capacityBase, capacityBase)
    chain.endBlock()
  })

  it('take no more of a group than its own devices deliver, whatever the provider has elsewhere', () => {
    // 100 h100 in tw and one b200 in us: 2,280 and 45.6 coins a window.
    const chain = new EconomyChain().addProviders([{ ratingPpm: PPM, devices: 100 }])
    chain.addClass(2, 2_000_000n)
    chain.addLot(1, { classId: 2, devices: 1, region: 'us' })
    const us = getGroup(chain.state, 2)!
    const free = freeHours(chain.state, { group: 2, windowIndex: 1 })
    assert.equal(coinsOfGroup(us, { ...AT, hours: free }), coins(45.6))
    assert.equal(
      coinsOfGroup(onlyGroup(chain), { ...AT, hours: freeHours(chain.state, { group: 1, windowIndex: 1 }) }),
      coins(2_280),
    )
    const hours = hoursOfGroup(us, { ...AT, amountBase: coins(45.6) + 1n })
    assert.throws(
      () => bookHours(chain.ctx(), { group: 2, windowIndex: 1, hours, amountBase: coins(45.6) + 1n }),
      /are free/,
    )
    bookHours(chain.ctx(), { group: 2, windowIndex: 1, hours: free, amountBase: coins(45.6) })
    assert.ok(freeHours(chain.state, { group: 1, windowIndex: 1 }) > 0n)
    chain.endBlock()
  })

  it('of a group that counts 0 take its own hours, at the rating of the service, and leave C and R alone', () => {
    const chain = oneProvider()
    const rated = { trainPpm: 3_000_000n, finetunePpm: 2_000_000n, inferPpm: 1_000_000n }
    const names = { slug: 'uneven', vendor: 'vendor', model: 'uneven', memoryGb: 80 }
    addClass(chain.ctx(), 2, { ...names, ...rated, specOnly: false, evidenceHash: new Uint8Array(32) })
    chain.addClass(3, 249_999n)
    chain.addLot(1, { classId: 2, devices: 10, services: SERVICE_BITS.train | SERVICE_BITS.finetune })
    chain.addLot(1, { classId: 3, devices: 10 })
    const before = getSummary(chain.state, 1)
    const partial = getGroup(chain.state, 2)!
    // Ten devices for 22.8 hours at 3 or 2 coins an hour.
    const free = freeHours(chain.state, { group: 2, windowIndex: 3 })
    assert.equal(coinsOfGroup(partial, { ...AT, hours: free }), coins(684))
    assert.equal(coinsOfGroup(partial, { ...AT, service: 'finetune', hours: free }), coins(456))
    assert.equal(coinsOfGroup(partial, { ...AT, service: 'infer', hours: free }), 0n)
    const hours = hoursOfGroup(partial, { ...AT, amountBase: coins(342) })
    assert.equal(hours * 2n, free)
    bookHours(chain.ctx(), { group: 2, windowIndex: 3, hours, amountBase: coins(342) })
    const low = freeHours(chain.state, { group: 3, windowIndex: 3 })
    assert.ok(low > 0n)
    bookHours(chain.ctx(), { group: 3, windowIndex: 3, hours: low, amountBase: coins(50) })
    assert.deepEqual(getSummary(chain.state, 1), before)
    assert.equal(freeHours(chain.state, { group: 3, windowIndex: 3 }), 0n)
    chain.endWindow()
    assert.equal(getSummary(chain.state, 1).reservedBase, 0n)
  })

  it('of all three services take the least rating, whichever is asked for', () => {
    const chain = new EconomyChain()
    const rated = { trainPpm: 3_000_000n, finetunePpm: 2_000_000n, inferPpm: 1_000_000n }
    const names = { slug: 'uneven', vendor: 'vendor', model: 'uneven', memoryGb: 80 }
    addClass(chain.ctx(), 1, { ...names, ...rated, specOnly: false, evidenceHash: new Uint8Array(32) })
    chain.addProvider(1)
    chain.addLot(1, { classId: 1, devices: 10 })
    const hours = freeHours(chain.state, { group: 1, windowIndex: 1 })
    for (const service of ['train', 'finetune', 'infer'] as const)
      assert.equal(coinsOfGroup(onlyGroup(chain), { service, anchor: PPM, hours }), coins(228))
  })
})
