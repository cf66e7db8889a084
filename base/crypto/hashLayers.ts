// SHA-256 of many 64-byte messages at once, for Merkle layers. Owns: choosing the backend. Not: single hashes (hash.ts).
import { sha256 as nobleSha256 } from '@noble/hashes/sha2.js'
import { assert } from '../assert.ts'
import { equalBytes } from '../bytes.ts'
import { loadNative } from './native.ts'

/** Hashes `input` (n × 64 bytes) into `output` (n × 32 bytes). */
export type HashPairs = (input: Uint8Array, output: Uint8Array) => void

/** Portable version of the native library. */
export const hashPairsPortable: HashPairs = (input, output) => {
  assert(input.length % 64 === 0 && output.length * 2 === input.length, 'pairs of 32 bytes')
  for (let at = 0; at < input.length; at += 64) {
    output.set(nobleSha256(input.subarray(at, at + 64)), at / 2)
  }
}

function native(): HashPairs | undefined {
  const library = loadNative<{ hashInto: HashPairs }>('@chainsafe/hashtree')
  if (library === undefined) return undefined
  const probe = new Uint8Array(32)
  const expected = new Uint8Array(32)
  library.hashInto(new Uint8Array(64), probe)
  hashPairsPortable(new Uint8Array(64), expected)
  if (!equalBytes(probe, expected)) return undefined
  return (input, output) => {
    assert(input.length % 64 === 0 && output.length * 2 === input.length, 'pairs of 32 bytes')
    if (input.length > 0) library.hashInto(input, output)
  }
}

/** `undefined` when the native library has no binary for the platform. */
export const hashPairsNative: HashPairs | undefined = native()

/** The fastest available. */
export const hashPairs: HashPairs = hashPairsNative ?? hashPairsPortable
