// The lock's release for a window whose vouchers a full service lane delayed (ECONOMY §3, §6).
import assert from 'node:assert/strict'
import { TEST_PARAMETERS } from '../../../genesis/parameters.ts'
import { getLiability } from '../../../state/modules/issuance/ledger.ts'
import { issuanceModule } from '../../../state/modules/issuance/module.ts'
import { suspendProvider } from '../../../state/modules/providers/suspension.ts'
import { ALICE, BOB, coins, RedemptionChain, WINDOW_MS, walletOf } from '../../support/redemptionFixture.ts'

const ok = (failure: unknown) => assert.equal(failure, undefined)

describe('redemption: late vouchers', () => {
  /** Provider 1 has locked half of 20 coins, and granted 10 coins in a window whose service lane is full at its end. */
  function excused(): RedemptionChain {
    const devices = [10, 10, 10, 10]
    const providers = devices.map((count) => ({ devices: count }))
    const c = new RedemptionChain({ providers, economy: TEST_PARAMETERS })
    c.run(() => c.fund(ALICE, 1, coins(300)))
    const minted = { to: walletOf(BOB), amountBase: coins(20) }
    c.run(() => ok(c.act('mint', walletOf(1), minted, issuanceModule)))
    c.run(() => ok(c.list(1)))
    c.run(() => ok(c.request(ALICE, coins(10))))
    c.run()
    c.turn(() => ok(c.grant(1, 1)))
    c.run(() => {}, WINDOW_MS - 500)
    c.serviceRoom = 10_000
    // Full for half of the quarter: a full block stands for an eighth of it at most.
    for (let block = 0; block < 3; block++) c.run()
    c.endWindow()
    c.serviceRoom = 1_000_000
    return c
  }
  const settleUpTo = (c: RedemptionChain, delivered: number): void =>
    c.run(() => ok(c.settle({ id: 1, assignment: 1, deliveredBase: coins(delivered), signer: ALICE })))
  const releasedIn = (c: RedemptionChain, run: () => void): bigint => {
    const before = getLiability(c.state, 1).goodWindows
    run()
    return BigInt(getLiability(c.state, 1).goodWindows - before)
  }

  it('release the lock for their window once they are enough, and once only', () => {
    const c = excused()
    const { lockedBase, releaseBase } = getLiability(c.state, 1)
    assert.ok(releaseBase > 0n)
    assert.equal(
      releasedIn(c, () => settleUpTo(c, 4)),
      0n,
    )
    assert.equal(
      releasedIn(c, () => settleUpTo(c, 5)),
      1n,
    )
    assert.ok(getLiability(c.state, 1).lockedBase <= lockedBase - releaseBase)
    assert.equal(
      releasedIn(c, () => settleUpTo(c, 9)),
      0n,
    )
  })

  it('release nothing for one that is suspended meanwhile', () => {
    const c = excused()
    suspendProvider(c.ctx(), 1, c.window)
    assert.equal(
      releasedIn(c, () => settleUpTo(c, 9)),
      0n,
    )
  })
})
