import assert from 'node:assert/strict'
import fc from 'fast-check'
import { fromHex, toHex, utf8 } from '../../base/bytes.ts'
import { hashBackends, keccak256, portableKeccak256, portableSha256, sha256 } from '../../base/crypto/hash.ts'
import { loadNative } from '../../base/crypto/native.ts'

// FIPS 180-4 examples and the hashes every Ethereum client carries as constants.
const SHA256 = [
  ['', 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'],
  ['abc', 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'],
  [
    'abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq',
    '248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1',
  ],
] as const
const KECCAK256 = [
  ['', 'c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470'],
  ['abc', '4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45'],
  ['Transfer(address,address,uint256)', 'ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef'],
] as const

describe('base.crypto.hash', () => {
  for (const [name, hash] of [
    ['sha256', sha256],
    ['portableSha256', portableSha256],
  ] as const) {
    it(`${name} computes the published digests`, () => {
      for (const [text, digest] of SHA256) assert.equal(toHex(hash(utf8(text))), `0x${digest}`)
    })
  }

  for (const [name, hash] of [
    ['keccak256', keccak256],
    ['portableKeccak256', portableKeccak256],
  ] as const) {
    it(`${name} computes the published digests`, () => {
      for (const [text, digest] of KECCAK256) assert.equal(toHex(hash(utf8(text))), `0x${digest}`)
    })
  }

  it('agrees with the portable version on any input', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => {
        assert.deepEqual(sha256(bytes), portableSha256(bytes))
        assert.deepEqual(keccak256(bytes), portableKeccak256(bytes))
      }),
      { numRuns: 60 },
    )
    const large = new Uint8Array(70_000).fill(7)
    assert.deepEqual(sha256(large), portableSha256(large))
    assert.deepEqual(keccak256(large), portableKeccak256(large))
  })

  it('hashes views and returns plain arrays that later calls do not change', () => {
    const frame = fromHex('00616263ff')
    assert.equal(toHex(sha256(frame.subarray(1, 4))), `0x${SHA256[1][1]}`)
    assert.equal(toHex(keccak256(Buffer.from(frame).subarray(1, 4))), `0x${KECCAK256[1][1]}`)
    for (const hash of [sha256, keccak256]) {
      const first = hash(utf8('first'))
      const copy = first.slice()
      hash(utf8('second'))
      assert.deepEqual(first, copy)
      assert.equal(Object.getPrototypeOf(first), Uint8Array.prototype)
    }
  })

  it('runs the fast backends on Node', () => {
    assert.deepEqual(hashBackends, { sha256: 'node', keccak256: 'wasm' })
  })

  it('treats a missing native module as absent', () => {
    assert.equal(loadNative('suanli-no-such-package'), undefined)
    assert.equal(typeof loadNative<{ hash: unknown }>('node:crypto')?.hash, 'function')
  })
})
