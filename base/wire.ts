// Protobuf's wire format, as far as schemas use it: varints, length-delimited values, nested messages.
// Owns: bytes and their bounds. Not: which bytes are canonical (schema.ts compares what it reads with what it would write).
import { assert } from './assert.ts'
import { utf8 } from './bytes.ts'

const START_BYTES = 1 << 14
/** A larger buffer is not kept after use; the largest blocks fit. */
const KEPT_BYTES_MAX = 1 << 23
/** Longest varint of a safe integer. */
const VARINT_BYTES_MAX = 8
/** Up to here a loop is quicker than a native call. */
const SHORT_BYTES = 24

/** Made by `written`. */
export class Writer {
  #buffer = new Uint8Array(START_BYTES)
  #size = 0
  /** Where the lengths of the open nested values go, innermost last. */
  readonly #open: number[] = []

  /** A safe integer that is not negative. */
  uint(value: number): void {
    if (this.#size + VARINT_BYTES_MAX > this.#buffer.length) this.#grow(VARINT_BYTES_MAX)
    let rest = value
    while (rest > 0x7fff_ffff) {
      this.#buffer[this.#size++] = (rest % 128) | 0x80
      rest = Math.floor(rest / 128)
    }
    while (rest > 127) {
      this.#buffer[this.#size++] = (rest & 127) | 0x80
      rest >>>= 7
    }
    this.#buffer[this.#size++] = rest
  }

  /** Length and bytes. */
  bytes(value: Uint8Array): void {
    this.uint(value.length)
    if (this.#size + value.length > this.#buffer.length) this.#grow(value.length)
    if (value.length > SHORT_BYTES) this.#buffer.set(value, this.#size)
    else for (let i = 0; i < value.length; i++) this.#buffer[this.#size + i] = value[i]!
    this.#size += value.length
  }

  /** Length and UTF-8. */
  text(value: string): void {
    this.bytes(utf8(value))
  }

  /** Begins a value whose length is known at its `end`. */
  begin(): void {
    this.#open.push(this.#size)
    // Most lengths take one byte; `end` makes room for more.
    this.uint(0)
  }

  end(): void {
    const at = this.#open.pop()
    assert(at !== undefined, 'no value was begun')
    const body = at + 1
    const length = this.#size - body
    let shift = 0
    for (let rest = length; rest > 127; rest = Math.floor(rest / 128)) shift++
    if (shift > 0) {
      if (this.#size + shift > this.#buffer.length) this.#grow(shift)
      this.#buffer.copyWithin(body + shift, body, this.#size)
    }
    this.#size = at
    this.uint(length)
    this.#size += length
  }

  /** What was written; a view until the next `clear`. */
  view(): Uint8Array {
    assert(this.#open.length === 0, 'a value was not ended')
    return this.#buffer.subarray(0, this.#size)
  }

  clear(): void {
    this.#size = 0
    this.#open.length = 0
    if (this.#buffer.length > KEPT_BYTES_MAX) this.#buffer = new Uint8Array(START_BYTES)
  }

  #grow(more: number): void {
    const larger = new Uint8Array(Math.max(this.#buffer.length * 2, this.#size + more))
    larger.set(this.#buffer.subarray(0, this.#size))
    this.#buffer = larger
  }
}

// One buffer for all messages, as encoding never waits: an encoded message costs one allocation, a comparison none.
const writer = new Writer()
let inUse = false

/** Lets `write` write, and `use` what it wrote: a view that is gone afterwards. */
export function written<T>(write: (writer: Writer) => void, use: (bytes: Uint8Array) => T): T {
  assert(!inUse, 'a message is encoded while another one is')
  inUse = true
  try {
    write(writer)
    return use(writer.view())
  } finally {
    writer.clear()
    inUse = false
  }
}

/** Reads in order; throws RangeError for what is truncated or too large. */
export class Reader {
  readonly bytesLength: number
  pos = 0
  readonly #bytes: Uint8Array

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
    this.bytesLength = bytes.length
  }

  /** A varint, as a safe integer. */
  uint(): number {
    let value = 0
    for (let scale = 1; ; scale *= 128) {
      if (this.pos >= this.bytesLength) throw new RangeError('truncated')
      const byte = this.#bytes[this.pos++]!
      value += (byte & 127) * scale
      if (byte < 128 && value <= Number.MAX_SAFE_INTEGER) return value
      if (value > Number.MAX_SAFE_INTEGER || scale >= 2 ** 49) {
        throw new RangeError('integer beyond the safe range')
      }
    }
  }

  /** The end of the length-delimited value that begins here. */
  end(): number {
    const end = this.uint() + this.pos
    if (end > this.bytesLength) throw new RangeError('truncated')
    return end
  }

  /** A view of a length-delimited value. */
  bytes(): Uint8Array {
    const end = this.end()
    const view = this.#bytes.subarray(this.pos, end)
    this.pos = end
    return view
  }

  /** Malformed UTF-8 becomes replacement characters, which no canonical encoding equals. */
  text(): string {
    return decodeText(this.bytes())
  }
}

const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

function decodeText(bytes: Uint8Array): string {
  if (bytes.length > SHORT_BYTES) return decoder.decode(bytes)
  let text = ''
  for (const byte of bytes) {
    if (byte > 127) return decoder.decode(bytes)
    text += String.fromCharCode(byte)
  }
  return text
}
