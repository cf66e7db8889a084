// Redemption's actions of requesting and offering, one `describe` each: what they change and what they reject.
import assert from 'node:assert/strict'
import { COIN } from '../../../base/units.ts'
import { getAccount } from '../../../state/modules/accounts/ledger.ts'
import { hasWork } from '../../../state/modules/redemption/blockEnd.ts'
import { bonusAt } from '../../../state/modules/redemption/bonus.ts'
import { REDEMPTION_ESCROW } from '../../../state/modules/redemption/external.ts'
import { getTotals, lockedInRedemption } from '../../../state/modules/redemption/redemptions.ts'
import { BONUS_PPM_MAX } from '../../../state/modules/redemption/shapes.ts'
import { redemptionTables } from '../../../state/modules/redemption/tables.ts'
import {
  ALICE,
  activeChain,
  BOB,
  fundedChain as chain,
  coins,
  type RedemptionChain,
  walletOf,
} from '../../support/redemptionFixture.ts'

const redemption = (c: RedemptionChain, id: number) => redemptionTables.redemption.mustGet(c.state, { id })
const stateName = (c: RedemptionChain, id: number) => c.query<{ state: string }>('redemption', { id }).state

describe('redemption.list', () => {
  it('offers a service at once and its bonus from the next window', () => {
    const c = chain()
    c.run(() => assert.equal(c.list(1, { bonusPpm: 50_000n }), undefined))
    const listing = redemptionTables.listing.mustGet(c.state, { provider: 1, service: 'infer' })
    assert.equal(bonusAt(listing, c.window), 0n)
    assert.equal(bonusAt(listing, c.window + 1), 50_000n)
    const info = c.query<{ nextBonusPpm: bigint; suspended: boolean }>('listing', {
      provider: 1,
      service: 'infer',
    })
    assert.equal(info.nextBonusPpm, 50_000n)
    assert.equal(info.suspended, false)
    assert.equal(c.query<unknown[]>('listings', { service: 'infer' }).length, 1)
    assert.equal(c.query('listing', { provider: 2, service: 'infer' }), undefined)
  })

  it('names the tariff that the provider charges by', () => {
    const c = chain()
    const named = new Uint8Array(32).fill(7)
    c.run(() => assert.equal(c.list(1, {}, named), undefined))
    const info = c.query<{ tariffHash: Uint8Array }>('listing', { provider: 1, service: 'infer' })
    assert.deepEqual(info.tariffHash, named)
  })

  it('keeps the old bonus until the end of the window when it changes', () => {
    const c = chain()
    c.run(() => assert.equal(c.list(1, { bonusPpm: 50_000n }), undefined))
    c.endWindow()
    c.run(() => assert.equal(c.list(1, { bonusPpm: 0n }), undefined))
    const listing = redemptionTables.listing.mustGet(c.state, { provider: 1, service: 'infer' })
    assert.equal(bonusAt(listing, c.window), 50_000n)
    assert.equal(bonusAt(listing, c.window + 1), 0n)
  })

  it('rejects a second change in one window', () => {
    const c = chain()
    c.run(() => {
      assert.equal(c.list(1), undefined)
      assert.deepEqual(c.list(1)?.fields, { retryWindow: 1 })
    })
  })

  it('rejects non-providers, unknown classes, what is not pledged, and too large a bonus', () => {
    const c = chain()
    c.run(() => {
      assert.equal(c.list(ALICE)?.code, 'NotProvider')
      assert.equal(c.list(1, { classId: 77 })?.code, 'UnknownClass')
      assert.equal(c.list(1, { classId: 2 })?.code, 'NotPledged')
      assert.equal(c.list(1, { region: 'eu-west' })?.code, 'NotPledged')
      assert.equal(c.list(1, { bonusPpm: BONUS_PPM_MAX + 1n })?.code, 'BonusTooLarge')
      assert.equal(c.list(1, { bonusPpm: BONUS_PPM_MAX }), undefined)
    })
  })

  it('rejects an endpoint that is no address on the web; none need be named', () => {
    const c = chain()
    c.run(() => {
      for (const endpoint of ['javascript:alert(1)', 'gpu.example', 'https://user@gpu.example'])
        assert.deepEqual(c.list(1, { endpoint })?.fields, { endpoint })
      assert.equal(c.list(1, { endpoint: '' }), undefined)
    })
  })

  it('rejects a service that no lot offers', () => {
    const c = chain()
    c.run(() => {
      c.addLot(1, { classId: 2, devices: 1, region: 'eu-west', services: 1 })
    })
    c.endWindow()
    c.run(() => {
      const place = { classId: 2, region: 'eu-west' }
      assert.equal(c.list(1, { ...place, service: 'infer' })?.code, 'NotPledged')
      assert.equal(c.list(1, { ...place, service: 'train' }), undefined)
    })
  })
})

describe('redemption.unlist', () => {
  it('withdraws an offer, but not in the window in which it changed', () => {
    const c = chain()
    c.run(() => {
      assert.equal(c.act('unlist', walletOf(1), { service: 'infer' })?.code, 'NotListed')
      assert.equal(c.act('unlist', walletOf(ALICE), { service: 'infer' })?.code, 'NotProvider')
      assert.equal(c.list(1), undefined)
      assert.equal(c.act('unlist', walletOf(1), { service: 'infer' })?.code, 'ListedThisWindow')
    })
    c.endWindow()
    c.run(() => assert.equal(c.act('unlist', walletOf(1), { service: 'infer' }), undefined))
    assert.equal(c.query('listing', { provider: 1, service: 'infer' }), undefined)
    // There are no volunteers any more.
    c.run(() => assert.equal(c.request(ALICE, coins(1)), undefined))
    c.run()
    assert.equal(redemption(c, 1).queuedBase, coins(1))
  })
})

describe('redemption.request', () => {
  it('escrows the whole amount and draws a place in the next block', () => {
    const c = chain()
    c.run(() => assert.equal(c.request(ALICE, coins(10)), undefined))
    assert.equal(c.balance(ALICE), coins(290))
    assert.equal(getAccount(c.state, REDEMPTION_ESCROW).balanceBase, coins(10))
    assert.equal(lockedInRedemption(c.state), coins(10))
    assert.equal(redemption(c, 1).sequence, 0)
    assert.equal(hasWork(c.state), true)
    c.run()
    assert.equal(redemption(c, 1).sequence, 1)
    assert.equal(hasWork(c.state), false)
    assert.equal(stateName(c, 1), 'queued')
    assert.deepEqual(c.eventNames(), ['Requested', 'Sequenced'])
  })

  it('draws the places of a block by the mix of the next, not in the order of transactions', () => {
    const c = chain()
    c.run(() => {
      for (let i = 0; i < 12; i++) assert.equal(c.request(i % 2 === 0 ? ALICE : BOB, coins(1)), undefined)
    })
    c.run()
    const places = Array.from({ length: 12 }, (_, i) => redemption(c, i + 1).sequence)
    assert.deepEqual(
      [...places].sort((a, b) => a - b),
      [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12],
    )
    assert.notDeepEqual(
      places,
      [...places].sort((a, b) => a - b),
    )
  })

  it('rejects an amount below the minimum unless it is the whole balance', () => {
    const c = chain()
    c.run(() => {
      const short = c.request(ALICE, COIN / 100n - 1n)
      assert.deepEqual(short, {
        code: 'BelowMinimum',
        fields: { amountBase: COIN / 100n - 1n, minimumBase: COIN / 100n },
      })
      assert.equal(c.request(ALICE, 0n)?.code, 'BelowMinimum')
      assert.equal(c.request(30, 0n)?.code, 'BelowMinimum')
      // Less than a tenth of the minimum is not accepted even then.
      c.fund(31, 1, COIN / 1000n - 1n)
      assert.equal(c.request(31, COIN / 1000n - 1n)?.code, 'BelowMinimum')
      c.fund(30, 1, COIN / 1000n)
      assert.equal(c.request(30, COIN / 1000n - 1n)?.code, 'BelowMinimum')
      assert.equal(c.request(30, COIN / 1000n), undefined)
      assert.equal(c.request(ALICE, COIN / 100n), undefined)
    })
    assert.equal(c.balance(30), 0n)
  })

  it('rejects more than the balance', () => {
    const c = chain()
    c.run(() => {
      const { fields } = c.request(ALICE, coins(300) + 1n)!
      assert.deepEqual(fields, { balanceBase: coins(300), neededBase: coins(300) + 1n })
      assert.equal(c.request(ALICE, 2n ** 128n - 1n)?.code, 'InsufficientBalance')
      assert.equal(c.request(ALICE, coins(300)), undefined)
    })
  })

  it('rejects windows that cannot be met', () => {
    const c = chain()
    c.endWindow()
    c.run(() => {
      assert.equal(c.window, 1)
      assert.deepEqual(c.request(ALICE, coins(1), { startBy: 1 })?.fields, { window: 1, nextWindow: 2 })
      assert.equal(c.request(ALICE, coins(1), { finishBy: 1 })?.code, 'WindowPassed')
      assert.equal(c.request(ALICE, coins(1), { startBy: 4, finishBy: 3 })?.code, 'FinishBeforeStart')
      assert.equal(c.request(ALICE, coins(1), { startBy: 2, finishBy: 2 }), undefined)
      assert.equal(c.request(ALICE, coins(1), { provider: 9 })?.code, 'UnknownProvider')
    })
  })

  it('bounds open requests, per account and in total', () => {
    const c = chain({ params: { openRequestsMax: 3, openRequestsPerAccountMax: 2 } })
    c.run(() => {
      assert.equal(c.request(ALICE, coins(1)), undefined)
      assert.equal(c.request(ALICE, coins(1)), undefined)
      assert.deepEqual(c.request(ALICE, coins(9)), {
        code: 'AccountQueueFull',
        fields: { openCount: 2, maximum: 2 },
      })
      assert.equal(c.request(BOB, coins(9)), undefined)
      assert.equal(c.request(BOB, coins(9))?.code, 'QueueFull')
      assert.equal(c.act('cancel', walletOf(ALICE), { id: 1 }), undefined)
      assert.equal(c.request(BOB, coins(9)), undefined)
    })
    assert.equal(getTotals(c.state).openCount, 3)
  })

  it('lists all requests of an account, newest first, in pages', () => {
    const c = chain()
    c.run(() => {
      for (let i = 0; i < 5; i++) assert.equal(c.request(ALICE, coins(1 + i)), undefined)
      assert.equal(c.request(BOB, coins(1)), undefined)
    })
    type Page = {
      redemptions: { id: number; amountBase: bigint; deviceMicroHours: bigint }[]
      nextCursor: number
    }
    const first = c.query<Page>('redemptions', { owner: walletOf(ALICE), cursor: 0, limit: 3 })
    assert.deepEqual(
      first.redemptions.map((r) => r.id),
      [5, 4, 3],
    )
    // Five coins are five device-hours of the reference class while the anchor is its rating.
    assert.equal(first.redemptions[0]!.deviceMicroHours, 5_000_000n)
    const rest = c.query<Page>('redemptions', { owner: walletOf(ALICE), cursor: first.nextCursor, limit: 3 })
    assert.deepEqual(
      rest.redemptions.map((r) => r.id),
      [2, 1],
    )
    assert.equal(rest.nextCursor, 0)
    assert.deepEqual(
      c.query<Page>('redemptions', { owner: walletOf(77), cursor: 0, limit: 0 }).redemptions,
      [],
    )
    assert.equal(c.query('redemption', { id: 99 }), undefined)
  })
})

describe('redemption.cancel', () => {
  it('refunds what is queued and ends the request', () => {
    const c = chain()
    c.run(() => assert.equal(c.request(ALICE, coins(10)), undefined))
    c.run(() => assert.equal(c.act('cancel', walletOf(ALICE), { id: 1 }), undefined))
    assert.equal(c.balance(ALICE), coins(300))
    assert.equal(stateName(c, 1), 'cancelled')
    assert.equal(redemption(c, 1).endReason, 'cancelledByOwner')
    assert.equal(lockedInRedemption(c.state), 0n)
  })

  it('refunds in the block of the request, before it has a place', () => {
    const c = chain()
    c.run(() => {
      assert.equal(c.request(ALICE, coins(10)), undefined)
      assert.equal(c.request(BOB, coins(10)), undefined)
      assert.equal(c.act('cancel', walletOf(ALICE), { id: 1 }), undefined)
    })
    c.run()
    assert.equal(redemption(c, 1).sequence, 0)
    assert.equal(redemption(c, 2).sequence, 1)
  })

  it('rejects non-owners, unknown ids, and assigned requests', () => {
    const c = activeChain()
    c.run(() => {
      assert.equal(c.act('cancel', walletOf(ALICE), { id: 7 })?.code, 'UnknownRedemption')
      assert.deepEqual(c.act('cancel', walletOf(BOB), { id: 1 })?.fields, { owner: walletOf(ALICE) })
      assert.deepEqual(c.act('cancel', walletOf(ALICE), { id: 1 }), {
        code: 'NothingQueued',
        fields: { id: 1, state: 'active' },
      })
    })
  })

  it('refunds only the queued remainder of a partly assigned request', () => {
    const c = chain()
    c.run(() => {
      assert.equal(c.list(1), undefined)
      assert.equal(c.request(ALICE, coins(300), { provider: 1 }), undefined)
    })
    c.run()
    assert.equal(redemption(c, 1).assignedBase, coins(228))
    c.run(() => assert.equal(c.act('cancel', walletOf(ALICE), { id: 1 }), undefined))
    assert.equal(c.balance(ALICE), coins(72))
    assert.equal(stateName(c, 1), 'assigned')
    c.endWindow(() => assert.equal(c.grant(1, 1), undefined))
    c.run(() =>
      assert.equal(c.settle({ id: 1, assignment: 1, deliveredBase: coins(228), signer: ALICE }), undefined),
    )
    assert.equal(stateName(c, 1), 'settled')
    assert.equal(redemption(c, 1).endReason, 'remainderCancelled')
    assert.equal(redemption(c, 1).burnedBase, coins(228))
  })
})
