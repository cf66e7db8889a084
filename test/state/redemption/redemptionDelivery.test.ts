// Redemption's actions of delivery, one `describe` each: what they change and what they reject.
import assert from 'node:assert/strict'
import { utf8 } from '../../../base/bytes.ts'
import { signHash } from '../../../base/crypto/secp256k1.ts'
import { PPM } from '../../../base/units.ts'
import { backingModule } from '../../../state/modules/backing/module.ts'
import { convictEquivocator, unjailProvider } from '../../../state/modules/providers/members.ts'
import { isSuspended, suspendedSince } from '../../../state/modules/providers/suspension.ts'
import { providersTables } from '../../../state/modules/providers/tables.ts'
import { getTotals } from '../../../state/modules/redemption/redemptions.ts'
import { redemptionTables } from '../../../state/modules/redemption/tables.ts'
import { digestOf } from '../../../state/modules/redemption/vouchers.ts'
import {
  ALICE,
  activeChain,
  BOB,
  fundedChain as chain,
  coins,
  keyOf,
  longEconomy,
  RedemptionChain,
  type RedemptionParams,
  walletOf,
} from '../../support/redemptionFixture.ts'

const redemption = (c: RedemptionChain, id: number) => redemptionTables.redemption.mustGet(c.state, { id })
const stateName = (c: RedemptionChain, id: number) => c.query<{ state: string }>('redemption', { id }).state

describe('redemption.grant', () => {
  it('posts access before the window begins', () => {
    const c = activeChain()
    const info = c.query<{ grant?: Uint8Array; state: string }>('assignment', { id: 1, assignment: 1 })
    assert.deepEqual(info.grant, utf8('sealed'))
    assert.equal(info.state, 'active')
    assert.equal(c.query('assignment', { id: 1, assignment: 2 }), undefined)
  })

  it('rejects providers that are not assigned, and empty and repeated grants', () => {
    const c = chain()
    c.run(() => {
      assert.equal(c.list(1), undefined)
      assert.equal(c.request(ALICE, coins(10)), undefined)
    })
    c.run()
    c.run(() => {
      const at = { id: 1, assignment: 1 }
      const ciphertext = utf8('x')
      assert.equal(
        c.act('grant', walletOf(1), { ...at, assignment: 2, ciphertext })?.code,
        'UnknownAssignment',
      )
      assert.deepEqual(c.act('grant', walletOf(2), { ...at, ciphertext })?.fields, { provider: 1 })
      assert.equal(c.act('grant', walletOf(1), { ...at, ciphertext: new Uint8Array(0) })?.code, 'GrantEmpty')
      assert.equal(c.act('grant', walletOf(1), { ...at, ciphertext }), undefined)
      assert.equal(c.act('grant', walletOf(1), { ...at, ciphertext })?.code, 'GrantPosted')
    })
  })

  it('rejects a grant once the window has begun', () => {
    // The steps of one block do not reach the second of the two assignments.
    const c = chain({ params: { stepsPerBlockMax: 4 } })
    c.run(() => {
      assert.equal(c.list(1), undefined)
      for (let i = 0; i < 8; i++) assert.equal(c.request(ALICE, coins(1)), undefined)
    })
    while (getTotals(c.state).queuedCount > 0) c.run()
    c.endWindow()
    // Missing grants return in the order of places.
    const last = [1, 2, 3, 4, 5, 6, 7, 8].find((id) => redemption(c, id).sequence === 8)!
    c.run(() => {
      assert.deepEqual(c.grant(last, 1), { code: 'WindowBegun', fields: { window: 1, currentWindow: 1 } })
    })
  })
})

describe('redemption.settle', () => {
  it('burns the deliverer’s liability with the coins, cumulatively', () => {
    const c = activeChain()
    const { supply } = c
    const owed = c.liability(1)
    c.run(() =>
      assert.equal(c.settle({ id: 1, assignment: 1, deliveredBase: coins(4), signer: ALICE }), undefined),
    )
    assert.equal(c.supply, supply - coins(4))
    assert.equal(c.liability(1), owed - coins(4))
    assert.equal(redemption(c, 1).burnedBase, coins(4))
    assert.equal(stateName(c, 1), 'active')
    c.run(() =>
      assert.equal(c.settle({ id: 1, assignment: 1, deliveredBase: coins(10), signer: ALICE }), undefined),
    )
    assert.equal(c.supply, supply - coins(10))
    assert.equal(stateName(c, 1), 'settled')
    assert.equal(redemption(c, 1).endReason, 'delivered')
    assert.equal(c.query('assignment', { id: 1, assignment: 1 }), undefined)
    assert.deepEqual(c.eventNames().slice(-3), ['Settled', 'Ended', 'Closed'])
  })

  it('settles the highest voucher once per block, however many arrive', () => {
    const c = activeChain()
    c.run(() => {
      for (const part of [1, 2, 3])
        assert.equal(c.settle({ id: 1, assignment: 1, deliveredBase: coins(part), signer: ALICE }), undefined)
    })
    assert.equal(redemption(c, 1).burnedBase, coins(3))
    assert.equal(c.eventNames().filter((name) => name === 'Settled').length, 1)
  })

  it('pays the deliverer in coins beyond its liability', () => {
    const c = chain()
    // Provider 3 owes only 4 coins.
    c.run(() => {
      c.fund(30, 3, coins(4))
      assert.equal(c.list(3), undefined)
      assert.equal(c.request(ALICE, coins(10), { provider: 3 }), undefined)
    })
    c.run()
    c.endWindow(() => assert.equal(c.grant(1, 1), undefined))
    const { supply } = c
    c.run(() =>
      assert.equal(c.settle({ id: 1, assignment: 1, deliveredBase: coins(10), signer: ALICE }), undefined),
    )
    assert.equal(c.liability(3), 0n)
    assert.equal(c.balance(3), coins(6))
    assert.equal(c.supply, supply - coins(4))
    assert.equal(redemption(c, 1).transferredBase, coins(6))
  })

  it('shares these coins with the deliverer’s backers', () => {
    const c = chain()
    c.run(() => {
      assert.equal(c.list(3), undefined)
      assert.equal(c.act('setShare', walletOf(3), { sharePpm: 250_000n }, backingModule), undefined)
      const backed = { provider: 3, amountBase: coins(1) }
      assert.equal(c.act('back', walletOf(ALICE), backed, backingModule), undefined)
      assert.equal(c.request(ALICE, coins(10), { provider: 3 }), undefined)
    })
    c.run()
    c.endWindow(() => assert.equal(c.grant(1, 1), undefined))
    c.run(() =>
      assert.equal(c.settle({ id: 1, assignment: 1, deliveredBase: coins(8), signer: ALICE }), undefined),
    )
    assert.equal(c.balance(3), coins(6))
    assert.equal(redemption(c, 1).transferredBase, coins(8))
    const before = c.balance(ALICE)
    c.run(() => assert.equal(c.act('claim', walletOf(ALICE), { provider: 3 }, backingModule), undefined))
    assert.equal(c.balance(ALICE) - before, coins(2))
  })

  it('accepts a voucher signed by the key named in the request, and v of 27 or 28', () => {
    const c = activeChain({ voucherKey: walletOf(40) })
    c.run(() => {
      assert.equal(c.settle({ id: 1, assignment: 1, deliveredBase: coins(1), signer: 40 }), undefined)
      const at = { id: 1, assignment: 1, deliveredBase: coins(2) }
      const signature = c.voucher({ ...at, provider: 1, signer: 40 })
      signature[64]! += 27
      // Anyone may submit a voucher.
      assert.equal(c.act('settle', walletOf(BOB), { ...at, signature }), undefined)
      assert.equal(c.settle({ id: 1, assignment: 1, deliveredBase: coins(3), signer: ALICE }), undefined)
    })
    assert.equal(redemption(c, 1).burnedBase, coins(3))
  })

  it('explains a wrong signer with expected, recovered and digest', () => {
    const c = activeChain()
    c.run(() => {
      const at = { id: 1, assignment: 1, deliveredBase: coins(1) }
      const failure = c.settle({ ...at, signer: BOB })
      assert.equal(failure?.code, 'WrongSigner')
      const digest = digestOf(c.block, { ...at, provider: walletOf(1) })
      assert.deepEqual(failure?.fields, { expected: walletOf(ALICE), recovered: walletOf(BOB), digest })
      // A voucher for another provider recovers another key.
      const other = signHash(digestOf(c.block, { ...at, provider: walletOf(2) }), keyOf(ALICE))
      assert.equal(c.act('settle', walletOf(1), { ...at, signature: other })?.code, 'WrongSigner')
      for (const size of [0, 64, 65])
        assert.equal(
          c.act('settle', walletOf(1), { ...at, signature: new Uint8Array(size) })?.code,
          'BadSignature',
        )
    })
    const named = activeChain({ voucherKey: walletOf(40) })
    named.run(() => {
      const failure = named.settle({ id: 1, assignment: 1, deliveredBase: coins(1), signer: BOB })
      assert.deepEqual(failure?.fields.expected, walletOf(40))
    })
  })

  it('rejects a lower voucher and more than the assignment, and ignores an equal voucher', () => {
    const c = activeChain()
    c.run(() =>
      assert.equal(c.settle({ id: 1, assignment: 1, deliveredBase: coins(5), signer: ALICE }), undefined),
    )
    const { supply } = c
    c.run(() => {
      assert.deepEqual(c.settle({ id: 1, assignment: 1, deliveredBase: coins(5) - 1n, signer: ALICE }), {
        code: 'VoucherDecreases',
        fields: { deliveredBase: coins(5) - 1n, acceptedBase: coins(5) },
      })
      assert.deepEqual(c.settle({ id: 1, assignment: 1, deliveredBase: coins(10) + 1n, signer: ALICE }), {
        code: 'VoucherTooLarge',
        fields: { deliveredBase: coins(10) + 1n, amountBase: coins(10) },
      })
      assert.equal(c.settle({ id: 1, assignment: 1, deliveredBase: coins(5), signer: ALICE }), undefined)
      assert.equal(
        c.settle({ id: 1, assignment: 1, deliveredBase: coins(5), signer: BOB })?.code,
        'WrongSigner',
      )
    })
    assert.equal(c.supply, supply)
  })

  it('rejects vouchers outside the window of delivery', () => {
    const c = chain()
    c.run(() => {
      assert.equal(c.list(1), undefined)
      assert.equal(c.request(ALICE, coins(10)), undefined)
    })
    c.run()
    c.run(() => {
      const early = c.settle({ id: 1, assignment: 1, deliveredBase: coins(1), signer: ALICE })
      assert.deepEqual(early, { code: 'WindowNotBegun', fields: { window: 1, currentWindow: 0 } })
      assert.equal(
        c.settle({ id: 9, assignment: 1, deliveredBase: coins(1), signer: ALICE })?.code,
        'UnknownRedemption',
      )
      assert.equal(
        c.settle({ id: 1, assignment: 2, deliveredBase: coins(1), signer: ALICE })?.code,
        'UnknownAssignment',
      )
    })
    c.endWindow(() => assert.equal(c.grant(1, 1), undefined))
    // The block that ends the window still belongs to it.
    c.endWindow(() =>
      assert.equal(c.settle({ id: 1, assignment: 1, deliveredBase: coins(7), signer: ALICE }), undefined),
    )
    assert.equal(redemption(c, 1).burnedBase, coins(7))
    c.run(() => {
      const late = c.settle({ id: 1, assignment: 1, deliveredBase: coins(8), signer: ALICE })
      assert.equal(late?.code, 'UnknownAssignment')
    })
  })
})

/** Alice's redemptions of 20 and 10 coins, granted by providers 1 and 2 for the running window. */
function twoGrants(params: Partial<RedemptionParams> = {}): RedemptionChain {
  const c = chain({ params })
  c.run(() => {
    assert.equal(c.list(1), undefined)
    assert.equal(c.list(2), undefined)
    assert.equal(c.request(ALICE, coins(20), { provider: 1 }), undefined)
  })
  c.run(() => assert.equal(c.request(ALICE, coins(10), { provider: 2 }), undefined))
  c.run()
  c.turn(() => {
    assert.equal(c.grant(1, 1), undefined)
    assert.equal(c.grant(2, 1), undefined)
  })
  return c
}

const placesOf = (c: RedemptionChain, id: number) =>
  redemption(c, id).places.map(({ sequence, queuedBase }) => [sequence, queuedBase])

describe('redemption.reject', () => {
  it('returns the coins at once, to their place for the group with the most trouble, and excludes the group', () => {
    const c = twoGrants()
    c.run(() => assert.equal(c.reject(ALICE, 1, 1, 'wrongHardware'), undefined))
    assert.deepEqual(placesOf(c, 1), [[1, coins(20)]])
    assert.deepEqual(redemption(c, 1).excluded, [1])
    // Nobody else may serve it, so it sleeps; nothing was burned.
    assert.equal(redemption(c, 1).rejectedBase, coins(20))
    assert.deepEqual(c.query('rejections', { provider: 1 }), [
      { reason: 'wrongHardware', count: 1, amountBase: coins(20) },
    ])
    assert.deepEqual(c.query('rejections', { provider: 2 }), [])
  })

  it('sends the coins of other groups to the tail, ranked by running totals that are never revised', () => {
    const c = twoGrants()
    c.run(() => {
      assert.equal(c.reject(ALICE, 1, 1), undefined)
      assert.equal(c.reject(ALICE, 2, 1), undefined)
    })
    // Coins of 20 are more trouble than coins of 10: provider 2 is not among the worst one.
    assert.deepEqual(placesOf(c, 1), [[1, coins(20)]])
    assert.deepEqual(placesOf(c, 2), [[3, coins(10)]])
    const other = twoGrants()
    other.run(() => {
      assert.equal(other.reject(ALICE, 2, 1), undefined)
      assert.equal(other.reject(ALICE, 1, 1), undefined)
    })
    assert.deepEqual(placesOf(other, 1), [[1, coins(20)]])
    assert.deepEqual(placesOf(other, 2), [[2, coins(10)]])
  })

  it('serves what was rejected by others', () => {
    const c = activeChain()
    c.run(() => assert.equal(c.list(2), undefined))
    c.run(() => assert.equal(c.reject(ALICE, 1, 1), undefined))
    const a = redemptionTables.assignment.mustGet(c.state, { id: 1, assignment: 2 })
    assert.deepEqual([a.provider, a.amountBase, a.sequence], [2, coins(10), 1])
  })

  it('settles what was vouchered and rejects the rest', () => {
    const c = activeChain({ provider: 1 })
    c.run(() => {
      assert.equal(c.settle({ id: 1, assignment: 1, deliveredBase: coins(4), signer: ALICE }), undefined)
      assert.equal(c.reject(ALICE, 1, 1), undefined)
    })
    assert.equal(redemption(c, 1).burnedBase, coins(4))
    assert.equal(redemption(c, 1).queuedBase, coins(6))
    assert.equal(redemption(c, 1).rejectedBase, coins(6))
  })

  it('keeps the no-show fee on rejected coins due until as much is vouchered', () => {
    const served = activeChain()
    served.run(() => assert.equal(served.list(2), undefined))
    served.run(() => assert.equal(served.reject(ALICE, 1, 1), undefined))
    served.turn(() => assert.equal(served.grant(1, 2), undefined))
    served.run(() =>
      assert.equal(
        served.settle({ id: 1, assignment: 2, deliveredBase: coins(9), signer: ALICE }),
        undefined,
      ),
    )
    assert.equal(redemption(served, 1).rejectedBase, coins(10))
    served.run(() =>
      assert.equal(
        served.settle({ id: 1, assignment: 2, deliveredBase: coins(10), signer: ALICE }),
        undefined,
      ),
    )
    assert.equal(redemption(served, 1).rejectedBase, 0n)
    assert.equal(redemption(served, 1).feesBase, 0n)
  })

  it('waives the fee only for what is vouchered elsewhere, not on the rejected assignment itself', () => {
    const c = activeChain()
    const settle = (assignment: number, amount: number): void =>
      assert.equal(c.settle({ id: 1, assignment, deliveredBase: coins(amount), signer: ALICE }), undefined)
    c.run(() => assert.equal(c.list(2), undefined))
    // More than half is vouchered, some of it in the very block of the reject.
    c.run(() => settle(1, 5))
    c.run(() => {
      settle(1, 6)
      assert.equal(c.reject(ALICE, 1, 1), undefined)
    })
    assert.equal(redemption(c, 1).rejectedBase, coins(4))
    c.turn(() => assert.equal(c.grant(1, 2), undefined))
    c.run(() => settle(2, 3.999))
    assert.equal(redemption(c, 1).rejectedBase, coins(4))
    c.run(() => settle(2, 4))
    assert.equal(redemption(c, 1).rejectedBase, 0n)
    assert.equal(redemption(c, 1).feesBase, 0n)
  })

  it('takes the fee on rejected coins at a cancel', () => {
    const c = activeChain({ provider: 1 })
    c.run(() => assert.equal(c.reject(ALICE, 1, 1), undefined))
    c.run(() => assert.equal(c.act('cancel', walletOf(ALICE), { id: 1 }), undefined))
    assert.equal(redemption(c, 1).feesBase, coins(0.1))
    assert.equal(redemption(c, 1).refundedBase, coins(9.9))
    assert.equal(c.balance(ALICE), coins(299.9))
    assert.equal(c.guarantee(), coins(0.1))
  })

  it('takes it at the end of a window without a signature', () => {
    const c = activeChain()
    c.run(() => assert.equal(c.list(2), undefined))
    c.run(() => assert.equal(c.reject(ALICE, 1, 1), undefined))
    c.turn(() => assert.equal(c.grant(1, 2), undefined))
    c.endWindow()
    // A hundredth of the ten coins left in this window, and of the ten that were rejected in the last.
    assert.equal(redemption(c, 1).feesBase, coins(0.2))
    assert.equal(redemption(c, 1).rejectedBase, 0n)
    assert.equal(redemption(c, 1).queuedBase, coins(9.8))
  })

  it('rejects strangers, what is not granted, other windows, and a second rejection of a group', () => {
    const c = chain({ params: { assignAhead: 2 }, economy: longEconomy() })
    c.run(() => {
      assert.equal(c.list(1), undefined)
      assert.equal(c.request(ALICE, coins(300), { provider: 1 }), undefined)
    })
    c.run()
    assert.equal(redemption(c, 1).open.length, 2)
    c.run(() => {
      assert.equal(c.reject(ALICE, 7, 1)?.code, 'UnknownRedemption')
      assert.equal(c.reject(BOB, 1, 1)?.code, 'NotOwner')
      assert.equal(c.reject(ALICE, 1, 9)?.code, 'UnknownAssignment')
      assert.equal(c.reject(ALICE, 1, 1)?.code, 'WindowNotBegun')
      assert.equal(c.grant(1, 1), undefined)
      assert.equal(c.grant(1, 2), undefined)
    })
    c.turn()
    c.run(() => assert.equal(c.reject(ALICE, 1, 1), undefined))
    c.turn()
    c.run(() =>
      assert.deepEqual(c.reject(ALICE, 1, 2), { code: 'AlreadyRejected', fields: { id: 1, group: 1 } }),
    )
  })
})

describe('redemption.resume', () => {
  it('lets a suspended provider be assigned again after its wait', () => {
    const c = chain({ params: { suspensionWindows: 2 } })
    c.run(() => {
      assert.equal(c.list(3), undefined)
      assert.equal(c.request(ALICE, coins(10), { provider: 3 }), undefined)
      assert.equal(c.act('resume', walletOf(3), {})?.code, 'NotSuspended')
      assert.equal(c.act('resume', walletOf(ALICE), {})?.code, 'NotProvider')
    })
    c.run()
    c.turn()
    // The first fault costs, and the coins are assigned again at their place.
    assert.equal(isSuspended(c.state, 3), false)
    assert.equal(redemptionTables.assignment.mustGet(c.state, { id: 1, assignment: 2 }).sequence, 1)
    c.turn()
    assert.equal(suspendedSince(c.state, 3), 2)
    assert.equal(
      c.query<{ suspended: boolean }>('listing', { provider: 3, service: 'infer' }).suspended,
      true,
    )
    const fault = providersTables.fault.mustGet(c.state, { provider: 3, kind: 'delivery' })
    assert.equal(fault.count, 2)
    assert.equal(fault.amountBase, coins(20))
    c.run(() =>
      assert.deepEqual(c.act('resume', walletOf(3), {})?.fields, { resumeWindow: 4, currentWindow: 2 }),
    )
    c.turn()
    c.turn()
    assert.equal(redemption(c, 1).queuedBase, coins(10))
    c.run(() => assert.equal(c.act('resume', walletOf(3), {}), undefined))
    assert.equal(redemption(c, 1).assignedBase, coins(10))
    assert.deepEqual(placesOf(c, 1), [])
    assert.equal(redemptionTables.assignment.mustGet(c.state, { id: 1, assignment: 3 }).sequence, 1)
  })

  it('refuses while a penalty is unpaid', () => {
    const c = chain()
    c.run(() => {
      assert.equal(c.list(3), undefined)
      assert.equal(c.request(ALICE, coins(10), { provider: 3 }), undefined)
    })
    c.run()
    convictEquivocator(c.ctx(), 3, 15)
    unjailProvider(c.ctx(), 3)
    c.turn()
    c.turn()
    c.turn()
    assert.equal(suspendedSince(c.state, 3), 2)
    c.run(() =>
      assert.deepEqual(c.act('resume', walletOf(3), {}), {
        code: 'PenaltyUnpaid',
        fields: { valueBase: coins(1) },
      }),
    )
  })
})

describe('redemption.deviceHours', () => {
  it('states an assignment in device-hours of its class, bonus included', () => {
    const c = new RedemptionChain({
      providers: [{ devices: 10, ratingPpm: 2n * PPM }, { devices: 20 }, { devices: 20 }, { devices: 20 }],
    })
    c.run(() => {
      c.fund(ALICE, 2, coins(100))
      assert.equal(c.list(1, { bonusPpm: 100_000n }), undefined)
    })
    c.turn()
    c.run(() => assert.equal(c.request(ALICE, coins(10)), undefined))
    c.run()
    const info = c.query<{ deviceMicroHours: bigint; className: string; bonusPpm: bigint }>('assignment', {
      id: 1,
      assignment: 1,
    })
    // Ten coins at anchor 1,000,000 on a class rated twice as high: five device-hours, and a tenth more.
    assert.equal(info.deviceMicroHours, 5_500_000n)
    assert.equal(info.className, 'class-1')
    assert.equal(info.bonusPpm, 100_000n)
  })
})
