// BLS on @noble/curves: the portable backend, and proofs of possession for both backends.
import { bls12_381 } from '@noble/curves/bls12-381.js'
import { expand, extract } from '@noble/hashes/hkdf.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { assert } from '../assert.ts'
import { bigintToFixed, bytesToBigint, concatBytes, utf8 } from '../bytes.ts'
import {
  BLS_KEY_BYTES,
  BLS_PROOF_TAG,
  BLS_SIGNATURE_BYTES,
  BLS_SIGNATURE_TAG,
  cacheKeys,
  checkSecretKey,
  isCanonicalPoint,
} from './blsRules.ts'
import type { Bls } from './types.ts'

const scheme = bls12_381.longSignatures
const ORDER = bls12_381.fields.Fr.ORDER
const KeyPoint = bls12_381.G1.Point
const SignaturePoint = bls12_381.G2.Point
type KeyPoint = InstanceType<typeof KeyPoint>
type SignaturePoint = InstanceType<typeof SignaturePoint>

interface CheckedPoint {
  is0(): boolean
  isTorsionFree(): boolean
}

function decodePoint<P extends CheckedPoint>(
  bytes: Uint8Array,
  options: { sizeBytes: number; fromBytes: (bytes: Uint8Array) => P },
): P | undefined {
  if (!isCanonicalPoint(bytes, options.sizeBytes)) return undefined
  try {
    const point = options.fromBytes(bytes)
    return !point.is0() && point.isTorsionFree() ? point : undefined
  } catch {
    return undefined
  }
}

const decodeKey = cacheKeys<KeyPoint>((bytes) =>
  decodePoint(bytes, { sizeBytes: BLS_KEY_BYTES, fromBytes: (b) => KeyPoint.fromBytes(b) }),
)

function decodeSignature(bytes: Uint8Array): SignaturePoint | undefined {
  return decodePoint(bytes, {
    sizeBytes: BLS_SIGNATURE_BYTES,
    fromBytes: (b) => SignaturePoint.fromBytes(b),
  })
}

function check(
  key: KeyPoint | undefined,
  options: { message: Uint8Array; signature: Uint8Array; tag: string },
): boolean {
  if (key === undefined || key.is0()) return false
  const point = decodeSignature(options.signature)
  if (point === undefined) return false
  return scheme.verify(point, scheme.hash(options.message, options.tag), key)
}

/** IETF BLS KeyGen (draft 4 and later), which is also EIP-2333's hkdf_mod_r. */
function keygen(ikm: Uint8Array): Uint8Array {
  assert(ikm.length >= 32, 'key generation needs at least 32 bytes of entropy')
  const zero = new Uint8Array([0])
  const outputSize = new Uint8Array([0, 48])
  let salt = utf8('BLS-SIG-KEYGEN-SALT-')
  for (;;) {
    salt = sha256(salt)
    const pseudorandom = extract(sha256, concatBytes(ikm, zero), salt)
    const secret = bytesToBigint(expand(sha256, pseudorandom, outputSize, 48)) % ORDER
    // Zero has probability 2^-255; the draft requires the loop.
    if (secret !== 0n) return bigintToFixed(secret, 32)
  }
}

export const nobleBls: Bls = {
  keygen,
  publicKey: (secretKey) => scheme.getPublicKey(checkSecretKey(secretKey)).toBytes(),
  sign: (secretKey, message) =>
    scheme.sign(scheme.hash(message, BLS_SIGNATURE_TAG), checkSecretKey(secretKey)).toBytes(),
  verify: (publicKey, message, signature) =>
    check(decodeKey(publicKey), { message, signature, tag: BLS_SIGNATURE_TAG }),
  prove: (secretKey) => {
    const publicKey = scheme.getPublicKey(checkSecretKey(secretKey)).toBytes()
    return scheme.sign(scheme.hash(publicKey, BLS_PROOF_TAG), secretKey).toBytes()
  },
  verifyProof: (publicKey, proof) =>
    check(decodeKey(publicKey), { message: publicKey, signature: proof, tag: BLS_PROOF_TAG }),
  isKey: (publicKey) => decodeKey(publicKey) !== undefined,
  aggregate: (signatures) => {
    if (signatures.length === 0) return undefined
    let sum = SignaturePoint.ZERO
    for (const signature of signatures) {
      const point = decodeSignature(signature)
      if (point === undefined) return undefined
      sum = sum.add(point)
    }
    return sum.is0() ? undefined : sum.toBytes()
  },
  verifyAggregate: (publicKeys, message, signature) => {
    if (publicKeys.length === 0) return false
    let sum = KeyPoint.ZERO
    for (const publicKey of publicKeys) {
      const point = decodeKey(publicKey)
      if (point === undefined) return false
      sum = sum.add(point)
    }
    return check(sum, { message, signature, tag: BLS_SIGNATURE_TAG })
  },
}
