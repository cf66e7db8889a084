// What redemption's deliveries mean for the locks of mints: issuance releases by the counts that grants and vouchers leave.
import assert from 'node:assert/strict'
import { TEST_PARAMETERS } from '../../../genesis/parameters.ts'
import { getLiability } from '../../../state/modules/issuance/ledger.ts'
import { issuanceModule } from '../../../state/modules/issuance/module.ts'
import { deliveryOf } from '../../../state/modules/providers/delivery.ts'
import { redemptionTables } from '../../../state/modules/redemption/tables.ts'
import { coins, RedemptionChain, walletOf } from '../../support/redemptionFixture.ts'

const ALICE = 20
const K = BigInt(TEST_PARAMETERS.capacity.horizonWindows)

/** Provider 1 has minted 120 coins with a lock of 60, of which 24 are floor. */
function minted(): RedemptionChain {
  const c = new RedemptionChain({
    providers: [1, 2, 3, 4].map(() => ({ devices: 10 })),
    economy: TEST_PARAMETERS,
  })
  c.run(() => {
    const mint = { to: walletOf(ALICE), amountBase: coins(120) }
    assert.equal(c.act('mint', walletOf(1), mint, issuanceModule), undefined)
    assert.equal(c.list(1), undefined)
  })
  return c
}

/** Requests of Alice that are assigned to provider 1 for the next window. */
function assign(c: RedemptionChain, amounts: readonly bigint[]): void {
  c.run(() => {
    for (const amount of amounts) assert.equal(c.request(ALICE, amount, { provider: 1 }), undefined)
  })
  c.run()
  c.run()
  assert.equal(c.openAssignments().length, amounts.length)
}

/** Ten of the coins are assigned to provider 1 for window 1. */
function assigned(): RedemptionChain {
  const c = minted()
  assign(c, [coins(10)])
  return c
}

/** The part of the lock that good windows release. */
function timed(c: RedemptionChain): bigint {
  const { lockedBase, floorBase, freedBase } = getLiability(c.state, 1)
  return lockedBase - floorBase - freedBase
}

function settle(c: RedemptionChain, deliveredBase: bigint): void {
  c.run(() => assert.equal(c.settle({ id: 1, assignment: 1, deliveredBase, signer: ALICE }), undefined))
}

describe('redemption.locks', () => {
  for (const { vouchered, windows, name } of [
    { vouchered: coins(5) - 1n, windows: 1n, name: 'less than half' },
    { vouchered: coins(5), windows: 2n, name: 'half' },
  ])
    it(`a window with ${name} of its grants vouchered releases ${windows === 1n ? 'nothing' : 'a K-th'}`, () => {
      const c = assigned()
      c.run(() => assert.equal(c.grant(1, 1), undefined))
      assert.equal(timed(c), coins(36))
      // Nothing was granted in window 0.
      c.endWindow()
      assert.equal(timed(c), coins(36) - coins(36) / K)
      settle(c, vouchered)
      c.endWindow()
      assert.equal(timed(c), coins(36) - (coins(36) / K) * windows)
      // What the lost window held back comes later.
      c.endWindow()
      assert.equal(timed(c), coins(36) - (coins(36) / K) * (windows + 1n))
    })

  describe('coins left unsigned by whoever signs nothing', () => {
    /** Provider 1 after a window, when there is a snapshot of its capacity. */
    function started(): RedemptionChain {
      const c = minted()
      c.endWindow()
      return c
    }
    const telling = getLiability(started().state, 1).startCapacityBase / (100n * K)

    /** Good windows, and the record of poor ones, after window 2 in which everything was granted and nothing signed. */
    function afterUnsigned(...amounts: readonly bigint[]) {
      const c = started()
      assign(c, amounts)
      c.run(() => {
        for (let id = 1; id <= amounts.length; id++) assert.equal(c.grant(id, 1), undefined)
      })
      c.endWindow()
      c.endWindow()
      c.run()
      const { goodWindows } = getLiability(c.state, 1)
      return { goodWindows, poor: redemptionTables.record.get(c.state, { group: 1 })?.poor }
    }

    it('freeze no lock and spoil no record while they are less than a hundredth of what a window can deliver', () => {
      assert.ok(telling > coins(1))
      assert.deepEqual(afterUnsigned(telling - 1n), { goodWindows: 3, poor: [false] })
    })

    it('do from there on, also when several requests leave them', () => {
      const parts = [telling / 3n, telling / 3n, telling - 2n * (telling / 3n)]
      assert.deepEqual(afterUnsigned(...parts), { goodWindows: 2, poor: [true] })
      assert.deepEqual(afterUnsigned(parts[0]!, parts[1]!), { goodWindows: 3, poor: [false] })
    })
  })

  it('a voucher in the block that ends the window counts', () => {
    const c = assigned()
    c.run(() => assert.equal(c.grant(1, 1), undefined))
    c.turn()
    c.endWindow(() => {
      assert.equal(c.settle({ id: 1, assignment: 1, deliveredBase: coins(10), signer: ALICE }), undefined)
    })
    assert.equal(timed(c), coins(36) - (coins(36) / K) * 2n)
    // It settles before the lock's turn: the floor that the burn frees is paid at once, and the snapshot knows the burn.
    const { freedBase, startLiabilityBase } = getLiability(c.state, 1)
    assert.deepEqual([freedBase, startLiabilityBase], [0n, coins(110)])
  })

  it('a fault found in a block that both begins and ends a window stops the release of that window', () => {
    const c = assigned()
    c.endWindow()
    assert.equal(timed(c), coins(36) - coins(36) / K)
    // The only block of window 1: the missing grant is found in it, and the window ends.
    c.endWindow()
    assert.equal(deliveryOf(c.state, { provider: 1, window: 1 }).faultBase, coins(10))
    assert.equal(timed(c), coins(36) - coins(36) / K)
  })

  it('keeps the counts of two ended windows and forgets older ones', () => {
    const c = assigned()
    c.run(() => assert.equal(c.grant(1, 1), undefined))
    const granted = (): bigint => deliveryOf(c.state, { provider: 1, window: 1 }).grantedBase
    for (let window = 1; window <= 3; window++) {
      c.turn()
      assert.equal(c.window, window)
      assert.equal(granted(), coins(10))
    }
    c.turn()
    assert.equal(granted(), 0n)
  })
})
