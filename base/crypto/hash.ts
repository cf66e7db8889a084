// Hashes. One interface, fastest available backend.
import { sha256 as nobleSha256 } from '@noble/hashes/sha2.js'
import { keccak_256 } from '@noble/hashes/sha3.js'
import type { Hash32 } from '../ids.ts'

export function sha256(bytes: Uint8Array): Hash32 {
  return nobleSha256(bytes)
}

export function keccak256(bytes: Uint8Array): Hash32 {
  return keccak_256(bytes)
}
