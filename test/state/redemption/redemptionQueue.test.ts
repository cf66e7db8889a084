// The queue of redemption over windows: order, choice, returns, suspension and un-booking, expiry.
import assert from 'node:assert/strict'
import { COIN, PPM } from '../../../base/units.ts'
import { getWindow } from '../../../state/modules/capacity/book.ts'
import { getLiability } from '../../../state/modules/issuance/ledger.ts'
import { hasWork } from '../../../state/modules/redemption/blockEnd.ts'
import { redemptionTables } from '../../../state/modules/redemption/tables.ts'
import { type ChainOptions, coins, RedemptionChain, WINDOW_MS } from '../../support/redemptionFixture.ts'

const ALICE = 20
const BOB = 21
const CAROL = 22

/** Four providers of 228 coins per window; three wallets of 300 coins issued by providers 1, 2 and 3. */
function chain(options: Partial<ChainOptions> = {}): RedemptionChain {
  const made = new RedemptionChain({
    providers: [{ devices: 10 }, { devices: 10 }, { devices: 10 }, { devices: 10 }],
    ...options,
  })
  made.run(() => {
    made.fund(ALICE, 1, coins(300))
    made.fund(BOB, 2, coins(300))
    made.fund(CAROL, 3, coins(300))
  })
  return made
}

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

describe('redemption.order', () => {
  it('serves places in order and splits a request over providers and windows', () => {
    const c = chain({ params: { assignAhead: 2 } })
    c.run(() => {
      ok(c.list(1))
      ok(c.list(2))
    })
    ask(c, ALICE, coins(300))
    ask(c, BOB, coins(300))
    c.run()
    assert.deepEqual(
      [1, 2].map((n) => [
        assignment(c, 1, n)?.provider,
        assignment(c, 1, n)?.window,
        assignment(c, 1, n)?.amountBase,
      ]),
      [
        [1, 1, coins(228)],
        [2, 1, coins(72)],
      ],
    )
    assert.deepEqual(
      [1, 2].map((n) => [
        assignment(c, 2, n)?.provider,
        assignment(c, 2, n)?.window,
        assignment(c, 2, n)?.amountBase,
      ]),
      [
        [2, 1, coins(156)],
        [1, 2, coins(144)],
      ],
    )
    assert.equal(getLiability(c.state, 1).reservedBase, coins(372))
    assert.equal(getWindow(c.state, { provider: 2, windowIndex: 1 }).reservedHours, 228n * 10n ** 18n)
    type Page = { assignments: { redemptionId: number }[]; nextCursor: number }
    const page = c.query<Page>('assignments', { provider: 2, window: 1, cursor: 0, limit: 1 })
    assert.deepEqual([page.assignments[0]?.redemptionId, page.nextCursor], [1, 1])
    const rest = c.query<Page>('assignments', { provider: 2, window: 1, cursor: 1, limit: 0 })
    assert.deepEqual([rest.assignments[0]?.redemptionId, rest.nextCursor], [2, 0])
    assert.equal(c.query<{ assignments: unknown[] }>('redemption', { id: 1 }).assignments.length, 2)
  })

  it('lets later requests overtake only those that no free capacity can serve', () => {
    const c = chain()
    c.run(() => ok(c.list(1)))
    ask(c, ALICE, coins(5), { region: 'eu-west' })
    ask(c, ALICE, coins(5), { ratingMin: 2n * PPM })
    ask(c, ALICE, coins(5), { service: 'train' })
    ask(c, ALICE, coins(5), { provider: 4 })
    ask(c, BOB, coins(5))
    c.run()
    assert.deepEqual(
      [1, 2, 3, 4, 5].map((id) => stateName(c, id)),
      ['queued', 'queued', 'queued', 'queued', 'assigned'],
    )
    // Waiting requests are matched once a suitable offer appears.
    c.run(() => {
      ok(c.list(4))
      ok(c.list(1, { service: 'train' }))
    })
    assert.deepEqual(
      [1, 2, 3, 4].map((id) => stateName(c, id)),
      ['queued', 'queued', 'assigned', 'assigned'],
    )
  })

  it('prefers the highest bonus, then the highest share of liability to capacity, then the lowest id', () => {
    const c = chain()
    c.run(() => {
      c.fund(CAROL, 4, coins(400))
      for (const provider of [1, 2, 4]) ok(c.list(provider))
      ok(c.list(3, { bonusPpm: 10_000n }))
    })
    c.endWindow()
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

  it('assigns at par while the queue is longer than half of the next window', () => {
    const c = chain()
    c.run(() => {
      ok(c.list(1, { bonusPpm: 500_000n }))
      ok(c.list(2))
    })
    c.endWindow()
    c.run(() => {
      ok(c.request(ALICE, coins(300)))
      ok(c.request(BOB, coins(300)))
    })
    c.run()
    for (const a of redemptionTables.assignment.values(c.committed)) assert.equal(a.bonusPpm, 0n)
  })

  it('obliges providers, listed or not, after a quarter window', () => {
    const c = chain()
    ask(c, ALICE, coins(5))
    c.run()
    assert.equal(stateName(c, 1), 'queued')
    c.run(() => {}, WINDOW_MS / 4 - 101)
    assert.equal(stateName(c, 1), 'queued')
    c.run()
    assert.equal(stateName(c, 1), 'assigned')
    const chosen = assignment(c, 1, 1)!
    assert.deepEqual([chosen.provider, chosen.classId, chosen.bonusPpm], [1, 1, 0n])
  })

  it('obliges a provider that has issued nothing: its pledge backs every coin', () => {
    const c = chain()
    ask(c, ALICE, coins(5), { provider: 4 })
    c.endWindow()
    c.endWindow(() => ok(c.grant(1, 1)))
    c.run(() => ok(c.settle({ id: 1, assignment: 1, deliveredBase: coins(5), signer: ALICE })))
    assert.equal(stateName(c, 1), 'settled')
    assert.equal(c.balance(4), coins(5))
  })

  it('does not assign capacity below the minimum', () => {
    const c = chain()
    c.run(() => {
      ok(c.list(1))
      ok(c.request(ALICE, coins(228) - COIN / 200n, { provider: 1 }))
    })
    ask(c, BOB, coins(5), { provider: 1 })
    c.run()
    assert.equal(redemption(c, 2).queuedBase, coins(5))
  })

  it('returns how many windows the queue takes', () => {
    const c = chain()
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
    const c = chain({ params: { stepsPerBlockMax: 2 } })
    c.run(() => {
      ok(c.list(1))
      for (let i = 0; i < 5; i++) ok(c.request(ALICE, coins(1)))
    })
    c.run()
    assert.equal([...redemptionTables.assignment.values(c.committed)].length, 2)
    assert.equal(hasWork(c.state), true)
    c.run()
    c.run()
    assert.equal([...redemptionTables.assignment.values(c.committed)].length, 5)
    assert.equal(hasWork(c.state), false)
  })
})

describe('redemption.windows', () => {
  it('returns coins without a voucher to their place, without a fault when access was granted', () => {
    const c = chain()
    c.run(() => ok(c.list(1)))
    ask(c, ALICE, coins(10))
    c.run()
    c.endWindow(() => ok(c.grant(1, 1)))
    c.run(() => ok(c.settle({ id: 1, assignment: 1, deliveredBase: coins(4), signer: ALICE })))
    c.endWindow()
    const r = redemption(c, 1)
    assert.equal(r.sequence, 1)
    assert.equal(r.burnedBase, coins(4))
    // Back in the queue and assigned again in the same block.
    assert.deepEqual([assignment(c, 1, 2)?.window, assignment(c, 1, 2)?.amountBase], [3, coins(6)])
    assert.equal(redemptionTables.suspension.has(c.state, { provider: 1 }), false)
    assert.equal(getLiability(c.state, 1).reservedBase, coins(6))
  })

  it('fixes the anchor at reservation', () => {
    const c = chain()
    c.run(() => ok(c.list(1)))
    ask(c, ALICE, coins(10))
    c.run()
    assert.equal(assignment(c, 1, 1)?.anchor, PPM)
    assert.equal(assignment(c, 1, 1)?.bookedHours, 10n * 10n ** 18n)
  })

  it('suspends a provider that grants nothing, returns its reservations and un-books later places', () => {
    const c = chain({ params: { assignAhead: 1 } })
    c.run(() => {
      ok(c.list(1))
      ok(c.list(2))
    })
    ask(c, ALICE, coins(200), { provider: 1 })
    c.run()
    c.endWindow()
    // Provider 1 fails to serve place 1 in window 1; in window 2 later places have booked providers 1 and 2.
    ask(c, BOB, coins(228))
    ask(c, CAROL, coins(228))
    c.run()
    assert.equal(assignment(c, 2, 1)?.provider, 1)
    assert.equal(assignment(c, 3, 1)?.provider, 2)
    c.endWindow()
    // Window 1 ended: provider 1 failed place 1 and did not grant window 2 either.
    assert.equal(redemptionTables.suspension.mustGet(c.state, { provider: 1 }).sinceWindow, 2)
    assert.equal(assignment(c, 2, 1), undefined)
    assert.equal(redemption(c, 1).queuedBase, coins(200))
    // Place 2 went back to the queue and took provider 2's capacity in window 3 before place 3.
    assert.deepEqual([assignment(c, 2, 2)?.provider, assignment(c, 2, 2)?.window], [2, 3])
    assert.equal(assignment(c, 3, 1)?.window, 2)
    assert.deepEqual(
      c.eventNames().filter((name) => name === 'Suspended'),
      ['Suspended'],
    )
  })

  it('un-books later places in windows not begun when earlier ones return', () => {
    const c = chain({ params: { assignAhead: 2 } })
    c.run(() => {
      ok(c.list(1))
      ok(c.list(2))
    })
    ask(c, ALICE, coins(200), { provider: 1 })
    c.run()
    c.endWindow()
    // Later places fill windows 2 and 3 of provider 2; place 1 is not being served.
    ask(c, BOB, coins(228), { provider: 2 })
    ask(c, BOB, coins(72), { provider: 2 })
    c.run()
    assert.deepEqual([assignment(c, 2, 1)?.window, assignment(c, 3, 1)?.window], [2, 3])
    c.endWindow(() => {
      ok(c.grant(2, 1))
      ok(c.grant(3, 1))
    })
    // Provider 1 is suspended. Place 2 is being served; place 3 was un-booked although its grant was posted, and matched again.
    assert.equal(assignment(c, 2, 1)?.window, 2)
    assert.equal(assignment(c, 3, 1), undefined)
    assert.deepEqual([assignment(c, 3, 2)?.provider, assignment(c, 3, 2)?.window], [2, 3])
    assert.equal(redemption(c, 1).queuedBase, coins(200))
    c.endWindow(() => ok(c.settle({ id: 2, assignment: 1, deliveredBase: coins(228), signer: BOB })))
    assert.equal(stateName(c, 2), 'settled')
  })

  it('matches a returned place before later ones that had booked', () => {
    const c = chain({ providers: [{ devices: 10 }, { devices: 10 }, { devices: 10 }] })
    c.run(() => {
      ok(c.list(1))
      ok(c.list(2))
    })
    ask(c, ALICE, coins(228), { finishBy: 3 })
    c.run()
    assert.equal(assignment(c, 1, 1)?.provider, 1)
    c.endWindow()
    c.endWindow(() => {
      // These wait for the next block and are drawn after place 1 has returned.
      ok(c.request(BOB, coins(228), { provider: 2 }))
    })
    assert.deepEqual([assignment(c, 1, 2)?.provider, assignment(c, 1, 2)?.window], [2, 3])
    c.run()
    assert.equal(redemption(c, 2).queuedBase, coins(228))
  })

  it('assigns a request over several blocks when its parts are more than the steps', () => {
    const c = chain({ params: { stepsPerBlockMax: 1, assignAhead: 1 } })
    c.run(() => {
      ok(c.list(1))
      ok(c.list(2))
      ok(c.request(ALICE, coins(300)))
    })
    c.run()
    assert.equal(redemption(c, 1).queuedBase, coins(72))
    assert.equal(hasWork(c.state), true)
    c.run()
    assert.equal(redemption(c, 1).queuedBase, 0n)
  })

  it('keeps a suspended provider’s granted work of the running window', () => {
    const c = chain()
    c.run(() => ok(c.list(1)))
    ask(c, ALICE, coins(10))
    c.run()
    c.endWindow()
    ask(c, BOB, coins(10), { provider: 1 })
    c.run()
    c.endWindow(() => ok(c.grant(2, 1)))
    assert.equal(redemptionTables.suspension.has(c.state, { provider: 1 }), true)
    assert.equal(stateName(c, 2), 'active')
    c.run(() => ok(c.settle({ id: 2, assignment: 1, deliveredBase: coins(10), signer: BOB })))
    assert.equal(stateName(c, 2), 'settled')
  })

  it('counts a late grant as a fault only for coins that stay undelivered', () => {
    const c = chain()
    c.run(() => ok(c.list(1)))
    ask(c, ALICE, coins(10))
    c.run()
    c.endWindow()
    c.run(() => ok(c.grant(1, 1)))
    c.endWindow(() => ok(c.settle({ id: 1, assignment: 1, deliveredBase: coins(10), signer: ALICE })))
    assert.equal(redemptionTables.suspension.has(c.state, { provider: 1 }), false)
    assert.equal(stateName(c, 1), 'settled')
  })

  it('refunds requests that could not begin in time, with the reason', () => {
    const c = chain()
    ask(c, ALICE, coins(10), { region: 'eu-west', startBy: 1 })
    ask(c, BOB, coins(10), { region: 'eu-west', finishBy: 2 })
    c.run()
    c.endWindow()
    assert.equal(stateName(c, 1), 'expired')
    assert.equal(redemption(c, 1).endReason, 'startByPassed')
    assert.equal(stateName(c, 2), 'queued')
    c.endWindow()
    assert.equal(redemption(c, 2).endReason, 'finishByPassed')
    assert.deepEqual([c.balance(ALICE), c.balance(BOB)], [coins(300), coins(300)])
  })

  it('expires a request whose place is drawn after its window has begun', () => {
    const c = chain()
    c.endWindow(() => ok(c.request(ALICE, coins(10), { startBy: 1 })))
    c.run()
    assert.equal(redemption(c, 1).endReason, 'startByPassed')
  })

  it('refunds the remainder when the last window has passed with a part delivered', () => {
    const c = chain()
    c.run(() => ok(c.list(1)))
    ask(c, ALICE, coins(300), { provider: 1, startBy: 1, finishBy: 1 })
    c.run()
    assert.equal(redemption(c, 1).queuedBase, coins(72))
    c.endWindow(() => ok(c.grant(1, 1)))
    assert.equal(redemption(c, 1).refundedBase, coins(72))
    assert.equal(stateName(c, 1), 'active')
    c.endWindow(() => ok(c.settle({ id: 1, assignment: 1, deliveredBase: coins(100), signer: ALICE })))
    assert.equal(stateName(c, 1), 'settled')
    assert.equal(redemption(c, 1).endReason, 'remainderExpired')
    assert.equal(c.balance(ALICE), coins(200))
  })

  it('ignores start-by once delivery has begun', () => {
    const c = chain()
    c.run(() => ok(c.list(1)))
    ask(c, ALICE, coins(300), { provider: 1, startBy: 1 })
    c.run()
    c.endWindow(() => ok(c.grant(1, 1)))
    assert.deepEqual([assignment(c, 1, 2)?.window, assignment(c, 1, 2)?.amountBase], [2, coins(72)])
  })

  it('sweeps an ended window over several blocks, and assigns nothing meanwhile', () => {
    const c = chain({ params: { stepsPerBlockMax: 3 } })
    c.run(() => {
      ok(c.list(1))
      for (let i = 0; i < 6; i++) ok(c.request(ALICE, coins(1)))
    })
    for (let i = 0; i < 4; i++) c.run()
    assert.equal(redemption(c, 6).assignedBase, coins(1))
    c.endWindow(() => {
      for (let id = 1; id <= 6; id++) ok(c.grant(id, 1))
    })
    c.endWindow()
    assert.equal(hasWork(c.state), true)
    const left = () =>
      [...redemptionTables.assignment.values(c.committed)].filter((a) => a.window === 1).length
    assert.equal(left(), 3)
    c.run()
    assert.equal(left(), 0)
    for (let i = 0; i < 6; i++) c.run()
    assert.equal([...redemptionTables.assignment.values(c.committed)].filter((a) => a.window === 3).length, 6)
  })
})
