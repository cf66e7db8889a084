import assert from 'node:assert/strict'
import fc from 'fast-check'
import { checksumAddress, publicKeyAddress } from '../../base/address.ts'
import { bigintToFixed, bytesToBigint, concatBytes, fromHex, toHex, utf8 } from '../../base/bytes.ts'
import { sha256 } from '../../base/crypto/hash.ts'
import {
  isCanonicalSignature,
  nativeSecp256k1,
  nobleSecp256k1,
  publicKeyOf,
  recoverPublicKey,
  secp256k1Backend,
  signHash,
  verifyHash,
} from '../../base/crypto/secp256k1.ts'
import type { Secp256k1 } from '../../base/crypto/types.ts'

const ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n
const scalar = (value: bigint): Uint8Array => bigintToFixed(value, 32)

const backends: readonly (readonly [string, Secp256k1])[] = [
  ['noble', nobleSecp256k1],
  ...(nativeSecp256k1 === undefined ? [] : [['native', nativeSecp256k1] as const]),
]

// RFC 6979 on secp256k1 with SHA-256: the vectors that Bitcoin and its libraries share.
const SIGNED = [
  {
    key: 1n,
    text: 'Satoshi Nakamoto',
    signature:
      '934b1ea10a4b3c1757e2b0c017d0b6143ce3c9a7e6a4a49860d7a6ab210ee3d82442ce9d2b916064108014783e923ec36b49743e2ffa1c4496f01a512aafd9e5',
  },
  {
    key: 1n,
    text: 'All those moments will be lost in time, like tears in rain. Time to die...',
    signature:
      '8600dbd41e348fe5c9465ab92d23e3db8b98b873beecd930736488696438cb6b547fe64427496db33bf66019dacbf0039c04199abb0122918601db38a72cfc21',
  },
  {
    key: ORDER - 1n,
    text: 'Satoshi Nakamoto',
    signature:
      'fd567d121db66e382991534ada77a6bd3106f0a1098c231e47993447cd6af2d06b39cd0eb1bc8603e159ef5c20a5c8ad685a45b06ce9bebed3f153d10d93bed5',
  },
] as const

// The first accounts of the mnemonic "test test test test test test test test test test test junk".
const ACCOUNTS = [
  [
    'ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80',
    '0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266',
  ],
  [
    '59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d',
    '0x70997970C51812dc3A010C7d01b50e0d17dc79C8',
  ],
  [
    '5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a',
    '0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC',
  ],
] as const

function withParts(signature: Uint8Array, parts: { r?: bigint; s?: bigint; parity?: number }): Uint8Array {
  return concatBytes(
    scalar(parts.r ?? bytesToBigint(signature.subarray(0, 32))),
    scalar(parts.s ?? bytesToBigint(signature.subarray(32, 64))),
    new Uint8Array([parts.parity ?? signature[64]!]),
  )
}

describe('base.crypto.secp256k1', () => {
  it('runs the native backend here', () => {
    assert.equal(secp256k1Backend, nativeSecp256k1 === undefined ? 'noble' : 'native')
    assert.equal(backends.length, 2)
  })

  for (const [name, backend] of backends) {
    describe(name, () => {
      it('signs the published vectors', () => {
        for (const { key, text, signature } of SIGNED) {
          const made = backend.sign(sha256(utf8(text)), scalar(key))
          assert.equal(toHex(made.subarray(0, 64)), `0x${signature}`)
          assert.deepEqual(backend.recover(sha256(utf8(text)), made), backend.publicKey(scalar(key)))
        }
      })

      it('derives the known accounts', () => {
        for (const [key, address] of ACCOUNTS) {
          assert.equal(checksumAddress(publicKeyAddress(backend.publicKey(fromHex(key)))), address)
        }
      })

      it('rejects signatures that EIP-2 forbids', () => {
        const hash = sha256(utf8('one rule'))
        const good = backend.sign(hash, scalar(7n))
        const s = bytesToBigint(good.subarray(32, 64))
        const refused = [
          withParts(good, { s: ORDER - s, parity: 1 - good[64]! }),
          withParts(good, { s: (ORDER + 1n) / 2n }),
          withParts(good, { r: 0n }),
          withParts(good, { s: 0n }),
          withParts(good, { r: ORDER }),
          withParts(good, { r: ORDER + 1n }),
          withParts(good, { r: 2n ** 256n - 1n }),
          withParts(good, { s: ORDER }),
          withParts(good, { parity: 2 }),
          withParts(good, { parity: 27 }),
          good.subarray(0, 64),
          concatBytes(good, new Uint8Array(1)),
          new Uint8Array(0),
        ]
        for (const signature of refused) {
          assert.equal(isCanonicalSignature(signature), false)
          assert.equal(backend.recover(hash, signature), undefined)
        }
        assert.equal(backend.recover(hash.subarray(1), good), undefined)
        // No point on the curve has x = 5.
        assert.equal(backend.recover(hash, withParts(good, { r: 5n })), undefined)
      })

      it('accepts the largest low s', () => {
        const signature = withParts(new Uint8Array(65), { r: 1n, s: (ORDER - 1n) / 2n })
        assert.notEqual(backend.recover(sha256(utf8('edge')), signature), undefined)
      })

      it('recovers another key with the other parity', () => {
        const hash = sha256(utf8('parity'))
        const good = backend.sign(hash, scalar(9n))
        const other = backend.recover(hash, withParts(good, { parity: 1 - good[64]! }))
        assert.notDeepEqual(other, backend.publicKey(scalar(9n)))
      })

      it('rejects a signature whose key would be the point at infinity', () => {
        // R = G and s·R = z·G make r^-1 (s·R − z·G) vanish.
        const generatorX = bytesToBigint(backend.publicKey(scalar(1n)).subarray(1, 33))
        const parity = backend.publicKey(scalar(1n))[64]! & 1
        const signature = withParts(new Uint8Array(65), { r: generatorX, s: 3n, parity })
        assert.equal(backend.recover(scalar(3n), signature), undefined)
      })

      it('throws on keys out of range', () => {
        const hash = sha256(utf8('key'))
        for (const key of [scalar(0n), scalar(ORDER), scalar(2n ** 256n - 1n), new Uint8Array(31)]) {
          assert.throws(() => backend.publicKey(key))
          assert.throws(() => backend.sign(hash, key))
        }
        assert.throws(() => backend.sign(hash.subarray(1), scalar(1n)))
      })
    })
  }

  it('returns the same bytes from both backends', () => {
    assert.ok(nativeSecp256k1 !== undefined)
    const native = nativeSecp256k1
    const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 })
    const key = fc.bigInt({ min: 1n, max: ORDER - 1n })
    fc.assert(
      fc.property(bytes32, key, fc.nat({ max: 519 }), (hash, secret, bit) => {
        const signature = native.sign(hash, scalar(secret))
        assert.deepEqual(nobleSecp256k1.sign(hash, scalar(secret)), signature)
        assert.deepEqual(nobleSecp256k1.recover(hash, signature), native.publicKey(scalar(secret)))
        const flipped = signature.slice()
        flipped[bit >> 3]! ^= 1 << (bit & 7)
        assert.deepEqual(nobleSecp256k1.recover(hash, flipped), native.recover(hash, flipped))
      }),
      { numRuns: 25 },
    )
  })

  it('reduces hashes above the order in the same way', () => {
    assert.ok(nativeSecp256k1 !== undefined)
    for (const hash of [scalar(ORDER), scalar(ORDER + 5n), scalar(2n ** 256n - 1n)]) {
      const signature = nativeSecp256k1.sign(hash, scalar(11n))
      assert.deepEqual(nobleSecp256k1.sign(hash, scalar(11n)), signature)
      assert.deepEqual(nativeSecp256k1.recover(hash, signature), nativeSecp256k1.publicKey(scalar(11n)))
      assert.deepEqual(nobleSecp256k1.recover(hash, signature), nativeSecp256k1.publicKey(scalar(11n)))
    }
  })

  it('verifies by recovery', () => {
    const hash = sha256(utf8('verify'))
    const publicKey = publicKeyOf(scalar(3n))
    const signature = signHash(hash, scalar(3n))
    assert.deepEqual(recoverPublicKey(hash, signature), publicKey)
    assert.equal(verifyHash({ hash, signature, publicKey }), true)
    assert.equal(verifyHash({ hash, signature, publicKey: publicKeyOf(scalar(4n)) }), false)
    assert.equal(verifyHash({ hash: sha256(hash), signature, publicKey }), false)
    assert.equal(verifyHash({ hash, signature: new Uint8Array(65), publicKey }), false)
  })
})
