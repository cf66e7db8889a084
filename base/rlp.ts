// Recursive Length Prefix, canonical in both directions. Owns: items, lengths, integers. Not: what the items mean.
import { bigintToBytes, bytesToBigint, concatBytes } from './bytes.ts'

export type RlpItem = Uint8Array | readonly RlpItem[]

/** Bytes that are not one canonical RLP item. */
export class RlpError extends Error {
  readonly code = 'RlpError'
  constructor(reason: string) {
    super(`rlp: ${reason}`)
    this.name = 'RlpError'
  }
}

/** Range of an item's payload. */
export interface RlpSpan {
  readonly isList: boolean
  readonly start: number
  readonly end: number
}

/** Nesting depth; a transaction needs four. */
export const RLP_DEPTH_MAX = 8
/** Items in one decoded tree, lists included. */
export const RLP_ITEMS_MAX = 16_384

function readLongLength(bytes: Uint8Array, at: number, lengthSize: number): number {
  if (at + lengthSize > bytes.length) throw new RlpError('length cut short')
  // A four-byte length already exceeds any message received.
  if (lengthSize > 4) throw new RlpError('item too long')
  if (bytes[at] === 0) throw new RlpError('length with a leading zero')
  let length = 0
  for (let i = 0; i < lengthSize; i++) length = length * 256 + bytes[at + i]!
  if (length < 56) throw new RlpError('length not minimal')
  return length
}

function spanInto(
  into: { isList: boolean; start: number; end: number },
  isList: boolean,
  start: number,
  end: number,
): RlpSpan {
  into.isList = isList
  into.start = start
  into.end = end
  return into
}

/**
 * Reads the header of the item at `at` inside `bytes[..limit]`, into the caller's object when given.
 * Throws RlpError.
 */
export function readRlpSpan(
  bytes: Uint8Array,
  at: number,
  limit: number,
  into = { isList: false, start: 0, end: 0 },
): RlpSpan {
  if (at >= limit) throw new RlpError('item missing')
  const head = bytes[at]!
  if (head < 0x80) return spanInto(into, false, at, at + 1)
  const isList = head >= 0xc0
  const short = head - (isList ? 0xc0 : 0x80)
  const lengthSize = short > 55 ? short - 55 : 0
  const start = at + 1 + lengthSize
  const length = lengthSize === 0 ? short : readLongLength(bytes, at + 1, lengthSize)
  const end = start + length
  if (end > limit) throw new RlpError('item cut short')
  if (!isList && length === 1 && bytes[start]! < 0x80) throw new RlpError('single byte not minimal')
  return spanInto(into, isList, start, end)
}

/** Decodes exactly one item; payloads are views on `bytes`. Throws RlpError. */
export function decodeRlp(bytes: Uint8Array): RlpItem {
  let itemCount = 0
  const decodeAt = (span: RlpSpan, depth: number): RlpItem => {
    if (++itemCount > RLP_ITEMS_MAX) throw new RlpError('too many items')
    if (!span.isList) return bytes.subarray(span.start, span.end)
    if (depth >= RLP_DEPTH_MAX) throw new RlpError('nested too deeply')
    const items: RlpItem[] = []
    let at = span.start
    while (at < span.end) {
      const inner = readRlpSpan(bytes, at, span.end)
      items.push(decodeAt(inner, depth + 1))
      at = inner.end
    }
    return items
  }
  const outer = readRlpSpan(bytes, 0, bytes.length)
  if (outer.end !== bytes.length) throw new RlpError('bytes after the item')
  return decodeAt(outer, 0)
}

/** The header of a list or string with `length` payload bytes (never of a single byte below 0x80). */
export function rlpHeader(isList: boolean, length: number): Uint8Array {
  const base = isList ? 0xc0 : 0x80
  if (length < 56) return new Uint8Array([base + length])
  const size = bigintToBytes(BigInt(length))
  return concatBytes(new Uint8Array([base + 55 + size.length]), size)
}

export function encodeRlp(item: RlpItem): Uint8Array {
  if (item instanceof Uint8Array) {
    if (item.length === 1 && item[0]! < 0x80) return item.slice()
    return concatBytes(rlpHeader(false, item.length), item)
  }
  const parts = item.map(encodeRlp)
  const length = parts.reduce((n, part) => n + part.length, 0)
  return concatBytes(rlpHeader(true, length), ...parts)
}

/** A non-negative integer as an RLP string: big-endian without leading zeros. */
export function encodeRlpUint(value: bigint | number): Uint8Array {
  return bigintToBytes(BigInt(value))
}

/** Reads an integer of at most `sizeMax` bytes. Throws RlpError on a list, a leading zero or too many bytes. */
export function decodeRlpUint(item: RlpItem, sizeMax = 32): bigint {
  if (!(item instanceof Uint8Array)) throw new RlpError('expected an integer, got a list')
  if (item.length > sizeMax) throw new RlpError(`integer longer than ${sizeMax} bytes`)
  if (item[0] === 0) throw new RlpError('integer with a leading zero')
  return bytesToBigint(item)
}
