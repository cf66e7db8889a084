// Length-prefixed frames over a byte stream: u32 big-endian length, then that many bytes. Owns: framing and its limit.
import { concatBytes, u32be } from '../base/bytes.ts'

export const FRAME_HEADER_BYTES = 4

/** A peer broke the framing; the stream cannot be read further. */
export class FrameError extends Error {
  readonly code = 'FrameError'
  constructor(reason: string) {
    super(reason)
    this.name = 'FrameError'
  }
}

export function frameHeader(length: number): Uint8Array {
  return u32be(length)
}

/**
 * Shorter chunks are copied together: a chunk is an object that weighs more than a hundred bytes, and a peer may cut its frames
 * into single ones.
 */
const CHUNK_BYTES_MIN = 4_096

/** Reassembles frames from chunks of any size; memory grows with the bytes received, never with a claimed length or a count. */
export class FrameDecoder {
  #chunks: Uint8Array[] = []
  #buffered = 0
  /** Where short chunks are copied to, and how much of it is filled; its filled end is the last chunk's. */
  #tail: { readonly buffer: Uint8Array; filled: number } | undefined
  #frameBytesMax: number

  constructor(frameBytesMax: number) {
    this.#frameBytesMax = frameBytesMax
  }

  /** Pieces of memory that they lie in. */
  get chunkCount(): number {
    return this.#chunks.length
  }

  /** Bytes received and not yet handed out. */
  get bufferedBytes(): number {
    return this.#buffered
  }

  /** The limit may change between frames, e.g. after the hello. */
  set frameBytesMax(value: number) {
    this.#frameBytesMax = value
  }

  push(chunk: Uint8Array): void {
    if (chunk.length === 0) return
    this.#buffered += chunk.length
    if (chunk.length < CHUNK_BYTES_MIN && this.#chunks.length > 0) {
      this.#copy(chunk)
      return
    }
    this.#tail = undefined
    // A plain Uint8Array view: Buffer.slice would not copy.
    this.#chunks.push(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength))
  }

  /** Appends a short chunk to the last one, which is part of the tail, or begins another tail. */
  #copy(chunk: Uint8Array): void {
    const last = this.#chunks.at(-1)!
    const tail = this.#tail
    if (tail === undefined || tail.filled + chunk.length > tail.buffer.length) {
      const buffer = new Uint8Array(CHUNK_BYTES_MIN)
      buffer.set(chunk)
      this.#tail = { buffer, filled: chunk.length }
      this.#chunks.push(buffer.subarray(0, chunk.length))
      return
    }
    tail.buffer.set(chunk, tail.filled)
    tail.filled += chunk.length
    const start = last.byteOffset - tail.buffer.byteOffset
    this.#chunks[this.#chunks.length - 1] = tail.buffer.subarray(start, tail.filled)
  }

  /** A copy of the next complete frame, or undefined until more arrives. Throws FrameError. */
  next(): Uint8Array | undefined {
    if (this.#buffered < FRAME_HEADER_BYTES) return undefined
    const header = this.#peek(FRAME_HEADER_BYTES)
    const length = new DataView(header.buffer, header.byteOffset).getUint32(0)
    if (length === 0) throw new FrameError('empty frame')
    if (length > this.#frameBytesMax) {
      throw new FrameError(`frame of ${length} bytes, at most ${this.#frameBytesMax} allowed`)
    }
    const total = FRAME_HEADER_BYTES + length
    if (this.#buffered < total) return undefined
    const whole = this.#peek(total)
    const frame = whole.slice(FRAME_HEADER_BYTES, total)
    this.#consume(total)
    return frame
  }

  /** At least `size` contiguous bytes from the front; joins chunks only when needed. */
  #peek(size: number): Uint8Array {
    const first = this.#chunks[0]!
    if (first.length >= size) return first
    let joined = 0
    let count = 0
    while (joined < size) joined += this.#chunks[count++]!.length
    const front = concatBytes(...this.#chunks.slice(0, count))
    if (count === this.#chunks.length) this.#tail = undefined
    this.#chunks.splice(0, count, front)
    return front
  }

  #consume(size: number): void {
    const first = this.#chunks[0]!
    this.#buffered -= size
    if (first.length > size) {
      this.#chunks[0] = first.subarray(size)
      return
    }
    this.#chunks.shift()
    if (this.#chunks.length === 0) this.#tail = undefined
  }
}
