// Ethereum's 2048-bit log bloom. Owns: setting and testing bits, with a bounded cache of hashed entries.
import { bytesKey } from '../../base/bytes.ts'
import { keccak256 } from '../../base/crypto/hash.ts'
import type { Log } from '../../state/context.ts'

export const BLOOM_BYTES = 256
/** Addresses and topics repeat; hashing each one again would cost more than the rest of a receipt. */
const CACHE_MAX = 32_768

type Bits = readonly [number, number, number]
const cache = new Map<string, Bits>()

function bitsOf(entry: Uint8Array): Bits {
  const key = bytesKey(entry)
  const known = cache.get(key)
  if (known !== undefined) return known
  const hash = keccak256(entry)
  const bit = (at: number): number => ((hash[at]! << 8) | hash[at + 1]!) & 2047
  const bits: Bits = [bit(0), bit(2), bit(4)]
  if (cache.size >= CACHE_MAX) cache.clear()
  cache.set(key, bits)
  return bits
}

function add(bloom: Uint8Array, entry: Uint8Array): void {
  for (const bit of bitsOf(entry)) bloom[BLOOM_BYTES - 1 - (bit >> 3)]! |= 1 << (bit & 7)
}

/** The bits of each entry, three a piece: what a filter that is tried on many blooms keeps. */
export function bloomBits(entries: readonly Uint8Array[]): Uint16Array {
  const bits = new Uint16Array(entries.length * 3)
  entries.forEach((entry, i) => {
    bits.set(bitsOf(entry), i * 3)
  })
  return bits
}

/** Whether one of the entries may have been added; false is certain. */
export function bloomMayHoldAny(bloom: Uint8Array, bits: Uint16Array): boolean {
  const isSet = (bit: number): boolean => (bloom[BLOOM_BYTES - 1 - (bit >> 3)]! & (1 << (bit & 7))) !== 0
  for (let i = 0; i < bits.length; i += 3) {
    if (isSet(bits[i]!) && isSet(bits[i + 1]!) && isSet(bits[i + 2]!)) return true
  }
  return false
}

/** Whether `entry` may have been added; false is certain. */
export function bloomMayHold(bloom: Uint8Array, entry: Uint8Array): boolean {
  return bitsOf(entry).every((bit) => (bloom[BLOOM_BYTES - 1 - (bit >> 3)]! & (1 << (bit & 7))) !== 0)
}

export function addLogs(bloom: Uint8Array, logs: readonly Log[]): void {
  for (const log of logs) {
    add(bloom, log.address)
    for (const topic of log.topics) add(bloom, topic)
  }
}

export function bloomOfLogs(logs: readonly Log[]): Uint8Array {
  const bloom = new Uint8Array(BLOOM_BYTES)
  addLogs(bloom, logs)
  return bloom
}
