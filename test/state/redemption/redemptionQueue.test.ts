// The queue of redemption over windows: order, choice, the tail, expiry.
import assert from 'node:assert/strict'
import { COIN, PPM } from '../../../base/units.ts'
import { getSummary } from '../../../state/modules/capacity/sums.ts'
import { getClock } from '../../../state/modules/capacity/windows.ts'
import { isSuspended } from '../../../state/modules/providers/suspension.ts'
import { dueAtMs, hasWork } from '../../../state/modules/redemption/blockEnd.ts'
import { bookedIn } from '../../../state/modules/redemption/external.ts'
import { growthPending } from '../../../state/modules/redemption/growth.ts'
import { addAtTail, placeToReturn } from '../../../state/modules/redemption/places.ts'
import { getTotals, updateTotals } from '../../../state/modules/redemption/redemptions.ts'
import { PLACES_MAX } from '../../../state/modules/redemption/shapes.ts'
import { redemptionTables } from '../../../state/modules/redemption/tables.ts'
import { ALICE, BOB, coins, type RedemptionChain, WINDOW_MS } from '../../support/redemptionFixture.ts'
import { CAROL, chainOfThree } from '../../support/threeWallets.ts'

const redemption = (c: RedemptionChain, id: number) => redemptionTables.redemption.mustGet(c.state, { id })
const stateName = (c: RedemptionChain, id: number) => c.query<{ state: string }>('redemption', { id }).state
const assignment = (c: RedemptionChain, id: number, n: number) =>
  redemptionTables.assignment.get(c.state, { id, assignment: n })
const ok = (failure: unknown) => assert.equal(failure, undefined)

/** Requests in separate blocks, so that places follow ids. */
function ask(
  c: RedemptionChain,
  wallet: number,
  amountBase: bigint,
  options?: Parameters<RedemptionChain['request']>[2],
) {
  c.run(() => ok(c.request(wallet, amountBase, options)))
}

/** Listings of inference at par; further blocks tell the queue of them. */
function listAll(c: RedemptionChain, providers: readonly number[]): void {
  c.run(() => {
    for (const provider of providers) ok(c.list(provider))
  }, 10)
  while (growthPending(c.state)) c.run(() => {}, 10)
}

describe('redemption.order', () => {
  it('serves places in order and splits a request over providers and windows', () => {
    const c = chainOfThree({ params: { assignAhead: 2 } })
    c.run(() => {
      ok(c.list(1))
      ok(c.list(2))
    })
    ask(c, ALICE, coins(300))
    ask(c, BOB, coins(300))
    c.run()
    const terms = (id: number, n: number) => {
      const a = assignment(c, id, n)
      return [a?.provider, a?.window, a?.amountBase, a?.sequence]
    }
    assert.deepEqual(
      [terms(1, 1), terms(1, 2), terms(2, 1), terms(2, 2)],
      [
        [1, 1, coins(228), 1],
        [2, 1, coins(72), 1],
        [2, 1, coins(156), 2],
        [1, 2, coins(144), 2],
      ],
    )
    assert.equal(getSummary(c.state, 1).reservedBase, coins(372))
    assert.equal(bookedIn(c.state, { group: 2, windowIndex: 1 }).hours, 228n * 10n ** 18n)
    type Page = { assignments: { redemptionId: number }[]; nextCursor: number }
    const page = c.query<Page>('assignments', { provider: 2, window: 1, cursor: 0, limit: 1 })
    assert.deepEqual([page.assignments[0]?.redemptionId, page.nextCursor], [1, 1])
    const rest = c.query<Page>('assignments', { provider: 2, window: 1, cursor: 1, limit: 0 })
    assert.deepEqual([rest.assignments[0]?.redemptionId, rest.nextCursor], [2, 0])
    assert.equal(c.query<{ assignments: unknown[] }>('redemption', { id: 1 }).assignments.length, 2)
  })

  it('lets later requests overtake only those that no free capacity can serve', () => {
    const c = chainOfThree()
    c.run(() => ok(c.list(1)))
    ask(c, ALICE, coins(5), { ratingMin: 1n, service: 'train' })
    ask(c, ALICE, coins(5), { service: 'train' })
    ask(c, ALICE, coins(5), { provider: 4 })
    ask(c, BOB, coins(5))
    c.run()
    assert.deepEqual(
      [1, 2, 3, 4].map((id) => stateName(c, id)),
      ['queued', 'queued', 'queued', 'assigned'],
    )
    // Waiting requests are matched once a suitable offer appears.
    c.run(() => {
      ok(c.list(4))
      ok(c.list(1, { service: 'train' }))
    })
    assert.deepEqual(
      [1, 2, 3].map((id) => stateName(c, id)),
      ['assigned', 'assigned', 'assigned'],
    )
  })

  it('prefers the highest bonus, then the highest share of liability to capacity, then the lowest id', () => {
    const c = chainOfThree()
    c.run(() => {
      c.fund(CAROL, 4, coins(400))
      for (const provider of [1, 2, 4]) ok(c.list(provider))
      ok(c.list(3, { bonusPpm: 10_000n }))
    })
    c.turn()
    ask(c, ALICE, coins(100))
    ask(c, ALICE, coins(200))
    c.run()
    // Provider 3 adds a bonus of a hundredth, so its 228 coins of capacity serve 225.74.
    assert.equal(assignment(c, 1, 1)?.provider, 3)
    assert.equal(assignment(c, 1, 1)?.bonusPpm, 10_000n)
    assert.equal(assignment(c, 2, 1)?.provider, 3)
    assert.equal(assignment(c, 2, 1)?.amountBase, (coins(228) * PPM) / 1_010_000n - coins(100))
    // Provider 4 has the highest liability to capacity; 1 and 2 are equal and 1 comes first.
    assert.equal(assignment(c, 2, 2)?.provider, 4)
  })

  it('obliges providers, listed or not, after a quarter window', () => {
    const c = chainOfThree()
    ask(c, ALICE, coins(5))
    c.run()
    assert.equal(stateName(c, 1), 'queued')
    assert.equal(hasWork(c.state), false)
    // The place was made in the last block; the obligation falls due by the clock.
    assert.equal(dueAtMs(c.state), c.block.timestampMs + WINDOW_MS / 4)
    c.run(() => {}, WINDOW_MS / 4 - 1)
    assert.equal(stateName(c, 1), 'queued')
    c.run(() => {}, 1)
    assert.equal(stateName(c, 1), 'assigned')
    assert.equal(dueAtMs(c.state), undefined)
    const chosen = assignment(c, 1, 1)!
    assert.deepEqual([chosen.provider, chosen.classId, chosen.bonusPpm], [1, 1, 0n])
  })

  it('asks obliged providers and volunteers in one order, but for those who add a bonus', () => {
    const c = chainOfThree()
    c.run(() => ok(c.list(3, { bonusPpm: 10_000n })))
    c.turn(() => ok(c.list(2)))
    ask(c, BOB, coins(300), { service: 'train' })
    c.run()
    c.run(() => {}, WINDOW_MS / 4)
    // Nobody lists training, so all are obliged in the order of shares.
    assert.deepEqual([assignment(c, 1, 1)?.provider, assignment(c, 1, 2)?.provider], [1, 2])
    ask(c, ALICE, coins(2))
    c.run()
    assert.equal(assignment(c, 2, 1)?.provider, 3)
  })

  it('obliges a provider that has issued nothing: its pledge backs every coin', () => {
    const c = chainOfThree()
    ask(c, ALICE, coins(5), { provider: 4 })
    c.run()
    c.run(() => {}, WINDOW_MS / 4)
    c.turn(() => ok(c.grant(1, 1)))
    c.run(() => ok(c.settle({ id: 1, assignment: 1, deliveredBase: coins(5), signer: ALICE })))
    assert.equal(stateName(c, 1), 'settled')
    assert.equal(c.balance(4), coins(5))
  })

  it('assigns nothing into the next window in the last quarter of one', () => {
    const c = chainOfThree()
    c.run(() => ok(c.list(1)))
    const { endsAtMs } = getClock(c.state)
    c.run(() => ok(c.request(ALICE, coins(5))), endsAtMs - WINDOW_MS / 4 - 1 - c.block.timestampMs)
    c.run(() => {}, 1)
    assert.equal(stateName(c, 1), 'queued')
    c.turn()
    assert.deepEqual([assignment(c, 1, 1)?.window, assignment(c, 1, 1)?.provider], [2, 1])
    const ahead = chainOfThree({ params: { assignAhead: 2 } })
    ahead.run(() => ok(ahead.list(1)))
    ahead.run(() => ok(ahead.request(ALICE, coins(5))), WINDOW_MS - 600)
    ahead.run(() => {}, 200)
    assert.equal(assignment(ahead, 1, 1)?.window, 2)
  })

  it('does not assign capacity below the minimum', () => {
    const c = chainOfThree()
    c.run(() => {
      ok(c.list(1))
      ok(c.request(ALICE, coins(228) - COIN / 200n, { provider: 1 }))
    })
    ask(c, BOB, coins(5), { provider: 1 })
    c.run()
    assert.equal(redemption(c, 2).queuedBase, coins(5))
  })

  it('returns how many windows the queue takes', () => {
    const c = chainOfThree()
    type Queue = { queuedCount: number; queuedBase: bigint; freeBase: bigint; expectedWindows: number }
    assert.deepEqual(c.query<Queue>('queue').expectedWindows, 0)
    c.run(() => {
      for (const wallet of [ALICE, BOB, CAROL]) ok(c.request(wallet, coins(300)))
    })
    const queue = c.query<Queue>('queue')
    assert.equal(queue.queuedCount, 3)
    assert.equal(queue.queuedBase, coins(900))
    // All four deliver 912 in a window.
    assert.equal(queue.freeBase, coins(912))
    assert.equal(queue.expectedWindows, 1)
  })

  it('continues over blocks when the steps of one run out', () => {
    const c = chainOfThree({ params: { stepsPerBlockMax: 8 } })
    listAll(c, [1])
    c.run(() => {
      for (let i = 0; i < 5; i++) ok(c.request(ALICE, coins(1)))
    })
    c.run()
    const first = [...redemptionTables.assignment.values(c.committed)].length
    assert.ok(first > 0 && first < 5, `${first} assignments`)
    assert.equal(hasWork(c.state), true)
    c.run()
    c.run()
    assert.equal([...redemptionTables.assignment.values(c.committed)].length, 5)
    assert.equal(hasWork(c.state), false)
  })

  it('goes on with a search where the steps ran out', () => {
    const providers = Array.from({ length: 12 }, () => ({ devices: 10 }))
    const c = chainOfThree({ providers, params: { stepsPerBlockMax: 8 } })
    listAll(
      c,
      providers.map((_, i) => i + 1),
    )
    for (const wallet of [ALICE, BOB, CAROL]) ask(c, wallet, coins(300))
    let blocks = 0
    while (getTotals(c.state).queuedCount > 0) {
      c.run()
      assert.ok(++blocks < 12, 'the search goes on')
    }
    assert.equal([...redemptionTables.assignment.values(c.committed)].length, 6)
  })
})

describe('redemption.windows', () => {
  it('sends what no voucher covers to the tail, less the no-show fee, without a fault', () => {
    const c = chainOfThree()
    c.run(() => ok(c.list(1)))
    ask(c, ALICE, coins(10))
    c.run()
    c.turn(() => ok(c.grant(1, 1)))
    ask(c, BOB, coins(3))
    c.run(() => ok(c.settle({ id: 1, assignment: 1, deliveredBase: coins(4), signer: ALICE })))
    c.endWindow()
    const r = redemption(c, 1)
    assert.deepEqual([r.burnedBase, r.feesBase], [coins(4), coins(0.06)])
    assert.deepEqual(r.places, [{ sequence: 3, queuedBase: coins(5.94) }])
    assert.equal(c.guarantee(), coins(0.06))
    c.run()
    assert.deepEqual(
      [assignment(c, 1, 2)?.window, assignment(c, 1, 2)?.amountBase, assignment(c, 1, 2)?.sequence],
      [3, coins(5.94), 3],
    )
    assert.equal(isSuspended(c.state, 1), false)
    assert.equal(getSummary(c.state, 1).reservedBase, coins(5.94))
  })

  it('sends parts to the tail in the order of their places', () => {
    const c = chainOfThree()
    c.run(() => {
      ok(c.list(2))
      ok(c.list(1))
    })
    ask(c, ALICE, coins(228), { provider: 2 })
    ask(c, BOB, coins(228))
    c.run()
    c.endWindow(() => {
      ok(c.grant(1, 1))
      ok(c.grant(2, 1))
    })
    c.run()
    c.endWindow()
    assert.deepEqual(
      [1, 2].map((id) => redemption(c, id).places),
      [[{ sequence: 3, queuedBase: coins(225.72) }], [{ sequence: 4, queuedBase: coins(225.72) }]],
    )
  })

  it('serves the part at an original place before a part that went to the tail', () => {
    const c = chainOfThree({ providers: [{ devices: 10 }, { devices: 10 }, { devices: 10 }] })
    c.run(() => ok(c.list(1)))
    ask(c, ALICE, coins(300), { provider: 1 })
    c.run()
    c.turn(() => ok(c.grant(1, 1)))
    // 72 coins were left at place 1 and are reserved for window 2.
    assert.deepEqual([assignment(c, 1, 2)?.sequence, assignment(c, 1, 2)?.amountBase], [1, coins(72)])
    ask(c, BOB, coins(200), { provider: 1 })
    c.endWindow()
    assert.deepEqual(redemption(c, 1).places, [{ sequence: 3, queuedBase: coins(225.72) }])
    assert.equal(stateName(c, 1), 'active')
  })

  it('fixes the anchor at reservation', () => {
    const c = chainOfThree()
    c.run(() => ok(c.list(1)))
    ask(c, ALICE, coins(10))
    c.run()
    assert.equal(assignment(c, 1, 1)?.anchor, PPM)
    assert.equal(assignment(c, 1, 1)?.bookedHours, 10n * 10n ** 18n)
  })

  it('assigns a request over several blocks when its parts are more than the steps', () => {
    const c = chainOfThree({ params: { stepsPerBlockMax: 6, assignAhead: 1 } })
    listAll(c, [1, 2])
    c.run(() => ok(c.request(ALICE, coins(300))))
    c.run()
    assert.equal(redemption(c, 1).queuedBase, coins(72))
    assert.equal(hasWork(c.state), true)
    c.run()
    assert.equal(redemption(c, 1).queuedBase, 0n)
  })

  it('refunds requests that could not begin in time, with the reason', () => {
    const c = chainOfThree()
    ask(c, ALICE, coins(10), { provider: 1, service: 'train', startBy: 1 })
    ask(c, BOB, coins(10), { provider: 1, service: 'train', finishBy: 2 })
    c.endWindow()
    assert.equal(stateName(c, 1), 'expired')
    assert.equal(redemption(c, 1).endReason, 'startByPassed')
    assert.equal(stateName(c, 2), 'queued')
    c.endWindow()
    assert.equal(redemption(c, 2).endReason, 'finishByPassed')
    assert.deepEqual([c.balance(ALICE), c.balance(BOB)], [coins(300), coins(300)])
  })

  it('expires a request whose place is drawn after its window has begun', () => {
    const c = chainOfThree()
    c.endWindow(() => ok(c.request(ALICE, coins(10), { startBy: 1 })))
    c.run()
    assert.equal(redemption(c, 1).endReason, 'startByPassed')
  })

  it('refunds the remainder when the last window has passed with a part delivered', () => {
    const c = chainOfThree()
    c.run(() => ok(c.list(1)))
    ask(c, ALICE, coins(300), { provider: 1, startBy: 1, finishBy: 1 })
    c.run()
    assert.equal(redemption(c, 1).queuedBase, coins(72))
    c.endWindow(() => ok(c.grant(1, 1)))
    assert.equal(redemption(c, 1).refundedBase, coins(72))
    assert.equal(stateName(c, 1), 'active')
    c.run()
    c.endWindow(() => ok(c.settle({ id: 1, assignment: 1, deliveredBase: coins(100), signer: ALICE })))
    assert.equal(stateName(c, 1), 'settled')
    assert.equal(redemption(c, 1).endReason, 'remainderExpired')
    assert.equal(redemption(c, 1).feesBase, coins(1.28))
    assert.equal(c.balance(ALICE), coins(198.72))
  })

  it('ignores start-by once delivery has begun', () => {
    const c = chainOfThree()
    c.run(() => ok(c.list(1)))
    ask(c, ALICE, coins(300), { provider: 1, startBy: 1 })
    c.run()
    c.turn(() => ok(c.grant(1, 1)))
    assert.deepEqual([assignment(c, 1, 2)?.window, assignment(c, 1, 2)?.amountBase], [2, coins(72)])
  })

  it('sweeps an ended window over several blocks, and assigns nothing meanwhile', () => {
    const c = chainOfThree({ params: { stepsPerBlockMax: 8 } })
    c.run(() => {
      ok(c.list(1))
      for (let i = 0; i < 12; i++) ok(c.request(ALICE, coins(1)))
    })
    while (getTotals(c.state).queuedCount > 0) c.run()
    c.endWindow(() => {
      for (let id = 1; id <= 12; id++) ok(c.grant(id, 1))
    })
    c.run()
    c.run()
    c.endWindow()
    assert.equal(hasWork(c.state), true)
    const left = (window: number) =>
      [...redemptionTables.assignment.values(c.committed)].filter((a) => a.window === window).length
    assert.equal(left(1), 4)
    c.run()
    assert.deepEqual([left(1), left(3) < 3], [0, true])
    while (getTotals(c.state).queuedCount > 0) c.run()
    assert.equal(left(3), 12)
  })

  it('keeps at most a bounded number of places for one redemption', () => {
    const c = chainOfThree()
    const many = Array.from({ length: PLACES_MAX }, (_, i) => ({ sequence: i + 1, queuedBase: 1n }))
    ask(c, ALICE, coins(1))
    const full = { ...redemption(c, 1), places: many, queuedBase: BigInt(PLACES_MAX) }
    assert.equal(placeToReturn(full, 5), 5)
    assert.equal(placeToReturn(full, PLACES_MAX + 9), PLACES_MAX)
    assert.equal(placeToReturn({ ...full, places: many.slice(1) }, 1), 1)
    const later = many.map(({ queuedBase }, i) => ({ sequence: 2 * i + 2, queuedBase }))
    assert.equal(placeToReturn({ ...full, places: later }, 3), 4)
    c.run(() => {
      updateTotals(c.state, { nextSequence: 1000 })
      const moved = addAtTail(c.state, full, 7n)
      assert.equal(moved.places.length, PLACES_MAX)
      assert.equal(moved.places.at(-1)!.queuedBase, 8n)
      assert.equal(moved.queuedBase, BigInt(PLACES_MAX) + 7n)
      updateTotals(c.state, { nextSequence: 2 })
    })
  })
})
