// Redemption's actions of delivery, one `describe` each: what they change and what they reject.
import assert from 'node:assert/strict'
import { utf8 } from '../../../base/bytes.ts'
import { signHash } from '../../../base/crypto/secp256k1.ts'
import { PPM } from '../../../base/units.ts'
import { providersTables } from '../../../state/modules/providers/tables.ts'
import { redemptionTables } from '../../../state/modules/redemption/tables.ts'
import { digestOf } from '../../../state/modules/redemption/vouchers.ts'
import {
  ALICE,
  activeChain,
  BOB,
  fundedChain as chain,
  coins,
  keyOf,
  RedemptionChain,
  walletOf,
} from '../../support/redemptionFixture.ts'

const redemption = (c: RedemptionChain, id: number) => redemptionTables.redemption.mustGet(c.state, { id })
const stateName = (c: RedemptionChain, id: number) => c.query<{ state: string }>('redemption', { id }).state

describe('redemption.grant', () => {
  it('posts access before the window begins', () => {
    const c = activeChain()
    const a = redemptionTables.assignment.mustGet(c.state, { id: 1, assignment: 1 })
    assert.equal(a.grantLate, false)
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

  it('marks a grant in the running window as late', () => {
    const c = chain()
    c.run(() => {
      assert.equal(c.list(1), undefined)
      assert.equal(c.request(ALICE, coins(10)), undefined)
    })
    c.run()
    c.endWindow()
    c.run(() => assert.equal(c.grant(1, 1), undefined))
    assert.equal(redemptionTables.assignment.mustGet(c.state, { id: 1, assignment: 1 }).grantLate, true)
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
    c.endWindow()
    c.endWindow()
    assert.equal(redemptionTables.suspension.mustGet(c.state, { provider: 3 }).sinceWindow, 2)
    assert.equal(
      c.query<{ suspended: boolean }>('listing', { provider: 3, service: 'infer' }).suspended,
      true,
    )
    const fault = providersTables.fault.mustGet(c.state, { provider: 3, kind: 'delivery' })
    assert.equal(fault.count, 1)
    assert.equal(fault.amountBase, coins(10))
    c.run(() =>
      assert.deepEqual(c.act('resume', walletOf(3), {})?.fields, { resumeWindow: 4, currentWindow: 2 }),
    )
    c.endWindow()
    c.endWindow()
    assert.equal(redemption(c, 1).queuedBase, coins(10))
    c.run(() => assert.equal(c.act('resume', walletOf(3), {}), undefined))
    assert.equal(redemption(c, 1).assignedBase, coins(10))
    assert.equal(redemption(c, 1).sequence, 1)
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
    c.endWindow()
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
