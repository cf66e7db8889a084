// Requests that nothing will serve any more: crumbs that are left, and rejections of everybody.
import assert from 'node:assert/strict'
import { COIN } from '../../../base/units.ts'
import { canBeServed } from '../../../state/modules/redemption/candidates.ts'
import { addAtTail } from '../../../state/modules/redemption/places.ts'
import { getTotals } from '../../../state/modules/redemption/redemptions.ts'
import { redemptionTables } from '../../../state/modules/redemption/tables.ts'
import {
  ALICE,
  activeChain,
  BOB,
  fundedChain as chain,
  coins,
  type RedemptionChain,
} from '../../support/redemptionFixture.ts'

const ok = (failure: unknown) => assert.equal(failure, undefined)
const redemption = (c: RedemptionChain, id: number) => redemptionTables.redemption.mustGet(c.state, { id })
const MINIMUM = COIN / 100n

describe('redemption.crumbs', () => {
  it('refunds what is left when a client signs for all but one unit', () => {
    const c = activeChain()
    const before = c.balance(ALICE)
    c.run(() => ok(c.settle({ id: 1, assignment: 1, deliveredBase: coins(10) - 1n, signer: ALICE })))
    c.turn()
    const { endReason, refundReason, refundedBase, burnedBase } = redemption(c, 1)
    assert.deepEqual([endReason, refundReason, refundedBase], ['delivered', 'tooSmall', 1n])
    assert.equal(burnedBase, coins(10) - 1n)
    assert.equal(c.balance(ALICE), before + 1n)
    assert.equal(c.query<{ state: string }>('redemption', { id: 1 }).state, 'settled')
    // Nobody owes it a grant, and its place in the table is free.
    assert.deepEqual([getTotals(c.state).openCount, c.openAssignments().length], [0, 0])
  })

  it('goes on with a tenth of the minimum, and ends with less', () => {
    for (const [leftBase, openCount] of [
      [MINIMUM / 10n + MINIMUM / 100n, 1],
      [MINIMUM / 10n, 0],
    ] as const) {
      const c = activeChain()
      c.run(() => ok(c.settle({ id: 1, assignment: 1, deliveredBase: coins(10) - leftBase, signer: ALICE })))
      c.turn()
      // The no-show fee is taken first.
      assert.equal(redemption(c, 1).feesBase, leftBase / 100n)
      assert.equal(getTotals(c.state).openCount, openCount)
    }
  })

  it('puts crumbs of a larger request at the last place that it has: each place is served by itself', () => {
    const c = chain()
    c.run(() => ok(c.request(ALICE, coins(5))))
    c.run(() => {
      const { nextSequence } = getTotals(c.state)
      const places = [{ sequence: 1, queuedBase: coins(1) }]
      const waiting = { ...redemption(c, 1), places, queuedBase: coins(1) }
      const placesWith = (amountBase: bigint) => addAtTail(c.state, waiting, amountBase).places
      assert.deepEqual(placesWith(MINIMUM / 10n - 1n), [
        { sequence: 1, queuedBase: coins(1) + MINIMUM / 10n - 1n },
      ])
      assert.deepEqual(placesWith(MINIMUM / 10n), [
        ...places,
        { sequence: nextSequence, queuedBase: MINIMUM / 10n },
      ])
    })
  })

  it('does not end a request of a whole balance that the rules let in', () => {
    const c = chain()
    c.run(() => {
      ok(c.list(1))
      c.fund(40, 1, MINIMUM / 10n)
      ok(c.request(40, MINIMUM / 10n))
    })
    c.run()
    assert.equal(redemption(c, 1).assignedBase, MINIMUM / 10n)
  })
})

describe('redemption.allRejected', () => {
  it('looks at a bounded number of lot groups, and takes somebody to serve when these are not all', () => {
    const c = chain()
    const terms = { service: 'infer', provider: 0, tierPpm: 0n, region: 'far' } as const
    const look = (excluded: readonly number[]) => canBeServed(c.state, { ...terms, excluded })
    c.addLot(1, { classId: 1, devices: 1, region: 'far' })
    // Of whoever is excluded no lots are read.
    assert.deepEqual(look([1, 2, 3, 4]), { isServed: false, members: 4, groups: 0 })
    assert.deepEqual(look([1]), { isServed: false, members: 4, groups: 3 })
    assert.deepEqual(look([]), { isServed: true, members: 1, groups: 2 })
    for (let i = 0; i < 80; i++) c.addLot(2, { classId: 2, devices: 1, region: `near-${i}` })
    assert.deepEqual(look([1]), { isServed: true, members: 2, groups: 64 })
    assert.deepEqual(look([1, 2]), { isServed: false, members: 4, groups: 2 })
  })

  /** Alice rejects one provider after the other. */
  function rejectAll(c: RedemptionChain, count: number): void {
    for (let window = 0; window < count; window++) {
      c.run()
      c.turn(() => {
        for (const [id, n] of c.openAssignments()) ok(c.grant(id, n))
      })
      c.run(() => {
        const own = c.openAssignments().filter(([id, n]) => {
          const known = redemptionTables.assignment.get(c.state, { id, assignment: n })
          return id === 1 && known?.window === c.window
        })
        for (const [id, n] of own) ok(c.reject(ALICE, id, n))
      })
    }
  }

  it('refunds, less what is due, once every legal group that could serve it is rejected', () => {
    const c = chain()
    c.run(() => {
      for (const provider of [1, 2, 3, 4]) ok(c.list(provider))
      ok(c.request(ALICE, coins(1)))
    })
    const before = c.balance(ALICE)
    rejectAll(c, 3)
    assert.deepEqual([redemption(c, 1).excluded.length, redemption(c, 1).endReason], [3, 'none'])
    rejectAll(c, 1)
    // Else it slept in the table for ever, without constraints and so without an end.
    const { endReason, feesBase, refundedBase } = redemption(c, 1)
    assert.deepEqual([endReason, feesBase, refundedBase], ['allRejected', coins(0.04), coins(0.96)])
    assert.equal(c.balance(ALICE), before + coins(0.96))
    assert.equal(c.query<{ state: string }>('redemption', { id: 1 }).state, 'cancelled')
    assert.equal(getTotals(c.state).openCount, 0)
  })

  it('leaves a request that ends anyway in its place', () => {
    const c = activeChain({ provider: 1 })
    c.run(() => ok(c.reject(ALICE, 1, 1)))
    assert.deepEqual([redemption(c, 1).endReason, redemption(c, 1).queuedBase], ['none', coins(10)])
    assert.equal(redemption(c, 1).finishBy, 12)
  })

  it('leaves requests of others alone', () => {
    const c = activeChain()
    c.run(() => ok(c.request(BOB, coins(2))))
    c.run(() => ok(c.reject(ALICE, 1, 1)))
    assert.equal(redemption(c, 1).endReason, 'none')
    assert.equal(redemption(c, 2).endReason, 'none')
  })
})
