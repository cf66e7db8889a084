// Lot groups that are left with fewer hours than are booked, by a haircut or a vote: which reservations return, and when.
import assert from 'node:assert/strict'
import { PPM } from '../../../base/units.ts'
import { lotIdsOf } from '../../../state/modules/capacity/lots.ts'
import { attestLot } from '../../../state/modules/capacity/pledges.ts'
import { capacityParams } from '../../../state/modules/capacity/tables.ts'
import { redemptionTables } from '../../../state/modules/redemption/tables.ts'
import {
  ALICE,
  BOB,
  coins,
  longEconomy,
  type RedemptionChain,
  WINDOW_MS,
} from '../../support/redemptionFixture.ts'
import { ask, CAROL, chainOfThree } from '../../support/threeWallets.ts'

const ok = (failure: unknown) => assert.equal(failure, undefined)
const assignment = (c: RedemptionChain, id: number, n: number) =>
  redemptionTables.assignment.get(c.state, { id, assignment: n })
const closedWith = (c: RedemptionChain, reason: string) => c.closeReasons().filter((r) => r === reason).length

describe('redemption.overbooked', () => {
  it('returns the latest reservations of a lot group that a haircut has left with fewer hours', () => {
    const c = chainOfThree({ params: { assignAhead: 2 }, economy: longEconomy() })
    const [lot] = lotIdsOf(c.state, 4)
    c.run(() => ok(c.list(4)))
    // Into the last quarter, so that window 2 is the first that is assigned.
    c.run(() => {}, WINDOW_MS * 0.75)
    c.run(() => {
      for (let i = 0; i < 5; i++) ok(c.request(ALICE, coins(40), { provider: 4 }))
    })
    c.run(() => attestLot(c.ctx(), { lot: lot!, auditPpm: PPM / 2n }))
    const inWindow = () => [...redemptionTables.assignment.values(c.committed)].filter((a) => a.window === 2)
    assert.equal(inWindow().length, 5)
    c.endWindow()
    c.run()
    // 114 coins a window are left: the places that came first keep their reservations.
    assert.deepEqual(
      inWindow()
        .map(({ sequence, amountBase }) => [sequence, amountBase])
        .sort(),
      [
        [1, coins(40)],
        [2, coins(40)],
        [3, coins(34)],
      ].sort(),
    )
    assert.equal(closedWith(c, 'overbooked'), 3)
    assert.equal(closedWith(c, 'grantMissing'), 0)
  })

  it('returns them of all groups though the first has more booked in the running window too', () => {
    const c = chainOfThree({ params: { assignAhead: 2 }, economy: longEconomy() })
    c.run(() => [1, 2, 3].map((provider) => ok(c.list(provider))))
    c.run(() =>
      [ALICE, BOB, CAROL].map((wallet, i) => ok(c.request(wallet, coins(300), { provider: i + 1 }))),
    )
    c.run()
    const booked = (provider: number, window: number) =>
      [...redemptionTables.assignment.values(c.committed)]
        .filter((a) => a.window === window && a.provider === provider)
        .reduce((sum, a) => sum + a.amountBase, 0n)
    assert.deepEqual(
      [1, 2, 3].map((provider) => booked(provider, 1)),
      [coins(228), coins(228), coins(228)],
    )
    assert.deepEqual(
      [1, 2, 3].map((provider) => booked(provider, 2)),
      [coins(72), coins(72), coins(72)],
    )
    // A vote takes three quarters of what all deliver.
    c.endWindow(() => {
      for (const [id, n] of c.openAssignments()) if (assignment(c, id, n)?.window === 1) ok(c.grant(id, n))
      const params = capacityParams.get(c.state)
      capacityParams.set(c.state, { ...params, availabilityHaircutPpm: 762_500n })
    })
    c.run()
    c.run()
    assert.deepEqual(
      [1, 2, 3].map((provider) => booked(provider, 1)),
      [coins(228), coins(228), coins(228)],
    )
    assert.deepEqual(
      [1, 2, 3].map((provider) => booked(provider, 2)),
      [coins(57), coins(57), coins(57)],
    )
  })

  it('finds them behind any number of later reservations of other groups, however few steps a block has', () => {
    const c = chainOfThree({ params: { assignAhead: 2, stepsPerBlockMax: 16 }, economy: longEconomy() })
    const [lot] = lotIdsOf(c.state, 1)
    c.run(() => [1, 2].map((provider) => ok(c.list(provider))))
    c.run(() => {}, WINDOW_MS * 0.65)
    ask(c, ALICE, 200, 1)
    c.run()
    c.run(() => {
      for (let i = 0; i < 40; i++) ok(c.request(BOB, coins(1), { provider: 2 }))
    })
    for (let blocks = 0; blocks < 12; blocks++) c.run(() => {}, 5)
    const inWindow = (provider: number) =>
      [...redemptionTables.assignment.values(c.committed)].filter(
        (a) => a.window === 2 && a.provider === provider,
      )
    assert.deepEqual([inWindow(1).length, inWindow(2).length], [1, 40])
    c.run(() => attestLot(c.ctx(), { lot: lot!, auditPpm: PPM / 2n }), 5)
    c.endWindow()
    for (let blocks = 0; blocks < 5; blocks++) c.run(() => {}, 5)
    assert.equal(closedWith(c, 'overbooked'), 1)
    // Alice's place is the earliest: she has what is left.
    assert.equal(inWindow(1)[0]!.amountBase, coins(114))
    assert.equal(inWindow(2).length, 40)
  })
})
