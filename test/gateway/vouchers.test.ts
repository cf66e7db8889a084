// Vouchers, the statement, HTTP 402, and the exposure that bounds what is served ahead of vouchers.
import { strict as assert } from 'node:assert'
import { wrapFetchWithPayment, x402Client } from '@x402/fetch'
import { toHex } from '../../base/bytes.ts'
import { redeemKeys } from '../../client/redemption/keys.ts'
import { checkStatement } from '../../client/redemption/statement.ts'
import { readWire, statementInfo, wireOf } from '../../client/redemption/wire.ts'
import {
  type PaymentRequired,
  paymentSignature,
  readPaymentRequired,
  X402_HEADERS,
} from '../../client/redemption/x402Bodies.ts'
import { redemptionScheme, redemptionSpendControls } from '../../client/x402.ts'
import { type Answer, assignedOf, CHAIN_ID, codeOf, cost, Door, GENESIS, HOLDER_SECRET } from './door.ts'
import { FakeUpstream } from './fakeUpstream.ts'

/** Of the usual request: three words, and what four more cost. */
const COST_BASE = 11_000n
/** What it reserves: each byte of its body could be a token. */
const RESERVED_BASE = 256_000n + 8_000n
const EXPOSURE_BASE = 300_000n

describe('gateway: vouchers', () => {
  let upstream: FakeUpstream
  let door: Door

  beforeEach(async () => {
    upstream = await FakeUpstream.start()
    // Thirty parts in a million of a coin's 10^10.
    const assigned = assignedOf({ amountBase: 10_000_000_000n })
    door = await Door.open({
      upstream,
      assignments: [assigned],
      config: { exposurePpm: 30, limits: { queueMs: 200 } },
    })
  })
  afterEach(async () => {
    await door.close()
    await upstream.close()
  })

  async function until402(): Promise<Answer> {
    for (let i = 0; i < 20; i++) {
      const answer = await door.chat()
      if (answer.status === 402) return answer
      assert.equal(answer.status, 200)
    }
    throw new Error('no end of what is served ahead of vouchers')
  }

  it('serves ahead of vouchers up to the exposure, then asks for one, and goes on with it', async () => {
    assert.equal(door.meter().exposureBase, EXPOSURE_BASE)
    const due = await until402()
    const { meteredBase } = door.meter()
    assert.ok(meteredBase + RESERVED_BASE > EXPOSURE_BASE && meteredBase <= EXPOSURE_BASE)
    const demand = readPaymentRequired(due.headers.get(X402_HEADERS.required)!)
    assert.equal(demand.meteredBase, meteredBase)
    assert.equal((due.json as unknown as PaymentRequired).accepts[0]!.amount, `${meteredBase}`)
    const accepted = await door.vouch(meteredBase)
    assert.deepEqual([accepted.status, accepted.json], [200, { accepted: `${meteredBase}` }])
    assert.equal((await door.chat()).status, 200)
  })

  it('takes a voucher with the request that it pays for', async () => {
    const due = await until402()
    const [way] = (due.json as unknown as PaymentRequired).accepts
    const { meteredBase } = door.meter()
    const header = paymentSignature(way!, door.signed(meteredBase))
    const answer = await door.chat({}, { headers: { [X402_HEADERS.signature]: header } })
    assert.equal(answer.status, 200)
    const receipt = JSON.parse(atob(answer.headers.get(X402_HEADERS.response)!)) as {
      success: boolean
      amount: string
    }
    assert.deepEqual([receipt.success, receipt.amount], [true, `${meteredBase}`])
    assert.equal(door.meter().voucheredBase, meteredBase)
  })

  it('is paid by the unmodified x402 client with the scheme of this project', async () => {
    await door.close()
    const keys = redeemKeys(HOLDER_SECRET, GENESIS)
    const assigned = assignedOf({ amountBase: 10_000_000_000n, voucherKey: keys.voucherKey })
    door = await Door.open({ upstream, assignments: [assigned], config: { exposurePpm: 30 } })
    const scheme = { chainId: CHAIN_ID, genesis: GENESIS, keys, redemptions: [1], budgetBase: 10n ** 18n }
    const client = new x402Client()
      .register(`eip155:${CHAIN_ID}`, redemptionScheme(scheme))
      .setSpendControls(redemptionSpendControls(CHAIN_ID))
    const pay = wrapFetchWithPayment(fetch, client)
    for (let i = 0; i < 12; i++) {
      const answer = await pay(`${door.url}/v1/chat/completions`, {
        method: 'POST',
        headers: { authorization: `Bearer ${door.keyOf()}` },
        body: JSON.stringify({
          model: 'tiny',
          messages: [{ role: 'user', content: 'a b c' }],
          max_tokens: 4,
        }),
      })
      assert.equal(answer.status, 200)
      await answer.text()
    }
    assert.ok(door.meter().voucheredBase > 0n)
    assert.equal(door.meter().meteredBase, 12n * COST_BASE)
  })

  it('refuses a payment that is none, with 402 and the reason', async () => {
    const due = await until402()
    const [way] = (due.json as unknown as PaymentRequired).accepts
    const { meteredBase } = door.meter()
    const cases: readonly (readonly [string, string])[] = [
      ['no base64', 'invalid_payload'],
      [paymentSignature(way!, { ...door.signed(meteredBase), redemptionId: 2 }), 'wrong_assignment'],
      [
        paymentSignature(way!, door.signed(meteredBase, { secret: new Uint8Array(32).fill(3) })),
        'wrongSigner',
      ],
    ]
    for (const [header, reason] of cases) {
      const answer = await door.chat({}, { headers: { [X402_HEADERS.signature]: header } })
      assert.equal(answer.status, 402)
      const receipt = JSON.parse(atob(answer.headers.get(X402_HEADERS.response)!)) as { errorReason: string }
      assert.equal(receipt.errorReason, reason)
    }
    assert.equal(door.meter().voucheredBase, 0n)
  })

  it('answers a wrong voucher with 409 and the signed statement', async () => {
    await door.chat()
    await door.chat()
    assert.equal((await door.vouch(COST_BASE + 1n)).status, 200)
    const cases: readonly (readonly [Promise<Answer>, string])[] = [
      [door.vouch(COST_BASE), 'decreases'],
      [door.vouch(3n * COST_BASE), 'beyondMeter'],
      [door.vouch(10n ** 20n), 'tooLarge'],
      [door.vouch(2n * COST_BASE, { secret: new Uint8Array(32).fill(3) }), 'wrongSigner'],
    ]
    for (const [answering, reason] of cases) {
      const { status, json } = await answering
      assert.deepEqual([status, json.reason], [409, reason])
      const { provider, identity } = door.context
      const statement = wireOf(statementInfo, json.statement as never)
      checkStatement(statement, { ...identity, redemptionId: 1, assignment: 0, provider })
      assert.equal(statement.meteredBase, 2n * COST_BASE)
    }
    const junk = await door.call('/suanli/v1/vouchers', { deliveredBase: '1', signature: '0x00' })
    assert.deepEqual([junk.status, codeOf(junk)], [400, 'invalid_voucher'])
    assert.equal(door.meter().voucheredBase, COST_BASE + 1n)
  })

  it('takes an equal voucher again, and the voucher key besides the owner', async () => {
    await door.chat()
    assert.equal((await door.vouch(COST_BASE)).status, 200)
    assert.equal((await door.vouch(COST_BASE)).status, 200)
    assert.equal(door.meter().voucheredBase, COST_BASE)
  })

  it('keeps the highest of vouchers that come at once', async () => {
    await door.chat()
    await door.chat()
    const answers = await Promise.all([1n, 22_000n, 5n, 21_999n].map((base) => door.vouch(base)))
    assert.equal(answers[1]!.status, 200)
    assert.equal(door.meter().voucheredBase, 22_000n)
    assert.equal(door.context.ledger.highest({ redemptionId: 1, assignment: 0 })!.deliveredBase, 22_000n)
  })

  it('states its lines in pages that continue each other', async () => {
    for (let i = 0; i < 3; i++) await door.chat()
    const { provider, identity } = door.context
    const on = { ...identity, redemptionId: 1, assignment: 0, provider }
    const first = readWire(statementInfo, (await door.get('/suanli/v1/statement')).text)
    checkStatement(first, on)
    assert.deepEqual(
      first.lines.map(({ sequence }) => sequence),
      [1, 2, 3],
    )
    await door.chat()
    const next = readWire(statementInfo, (await door.get('/suanli/v1/statement?after=3')).text)
    checkStatement(next, { ...on, known: first })
    assert.deepEqual(
      next.lines.map(({ sequence }) => sequence),
      [4],
    )
    assert.equal((await door.get('/suanli/v1/statement?after=x')).status, 400)
    const none = readWire(statementInfo, (await door.get('/suanli/v1/statement?after=9')).text)
    assert.deepEqual([none.after, none.lines], [4, []])
  })

  it('never serves beyond the exposure, however many ask at once', async () => {
    const many = Array.from({ length: 40 }, () => door.chat({ stream: true }))
    let most = 0n
    const watching = setInterval(() => {
      const { meteredBase, reservedBase, voucheredBase } = door.meter()
      const served = meteredBase + reservedBase - voucheredBase
      if (served > most) most = served
    }, 1)
    const answers = await Promise.all(many)
    clearInterval(watching)
    assert.ok(most > 0n && most <= EXPOSURE_BASE, `${most}`)
    const statuses = new Set(answers.map(({ status }) => status))
    assert.ok(statuses.has(200) && statuses.has(402), [...statuses].join())
    assert.equal(door.meter().reservedBase, 0n)
    assert.equal(
      door.meter().meteredBase,
      BigInt(answers.filter(({ status }) => status === 200).length) * COST_BASE,
    )
  })

  it('shortens the last answer to what is left, and then says that nothing is', async () => {
    await door.close()
    // The prompt at its bound, and three tokens and a half.
    const assigned = assignedOf({ amountBase: 256_000n + 7_000n })
    door = await Door.open({ upstream, assignments: [assigned], config: { exposurePpm: 1_000_000 } })
    const answer = await door.chat()
    assert.equal(answer.status, 200)
    assert.equal(upstream.seen.at(-1)!.body.max_tokens, 3)
    await door.vouch(door.meter().meteredBase)
    const none = await door.chat()
    assert.deepEqual([none.status, codeOf(none)], [403, 'assignment_used_up'])
    assert.ok(cost(answer) <= 263_000n)
  })

  it('goes on where it stood after a restart, and forgives nothing that is vouchered', async () => {
    await door.chat()
    await door.vouch(COST_BASE)
    await door.chat()
    await door.end()
    const { folder } = door
    const assigned = assignedOf({ amountBase: 10_000_000_000n })
    door = await Door.open({ upstream, folder, assignments: [assigned], config: { exposurePpm: 30 } })
    const { meteredBase, voucheredBase, lostBase } = door.meter()
    assert.deepEqual([meteredBase, voucheredBase, lostBase], [2n * COST_BASE, COST_BASE, 0n])
    const highest = door.context.ledger.highest({ redemptionId: 1, assignment: 0 })!
    assert.equal(toHex(highest.signature), toHex(door.signed(COST_BASE).signature))
    await door.chat()
    const { provider, identity } = door.context
    const statement = readWire(statementInfo, (await door.get('/suanli/v1/statement')).text)
    checkStatement(statement, { ...identity, genesis: GENESIS, redemptionId: 1, assignment: 0, provider })
    assert.equal(statement.lineCount, 3)
    assert.equal(HOLDER_SECRET.length, 32)
  })

  it('refuses a store of another chain or provider, and one that is in use', async () => {
    await assert.rejects(Door.open({ upstream, folder: door.folder }), { code: 'Locked' })
  })
})

describe('gateway: shares of the slots', () => {
  it('gives each assignment its part, and what is free to whoever asks', async () => {
    const upstream = await FakeUpstream.start()
    upstream.behaviour = 'held'
    const [large, small] = [
      assignedOf({ bookedHours: 30n }),
      assignedOf({ redemptionId: 2, bookedHours: 10n }),
    ]
    const config = { exposurePpm: 1_000_000, limits: { burst: 2, queueMs: 5_000 } }
    const door = await Door.open({ upstream, assignments: [large, small], config, backend: { slots: 4 } })
    try {
      const { queue } = [...door.context.backends.values()][0]!
      const smallKey = door.keyOf({ redemptionId: 2, assignment: 0 })
      // One of four is its share, two its burst.
      const few = Array.from({ length: 3 }, () => door.chat({}, { key: smallKey }))
      await upstream.requests(2)
      assert.equal(queue.inUse, 2)
      const many = Array.from({ length: 3 }, () => door.chat())
      await upstream.requests(4)
      assert.equal(queue.inUse, 4)
      upstream.behaviour = 'honest'
      upstream.release()
      const answers = await Promise.all([...few, ...many])
      assert.ok(answers.every(({ status }) => status === 200))
      assert.equal(queue.inUse, 0)
      assert.equal(queue.waiting, 0)
    } finally {
      await door.close()
      await upstream.close()
    }
  })
})
