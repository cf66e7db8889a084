// EIP-712 digests of any typed data, against viem and ethers.
import assert from 'node:assert/strict'
import { TypedDataEncoder } from 'ethers'
import { hashTypedData } from 'viem'
import { toHex } from '../../base/bytes.ts'
import { type Json, SchemaError } from '../../base/field.ts'
import { typedDataJsonDigest } from '../../base/typedData.ts'

const MAIL = {
  types: {
    Group: [
      { name: 'name', type: 'string' },
      { name: 'members', type: 'Person[]' },
    ],
    Mail: [
      { name: 'from', type: 'Person' },
      { name: 'to', type: 'Group[2]' },
      { name: 'contents', type: 'string' },
      { name: 'isUrgent', type: 'bool' },
      { name: 'stamp', type: 'int16' },
      { name: 'grid', type: 'uint8[2][]' },
      { name: 'attached', type: 'bytes' },
      { name: 'kind', type: 'bytes4' },
      { name: 'size', type: 'uint256' },
    ],
    Person: [
      { name: 'name', type: 'string' },
      { name: 'wallets', type: 'address[]' },
    ],
  },
  primaryType: 'Mail',
  domain: {
    name: 'Ether Mail',
    version: '1',
    chainId: 83838,
    verifyingContract: `0x${'cc'.repeat(20)}`,
    salt: `0x${'01'.repeat(32)}`,
  },
  message: {
    from: { name: '算力', wallets: [`0x${'cd'.repeat(20)}`, `0x${'de'.repeat(20)}`] },
    to: [
      { name: 'all', members: [{ name: 'Bob', wallets: [] }] },
      { name: 'none', members: [] },
    ],
    contents: 'Hello',
    isUrgent: true,
    stamp: -7,
    grid: [
      [1, 2],
      [3, 4],
    ],
    attached: '0xdeadbeef',
    kind: '0x01020304',
    size: '115792089237316195423570985008687907853269984665640564039457584007913129639935',
  },
}

const digestOf = (document: unknown): string => toHex(typedDataJsonDigest(document as Json))

describe('base.typedData', () => {
  it('agrees with viem and ethers on nested structs, lists and every kind of atom', () => {
    const { domain, types, message } = MAIL
    const digest = digestOf(MAIL)
    assert.equal(digest, hashTypedData(MAIL as never))
    assert.equal(digest, TypedDataEncoder.hash(domain, types, message))
    assert.notEqual(digestOf({ ...MAIL, domain: { ...domain, chainId: 1 } }), digest)
  })

  it('takes a domain of any members, with or without its type, and a domain alone', () => {
    const { types, primaryType, message } = MAIL
    for (const domain of [{}, { name: 'a' }, { chainId: '0x5', salt: `0x${'02'.repeat(32)}` }]) {
      assert.equal(
        digestOf({ ...MAIL, domain }),
        hashTypedData({ types, primaryType, message, domain } as never),
      )
    }
    const EIP712Domain = [{ name: 'name', type: 'string' }]
    const alone = { types: { EIP712Domain }, primaryType: 'EIP712Domain', domain: { name: 'a' }, message: {} }
    assert.equal(digestOf(alone), hashTypedData(alone as never))
  })

  it('names the place of whatever is wrong', () => {
    const wrong: readonly [unknown, RegExp][] = [
      [[], /^typed data: expected an object/],
      [{ ...MAIL, primaryType: 'Letter' }, /^primaryType: expected the name of a type/],
      [
        { ...MAIL, message: { ...MAIL.message, stamp: 40_000 } },
        /^message\.stamp: expected an integer, int16/,
      ],
      [{ ...MAIL, message: { ...MAIL.message, to: [] } }, /^message\.to: expected a list, Group\[2\]/],
      [{ ...MAIL, message: { ...MAIL.message, kind: '0x01' } }, /^message\.kind: expected 4 bytes/],
      [
        { ...MAIL, message: { ...MAIL.message, from: { name: 1, wallets: [] } } },
        /^message\.from\.name: expected a string/,
      ],
      [
        { types: { A: [{ name: 'x', type: 'uint7' }] }, primaryType: 'A', domain: {}, message: { x: 1 } },
        /^message\.x: expected a known type, here uint7/,
      ],
      [
        { types: { A: [{ name: 'a', type: 'B' }] }, primaryType: 'A', domain: {}, message: { a: 1 } },
        /here B$/,
      ],
    ]
    for (const [document, message] of wrong) {
      assert.throws(
        () => typedDataJsonDigest(document as Json),
        (error: Error) => error instanceof SchemaError && message.test(error.message),
        String(message),
      )
    }
  })

  it('ends structs that contain themselves, and refuses endless ones', () => {
    const types = { Node: [{ name: 'next', type: 'Node' }] }
    const nested = (depth: number): unknown => (depth === 0 ? null : { next: nested(depth - 1) })
    const at = (depth: number) => ({ types, primaryType: 'Node', domain: {}, message: nested(depth) })
    assert.match(digestOf(at(3)), /^0x[0-9a-f]{64}$/)
    assert.throws(() => digestOf(at(60)), /at most 32 levels/)
  })
})
