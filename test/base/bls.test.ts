import assert from 'node:assert/strict'
import { PublicKey, Signature } from '@chainsafe/blst'
import { bls12_381 } from '@noble/curves/bls12-381.js'
import { bigintToFixed, bytesToBigint, concatBytes, fromHex, toHex, utf8 } from '../../base/bytes.ts'
import { bls, blsBackend } from '../../base/crypto/bls.ts'
import { nativeBls } from '../../base/crypto/blsNative.ts'
import { nobleBls } from '../../base/crypto/blsNoble.ts'
import { BLS_KEYS_CACHED_MAX, cacheKeys, isCanonicalPoint } from '../../base/crypto/blsRules.ts'
import type { Bls } from '../../base/crypto/types.ts'

const ORDER = bls12_381.fields.Fr.ORDER
const MODULUS = bls12_381.fields.Fp.ORDER

const backends: readonly (readonly [string, Bls])[] = [
  ['noble', nobleBls],
  ...(nativeBls === undefined ? [] : [['native', nativeBls] as const]),
]

// EIP-2333: seed and master key; its key generation is the IETF's.
const GENERATED = [
  {
    seed: 'c55257c360c07c72029aebc1b53c05ed0362ada38ead3e3e9efa3708e53495531f09a6987599d18264c1e1c92f2cf141630c7a3c4ab7c81b2f001698e7463b04',
    key: 6083874454709270928345386274498605044986640685124978867557563392430687146096n,
  },
  {
    seed: '3141592653589793238462643383279502884197169399375105820974944592',
    key: 29757020647961307431480504535336562678282505419141012933316116377660817309383n,
  },
] as const

// The consensus-specification vectors of Ethereum, same ciphersuite.
const SECRETS = [
  '263dbd792f5b1be47ed85f8938c0f29586af0d3ac7b977f21c278fe1462040e3',
  '47b8192d77bf871b62e87859d653922725724a5c031afeabc60bcef5ff665138',
  '328388aff0d4a5b7dc9205abd374e7e98f3cd9f3418edb4eafda5fb16473d216',
].map(fromHex)
const PUBLIC_KEYS = [
  'a491d1b0ecd9bb917989f0e74f0dea0422eac4a873e5e2644f368dffb9a6e20fd6e10c1b77654d067c0618f6e5a7f79a',
  'b301803f8b5ac4a1133581fc676dfedc60d891dd5fa99028805e5ea5b08d3491af75d0707adab3b70c6a6a580217bf81',
  'b53d21a4cfd562c469cc81514d4ce5a6b577d8403d32a394dc265dd190b47fa9f829fdd7963afdf972e5e77854051f6f',
].map(fromHex)
const MESSAGE = new Uint8Array(32)
const SIGNATURE = fromHex(
  'b6ed936746e01f8ecf281f020953fbf1f01debd5657c4a383940b020b26507f6076334f91e2366c96e9ab279fb5158090352ea1c5b0c9274504f4f0e7053af24802e51e4568d164fe986834f41e55c8e850ce1f98458c0cfc9ab380b55285a55',
)
const AGGREGATE = fromHex(
  '9683b3e6701f9a4b706709577963110043af78a5b41991b998475a3d3fd62abf35ce03b33908418efc95a058494a8ae504354b9f626231f6b3f3c849dfdeaf5017c4780e2aee1850ceaf4b4d9ce70971a3d2cfcd97b7e5ecf6759f8da5f76d31',
)

function flip(bytes: Uint8Array, bit: number): Uint8Array {
  const out = bytes.slice()
  out[bit >> 3]! ^= 1 << (bit & 7)
  return out
}

function infinity(size: number): Uint8Array {
  const out = new Uint8Array(size)
  out[0] = 0xc0
  return out
}

const { Fp, Fp2 } = bls12_381.fields

/** Whether x = `small` (its second coordinate zero in G2) is the x of a point on the curve. */
function isOnCurve(size: 48 | 96, small: bigint): boolean {
  try {
    if (size === 48) Fp.sqrt(Fp.create(small ** 3n + 4n))
    else Fp2.sqrt(Fp2.add(Fp2.create({ c0: small ** 3n, c1: 0n }), Fp2.create({ c0: 4n, c1: 4n })))
    return true
  } catch {
    return false
  }
}

/** A point on the curve with a small x: the subgroup is too sparse to hold it. */
function outsideSubgroup(size: 48 | 96): Uint8Array {
  for (let x = 1; x < 256; x++) {
    if (!isOnCurve(size, BigInt(x))) continue
    const bytes = new Uint8Array(size)
    bytes[0] = 0x80
    bytes[size - 1] = x
    return bytes
  }
  throw new Error('no point with a small x')
}

/** The same point with x + p, which still fits when x is small: not canonical. */
function aboveModulus(size: 48 | 96): Uint8Array {
  const point = outsideSubgroup(size)
  const x = bigintToFixed((bytesToBigint(point.subarray(size - 48).slice()) % 2n ** 64n) + MODULUS, 48)
  const out = point.slice()
  out.set(x, size - 48)
  if (size === 48) out[0]! |= 0x80
  return out
}

function badPoints(size: 48 | 96, good: Uint8Array): readonly (readonly [string, Uint8Array])[] {
  const twisted = infinity(size)
  twisted[size - 1] = 1
  const uncompressed = good.slice()
  uncompressed[0]! &= 0x7f
  const flagged = good.slice()
  flagged[0]! |= 0x40
  return [
    ['infinity', infinity(size)],
    ['infinity with the sign flag', concatBytes(new Uint8Array([0xe0]), new Uint8Array(size - 1))],
    ['infinity with payload', twisted],
    ['zeros', new Uint8Array(size)],
    ['ones', new Uint8Array(size).fill(255)],
    ['without the compression flag', uncompressed],
    ['with the infinity flag', flagged],
    ['a coordinate above the modulus', aboveModulus(size)],
    ['outside the subgroup', outsideSubgroup(size)],
    ['cut short', good.subarray(1)],
    ['too long', concatBytes(good, new Uint8Array(1))],
    ['empty', new Uint8Array(0)],
    [
      'uncompressed',
      size === 48
        ? bls12_381.G1.Point.fromBytes(good).toBytes(false)
        : bls12_381.G2.Point.fromBytes(good).toBytes(false),
    ],
  ]
}

describe('base.crypto.bls', () => {
  it('runs the native backend here', () => {
    assert.equal(backends.length, 2)
    assert.equal(blsBackend, 'native')
    assert.equal(bls.verifyAggregate, nativeBls?.verifyAggregate)
  })

  for (const [name, backend] of backends) {
    describe(name, function () {
      this.timeout(20_000)

      it('generates the published keys', () => {
        for (const { seed, key } of GENERATED) {
          assert.equal(bytesToBigint(backend.keygen(fromHex(seed))), key)
        }
        assert.throws(() => backend.keygen(new Uint8Array(31)), /32 bytes/)
      })

      it('signs, verifies and aggregates the published vectors', () => {
        assert.deepEqual(
          SECRETS.map((secret) => backend.publicKey(secret)),
          PUBLIC_KEYS,
        )
        const signatures = SECRETS.map((secret) => backend.sign(secret, MESSAGE))
        assert.equal(toHex(signatures[0]!), toHex(SIGNATURE))
        assert.equal(backend.verify(PUBLIC_KEYS[0]!, MESSAGE, SIGNATURE), true)
        assert.equal(toHex(backend.aggregate(signatures)!), toHex(AGGREGATE))
        assert.equal(backend.verifyAggregate(PUBLIC_KEYS, MESSAGE, AGGREGATE), true)
        assert.equal(PUBLIC_KEYS.every(backend.isKey), true)
      })

      it('rejects another message, key or set of signers', () => {
        assert.equal(backend.verify(PUBLIC_KEYS[0]!, flip(MESSAGE, 0), SIGNATURE), false)
        assert.equal(backend.verify(PUBLIC_KEYS[1]!, MESSAGE, SIGNATURE), false)
        assert.equal(backend.verifyAggregate(PUBLIC_KEYS.slice(1), MESSAGE, AGGREGATE), false)
        assert.equal(backend.verifyAggregate([...PUBLIC_KEYS, PUBLIC_KEYS[0]!], MESSAGE, AGGREGATE), false)
        assert.equal(backend.verifyAggregate([], MESSAGE, AGGREGATE), false)
        assert.equal(backend.aggregate([]), undefined)
      })

      it('rejects bad keys at any position', () => {
        for (const [what, key] of badPoints(48, PUBLIC_KEYS[0]!)) {
          assert.equal(backend.verify(key, MESSAGE, SIGNATURE), false, what)
          assert.equal(backend.verifyAggregate([PUBLIC_KEYS[0]!, key], MESSAGE, AGGREGATE), false, what)
          assert.equal(backend.verifyProof(key, SIGNATURE), false, what)
          assert.equal(backend.isKey(key), false, what)
        }
      })

      it('rejects bad signatures at any position', () => {
        for (const [what, signature] of badPoints(96, SIGNATURE)) {
          assert.equal(backend.verify(PUBLIC_KEYS[0]!, MESSAGE, signature), false, what)
          assert.equal(backend.verifyAggregate(PUBLIC_KEYS, MESSAGE, signature), false, what)
          assert.equal(backend.verifyProof(PUBLIC_KEYS[0]!, signature), false, what)
          assert.equal(backend.aggregate([SIGNATURE, signature]), undefined, what)
        }
      })

      it('rejects sums at infinity', () => {
        const opposite = bigintToFixed(ORDER - bytesToBigint(SECRETS[0]!), 32)
        const key = backend.publicKey(opposite)
        assert.equal(backend.aggregate([SIGNATURE, backend.sign(opposite, MESSAGE)]), undefined)
        assert.equal(backend.verifyAggregate([PUBLIC_KEYS[0]!, key], MESSAGE, infinity(96)), false)
        assert.equal(backend.verifyAggregate([PUBLIC_KEYS[0]!, key], MESSAGE, SIGNATURE), false)
      })

      it('throws on secret keys out of range', () => {
        for (const key of [new Uint8Array(32), bigintToFixed(ORDER, 32), new Uint8Array(32).fill(255)]) {
          assert.throws(() => backend.publicKey(key))
          assert.throws(() => backend.sign(key, MESSAGE))
          assert.throws(() => backend.prove(key))
        }
        assert.throws(() => backend.publicKey(new Uint8Array(31).fill(1)))
      })

      it('accepts a proof of possession only for its own key', () => {
        const proof = backend.prove(SECRETS[0]!)
        assert.equal(backend.verifyProof(PUBLIC_KEYS[0]!, proof), true)
        assert.equal(backend.verifyProof(PUBLIC_KEYS[1]!, proof), false)
        // The tags differ: neither passes for the other.
        assert.equal(backend.verify(PUBLIC_KEYS[0]!, PUBLIC_KEYS[0]!, proof), false)
        assert.equal(backend.verifyProof(PUBLIC_KEYS[0]!, backend.sign(SECRETS[0]!, PUBLIC_KEYS[0]!)), false)
      })

      it('returns plain arrays', () => {
        for (const bytes of [
          backend.keygen(SECRETS[0]!),
          backend.publicKey(SECRETS[0]!),
          backend.sign(SECRETS[0]!, MESSAGE),
          backend.aggregate([SIGNATURE])!,
          backend.prove(SECRETS[0]!),
        ]) {
          assert.equal(Object.getPrototypeOf(bytes), Uint8Array.prototype)
        }
      })
    })
  }

  it('returns the same results from both backends', () => {
    assert.ok(nativeBls !== undefined)
    for (let i = 0; i < 3; i++) {
      const secret: Uint8Array = nativeBls.keygen(new Uint8Array(32).fill(i + 1))
      const text = utf8(`message ${i}`.repeat(i * 10))
      assert.deepEqual(nobleBls.keygen(new Uint8Array(32).fill(i + 1)), secret)
      const publicKey: Uint8Array = nativeBls.publicKey(secret)
      const signature: Uint8Array = nativeBls.sign(secret, text)
      assert.deepEqual(nobleBls.publicKey(secret), publicKey)
      assert.deepEqual(nobleBls.sign(secret, text), signature)
      for (const bit of [5, 6, 7, 8, 100 + i, 383, 384 + i, 767]) {
        const flipped = flip(signature, bit)
        const expected = nativeBls.verify(publicKey, text, flipped)
        assert.equal(expected, false)
        assert.equal(nobleBls.verify(publicKey, text, flipped), expected)
        assert.deepEqual(nobleBls.aggregate([flipped]), nativeBls.aggregate([flipped]))
      }
    }
  }).timeout(20_000)

  it('distinguishes points outside the subgroup from points off the curve', () => {
    // On the curve: the unchecked decoder accepts them, so the rejections above come from the subgroup check.
    assert.doesNotThrow(() => PublicKey.fromBytes(outsideSubgroup(48), false))
    assert.throws(() => PublicKey.fromBytes(outsideSubgroup(48), true))
    assert.doesNotThrow(() => Signature.fromBytes(outsideSubgroup(96), false))
    assert.throws(() => Signature.fromBytes(outsideSubgroup(96), true))
  })

  it('judges encodings by size, flags and modulus', () => {
    assert.equal(isCanonicalPoint(PUBLIC_KEYS[0]!, 48), true)
    assert.equal(isCanonicalPoint(SIGNATURE, 96), true)
    const encode = (x: bigint): Uint8Array => {
      const out = bigintToFixed(x, 48)
      out[0]! |= 0x80
      return out
    }
    assert.equal(isCanonicalPoint(encode(MODULUS - 1n), 48), true)
    assert.equal(isCanonicalPoint(encode(MODULUS), 48), false)
    assert.equal(isCanonicalPoint(concatBytes(encode(1n), bigintToFixed(MODULUS - 1n, 48)), 96), true)
    assert.equal(isCanonicalPoint(concatBytes(encode(1n), bigintToFixed(MODULUS, 48)), 96), false)
  })

  it('caches decoded keys within a bound', () => {
    let decodedCount = 0
    const decode = cacheKeys((bytes) => {
      decodedCount++
      return bytes[47] === 0 ? undefined : bytes[47]
    })
    const key = (n: number): Uint8Array => bigintToFixed(BigInt(n) * 256n + 1n, 48)
    assert.equal(decode(new Uint8Array(47)), undefined)
    assert.equal(decodedCount, 0)
    for (let n = 0; n <= BLS_KEYS_CACHED_MAX; n++) decode(key(n))
    assert.equal(decodedCount, BLS_KEYS_CACHED_MAX + 1)
    decode(key(BLS_KEYS_CACHED_MAX))
    assert.equal(decodedCount, BLS_KEYS_CACHED_MAX + 1)
    // The oldest was evicted at the bound.
    decode(key(0))
    assert.equal(decodedCount, BLS_KEYS_CACHED_MAX + 2)
    // Failures are not cached.
    decode(new Uint8Array(48))
    decode(new Uint8Array(48))
    assert.equal(decodedCount, BLS_KEYS_CACHED_MAX + 4)
  })
})

describe('base.bls proofs of possession', () => {
  it('are cached for exactly their key', () => {
    const [first, second] = [SECRETS[0]!, SECRETS[1]!]
    const [keyOfFirst, keyOfSecond] = [bls.publicKey(first), bls.publicKey(second)]
    const proof = bls.prove(first)
    for (let i = 0; i < 2; i++) {
      assert.equal(bls.verifyProof(keyOfFirst, proof), true)
      assert.equal(bls.verifyProof(keyOfSecond, proof), false)
      const flipped = proof.slice()
      flipped[95]! ^= 1
      assert.equal(bls.verifyProof(keyOfFirst, flipped), false)
    }
  })
})
