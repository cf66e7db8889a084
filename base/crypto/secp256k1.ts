// secp256k1 signatures with recovery. Owns: the validity rule and the choice of backend. Not: addresses (base/address.ts).
import { secp256k1 as nobleCurve } from '@noble/curves/secp256k1.js'
import { assert } from '../assert.ts'
import { bigintToFixed, bytesToBigint, equalBytes, fromHex } from '../bytes.ts'
import { loadNative } from './native.ts'
import type { Secp256k1 } from './types.ts'

const ORDER = fromHex('fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141')
/** (n − 1) / 2: the largest low s. */
const HALF_ORDER = fromHex('7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0')
const ORDER_VALUE = bytesToBigint(ORDER)

/** The sign of (32 bytes at `offset`) − `bound`. */
function compareAt(bytes: Uint8Array, offset: number, bound: Uint8Array): number {
  for (let i = 0; i < 32; i++) {
    const difference = bytes[offset + i]! - bound[i]!
    if (difference !== 0) return difference
  }
  return 0
}

function isZeroAt(bytes: Uint8Array, offset: number): boolean {
  for (let i = 0; i < 32; i++) if (bytes[offset + i] !== 0) return false
  return true
}

/** Whether r and s of a 65-byte signature are in range, s is low and yParity is 0 or 1 (EIP-2). Does not check the point. */
export function isCanonicalSignature(signature: Uint8Array): boolean {
  return (
    signature.length === 65 &&
    signature[64]! <= 1 &&
    !isZeroAt(signature, 0) &&
    !isZeroAt(signature, 32) &&
    compareAt(signature, 0, ORDER) < 0 &&
    compareAt(signature, 32, HALF_ORDER) <= 0
  )
}

/** RFC 6979's bits2octets: libsecp256k1 feeds the unreduced hash to its nonce function, @noble the reduced one. */
function reduceHash(hash: Uint8Array): Uint8Array {
  assert(hash.length === 32, 'a signed hash has 32 bytes')
  return compareAt(hash, 0, ORDER) < 0 ? hash : bigintToFixed(bytesToBigint(hash) - ORDER_VALUE, 32)
}

/** @noble/curves: portable, not constant-time in the secret key. */
export const nobleSecp256k1: Secp256k1 = {
  sign: (hash, secretKey) => {
    const made = nobleCurve.sign(reduceHash(hash), secretKey, {
      prehash: false,
      lowS: true,
      format: 'recovered',
    })
    const out = new Uint8Array(65)
    out.set(made.subarray(1))
    out[64] = made[0]!
    return out
  },
  recover: (hash, signature) => {
    if (hash.length !== 32 || !isCanonicalSignature(signature)) return undefined
    try {
      const parsed = nobleCurve.Signature.fromBytes(signature.subarray(0, 64), 'compact')
      return parsed.addRecoveryBit(signature[64]!).recoverPublicKey(hash).toBytes(false)
    } catch {
      return undefined
    }
  },
  publicKey: (secretKey) => nobleCurve.getPublicKey(secretKey, false),
}

type Binding = {
  ecdsaSign(hash: Uint8Array, secretKey: Uint8Array): { signature: Uint8Array; recid: number }
  ecdsaRecover(
    signature: Uint8Array,
    parity: number,
    hash: Uint8Array,
    compressed: boolean,
    output: Uint8Array,
  ): Uint8Array
  publicKeyCreate(secretKey: Uint8Array, compressed: boolean, output: Uint8Array): Uint8Array
}

function createNative(): Secp256k1 | undefined {
  // The package's main entry silently falls back to a slower library.
  const binding = loadNative<Binding>('secp256k1/bindings.js')
  if (binding === undefined) return undefined
  // An array passed to native code gets memory outside the heap; these three are allocated once.
  const compact = new Uint8Array(64)
  const signedHash = new Uint8Array(32)
  const publicKey = new Uint8Array(65)
  return {
    sign: (hash, secretKey) => {
      const { signature, recid } = binding.ecdsaSign(reduceHash(hash), secretKey)
      const out = new Uint8Array(65)
      out.set(signature)
      out[64] = recid
      return out
    },
    recover: (hash, signature) => {
      if (hash.length !== 32 || !isCanonicalSignature(signature)) return undefined
      try {
        for (let i = 0; i < compact.length; i++) compact[i] = signature[i]!
        signedHash.set(hash)
        return binding.ecdsaRecover(compact, signature[64]!, signedHash, false, publicKey)
      } catch {
        return undefined
      }
    },
    publicKey: (secretKey) => binding.publicKeyCreate(secretKey, false, new Uint8Array(65)),
  }
}

/** libsecp256k1; undefined when the package has no binary for the platform. */
export const nativeSecp256k1: Secp256k1 | undefined = createNative()

const backend = nativeSecp256k1 ?? nobleSecp256k1

/** Which implementation runs, for logs and benchmarks. */
export const secp256k1Backend = nativeSecp256k1 === undefined ? 'noble' : 'native'

/** r ‖ s ‖ yParity, 65 bytes, RFC 6979, low s. Throws on an invalid key. */
export function signHash(hash: Uint8Array, secretKey: Uint8Array): Uint8Array {
  return backend.sign(hash, secretKey)
}

/** The uncompressed public key (65 bytes) that signed, or `undefined` when the signature is not canonical (EIP-2). */
export function recoverPublicKey(hash: Uint8Array, signature: Uint8Array): Uint8Array | undefined {
  return backend.recover(hash, signature)?.slice()
}

/** Like `recoverPublicKey`, but the result is valid only until the next call. */
export function recoverKeyView(hash: Uint8Array, signature: Uint8Array): Uint8Array | undefined {
  return backend.recover(hash, signature)
}

/** Uncompressed public key, 65 bytes. Throws on an invalid key. */
export function publicKeyOf(secretKey: Uint8Array): Uint8Array {
  return backend.publicKey(secretKey)
}

/** Whether `publicKey` (65 bytes) made the 65-byte signature, by the same rule as recovery. */
export function verifyHash(options: {
  hash: Uint8Array
  signature: Uint8Array
  publicKey: Uint8Array
}): boolean {
  const recovered = recoverKeyView(options.hash, options.signature)
  return recovered !== undefined && equalBytes(recovered, options.publicKey)
}
