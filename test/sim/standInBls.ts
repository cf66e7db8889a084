// A fast stand-in for BLS in simulations: linear like the real scheme (aggregate = XOR), not secure at all.
import { createHash } from 'node:crypto'
import { concatBytes, equalBytes, utf8 } from '../../base/bytes.ts'
import type { Bls } from '../../base/crypto/types.ts'

function wide(seed: Uint8Array, size: number): Uint8Array {
  const digest = new Uint8Array(createHash('sha384').update(seed).digest())
  return size === 48 ? digest : concatBytes(digest, digest)
}

function tagged(tag: string, key: Uint8Array, message: Uint8Array): Uint8Array {
  return wide(concatBytes(utf8(tag), key, message), 96)
}

function xor(parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(96)
  for (const part of parts) for (let i = 0; i < 96; i++) out[i]! ^= part[i]!
  return out
}

const publicKey = (secretKey: Uint8Array): Uint8Array => wide(secretKey, 48)

/** Anyone can forge it from the public key; the simulator's Byzantine nodes simply do not. */
export const standInBls: Bls = {
  keygen: (ikm) => new Uint8Array(createHash('sha256').update(ikm).digest()),
  publicKey,
  sign: (secretKey, message) => tagged('vote', publicKey(secretKey), message),
  verify: (key, message, signature) => equalBytes(tagged('vote', key, message), signature),
  prove: (secretKey) => tagged('proof', publicKey(secretKey), publicKey(secretKey)),
  verifyProof: (key, proof) => equalBytes(tagged('proof', key, key), proof),
  isKey: (key) => key.length === 48,
  aggregate: (signatures) => (signatures.length === 0 ? undefined : xor(signatures)),
  verifyAggregate: (keys, message, signature) =>
    keys.length > 0 && equalBytes(xor(keys.map((key) => tagged('vote', key, message))), signature),
}
