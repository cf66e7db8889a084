// Rules that both BLS backends share, ahead of any curve arithmetic: canonical encodings, tags, the key cache.
import { bytesKey, compareBytes, fromHex } from '../bytes.ts'

export const BLS_KEY_BYTES = 48
export const BLS_SIGNATURE_BYTES = 96
/** Ciphersuite of votes and certificates. */
export const BLS_SIGNATURE_TAG = 'BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_'
/** Ciphersuite of proofs of possession: no vote can pass as a proof. */
export const BLS_PROOF_TAG = 'BLS_POP_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_'
/** Decoded keys cached: several epochs of the largest set. */
export const BLS_KEYS_CACHED_MAX = 2048

const FIELD_MODULUS = fromHex(
  '1a0111ea397fe69a4b1ba7b6434bacd764774b84f38512bf6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaab',
)
const ORDER = fromHex('73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001')
const COMPRESSED = 0x80
const INFINITY = 0x40
const SIGN = 0x20

function isFieldElement(bytes: Uint8Array, offset: number, flagsMask: number): boolean {
  for (let i = 0; i < FIELD_MODULUS.length; i++) {
    const byte = i === 0 ? bytes[offset]! & ~flagsMask : bytes[offset + i]!
    if (byte !== FIELD_MODULUS[i]!) return byte < FIELD_MODULUS[i]!
  }
  return false
}

/** Whether the bytes can be a compressed finite point: exact size, flags, every coordinate below the modulus. */
export function isCanonicalPoint(bytes: Uint8Array, sizeBytes: number): boolean {
  if (bytes.length !== sizeBytes) return false
  if ((bytes[0]! & COMPRESSED) === 0 || (bytes[0]! & INFINITY) !== 0) return false
  if (!isFieldElement(bytes, 0, COMPRESSED | INFINITY | SIGN)) return false
  return sizeBytes === BLS_KEY_BYTES || isFieldElement(bytes, BLS_KEY_BYTES, 0)
}

/** Throws unless the bytes are 32 and encode a scalar from 1 to the group order minus one. */
export function checkSecretKey(secretKey: Uint8Array): Uint8Array {
  const inRange =
    secretKey.length === 32 && secretKey.some((b) => b !== 0) && compareBytes(secretKey, ORDER) < 0
  if (!inRange) throw new RangeError('not a BLS secret key')
  return secretKey
}

/** Adds a bounded cache of successes to a validating key decoder; evicts the oldest entry first. */
export function cacheKeys<T>(decode: (bytes: Uint8Array) => T | undefined): typeof decode {
  const known = new Map<string, T>()
  return (bytes) => {
    if (bytes.length !== BLS_KEY_BYTES) return undefined
    const key = bytesKey(bytes)
    const hit = known.get(key)
    if (hit !== undefined) return hit
    const decoded = decode(bytes)
    if (decoded === undefined) return undefined
    if (known.size >= BLS_KEYS_CACHED_MAX) {
      for (const oldest of known.keys()) {
        known.delete(oldest)
        break
      }
    }
    known.set(key, decoded)
    return decoded
  }
}
