// Delivery faults of redemption: missing grants, penalties, suspension, un-booking, full service lanes, poor records.
import assert from 'node:assert/strict'
import { COIN, mulDivCeil, PPM } from '../../../base/units.ts'
import { getAssetBalance } from '../../../state/modules/assets/ledger.ts'
import { getClock } from '../../../state/modules/capacity/windows.ts'
import { getBond } from '../../../state/modules/providers/bonds.ts'
import { deliveryOf } from '../../../state/modules/providers/delivery.ts'
import { GUARANTEE_FUND } from '../../../state/modules/providers/external.ts'
import { slashedOf } from '../../../state/modules/providers/penalties.ts'
import {
  isGroupSuspended,
  isSuspended,
  suspendedSince,
  unpaidPenalties,
} from '../../../state/modules/providers/suspension.ts'
import { providersTables } from '../../../state/modules/providers/tables.ts'
import { closeAssignment } from '../../../state/modules/redemption/assignments.ts'
import { dueAtMs, hasWork } from '../../../state/modules/redemption/blockEnd.ts'
import { isUnreliable } from '../../../state/modules/redemption/bonus.ts'
import { penaltyOf } from '../../../state/modules/redemption/faults.ts'
import { getTotals } from '../../../state/modules/redemption/redemptions.ts'
import { RETURNED } from '../../../state/modules/redemption/returned.ts'
import { redemptionTables } from '../../../state/modules/redemption/tables.ts'
import {
  ALICE,
  BOB,
  type ChainOptions,
  coins,
  longEconomy,
  PARAMS,
  RedemptionChain,
  WINDOW_MS,
  walletOf,
} from '../../support/redemptionFixture.ts'
import { ask, CAROL, chainOfThree } from '../../support/threeWallets.ts'

const ASSET = 1
/** Bond of every provider of the fixture, and the price of a coin, in the asset's units. */
const BOND = 10n ** 15n
const PRICE = 3_000_000n

const ok = (failure: unknown) => assert.equal(failure, undefined)
const redemption = (c: RedemptionChain, id: number) => redemptionTables.redemption.mustGet(c.state, { id })
const stateName = (c: RedemptionChain, id: number) => c.query<{ state: string }>('redemption', { id }).state
const assignment = (c: RedemptionChain, id: number, n: number) =>
  redemptionTables.assignment.get(c.state, { id, assignment: n })
const units = (c: RedemptionChain, owner: Uint8Array) => getAssetBalance(c.state, { asset: ASSET, owner })
const bondOf = (c: RedemptionChain, provider: number) => getBond(c.state, { provider, asset: ASSET })
const closedWith = (c: RedemptionChain, reason: string) => c.closeReasons().filter((r) => r === reason).length

describe('redemption.faults', () => {
  it('returns what has no grant to its place, in the first block of the window', () => {
    const c = chainOfThree()
    c.run(() => ok(c.list(1)))
    ask(c, ALICE, 10)
    c.run()
    c.endWindow()
    assert.equal(stateName(c, 1), 'active')
    assert.equal(hasWork(c.state), true)
    c.run()
    assert.equal(closedWith(c, 'grantMissing'), 1)
    const again = assignment(c, 1, 2)!
    assert.deepEqual([again.sequence, again.window, again.amountBase], [1, 2, coins(10)])
    assert.equal(redemption(c, 1).feesBase, 0n)
    assert.equal(isSuspended(c.state, 1), false)
    assert.deepEqual(deliveryOf(c.state, { provider: 1, window: 1 }), {
      grantedBase: 0n,
      voucheredBase: 0n,
      faultBase: coins(10),
      toleratedBase: 0n,
    })
  })

  it('takes a share of the undelivered from the bond: half for the clients by their coins, half for the fund', () => {
    const c = chainOfThree({ params: { faultFloorPpm: 0n } })
    c.run(() => ok(c.list(1)))
    ask(c, ALICE, 20)
    ask(c, BOB, 10)
    c.run()
    c.turn()
    // A twentieth of 30 coins at three units of a million each.
    const penalty = (30n * PRICE) / 20n
    assert.equal(BOND - bondOf(c, 1), penalty)
    assert.equal(units(c, walletOf(ALICE)), (penalty / 2n / 3n) * 2n)
    assert.equal(units(c, walletOf(BOB)), penalty / 2n / 3n)
    assert.equal(units(c, GUARANTEE_FUND), penalty / 2n)
    assert.deepEqual(slashedOf(c.state, ASSET), {
      slashedBase: penalty,
      victimsBase: penalty / 2n,
      fundBase: penalty / 2n,
      burnedBase: 0n,
    })
    assert.equal([...redemptionTables.failure.values(c.committed)].length, 0)
    assert.equal([...redemptionTables.victim.values(c.committed)].length, 0)
  })

  it('takes nothing from a frozen bond, and notes what is owed', () => {
    const c = chainOfThree()
    c.run(() => ok(c.list(1)))
    ask(c, ALICE, 20)
    c.run(() => providersTables.frozenBond.set(c.state, { provider: 1 }, { sinceHeight: 1, convictions: 1 }))
    c.turn()
    assert.equal(bondOf(c, 1), BOND)
    assert.equal(unpaidPenalties(c.state, 1), coins(1))
    assert.deepEqual([units(c, walletOf(ALICE)), units(c, GUARANTEE_FUND)], [0n, 0n])
  })

  it('takes at least the floor and at most the cap', () => {
    const params = { ...PARAMS, faultPenaltyPpm: 50_000n, faultFloorPpm: 1_000n, penaltyCapPpm: 100_000n }
    const bond = { asset: 1, amountBase: 1_000_000n, priceBase: 1_000n, valueBase: 1_000n * COIN }
    const cost = (coinCount: bigint, change: Partial<typeof bond> = {}, bondsBase = bond.valueBase) =>
      penaltyOf({ ...bond, ...change }, { undeliveredBase: coinCount * COIN, bondsBase }, params)
    assert.equal(cost(100n), 5_000n)
    assert.equal(cost(1n), 1_000n)
    assert.equal(cost(10_000n), 100_000n)
    // Rounding never favours the provider below the cap.
    assert.equal(
      penaltyOf(bond, { undeliveredBase: 100n * COIN + 1n, bondsBase: bond.valueBase }, params),
      5_001n,
    )
    // Half of the value is in another asset: half of the share is taken from this one.
    assert.equal(cost(100n, {}, bond.valueBase * 2n), 2_500n)
    // Without a price the floor alone is taken.
    assert.equal(cost(100n, { priceBase: 0n, valueBase: 0n }), 1_000n)
    assert.equal(cost(100n, { amountBase: 0n, valueBase: 0n }), 0n)
  })

  it('pays penalties over several blocks, to the last unit', () => {
    const c = chainOfThree({ params: { stepsPerBlockMax: 8 } })
    c.run(() => ok(c.list(1)))
    c.run(() => {
      for (let i = 0; i < 12; i++) ok(c.request(i % 2 === 0 ? ALICE : BOB, coins(1 + i)))
    })
    while (getTotals(c.state).queuedCount > 0) c.run(() => {}, 10)
    c.endWindow()
    c.run()
    assert.equal(hasWork(c.state), true)
    for (let i = 0; i < 6; i++) c.run(() => {}, 10)
    const penalty = mulDivCeil(BOND, PARAMS.faultFloorPpm, PPM)
    assert.equal(BOND - bondOf(c, 1), penalty)
    const { slashedBase, victimsBase } = slashedOf(c.state, ASSET)
    assert.deepEqual([slashedBase, victimsBase], [penalty, penalty / 2n])
    assert.equal(units(c, walletOf(ALICE)) + units(c, walletOf(BOB)), penalty / 2n)
  })

  it('suspends at a second fault within K windows, but not after K windows without one', () => {
    const twice = (windowsBetween: number): boolean => {
      const c = chainOfThree()
      c.recountEveryBlock = false
      c.run(() => ok(c.list(1)))
      ask(c, ALICE, 10, 1)
      c.run()
      // The first fault, and its coins reserved again for the next window, where they are served.
      c.turn()
      c.turn(() => ok(c.grant(1, 2)))
      c.run(() => ok(c.settle({ id: 1, assignment: 2, deliveredBase: coins(10), signer: ALICE })))
      for (let i = 3; i < windowsBetween; i++) c.endWindow()
      ask(c, ALICE, 10, 1)
      c.run()
      c.turn()
      return isSuspended(c.state, 1)
    }
    assert.equal(twice(12), true)
    assert.equal(twice(14), false)
  })

  it('cannot be brought about by asking too late: the last quarter of a window assigns nothing into the next', () => {
    const c = chainOfThree()
    c.run(() => ok(c.list(1)))
    c.run(() => ok(c.request(ALICE, COIN / 100n, { provider: 1 })), WINDOW_MS - 500)
    c.run()
    assert.equal(stateName(c, 1), 'queued')
    c.turn()
    // Nobody failed window 1: the coin is reserved for window 2, with all of window 1 to grant it in.
    assert.equal(closedWith(c, 'grantMissing'), 0)
    assert.deepEqual([assignment(c, 1, 1)?.window, c.window], [2, 1])
    assert.equal(bondOf(c, 1), BOND)
  })
})

describe('redemption.suspension', () => {
  /** Provider 1 has failed window 1; its coins of place 1 are reserved again for window 2. */
  function failedOnce(options: Partial<ChainOptions> = {}): RedemptionChain {
    const c = chainOfThree(options)
    c.run(() => {
      ok(c.list(1))
      ok(c.list(2))
    })
    ask(c, ALICE, 200, 1)
    c.run()
    c.turn()
    assert.equal(assignment(c, 1, 2)?.window, 2)
    return c
  }

  it('returns ungranted reservations ahead and serves what was granted', () => {
    const c = failedOnce({ params: { assignAhead: 2 }, economy: longEconomy() })
    ask(c, BOB, 228, 1)
    c.run()
    // 28 coins of window 2 and 200 of window 3.
    assert.deepEqual([assignment(c, 2, 1)?.window, assignment(c, 2, 2)?.window], [2, 3])
    c.endWindow(() => ok(c.grant(2, 1)))
    c.run()
    assert.equal(suspendedSince(c.state, 1), 2)
    assert.equal(stateName(c, 2), 'active')
    assert.equal(assignment(c, 2, 2), undefined)
    assert.deepEqual(redemption(c, 2).places, [{ sequence: 2, queuedBase: coins(200) }])
    assert.deepEqual(redemption(c, 1).places, [{ sequence: 1, queuedBase: coins(200) }])
    c.run(() => ok(c.settle({ id: 2, assignment: 1, deliveredBase: coins(28), signer: BOB })))
    assert.equal(redemption(c, 2).burnedBase, coins(28))
    assert.deepEqual([closedWith(c, 'suspended'), closedWith(c, 'grantMissing')], [1, 2])
  })

  it('suspends the whole legal group', () => {
    const c = new RedemptionChain({
      providers: ['one', 'two', 'one', 'four', 'five'].map((legalGroup) => ({ devices: 10, legalGroup })),
    })
    c.run(() => {
      c.fund(ALICE, 2, coins(20))
      c.fund(CAROL, 4, coins(20))
      ok(c.list(1))
    })
    ask(c, ALICE, 20, 1)
    c.run()
    c.turn()
    ask(c, CAROL, 5, 3)
    c.run()
    c.run(() => {}, WINDOW_MS / 4)
    assert.equal(assignment(c, 2, 1)?.provider, 3)
    c.endWindow(() => ok(c.grant(2, 1)))
    ask(c, CAROL, 6, 3)
    c.run()
    c.run(() => {}, WINDOW_MS / 4)
    assert.deepEqual([isSuspended(c.state, 1), isSuspended(c.state, 3)], [true, false])
    assert.equal(isGroupSuspended(c.state, 3), true)
    // What it granted it serves; new coins it does not get.
    assert.equal(stateName(c, 2), 'active')
    assert.equal(stateName(c, 3), 'queued')
    c.endWindow()
    c.run(() => ok(c.act('resume', walletOf(1), {})))
    assert.equal(stateName(c, 3), 'assigned')
  })

  it('un-books later places, from the latest down, only until what returned fits', () => {
    const c = chainOfThree({
      providers: [{ devices: 10 }, { devices: 10 }, { devices: 10 }],
      params: { assignAhead: 2 },
      economy: longEconomy(),
    })
    c.run(() => {
      ok(c.list(1))
      ok(c.list(2))
    })
    ask(c, ALICE, 100, 1)
    c.run()
    c.turn()
    // Place 1 failed once and is reserved at provider 1 for window 2. Later places fill the windows ahead of provider 2.
    ask(c, BOB, 228, 2)
    for (let i = 0; i < 4; i++) ask(c, CAROL, 57, 2)
    c.run()
    assert.equal(assignment(c, 2, 1)?.window, 2)
    for (let id = 3; id <= 6; id++) assert.equal(assignment(c, id, 1)?.window, 3)
    c.run(() => ok(c.act('cancel', walletOf(ALICE), { id: 1 })?.code === 'NothingQueued' ? undefined : 1))
    c.endWindow(() => ok(c.grant(2, 1)))
    c.run()
    // Only provider 1 could serve it: nobody's reservation would help, so none is given up.
    assert.equal(suspendedSince(c.state, 1), 2)
    assert.equal(closedWith(c, 'unbooked'), 0)
    assert.equal(redemption(c, 1).queuedBase, coins(100))
  })

  it('gives up the latest reservations for a place that can use them, only until it fits', () => {
    const c = new RedemptionChain({
      providers: [{ devices: 12 }, { devices: 4 }, { devices: 4 }],
      params: { assignAhead: 2 },
      economy: longEconomy(),
    })
    c.run(() => {
      c.fund(ALICE, 1, coins(270))
      c.fund(BOB, 1, coins(20))
      c.fund(BOB, 3, coins(75))
      c.fund(CAROL, 2, coins(85))
      c.fund(CAROL, 3, coins(10))
      ok(c.list(1))
    })
    ask(c, ALICE, 270)
    c.run()
    c.turn()
    // Place 1 failed in window 1; provider 1 is to serve it in window 2. Later places fill window 3 of the others.
    assert.deepEqual([assignment(c, 1, 2)?.provider, assignment(c, 1, 2)?.window], [1, 2])
    c.run(() => {
      ok(c.list(2))
      ok(c.list(3))
      for (let i = 0; i < 9; i++) ok(c.request(BOB, coins(10.4), { provider: 2 }))
      for (let i = 0; i < 9; i++) ok(c.request(CAROL, coins(10.4), { provider: 3 }))
    }, WINDOW_MS * 0.75)
    c.run()
    const inWindow = (window: number) =>
      [...redemptionTables.assignment.values(c.committed)].filter((a) => a.window === window)
    const sumOf = (found: readonly { amountBase: bigint }[]) =>
      found.reduce((sum, a) => sum + a.amountBase, 0n)
    assert.equal(sumOf(inWindow(3)), coins(182.4))
    // A grant posted early keeps nobody's place.
    const latest = inWindow(3).reduce((a, b) => (a.sequence > b.sequence ? a : b)).sequence
    const [id, n] = c.openAssignments().find(([id, n]) => assignment(c, id, n)?.sequence === latest)!
    c.run(() => ok(c.grant(id, n)))
    c.endWindow()
    const before = new Set(inWindow(3).map(({ sequence }) => sequence))
    c.run()
    assert.equal(suspendedSince(c.state, 1), 2)
    // Window 4 takes 182.4 of its 270 coins; for the others the latest have given up window 3.
    assert.equal(redemption(c, 1).queuedBase, 0n)
    const own = inWindow(3).filter((a) => a.sequence === 1)
    assert.equal(sumOf(own), coins(270 - 182.4))
    assert.equal(closedWith(c, 'unbooked'), 9)
    const after = new Set(inWindow(3).map(({ sequence }) => sequence))
    const lost = [...before].filter((sequence) => !after.has(sequence))
    assert.ok(lost.includes(latest))
    assert.ok(lost.length >= 8 && Math.min(...lost) > Math.max(...after) - 1, `${lost} gave up`)
    assert.equal(redemptionTables.setNode.get(c.state, { set: RETURNED, level: 0, prefix: 0 }), undefined)
  })

  it('does not count a grant that was given up before its window against who had posted it', () => {
    const c = new RedemptionChain({
      providers: [{ devices: 10 }, { devices: 10 }, { devices: 10 }],
      params: { assignAhead: 2 },
      economy: longEconomy(),
    })
    c.run(() => {
      c.fund(ALICE, 1, coins(100))
      c.fund(BOB, 2, coins(80))
      ok(c.list(1))
    })
    ask(c, ALICE, 100)
    c.run()
    c.turn()
    // Provider 1 has failed once. Bob fills window 3 of provider 2, which grants at once, and of provider 3.
    c.run(() => {}, WINDOW_MS * 0.75)
    c.run(() => {
      ok(c.list(2))
      ok(c.list(3))
      c.fund(BOB, 2, coins(10))
    })
    const granted = () => deliveryOf(c.state, { provider: 2, window: 3 }).grantedBase
    ask(c, BOB, 90, 2)
    c.run()
    const ahead = c.openAssignments().find(([id]) => id === 2)
    assert.deepEqual(assignment(c, 2, ahead![1])?.provider, 2)
    c.run(() => ok(c.grant(2, ahead![1])))
    assert.equal(granted(), coins(90))
    c.run(() => closeAssignment(c.ctx(), { id: 2, assignment: ahead![1] }, 'unbooked', { to: 'place' }))
    assert.equal(granted(), 0n)
    assert.deepEqual(redemptionTables.record.get(c.state, { group: 2 }), undefined)
    for (let turns = 0; turns < 4; turns++) c.turn()
    // The window in which nothing of it was left to serve is no poor one.
    assert.notEqual(redemptionTables.record.get(c.state, { group: 2 })?.poor.at(-1), true)
  })
})

describe('redemption.lane', () => {
  function reserved(): RedemptionChain {
    const c = chainOfThree()
    c.run(() => ok(c.list(1)))
    ask(c, ALICE, 10)
    c.run()
    return c
  }

  /** Ends the window with a quarter of blocks, 50 ms each, whose service lane is full. */
  function fullQuarter(c: RedemptionChain): void {
    const { endsAtMs } = getClock(c.state)
    c.run(() => {}, endsAtMs - WINDOW_MS / 4 - c.block.timestampMs)
    c.serviceRoom = 10_000
    while (c.block.timestampMs < endsAtMs) c.run(() => {}, 50)
    c.serviceRoom = 1_000_000
  }

  it('makes no fault of a missing grant when the service lane was full in the last quarter', () => {
    const c = reserved()
    fullQuarter(c)
    c.run()
    assert.deepEqual([closedWith(c, 'laneFull'), closedWith(c, 'grantMissing')], [1, 0])
    assert.equal(bondOf(c, 1), BOND)
    assert.deepEqual([assignment(c, 1, 2)?.sequence, assignment(c, 1, 2)?.window], [1, 2])
  })

  it('is not excused by a few full blocks', () => {
    const c = reserved()
    c.run(() => {}, WINDOW_MS - 900)
    for (let i = 0; i < 3; i++) c.run()
    c.serviceRoom = 10_000
    c.run()
    c.serviceRoom = 1_000_000
    c.turn()
    assert.deepEqual([closedWith(c, 'laneFull'), closedWith(c, 'grantMissing')], [0, 1])
  })

  it('is not excused by whoever fills the few blocks of an idle chain', () => {
    const c = reserved()
    c.run(() => {}, WINDOW_MS - 900)
    c.serviceRoom = 10_000
    c.run(() => {}, 300)
    c.endWindow()
    c.serviceRoom = 1_000_000
    c.run()
    assert.deepEqual([closedWith(c, 'laneFull'), closedWith(c, 'grantMissing')], [0, 1])
    assert.ok(bondOf(c, 1) < BOND)
  })

  it('excuses a full block after half a window without any: all that waited came at once', () => {
    const c = reserved()
    c.serviceRoom = 10_000
    c.endWindow()
    c.serviceRoom = 1_000_000
    c.run()
    assert.deepEqual([closedWith(c, 'laneFull'), closedWith(c, 'grantMissing')], [1, 0])
  })

  it('defers the end of the window for its assignments by a quarter window, and takes vouchers until then', () => {
    const c = reserved()
    c.turn(() => ok(c.grant(1, 1)))
    fullQuarter(c)
    assert.equal(c.window, 2)
    assert.equal(redemption(c, 1).assignedBase, coins(10))
    const dueMs = c.block.timestampMs + WINDOW_MS / 4
    assert.equal(dueAtMs(c.state), dueMs)
    c.run(() => ok(c.settle({ id: 1, assignment: 1, deliveredBase: coins(6), signer: ALICE })))
    assert.equal(redemption(c, 1).burnedBase, coins(6))
    // Others are served meanwhile.
    ask(c, BOB, 3)
    c.run()
    assert.equal(stateName(c, 2), 'assigned')
    c.run(() => {}, dueMs - c.block.timestampMs)
    assert.equal(redemption(c, 1).feesBase, coins(0.04))
    assert.deepEqual([assignment(c, 1, 2)?.window, assignment(c, 1, 2)?.amountBase], [3, coins(3.96)])
    c.run(() => {
      const late = c.settle({ id: 1, assignment: 1, deliveredBase: coins(7), signer: ALICE })
      assert.equal(late?.code, 'UnknownAssignment')
    })
  })
})

describe('redemption.record', () => {
  it('ignores the bonus of a group of which too little was vouchered in three windows', () => {
    const c = chainOfThree()
    c.run(() => ok(c.list(1, { bonusPpm: 100_000n })))
    c.turn()
    ask(c, ALICE, 100, 1)
    c.run()
    for (let n = 1; n <= 3; n++) {
      assert.equal(isUnreliable(c.state, 1), false)
      assert.equal(assignment(c, 1, n)?.bonusPpm, 100_000n)
      c.turn(() => ok(c.grant(1, n)))
      c.turn()
    }
    assert.equal(isUnreliable(c.state, 1), true)
    const listing = c.query<{ bonusIgnored: boolean }>('listing', { provider: 1, service: 'infer' })
    assert.equal(listing.bonusIgnored, true)
    ask(c, BOB, 1, 1)
    c.run()
    assert.equal(assignment(c, 2, 1)?.bonusPpm, 0n)
  })

  it('counts half as enough, and only windows with grants', () => {
    const c = chainOfThree()
    c.run(() => ok(c.list(1)))
    ask(c, ALICE, 8, 1)
    c.run()
    c.turn(() => ok(c.grant(1, 1)))
    c.turn(() => ok(c.settle({ id: 1, assignment: 1, deliveredBase: coins(4), signer: ALICE })))
    assert.deepEqual(redemptionTables.record.get(c.state, { group: 1 }), { poor: [false] })
    assert.equal(redemptionTables.record.get(c.state, { group: 2 }), undefined)
    c.turn()
    // In window 2 it granted nothing: a fault, but no poor window.
    assert.deepEqual(redemptionTables.record.get(c.state, { group: 1 }), { poor: [false] })
    assert.equal(deliveryOf(c.state, { provider: 1, window: 1 }).grantedBase, coins(8))
    c.turn()
    assert.equal(deliveryOf(c.state, { provider: 1, window: 1 }).grantedBase, 0n)
  })
})
