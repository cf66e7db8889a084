import assert from 'node:assert/strict'
import { wrapFetchWithPayment, x402Client } from '@x402/fetch'
import { secretKeyAddress } from '../../../base/address.ts'
import { type Hash32, ZERO_ADDRESS, ZERO_HASH } from '../../../base/ids.ts'
import { typedDataJsonDigest } from '../../../base/typedData.ts'
import { apiKeyText } from '../../../client/redemption/grant.ts'
import { redeemKeys } from '../../../client/redemption/keys.ts'
import { RedeemError, type RedeemErrorCode } from '../../../client/redemption/redeemError.ts'
import {
  checkStatement,
  nextHead,
  signStatement,
  statementStart,
} from '../../../client/redemption/statement.ts'
import { parseTariff } from '../../../client/redemption/tariff.ts'
import { NO_USAGE } from '../../../client/redemption/usage.ts'
import { digestOf, signVoucher, verifyVoucher, voucherTypedData } from '../../../client/redemption/voucher.ts'
import {
  chargeHeaders,
  readChargeHeaders,
  readWire,
  type Statement,
  statementInfo,
} from '../../../client/redemption/wire.ts'
import {
  demandOf,
  encodePaymentHeader,
  paymentRequired,
  paymentSignature,
  readPaymentRequired,
  readPaymentSignature,
} from '../../../client/redemption/x402Bodies.ts'
import { redemptionScheme, redemptionSpendControls } from '../../../client/x402.ts'
import { FakeProvider } from '../../support/fakeProvider.ts'

const CHAIN_ID = 83_838
const GENESIS = new Uint8Array(32).fill(9) as Hash32
const OWNER = new Uint8Array(32).fill(1)
const PROVIDER = new Uint8Array(32).fill(2)
const on = { genesis: GENESIS, redemptionId: 5, assignment: 1 }
const voucher = { ...on, provider: secretKeyAddress(PROVIDER), deliveredBase: 7n }
const signers = { owner: secretKeyAddress(OWNER), voucherKey: ZERO_ADDRESS }

const refuses = (code: RedeemErrorCode, path?: string) => (error: unknown) => {
  assert.ok(error instanceof RedeemError, String(error))
  assert.equal(error.code, code, error.message)
  if (path !== undefined) assert.equal(error.path, path)
  return true
}

describe('client.redemption.voucher', () => {
  it('is what a wallet signs', () => {
    assert.deepEqual(typedDataJsonDigest(voucherTypedData(voucher, CHAIN_ID)), digestOf(voucher, CHAIN_ID))
  })

  it('is taken from the owner, and from the key that the request named', () => {
    const keys = redeemKeys(OWNER, GENESIS)
    const byOwner = signVoucher(voucher, CHAIN_ID, OWNER)
    const byKey = keys.sign(voucher, CHAIN_ID)
    assert.deepEqual(verifyVoucher(byOwner, CHAIN_ID, signers), byOwner.signature)
    // As wallets give it.
    const wallets = Uint8Array.from(byOwner.signature, (byte, i) => (i === 64 ? byte + 27 : byte))
    assert.deepEqual(verifyVoucher({ ...byOwner, signature: wallets }, CHAIN_ID, signers), byOwner.signature)
    assert.throws(() => verifyVoucher(byKey, CHAIN_ID, signers), refuses('voucher'))
    assert.deepEqual(
      verifyVoucher(byKey, CHAIN_ID, { ...signers, voucherKey: keys.voucherKey }),
      byKey.signature,
    )
  })

  it('is refused when anything of it is changed', () => {
    const signed = signVoucher(voucher, CHAIN_ID, OWNER)
    const changed = [
      { deliveredBase: 8n },
      { assignment: 2 },
      { redemptionId: 6 },
      { genesis: ZERO_HASH },
      { provider: ZERO_ADDRESS },
    ]
    for (const part of changed)
      assert.throws(() => verifyVoucher({ ...signed, ...part }, CHAIN_ID, signers), refuses('voucher'))
    assert.throws(() => verifyVoucher(signed, CHAIN_ID + 1, signers), refuses('voucher'))
    assert.throws(
      () => verifyVoucher({ ...signed, signature: new Uint8Array(64) }, CHAIN_ID, signers),
      refuses('voucher'),
    )
  })
})

describe('client.redemption.keys', () => {
  it('are the same for an account and chain, and of no other', () => {
    const keys = redeemKeys(OWNER, GENESIS)
    assert.deepEqual(redeemKeys(OWNER, GENESIS).voucherKey, keys.voucherKey)
    assert.notDeepEqual(redeemKeys(OWNER, ZERO_HASH).clientKey, keys.clientKey)
    assert.notDeepEqual(redeemKeys(PROVIDER, GENESIS).voucherKey, keys.voucherKey)
    assert.deepEqual(Object.keys(keys).sort(), ['clientKey', 'voucherKey'])
    assert.throws(() => redeemKeys(new Uint8Array(31), GENESIS), refuses('input'))
  })
})

describe('client.redemption.statement', () => {
  const checks = { ...on, chainId: CHAIN_ID, provider: secretKeyAddress(PROVIDER) }

  function statement(costs: readonly bigint[], known = 0): Statement {
    let head = statementStart(on)
    let afterHead = head
    let meteredBase = 0n
    const lines = costs.map((costBase, i) => {
      meteredBase += costBase
      const line = {
        sequence: i + 1,
        atMs: 1,
        model: 'tiny',
        ...NO_USAGE,
        promptTokens: i,
        costBase,
        meteredBase,
      }
      head = nextHead(head, line)
      if (i + 1 === known) afterHead = head
      return line
    })
    const signed = {
      redemptionId: 5,
      assignment: 1,
      lineCount: costs.length,
      head,
      meteredBase,
      voucheredBase: 0n,
    }
    const signature = signStatement(signed, { genesis: GENESIS, chainId: CHAIN_ID, secretKey: PROVIDER })
    return { ...signed, after: known, afterHead, lines: lines.slice(known), signature }
  }

  it('is checked from its beginning, and from where one knows it', () => {
    const two = checkStatement(statement([3n, 4n]), checks)
    assert.deepEqual([two.lineCount, two.meteredBase], [2, 7n])
    assert.equal(checkStatement(statement([3n, 4n, 5n], 2), { ...checks, known: two }).meteredBase, 12n)
    assert.deepEqual(checkStatement(statement([]), checks).meteredBase, 0n)
    const text = JSON.stringify(statementInfo.toJson(statement([3n, 4n])))
    assert.deepEqual(readWire(statementInfo, text), statement([3n, 4n]))
  })

  it('is refused when it does not continue, does not add up, or is not the provider’s', () => {
    const two = checkStatement(statement([3n, 4n]), checks)
    const good = statement([3n, 4n])
    const wrong: readonly (readonly [Statement, string])[] = [
      [{ ...good, assignment: 2 }, 'assignment'],
      [{ ...good, meteredBase: 8n }, 'signature'],
      [{ ...good, signature: new Uint8Array(65) }, 'signature'],
      [{ ...good, after: 1 }, 'afterHead'],
      [{ ...good, lines: good.lines.slice(1) }, 'lines[0].sequence'],
      [{ ...good, lines: [{ ...good.lines[0]!, costBase: 2n }, good.lines[1]!] }, 'lines[0].meteredBase'],
      [{ ...good, lines: [{ ...good.lines[0]!, promptTokens: 9 }, good.lines[1]!] }, 'head'],
    ]
    for (const [one, path] of wrong)
      assert.throws(() => checkStatement(one, checks), refuses('wire', path), path)
    assert.throws(
      () => checkStatement(statement([2n, 5n, 5n], 2), { ...checks, known: two }),
      refuses('wire', 'afterHead'),
    )
  })
})

describe('client.redemption.wire', () => {
  const charge = { costBase: 1n, meteredBase: 2n, voucheredBase: 0n, leftBase: 3n }

  it('carries a charge in headers', () => {
    const headers = new Headers(chargeHeaders(charge))
    assert.deepEqual(
      readChargeHeaders((name) => headers.get(name)),
      charge,
    )
    assert.equal(
      readChargeHeaders(() => null),
      undefined,
    )
    headers.set('suanli-cost', '-1')
    assert.throws(() => readChargeHeaders((name) => headers.get(name)), refuses('wire', 'suanli-cost'))
    headers.delete('suanli-cost')
    assert.throws(() => readChargeHeaders((name) => headers.get(name)), refuses('wire', 'suanli-cost'))
  })

  it('names the field of a body that is wrong', () => {
    assert.throws(() => readWire(statementInfo, '{'), refuses('wire'))
    assert.throws(() => readWire(statementInfo, '{"redemptionId":"5"}'), refuses('wire', 'redemptionId'))
    assert.throws(() => readWire(statementInfo, `"${'x'.repeat(2_000_000)}"`), refuses('wire'))
  })
})

describe('client.x402', () => {
  const demand = {
    ...{ chainId: CHAIN_ID, redemptionId: 5, assignment: 1, genesis: GENESIS },
    payTo: secretKeyAddress(PROVIDER),
    meteredBase: 9n,
    voucheredBase: 2n,
  }
  const required = paymentRequired(demand, { url: 'http://127.0.0.1/v1/chat/completions' })

  it('reads what it asks for, and what is paid', () => {
    assert.deepEqual(readPaymentRequired(encodePaymentHeader(required)), demand)
    const { signature } = signVoucher({ ...voucher, deliveredBase: 9n }, CHAIN_ID, OWNER)
    const paid = { redemptionId: 5, assignment: 1, deliveredBase: 9n, signature }
    assert.deepEqual(readPaymentSignature(paymentSignature(required.accepts[0]!, paid)), paid)
  })

  it('refuses other schemes, and what contradicts itself', () => {
    const [way] = required.accepts
    const wrong: readonly (readonly [object, string])[] = [
      [{ scheme: 'exact' }, 'scheme'],
      [{ network: 'solana:1' }, 'network'],
      [{ asset: '0x00' }, 'asset'],
      [{ payTo: 'me' }, 'payTo'],
      [{ amount: '8' }, 'amount'],
      [{ extra: { ...way!.extra, genesis: '0x00' } }, 'genesis'],
    ]
    for (const [part, path] of wrong)
      assert.throws(() => demandOf({ ...way!, ...part }), refuses('wire', path), path)
    for (const header of [
      '',
      '%',
      encodePaymentHeader([]),
      encodePaymentHeader({ x402Version: 1 }),
      encodePaymentHeader({ x402Version: 2, accepts: [] }),
    ])
      assert.throws(() => readPaymentRequired(header), refuses('wire'))
    assert.throws(
      () => readPaymentSignature(encodePaymentHeader({ x402Version: 2, payload: {} })),
      refuses('wire'),
    )
  })

  describe('the public client', () => {
    let provider: FakeProvider
    const keys = redeemKeys(OWNER, GENESIS)
    const scheme = { chainId: CHAIN_ID, genesis: GENESIS, keys, redemptions: [5], budgetBase: 10n ** 18n }

    beforeEach(async () => {
      provider = await FakeProvider.start({
        ...{ ...on, chainId: CHAIN_ID },
        amountBase: 10n ** 18n,
        tariff: parseTariff(
          '{"version":1,"minimumBase":"0","models":{"tiny":{"promptBase":"1000","completionBase":"1000"}}}',
        ),
        signers: { ...signers, voucherKey: keys.voucherKey },
        exposureBase: 0n,
      })
    })

    afterEach(() => provider.close())

    const asking = (pay: typeof fetch): Promise<Response> =>
      pay(`${provider.baseUrl}/v1/chat/completions`, {
        method: 'POST',
        headers: { authorization: `Bearer ${apiKeyText(provider.apiKey)}` },
        body: JSON.stringify({ model: 'tiny', messages: [] }),
      })

    it('pays unmodified', async () => {
      const client = new x402Client()
        .register(`eip155:${CHAIN_ID}`, redemptionScheme(scheme))
        .setSpendControls(redemptionSpendControls(CHAIN_ID))
      const pay = wrapFetchWithPayment(fetch, client)
      assert.equal((await asking(pay)).status, 200)
      const second = await asking(pay)
      assert.equal(second.status, 200)
      assert.ok(second.headers.get('payment-response'))
      assert.deepEqual(provider.vouchers, [16n])
    })

    it('pays nothing beyond the budget, for other redemptions, or on another chain', async () => {
      provider.use(4)
      const limits = [
        { budgetBase: 15n },
        { redemptions: [6] },
        { genesis: ZERO_HASH },
        { providers: [ZERO_ADDRESS] },
      ]
      for (const limit of limits) {
        const client = new x402Client()
          .register(`eip155:${CHAIN_ID}`, redemptionScheme({ ...scheme, ...limit }))
          .setSpendControls(redemptionSpendControls(CHAIN_ID))
        await assert.rejects(asking(wrapFetchWithPayment(fetch, client)), /not paid/)
      }
      assert.deepEqual(provider.vouchers, [])
    })
  })
})
