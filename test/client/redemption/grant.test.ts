import assert from 'node:assert/strict'
import { concatBytes, fromHex, toHex, u32be, u64be, utf8 } from '../../../base/bytes.ts'
import type { Hash32 } from '../../../base/ids.ts'
import { message, t } from '../../../base/schema.ts'
import {
  parseBase64,
  parseBase64Json,
  parseBase64Url,
  toBase64,
  toBase64Json,
  toBase64Url,
} from '../../../client/redemption/base64.ts'
import {
  apiKeyText,
  clientKeyOf,
  endpointOf,
  type Grant,
  openGrant,
  parseApiKey,
  sealGrant,
} from '../../../client/redemption/grant.ts'
import { grantSuite } from '../../../client/redemption/hpke.ts'
import { RedeemError, type RedeemErrorCode } from '../../../client/redemption/redeemError.ts'

const secret = new Uint8Array(32).fill(7)
const on = { genesis: new Uint8Array(32).fill(1) as Hash32, redemptionId: 5, assignment: 2 }
const to = { ...on, clientKey: clientKeyOf(secret) }
const by = { ...on, clientSecret: secret }
const grant: Grant = {
  baseUrl: 'https://gpu.example:8443/a',
  apiKey: new Uint8Array(32).fill(3),
  tariffHash: new Uint8Array(32).fill(4) as Hash32,
  validFromMs: 1_000,
  validUntilMs: 2_000,
}

const refuses = (code: RedeemErrorCode, path?: string) => (error: unknown) => {
  assert.ok(error instanceof RedeemError, String(error))
  assert.equal(error.code, code, error.message)
  if (path !== undefined) assert.equal(error.path, path)
  return true
}

/** What a provider could seal that our own code does not. */
async function sealBytes(plaintext: Uint8Array): Promise<Uint8Array> {
  const info = concatBytes(utf8('suanli/grant/v1'), on.genesis, u64be(on.redemptionId), u32be(on.assignment))
  const key = await grantSuite.DeserializePublicKey(to.clientKey)
  const { encapsulatedSecret, ciphertext } = await grantSuite.Seal(key, plaintext, { info })
  return concatBytes(encapsulatedSecret, ciphertext)
}

describe('client.redemption.grant', () => {
  it("opens the RFC's vector: 9180, A.2.1", async () => {
    const key = await grantSuite.DeserializePrivateKey(
      fromHex('8057991eef8f1f1af18f4a9491d16a1ce333f695d4db8e38da75975c4478e0fb'),
    )
    const plaintext = await grantSuite.Open(
      key,
      fromHex('1afa08d3dec047a643885163f1180476fa7ddb54c6a8029ea33f95796bf2ac4a'),
      fromHex('1c5250d8034ec2b784ba2cfd69dbdb8af406cfe3ff938e131f0def8c8b60b4db21993c62ce81883d2dd1b51a28'),
      { info: fromHex('4f6465206f6e2061204772656369616e2055726e'), aad: fromHex('436f756e742d30') },
    )
    assert.equal(toHex(plaintext), '0x4265617574792069732074727574682c20747275746820626561757479')
  })

  it('derives the key pair that the RFC derives', async () => {
    const { publicKey } = await grantSuite.DeriveKeyPair(
      fromHex('1ac01f181fdf9f352797655161c58b75c656a6cc2716dcb66372da835542e1df'),
    )
    assert.equal(
      toHex(await grantSuite.SerializePublicKey(publicKey)),
      '0x4310ee97d88cc1f088a5576c77ab0cf5c3ac797f3d95139c6c84b5429c59662a',
    )
  })

  it('opens what was sealed', async () => {
    const certificate = new Uint8Array(32).fill(9) as Hash32
    for (const one of [grant, { ...grant, certificate }]) {
      const sealed = await sealGrant(to, one)
      assert.ok(sealed.length <= 300)
      assert.deepEqual(await openGrant(by, sealed), one)
    }
    assert.notDeepEqual(await sealGrant(to, grant), await sealGrant(to, grant))
  })

  it('takes the longest grant there is', async () => {
    const baseUrl = `https://gpu.example/${'a'.repeat(492)}`
    const sealed = await sealGrant(to, { ...grant, baseUrl, certificate: grant.tariffHash })
    assert.ok(sealed.length <= 1_024)
    await assert.rejects(
      sealGrant(to, { ...grant, baseUrl: `${baseUrl}a` }),
      refuses('grantContent', 'baseUrl'),
    )
  })

  it('refuses junk, other keys, redemptions, assignments and chains', async () => {
    const sealed = await sealGrant(to, grant)
    const flipped = Uint8Array.from(sealed, (byte, i) => (i === 40 ? byte ^ 1 : byte))
    await assert.rejects(openGrant(by, flipped), refuses('grantSealed'))
    await assert.rejects(openGrant(by, new Uint8Array(200)), refuses('grantSealed'))
    await assert.rejects(
      openGrant({ ...by, clientSecret: new Uint8Array(32).fill(8) }, sealed),
      refuses('grantSealed'),
    )
    await assert.rejects(openGrant({ ...by, redemptionId: 6 }, sealed), refuses('grantSealed'))
    await assert.rejects(openGrant({ ...by, assignment: 3 }, sealed), refuses('grantSealed'))
    await assert.rejects(openGrant({ ...by, genesis: grant.tariffHash }, sealed), refuses('grantSealed'))
  })

  it('refuses lengths that no grant has', async () => {
    for (const size of [0, 47, 1_025]) {
      await assert.rejects(openGrant(by, new Uint8Array(size)), refuses('grantSize'))
    }
  })

  it('refuses what opens but is no grant', async () => {
    await assert.rejects(openGrant(by, await sealBytes(utf8('hello'))), refuses('grantContent'))
    await assert.rejects(openGrant(by, await sealBytes(new Uint8Array(0))), refuses('grantContent'))
    const shape = message('Grant', {
      baseUrl: t.text(2_000),
      apiKey: t.bytes(64),
      certificate: t.optional(t.hash),
      tariffHash: t.hash,
      validFromMs: t.u64,
      validUntilMs: t.u64,
    })
    const wrong: readonly (readonly [Partial<Grant>, string])[] = [
      [{ baseUrl: 'ftp://gpu.example' }, 'baseUrl'],
      [{ baseUrl: 'gpu.example' }, 'baseUrl'],
      [{ baseUrl: 'https://me:pw@gpu.example' }, 'baseUrl'],
      [{ baseUrl: 'https://gpu.example?a=1' }, 'baseUrl'],
      [{ baseUrl: 'https://gpu.example#' }, 'baseUrl'],
      [{ validFromMs: 2_000 }, 'validUntilMs'],
    ]
    for (const [part, path] of wrong) {
      const sealed = await sealBytes(shape.encode({ ...grant, certificate: undefined, ...part }))
      await assert.rejects(openGrant(by, sealed), refuses('grantContent', path))
    }
    const short = await sealBytes(
      shape.encode({ ...grant, certificate: undefined, apiKey: new Uint8Array(31) }),
    )
    await assert.rejects(openGrant(by, short), refuses('grantContent'))
  })

  it('refuses to seal for keys that are none, or whose secret everybody knows', async () => {
    for (const clientKey of [new Uint8Array(0), new Uint8Array(33), new Uint8Array(32)]) {
      await assert.rejects(sealGrant({ ...to, clientKey }, grant), refuses('clientKey'))
    }
    assert.throws(() => clientKeyOf(new Uint8Array(31)), refuses('clientKey'))
  })

  it('never shows a key in an error', async () => {
    const error = await openGrant(by, new Uint8Array(200)).then(
      () => undefined,
      (reason: unknown) => reason,
    )
    const text = JSON.stringify(error, Object.getOwnPropertyNames(error))
    assert.ok(!text.includes(toHex(secret).slice(2)) && !text.includes(apiKeyText(grant.apiKey)))
  })

  it('writes API keys and paths', () => {
    const text = apiKeyText(grant.apiKey)
    assert.equal(text.length, 43)
    assert.deepEqual(parseApiKey(text), grant.apiKey)
    for (const wrong of [
      '',
      `${text}A`,
      text.slice(1),
      `${text.slice(1)}*`,
      `${text.slice(0, -1)}B`,
      'x'.repeat(9_999),
    ]) {
      assert.equal(parseApiKey(wrong), undefined)
    }
    assert.equal(endpointOf('https://gpu.example/', '/v1/models'), 'https://gpu.example/v1/models')
    assert.equal(endpointOf('https://gpu.example/a', 'v1/models'), 'https://gpu.example/a/v1/models')
  })
})

describe('client.redemption.base64', () => {
  it('reads what it writes, and nothing else', () => {
    for (let size = 0; size < 70; size++) {
      const bytes = Uint8Array.from({ length: size }, (_, i) => (i * 89 + size) & 255)
      assert.deepEqual(parseBase64(toBase64(bytes)), bytes)
      assert.deepEqual(parseBase64Url(toBase64Url(bytes)), bytes)
    }
    for (const wrong of ['a', 'ab', 'abc', ' YQ==', 'YR==', '-_=='])
      assert.equal(parseBase64(wrong), undefined, wrong)
    assert.deepEqual(parseBase64Json(toBase64Json({ a: ['算力', 1] })), { a: ['算力', 1] })
    assert.equal(parseBase64Json(toBase64(utf8('{'))), undefined)
    assert.equal(parseBase64Json('%'), undefined)
  })
})
