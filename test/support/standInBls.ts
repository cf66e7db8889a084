// A fast, insecure stand-in for BLS in simulations, linear like the real scheme (aggregate = XOR).
import { bytesKey, concatBytes, equalBytes } from '../../base/bytes.ts'
import { sha256 } from '../../base/crypto/hash.ts'
import type { Bls } from '../../base/crypto/types.ts'

const SIGNATURE_BYTES = 96
const KEY_BYTES = 48

/** Hashes tag, key and message to `size` bytes; distinct inputs collide only by chance. */
function spread(tag: number, parts: readonly Uint8Array[], size: number): Uint8Array {
  let a = tag ^ 0x9e3779b9
  let b = tag ^ 0x85ebca6b
  for (const part of parts) {
    for (let i = 0; i < part.length; i++) {
      a = Math.imul(a ^ part[i]!, 0x01000193)
      b = Math.imul(b ^ part[i]! ^ (a >>> 15), 0x5bd1e995)
    }
    a = Math.imul(a ^ part.length, 0xc2b2ae35)
  }
  const words = new Uint32Array(size / 4)
  for (let i = 0; i < words.length; i++) {
    a = (a + 0x6d2b79f5) | 0
    let x = Math.imul(a ^ (a >>> 15), b | 1)
    x ^= x + Math.imul(x ^ (x >>> 7), 0x2545f491 | i)
    b = (b ^ x) | 0
    words[i] = x ^ (x >>> 14)
  }
  return new Uint8Array(words.buffer)
}

const TAGS = { key: 1, vote: 2, proof: 3 } as const

function xor(parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(SIGNATURE_BYTES)
  for (const part of parts) for (let i = 0; i < SIGNATURE_BYTES; i++) out[i]! ^= part[i]!
  return out
}

const publicKeys = new Map<string, Uint8Array>()
/** Cached keys; far more than any scenario uses. */
const KEYS_MAX = 4096

function publicKey(secretKey: Uint8Array): Uint8Array {
  const name = bytesKey(secretKey)
  const known = publicKeys.get(name)
  if (known !== undefined) return known
  if (publicKeys.size >= KEYS_MAX) publicKeys.clear()
  const key = spread(TAGS.key, [secretKey], KEY_BYTES)
  publicKeys.set(name, key)
  return key
}

const vote = (key: Uint8Array, message: Uint8Array): Uint8Array =>
  spread(TAGS.vote, [key, message], SIGNATURE_BYTES)

const proof = (key: Uint8Array): Uint8Array => spread(TAGS.proof, [key], SIGNATURE_BYTES)

/** Forgeable from the public key; the simulator's Byzantine nodes just do not forge. */
export const standInBls: Bls = {
  keygen: (ikm) => sha256(concatBytes(ikm)),
  publicKey,
  sign: (secretKey, message) => vote(publicKey(secretKey), message),
  verify: (key, message, signature) => equalBytes(vote(key, message), signature),
  prove: (secretKey) => proof(publicKey(secretKey)),
  verifyProof: (key, signature) => equalBytes(proof(key), signature),
  isKey: (key) => key.length === KEY_BYTES,
  aggregate: (signatures) => (signatures.length === 0 ? undefined : xor(signatures)),
  verifyAggregate: (keys, message, signature) =>
    keys.length > 0 && equalBytes(xor(keys.map((key) => vote(key, message))), signature),
}
