// What a request must be to enter the table, who makes room for whom, and what leaves the state when it has ended.
import assert from 'node:assert/strict'
import { COIN, PPM } from '../../../base/units.ts'
import { minimumNow } from '../../../state/modules/redemption/limits.ts'
import { getTotals } from '../../../state/modules/redemption/redemptions.ts'
import { redemptionParams, redemptionTables } from '../../../state/modules/redemption/tables.ts'
import {
  ALICE,
  BOB,
  fundedChain as chain,
  coins,
  type RedemptionChain,
  walletOf,
} from '../../support/redemptionFixture.ts'

const ok = (failure: unknown) => assert.equal(failure, undefined)
const redemption = (c: RedemptionChain, id: number) => redemptionTables.redemption.mustGet(c.state, { id })
const MINIMUM = COIN / 100n
/** Nobody lists training, so that it sleeps for a quarter window. */
const ASLEEP = { service: 'train', provider: 1 } as const

describe('redemption.limits', () => {
  it('accepts no dust: not from 2,000 accounts of one unit each, with constraints that nothing meets', () => {
    const c = chain()
    c.run(() => {
      for (let wallet = 100; wallet < 150; wallet++) {
        c.fund(wallet, 1, 1n)
        assert.equal(c.request(wallet, 1n, { ratingMin: 2n ** 63n })?.code, 'BelowMinimum')
      }
      // Of a sufficient amount it is refused as well: no lot is rated so high.
      const refused = c.request(ALICE, coins(1), { ratingMin: 2n ** 63n })
      assert.deepEqual(refused, {
        code: 'Unservable',
        fields: { service: 'infer', provider: 0, ratingMin: 2n ** 63n, region: '' },
      })
    })
    assert.equal(getTotals(c.state).openCount, 0)
  })

  it('refuses constraints that no attested lot meets, alone or together', () => {
    const c = chain()
    c.run(() => {
      c.addLot(2, { classId: 1, devices: 1, region: 'eu-west', services: 1 })
      assert.equal(c.request(ALICE, coins(1), { region: 'mars' })?.code, 'Unservable')
      assert.equal(c.request(ALICE, coins(1), { ratingMin: PPM + 1n })?.code, 'Unservable')
      assert.equal(c.request(ALICE, coins(1), { provider: 1, region: 'eu-west' })?.code, 'Unservable')
      assert.equal(c.request(ALICE, coins(1), { region: 'eu-west' })?.code, 'Unservable')
      ok(c.request(ALICE, coins(1), { region: 'eu-west', service: 'train' }))
      ok(c.request(ALICE, coins(1), { region: 'eu-west', service: 'train', provider: 2, ratingMin: PPM }))
      assert.equal(c.request(ALICE, coins(1), { provider: 9 })?.code, 'UnknownProvider')
    })
  })

  it('ends requests with constraints within K windows', () => {
    const c = chain()
    c.run(() => {
      assert.deepEqual(c.request(ALICE, coins(1), { provider: 1, finishBy: 13 }), {
        code: 'FinishTooFar',
        fields: { finishBy: 13, latest: 12 },
      })
      ok(c.request(ALICE, coins(1), { provider: 1, finishBy: 12 }))
      ok(c.request(ALICE, coins(1), { provider: 1 }))
      ok(c.request(ALICE, coins(1)))
      // A last window is itself a constraint.
      assert.equal(c.request(ALICE, coins(1), { finishBy: 13 })?.code, 'FinishTooFar')
    })
    assert.deepEqual(
      [1, 2, 3].map((id) => redemption(c, id).finishBy),
      [12, 12, 0],
    )
    assert.equal(getTotals(c.state).constrainedCount, 2)
  })

  it('doubles the minimum with each sixteenth of the table above half', () => {
    const c = chain({ params: { openRequestsMax: 32, openRequestsPerAccountMax: 32 } })
    const minimums: bigint[] = []
    c.run(() => {
      for (let i = 0; i < 30; i++) {
        minimums.push(minimumNow(c.state) / MINIMUM)
        ok(c.request(ALICE, minimumNow(c.state)))
      }
    })
    // 16 requests are half of the table, and every two more a sixteenth.
    assert.deepEqual(minimums.slice(0, 18), new Array(18).fill(1n))
    assert.deepEqual(minimums.slice(18, 24), [2n, 2n, 4n, 4n, 8n, 8n])
    c.run(() => {
      assert.equal(minimumNow(c.state), MINIMUM * 128n)
      const refused = c.request(BOB, MINIMUM * 128n - 1n)
      assert.deepEqual(refused?.fields, { amountBase: MINIMUM * 128n - 1n, minimumBase: MINIMUM * 128n })
      // A whole balance may be a tenth of that.
      c.fund(40, 1, (MINIMUM * 128n) / 10n - 1n)
      assert.equal(c.request(40, (MINIMUM * 128n) / 10n - 1n)?.code, 'BelowMinimum')
      c.fund(41, 1, (MINIMUM * 128n) / 10n)
      ok(c.request(41, (MINIMUM * 128n) / 10n))
    })
    const queue = c.query<{ minimumBase: bigint }>('queue')
    assert.equal(queue.minimumBase, MINIMUM * 128n)
  })

  it('asks no more of a table that a vote has made too small than of a full one', () => {
    const c = chain({ params: { openRequestsMax: 64, openRequestsPerAccountMax: 64 } })
    c.run(() => {
      for (let i = 0; i < 40; i++) ok(c.request(ALICE, MINIMUM * 16n))
    })
    c.run(() => {
      const params = redemptionParams.get(c.state)
      redemptionParams.set(c.state, { ...params, openRequestsMax: 1, openRequestsPerAccountMax: 1 })
    })
    // It was 2^632 times the minimum, which no error and no answer can hold: a request halted the chain.
    assert.equal(minimumNow(c.state), MINIMUM * 256n)
    assert.equal(c.query<{ minimumBase: bigint }>('queue').minimumBase, MINIMUM * 256n)
    c.run(() => {
      assert.equal(c.request(BOB, coins(1))?.code, 'BelowMinimum')
      assert.equal(c.request(BOB, coins(3))?.code, 'QueueFull')
    })
  })

  it('lets requests with constraints fill half of the table, the rest being for others', () => {
    const c = chain({ params: { openRequestsMax: 8 } })
    c.run(() => {
      for (let i = 0; i < 4; i++) ok(c.request(ALICE, coins(1 + i), ASLEEP))
      assert.deepEqual(c.request(ALICE, coins(9), ASLEEP), {
        code: 'ConstrainedFull',
        fields: { openCount: 4, maximum: 4 },
      })
      ok(c.request(BOB, coins(10)))
    })
  })

  it('refunds the smallest sleeper of a full half for a larger request', () => {
    const c = chain({ params: { openRequestsMax: 8 } })
    c.run(() => {
      for (const amount of [3, 1, 2]) ok(c.request(ALICE, coins(amount), ASLEEP))
      ok(c.request(BOB, coins(0.5), { provider: 2 }))
    })
    c.run(() => ok(c.list(2)))
    c.run()
    // Provider 2 serves the smallest of all, which does not sleep.
    assert.equal(redemption(c, 4).assignedBase, coins(0.5))
    const before = c.balance(ALICE)
    c.run(() => {
      assert.equal(c.request(BOB, coins(1), ASLEEP)?.code, 'ConstrainedFull')
      ok(c.request(BOB, coins(1.001), ASLEEP))
    })
    assert.equal(redemption(c, 2).endReason, 'displaced')
    assert.equal(c.query<{ state: string }>('redemption', { id: 2 }).state, 'cancelled')
    assert.equal(c.balance(ALICE), before + coins(1))
    // Requests without constraints make room for nobody.
    assert.equal(getTotals(c.state).constrainedCount, 4)
    assert.equal(redemption(c, 1).endReason, 'none')
  })
})

describe('redemption.history', () => {
  it('removes what has ended, and all that listed it, after the tail', () => {
    const c = chain({ params: { tailWindows: 2 } })
    const keys = () => [...c.committed.entries('')].map(([key]) => key).filter(isRedemption)
    function isRedemption(key: string): boolean {
      return Object.values(redemptionTables).some(({ prefix }) => key.startsWith(prefix))
    }
    c.run(() => {
      ok(c.request(BOB, coins(1)))
      ok(c.act('cancel', walletOf(BOB), { id: 1 }))
    })
    c.turn()
    const before = keys()
    for (let i = 0; i < 20; i++) {
      const id = getTotals(c.state).nextId
      c.run(() => ok(c.request(ALICE, coins(1 + (i % 3)), i % 2 === 0 ? {} : ASLEEP)), 10)
      c.run(() => ok(c.act('cancel', walletOf(ALICE), { id })), 10)
    }
    assert.ok(keys().length > before.length + 20)
    const owned = c.query<{ redemptions: unknown[] }>('redemptions', {
      owner: walletOf(ALICE),
      cursor: 0,
      limit: 0,
    })
    assert.equal(owned.redemptions.length, 20)
    // Counts and cursors stay: nothing of the loop does.
    for (let i = 0; i < 4; i++) c.turn()
    const lasting = new Set([...before, redemptionTables.totals.key({}), redemptionTables.cursors.key({})])
    assert.deepEqual(
      keys().filter((key) => !lasting.has(key)),
      [],
    )
    assert.equal(c.query('redemption', { id: 5 }), undefined)
    c.run(() => assert.equal(c.act('cancel', walletOf(ALICE), { id: 5 })?.code, 'UnknownRedemption'))
  })

  it('keeps the others of an account in their order', () => {
    const c = chain({ params: { tailWindows: 1, stepsPerBlockMax: 8 } })
    c.run(() => {
      for (let i = 0; i < 6; i++) ok(c.request(ALICE, coins(1)))
    })
    c.run(() => {
      for (const id of [1, 3, 6]) ok(c.act('cancel', walletOf(ALICE), { id }))
    })
    for (let i = 0; i < 3; i++) c.turn()
    type Page = { redemptions: { id: number }[]; nextCursor: number }
    const page = (cursor: number, limit: number) =>
      c.query<Page>('redemptions', { owner: walletOf(ALICE), cursor, limit })
    const first = page(0, 2)
    assert.deepEqual([first.redemptions.map(({ id }) => id), first.nextCursor], [[5, 4], 2])
    assert.deepEqual([page(2, 2).redemptions.map(({ id }) => id), page(2, 2).nextCursor], [[2], 0])
    assert.deepEqual(page(6, 2).redemptions, [])
    const { count, openCount, newest } = redemptionTables.owner.mustGet(c.state, { owner: walletOf(ALICE) })
    assert.deepEqual([count, openCount, newest], [3, 3, 5])
  })
})
