// Records of the series: figures of blocks one by one, and of many blocks as least, greatest and last. Owns: their bytes and
// how they are joined. Not: where they lie (seriesIndex.ts), which figures there are (rpc/native/figures.ts).
import { assert } from '../base/assert.ts'
import { readU64be, u64be } from '../base/bytes.ts'

/** A figure that a block does not have. */
export const NONE = -1n

/** The figures of one block, in a fixed order; none is negative but NONE. */
export interface SeriesRow {
  readonly height: number
  readonly timestampMs: number
  readonly figures: readonly bigint[]
}

/** The figures of consecutive blocks, `fromHeight` to `height`. */
export interface SeriesBucket {
  readonly fromHeight: number
  readonly height: number
  /** Of the first and of the last block. */
  readonly fromMs: number
  readonly timestampMs: number
  readonly least: readonly bigint[]
  readonly greatest: readonly bigint[]
  readonly last: readonly bigint[]
}

export function bucketOf({ height, timestampMs, figures }: SeriesRow): SeriesBucket {
  const place = { fromHeight: height, height, fromMs: timestampMs, timestampMs }
  return { ...place, least: figures, greatest: figures, last: figures }
}

/** One bucket of many, each right after the one before. */
export class Joining {
  readonly #first: SeriesBucket
  readonly #least: bigint[]
  readonly #greatest: bigint[]
  #latest: SeriesBucket

  constructor(first: SeriesBucket) {
    this.#first = first
    this.#latest = first
    this.#least = [...first.least]
    this.#greatest = [...first.greatest]
  }

  add(next: SeriesBucket): void {
    assert(next.fromHeight === this.#latest.height + 1, 'buckets that follow each other')
    this.#latest = next
    const [least, greatest] = [this.#least, this.#greatest]
    for (let i = 0; i < least.length; i++) {
      const low = next.least[i]!
      if (low !== NONE && (low < least[i]! || least[i] === NONE)) least[i] = low
      const high = next.greatest[i]!
      if (high > greatest[i]!) greatest[i] = high
    }
  }

  bucket(): SeriesBucket {
    const { fromHeight, fromMs } = this.#first
    const { height, timestampMs, last } = this.#latest
    return { fromHeight, height, fromMs, timestampMs, least: this.#least, greatest: this.#greatest, last }
  }
}

/** One bucket of two, the second right after the first. */
export function joined(first: SeriesBucket | undefined, next: SeriesBucket): SeriesBucket {
  if (first === undefined) return next
  const both = new Joining(first)
  both.add(next)
  return both.bucket()
}

/** A number as a count of 64-bit words and the words; NONE as the count 0xff. */
class Writer {
  readonly #parts: number[] = []

  u8(value: number): void {
    this.#parts.push(value)
  }

  u64(value: number): void {
    this.#parts.push(...u64be(value))
  }

  figure(value: bigint): void {
    if (value === NONE) {
      this.u8(0xff)
      return
    }
    const words: bigint[] = []
    for (let rest = value; rest > 0n; rest >>= 64n) words.unshift(rest & 0xffff_ffff_ffff_ffffn)
    assert(words.length < 5, 'a figure of 256 bits')
    this.u8(words.length)
    const bytes = new Uint8Array(8)
    for (const word of words) {
      new DataView(bytes.buffer).setBigUint64(0, word)
      this.#parts.push(...bytes)
    }
  }

  bytes(): Uint8Array {
    return Uint8Array.from(this.#parts)
  }
}

class Reader {
  readonly #view: DataView
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  u8(): number {
    return this.#bytes[this.#at++]!
  }

  u64(): number {
    this.#at += 8
    return readU64be(this.#bytes, this.#at - 8)
  }

  figure(): bigint {
    const words = this.u8()
    if (words === 0xff) return NONE
    let value = 0n
    for (let i = 0; i < words; i++) {
      value = (value << 64n) | this.#view.getBigUint64(this.#at)
      this.#at += 8
    }
    return value
  }
}

const isSame = (values: readonly bigint[]): boolean => values.every((value) => value === values[0])

/** Consecutive blocks, at most 255. A figure that is the same in all is written once. */
export function encodeRows(rows: readonly SeriesRow[]): Uint8Array {
  const [first] = rows
  assert(first !== undefined && rows.length < 256, 'from 1 to 255 rows')
  const out = new Writer()
  out.u8(rows.length)
  out.u64(first.height)
  for (const { timestampMs } of rows) out.u64(timestampMs)
  for (let i = 0; i < first.figures.length; i++) {
    const values = rows.map(({ figures }) => figures[i]!)
    out.u8(isSame(values) ? 1 : 0)
    for (const value of isSame(values) ? values.slice(0, 1) : values) out.figure(value)
  }
  return out.bytes()
}

export function decodeRows(bytes: Uint8Array, figureCount: number): readonly SeriesRow[] {
  const input = new Reader(bytes)
  const count = input.u8()
  const fromHeight = input.u64()
  const timesMs = Array.from({ length: count }, () => input.u64())
  const columns = Array.from({ length: figureCount }, () => {
    if (input.u8() === 1) return new Array<bigint>(count).fill(input.figure())
    return Array.from({ length: count }, () => input.figure())
  })
  return timesMs.map((timestampMs, i) => ({
    height: fromHeight + i,
    timestampMs,
    figures: columns.map((column) => column[i]!),
  }))
}

/** The same rows as one bucket. */
export function decodeRowsTogether(bytes: Uint8Array, figureCount: number): SeriesBucket {
  const input = new Reader(bytes)
  const count = input.u8()
  const fromHeight = input.u64()
  const fromMs = input.u64()
  let timestampMs = fromMs
  for (let i = 1; i < count; i++) timestampMs = input.u64()
  const [least, greatest, last]: [bigint[], bigint[], bigint[]] = [[], [], []]
  for (let i = 0; i < figureCount; i++) {
    const values = input.u8() === 1 ? 1 : count
    let value = input.figure()
    let [low, high] = [value, value]
    for (let k = 1; k < values; k++) {
      value = input.figure()
      if (value !== NONE && (value < low || low === NONE)) low = value
      if (value > high) high = value
    }
    least.push(low)
    greatest.push(high)
    last.push(value)
  }
  return { fromHeight, height: fromHeight + count - 1, fromMs, timestampMs, least, greatest, last }
}

const LEAST_DIFFERS = 1
const GREATEST_DIFFERS = 2

export function encodeBucket(bucket: SeriesBucket): Uint8Array {
  const { fromHeight, height, fromMs, timestampMs, least, greatest, last } = bucket
  const out = new Writer()
  for (const value of [fromHeight, height, fromMs, timestampMs]) out.u64(value)
  for (const [i, value] of last.entries()) {
    const [low, high] = [least[i]!, greatest[i]!]
    out.u8((low === value ? 0 : LEAST_DIFFERS) + (high === value ? 0 : GREATEST_DIFFERS))
    out.figure(value)
    if (low !== value) out.figure(low)
    if (high !== value) out.figure(high)
  }
  return out.bytes()
}

export function decodeBucket(bytes: Uint8Array, figureCount: number): SeriesBucket {
  const input = new Reader(bytes)
  const [fromHeight, height, fromMs, timestampMs] = [input.u64(), input.u64(), input.u64(), input.u64()]
  const [least, greatest, last]: [bigint[], bigint[], bigint[]] = [[], [], []]
  for (let i = 0; i < figureCount; i++) {
    const flags = input.u8()
    const value = input.figure()
    last.push(value)
    least.push((flags & LEAST_DIFFERS) === 0 ? value : input.figure())
    greatest.push((flags & GREATEST_DIFFERS) === 0 ? value : input.figure())
  }
  return { fromHeight, height, fromMs, timestampMs, least, greatest, last }
}
