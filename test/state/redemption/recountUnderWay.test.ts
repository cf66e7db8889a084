// Matching while a recount takes several blocks, and until the snapshots of all members are taken (ECONOMY §3, §6).
import assert from 'node:assert/strict'
import { TEST_PARAMETERS } from '../../../genesis/parameters.ts'
import { getCount, isRecounting } from '../../../state/modules/capacity/sums.ts'
import { capacityTables } from '../../../state/modules/capacity/tables.ts'
import { areSnapshotsTaken } from '../../../state/modules/redemption/external.ts'
import { membersByShare, orderOf, takeOrder, volunteersOf } from '../../../state/modules/redemption/order.ts'
import { redemptionTables } from '../../../state/modules/redemption/tables.ts'
import { ALICE, coins, RedemptionChain } from '../../support/redemptionFixture.ts'

const ok = (failure: unknown) => assert.equal(failure, undefined)
const PROVIDERS = [{ devices: 10 }, { devices: 10 }, { devices: 10 }, { devices: 10 }]

function slowChain(): RedemptionChain {
  const { issuance, capacity } = TEST_PARAMETERS
  const economy = {
    ...TEST_PARAMETERS,
    issuance: { ...issuance, retainPpm: 0n, lockFloorPpm: 0n },
    capacity: { ...capacity, recountStepsMax: 1 },
  }
  const c = new RedemptionChain({ providers: PROVIDERS, economy })
  c.run(() => c.fund(ALICE, 1, coins(300)))
  return c
}

describe('redemption: a recount over several blocks', () => {
  it('wakes who waits for the hours of a lot group as soon as the recount has passed it', () => {
    const c = slowChain()
    c.run(() => void c.addLot(1, { classId: 1, devices: 5, region: 'us-east' }))
    c.run(() => ok(c.list(1, { region: 'us-east' })))
    c.run(() => ok(c.request(ALICE, coins(10), { region: 'us-east' })))
    c.run()
    const assigned = () => redemptionTables.assignment.has(c.state, { id: 1, assignment: 1 })
    c.endWindow()
    // The first group of provider 1 alone is counted: the new one has no hours yet.
    assert.deepEqual([isRecounting(c.state), assigned()], [true, false])
    c.run()
    assert.deepEqual([isRecounting(c.state), assigned()], [true, true])
  })

  it('keeps the order of the snapshots before until all new ones are taken', () => {
    const c = slowChain()
    c.run(() => {
      for (const provider of [1, 2, 3, 4]) ok(c.list(provider))
    })
    const count = getCount(c.state)
    assert.ok(areSnapshotsTaken(c.state))
    const before = [4, 2, 3, 1]
    assert.notDeepEqual(membersByShare(c.state), before)
    redemptionTables.order.set(c.state, {}, { providers: before })
    // A recount is complete, and its snapshots are still to be taken.
    capacityTables.count.set(c.state, {}, { ...count, pass: count.pass + 1 })
    takeOrder(c.state)
    assert.deepEqual(orderOf(c.state), before)
    assert.deepEqual(volunteersOf(c.state, 'infer').atPar, before)
    capacityTables.count.set(c.state, {}, count)
    takeOrder(c.state)
    assert.deepEqual(orderOf(c.state), membersByShare(c.state))
    assert.deepEqual(volunteersOf(c.state, 'infer').atPar, membersByShare(c.state))
  })
})
