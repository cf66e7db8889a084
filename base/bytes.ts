// Byte-string helpers shared by every room. Owns: hex, comparison, integers as bytes. Not: hashing, codecs.

const BYTE_HEX: readonly string[] = Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, '0'))

export const EMPTY_BYTES = new Uint8Array(0)

/** Methods of Node's Buffer that replace a loop with one native call. */
interface NativeBytes {
  readonly Buffer?: {
    readonly prototype: {
      latin1Slice?(this: Uint8Array, start: number, end: number): string
      hexSlice?(this: Uint8Array, start: number, end: number): string
      equals?(this: Uint8Array, other: Uint8Array): boolean
    }
  }
}
const { latin1Slice, hexSlice, equals: nativeEquals } = (globalThis as NativeBytes).Buffer?.prototype ?? {}

/**
 * Lower-case hex with a `0x` prefix.
 *
 * @example
 * toHex(new Uint8Array([10, 255])) // '0x0aff'
 */
export function toHex(bytes: Uint8Array): `0x${string}` {
  return hexSlice === undefined ? portableHex(bytes) : `0x${hexSlice.call(bytes, 0, bytes.length)}`
}

/** `toHex` without Node's Buffer. The result is a rope until it is read: do not keep many. */
export function portableHex(bytes: Uint8Array): `0x${string}` {
  let out = ''
  for (let i = 0; i < bytes.length; i++) out += BYTE_HEX[bytes[i]!]!
  return `0x${out}`
}

function hexNibble(code: number): number {
  if (code >= 48 && code <= 57) return code - 48
  if (code >= 97 && code <= 102) return code - 87
  if (code >= 65 && code <= 70) return code - 55
  return -1
}

/**
 * Parses `0x…` or bare hex of even length; `undefined` when malformed.
 *
 * @example
 * parseHex('0x0aff')?.length // 2
 * parseHex('0x0af') // undefined
 */
export function parseHex(text: string): Uint8Array | undefined {
  const start = text.startsWith('0x') || text.startsWith('0X') ? 2 : 0
  if ((text.length - start) % 2 !== 0) return undefined
  const out = new Uint8Array((text.length - start) / 2)
  for (let i = 0; i < out.length; i++) {
    const hi = hexNibble(text.charCodeAt(start + 2 * i))
    const lo = hexNibble(text.charCodeAt(start + 2 * i + 1))
    if (hi < 0 || lo < 0) return undefined
    out[i] = (hi << 4) | lo
  }
  return out
}

/** Parses trusted hex (constants, own files). Throws on malformed text. */
export function fromHex(text: string): Uint8Array {
  const out = parseHex(text)
  if (out === undefined) throw new TypeError('malformed hex')
  return out
}

export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0
  for (const p of parts) length += p.length
  const out = new Uint8Array(length)
  let at = 0
  for (const p of parts) {
    out.set(p, at)
    at += p.length
  }
  return out
}

/** Length from which a native comparison pays for its call, bytes. */
const NATIVE_EQUAL_MIN = 256

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  if (a.length >= NATIVE_EQUAL_MIN && nativeEquals !== undefined) return nativeEquals.call(a, b)
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

/** Lexicographic byte order; a prefix sorts before its extensions. */
export function compareBytes(a: Uint8Array, b: Uint8Array): -1 | 0 | 1 {
  const n = Math.min(a.length, b.length)
  for (let i = 0; i < n; i++) {
    const d = a[i]! - b[i]!
    if (d !== 0) return d < 0 ? -1 : 1
  }
  return a.length === b.length ? 0 : a.length < b.length ? -1 : 1
}

/** Well below the engine's limit on call arguments. */
const KEY_CHUNK = 256

/** `bytesKey` without Node's Buffer: for browsers, and the reference in tests. */
export function portableBytesKey(bytes: Uint8Array): string {
  // One call makes a flat string; concatenation makes a rope that the map must flatten (twice the time).
  if (bytes.length <= KEY_CHUNK) return String.fromCharCode.apply(null, bytes as unknown as number[])
  let out = ''
  for (let i = 0; i < bytes.length; i++) out += String.fromCharCode(bytes[i]!)
  return out
}

/** A Map key for a byte string: one UTF-16 unit per byte, so `<` on keys equals byte order. */
export function bytesKey(bytes: Uint8Array): string {
  return latin1Slice === undefined ? portableBytesKey(bytes) : latin1Slice.call(bytes, 0, bytes.length)
}

/** Inverse of `bytesKey`. */
export function keyBytes(key: string): Uint8Array {
  const out = new Uint8Array(key.length)
  for (let i = 0; i < key.length; i++) out[i] = key.charCodeAt(i)
  return out
}

/** Unsigned 32-bit big-endian. */
export function u32be(value: number): Uint8Array {
  const out = new Uint8Array(4)
  new DataView(out.buffer).setUint32(0, value)
  return out
}

/** A safe integer as unsigned 64-bit big-endian. */
export function u64be(value: number): Uint8Array {
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError('not a safe unsigned integer')
  const out = new Uint8Array(8)
  let rest = value
  for (let i = 7; rest > 0; i--) {
    out[i] = rest % 256
    rest = Math.floor(rest / 256)
  }
  return out
}

/** Reads u64 big-endian at `offset`; throws beyond 2^53 − 1. */
export function readU64be(bytes: Uint8Array, offset = 0): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const value = view.getUint32(offset) * 0x1_0000_0000 + view.getUint32(offset + 4)
  if (!Number.isSafeInteger(value)) throw new RangeError('u64 beyond the safe integers')
  return value
}

const wide = new Uint8Array(16)
const wideView = new DataView(wide.buffer)
const HALF_BITS = 64n

/** Writes a value below 2^128 to `wide`; false when it is larger. For amounts: several times faster than through hex. */
function writeWide(value: bigint): boolean {
  const upper = value >> HALF_BITS
  if (upper >> HALF_BITS !== 0n) return false
  wideView.setBigUint64(0, upper)
  wideView.setBigUint64(8, value)
  return true
}

/** Minimal big-endian bytes of a non-negative bigint; zero is the empty string. */
export function bigintToBytes(value: bigint): Uint8Array {
  if (value < 0n) throw new RangeError('negative bigint')
  if (value === 0n) return EMPTY_BYTES
  if (!writeWide(value)) {
    const hex = value.toString(16)
    return fromHex(hex.length % 2 === 1 ? `0${hex}` : hex)
  }
  let first = 0
  while (wide[first] === 0) first++
  return wide.slice(first)
}

/** Big-endian bytes, left-padded with zeros to `size`; throws when it does not fit. */
export function bigintToFixed(value: bigint, size: number): Uint8Array {
  if (size >= wide.length && value >= 0n && writeWide(value)) {
    const padded = new Uint8Array(size)
    padded.set(wide, size - wide.length)
    return padded
  }
  const raw = bigintToBytes(value)
  if (raw.length > size) throw new RangeError('bigint does not fit')
  const out = new Uint8Array(size)
  out.set(raw, size - raw.length)
  return out
}

export function bytesToBigint(bytes: Uint8Array): bigint {
  const { length } = bytes
  // A double holds 48 bits exactly; most nonces, fees and sizes are that short.
  if (length <= 6) {
    let value = 0
    for (let i = 0; i < length; i++) value = value * 256 + bytes[i]!
    return BigInt(value)
  }
  if (length > wide.length) return BigInt(toHex(bytes))
  wide.fill(0)
  wide.set(bytes, wide.length - length)
  const lower = wideView.getBigUint64(8)
  return length <= 8 ? lower : (wideView.getBigUint64(0) << HALF_BITS) | lower
}

const utf8Encoder = new TextEncoder()
const utf8Decoder = new TextDecoder('utf-8', { fatal: true })

export function utf8(text: string): Uint8Array {
  return utf8Encoder.encode(text)
}

/** Strict UTF-8; throws on malformed input. */
export function utf8Text(bytes: Uint8Array): string {
  return utf8Decoder.decode(bytes)
}
