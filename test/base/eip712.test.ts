import assert from 'node:assert/strict'
import { TypedDataEncoder } from 'ethers'
import { hashTypedData } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { recoverAddress, secretKeyAddress } from '../../base/address.ts'
import { AssertionFailed } from '../../base/assert.ts'
import { bytesToBigint, fromHex, toHex } from '../../base/bytes.ts'
import { signHash } from '../../base/crypto/secp256k1.ts'
import {
  domainSeparator,
  encodeType,
  type TypedField,
  typedDataDigest,
  VOUCHER_FIELDS,
  voucherDigest,
} from '../../base/eip712.ts'
import { SYSTEM_KIND, systemAddress } from '../../base/moduleDefinition.ts'

const chainId = 7001
const verifyingContract = systemAddress(SYSTEM_KIND.module, 9)
const domain = { name: 'Suanli', version: '1', chainId, verifyingContract: toHex(verifyingContract) } as const
const secretKey = new Uint8Array(32).fill(5)

const voucher = {
  redemptionId: 12,
  assignment: 3,
  provider: fromHex('0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed'),
  deliveredBase: 10n ** 21n + 7n,
  genesis: new Uint8Array(32).fill(9),
}
const voucherTypes = {
  Voucher: [
    { name: 'redemptionId', type: 'uint64' },
    { name: 'assignment', type: 'uint32' },
    { name: 'provider', type: 'address' },
    { name: 'deliveredBase', type: 'uint256' },
    { name: 'genesis', type: 'bytes32' },
  ],
} as const
const voucherMessage = {
  redemptionId: 12n,
  assignment: 3,
  provider: toHex(voucher.provider),
  deliveredBase: voucher.deliveredBase,
  genesis: toHex(voucher.genesis),
} as const

describe('base.eip712', () => {
  it('writes the type of the voucher', () => {
    assert.equal(
      encodeType('Voucher', VOUCHER_FIELDS),
      'Voucher(uint64 redemptionId,uint32 assignment,address provider,uint256 deliveredBase,bytes32 genesis)',
    )
  })

  it('agrees with viem and ethers on the voucher', () => {
    const digest = toHex(voucherDigest({ ...voucher, chainId, verifyingContract }))
    assert.equal(
      digest,
      hashTypedData({ domain, types: voucherTypes, primaryType: 'Voucher', message: voucherMessage }),
    )
    assert.equal(
      digest,
      TypedDataEncoder.hash(domain, { Voucher: [...voucherTypes.Voucher] }, voucherMessage),
    )
    assert.equal(toHex(domainSeparator({ chainId, verifyingContract })), TypedDataEncoder.hashDomain(domain))
  })

  it('binds every member and the domain', () => {
    const base = { ...voucher, chainId, verifyingContract }
    const variants = [
      base,
      { ...base, redemptionId: 13 },
      { ...base, assignment: 4 },
      { ...base, provider: new Uint8Array(20) },
      { ...base, deliveredBase: base.deliveredBase + 1n },
      { ...base, genesis: new Uint8Array(32) },
      { ...base, chainId: 7002 },
      { ...base, verifyingContract: systemAddress(SYSTEM_KIND.module, 10) },
    ]
    assert.equal(new Set(variants.map((v) => toHex(voucherDigest(v)))).size, variants.length)
  })

  it('accepts the signature of a wallet', async () => {
    const account = privateKeyToAccount(toHex(secretKey))
    const signed = fromHex(
      await account.signTypedData({
        domain,
        types: voucherTypes,
        primaryType: 'Voucher',
        message: voucherMessage,
      }),
    )
    const digest = voucherDigest({ ...voucher, chainId, verifyingContract })
    // Wallets return v = 27 or 28 where the chain expects the parity.
    signed[64]! -= 27
    assert.deepEqual(signed, signHash(digest, secretKey))
    assert.deepEqual(recoverAddress(digest, signed), secretKeyAddress(secretKey))
  })

  it('agrees with viem on every flat member type', () => {
    const fields: readonly TypedField[] = [
      { name: 'from', type: { kind: 'address' } },
      { name: 'note', type: { kind: 'string' } },
      { name: 'blob', type: { kind: 'bytes' } },
      { name: 'tag', type: { kind: 'fixedBytes', size: 4 } },
      { name: 'open', type: { kind: 'bool' } },
      { name: 'nonce', type: { kind: 'uint', bits: 256 } },
    ]
    const nonce = bytesToBigint(new Uint8Array(32).fill(254))
    const digest = typedDataDigest({
      domain: { chainId, verifyingContract },
      primaryType: 'PlaceOrder',
      fields,
      values: [voucher.provider, '算力', fromHex('0102'), fromHex('aabbccdd'), true, nonce],
    })
    assert.equal(
      toHex(digest),
      hashTypedData({
        domain,
        types: {
          PlaceOrder: [
            { name: 'from', type: 'address' },
            { name: 'note', type: 'string' },
            { name: 'blob', type: 'bytes' },
            { name: 'tag', type: 'bytes4' },
            { name: 'open', type: 'bool' },
            { name: 'nonce', type: 'uint256' },
          ],
        },
        primaryType: 'PlaceOrder',
        message: {
          from: toHex(voucher.provider),
          note: '算力',
          blob: '0x0102',
          tag: '0xaabbccdd',
          open: true,
          nonce,
        },
      }),
    )
  })

  it('asserts flat structs with one value per member', () => {
    const list: TypedField = { name: 'ids', type: { kind: 'array', of: { kind: 'bool' } } }
    const where = { domain: { chainId, verifyingContract }, primaryType: 'Deep' }
    assert.throws(() => typedDataDigest({ ...where, fields: [list], values: [[]] }), /Deep\.ids is not flat/)
    assert.throws(() => typedDataDigest({ ...where, fields: VOUCHER_FIELDS, values: [] }), AssertionFailed)
  })
})
