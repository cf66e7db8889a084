// Bits of 32-byte hashes; bit 0 is the most significant one of the first byte, so bit order is byte order.

export const HASH_BITS = 256

/** First bit in which two hashes differ; 256 when they are equal. */
export function firstDifference(a: Uint8Array, aAt: number, b: Uint8Array, bAt: number): number {
  for (let i = 0; i < 32; i++) {
    const x = a[aAt + i]! ^ b[bAt + i]!
    if (x !== 0) return i * 8 + Math.clz32(x) - 24
  }
  return HASH_BITS
}

export function bitAt(bytes: Uint8Array, at: number, bit: number): 0 | 1 {
  return ((bytes[at + (bit >> 3)]! >> (7 - (bit & 7))) & 1) as 0 | 1
}

/** Negative, 0 or positive: the order of the hashes, byte by byte. */
export function compareHashes(a: Uint8Array, aAt: number, b: Uint8Array, bAt: number): number {
  for (let i = 0; i < 32; i++) {
    const d = a[aAt + i]! - b[bAt + i]!
    if (d !== 0) return d
  }
  return 0
}
