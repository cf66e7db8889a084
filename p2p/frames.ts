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

/** Reassembles frames from chunks of any size; memory grows with the bytes received, never with a claimed length. */
export class FrameDecoder {
  #chunks: Uint8Array[] = []
  #buffered = 0
  #frameBytesMax: number

  constructor(frameBytesMax: number) {
    this.#frameBytesMax = frameBytesMax
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
    // A plain Uint8Array view: Buffer.slice would not copy.
    this.#chunks.push(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength))
    this.#buffered += chunk.length
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
    this.#chunks.splice(0, count, front)
    return front
  }

  #consume(size: number): void {
    const first = this.#chunks[0]!
    this.#buffered -= size
    if (first.length === size) this.#chunks.shift()
    else this.#chunks[0] = first.subarray(size)
  }
}
