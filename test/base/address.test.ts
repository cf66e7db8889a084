import assert from 'node:assert/strict'
import { getAddress } from 'ethers'
import fc from 'fast-check'
import {
  checksumAddress,
  parseChecksumAddress,
  publicKeyAddress,
  recoverAddress,
  secretKeyAddress,
} from '../../base/address.ts'
import { fromHex, toHex, utf8 } from '../../base/bytes.ts'
import { keccak256 } from '../../base/crypto/hash.ts'
import { publicKeyOf, signHash } from '../../base/crypto/secp256k1.ts'

// EIP-55's own examples.
const CHECKSUMMED = [
  '0x52908400098527886E0F7030069857D2E4169EE7',
  '0xde709f2102306220921060314715629080e2fb77',
  '0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed',
  '0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359',
  '0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB',
  '0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb',
] as const

describe('base.address', () => {
  it('writes the checksums of EIP-55', () => {
    for (const text of CHECKSUMMED) assert.equal(checksumAddress(fromHex(text)), text)
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 20, maxLength: 20 }), (bytes) =>
        assert.equal(checksumAddress(bytes), getAddress(toHex(bytes))),
      ),
      { numRuns: 30 },
    )
  })

  it('parses single-case text and correct checksums only', () => {
    for (const text of CHECKSUMMED) {
      const address = fromHex(text)
      assert.deepEqual(parseChecksumAddress(text), address)
      assert.deepEqual(parseChecksumAddress(text.toLowerCase()), address)
      assert.deepEqual(parseChecksumAddress(`0x${text.slice(2).toUpperCase()}`), address)
    }
    const typo = CHECKSUMMED[2].replace('5aAe', '5aae')
    assert.equal(parseChecksumAddress(typo), undefined)
    assert.equal(parseChecksumAddress(CHECKSUMMED[2].slice(0, -1)), undefined)
    assert.equal(parseChecksumAddress(CHECKSUMMED[2].slice(2)), undefined)
  })

  it('derives the account of a key and of a signature', () => {
    const key = fromHex('ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80')
    const address = secretKeyAddress(key)
    assert.equal(checksumAddress(address), '0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266')
    assert.deepEqual(publicKeyAddress(publicKeyOf(key)), address)
    const hash = keccak256(utf8('who signed'))
    assert.deepEqual(recoverAddress(hash, signHash(hash, key)), address)
    assert.equal(recoverAddress(hash, new Uint8Array(65)), undefined)
    assert.throws(() => secretKeyAddress(new Uint8Array(32)))
  })
})
