// Finds the frames in a byte stream that arrives in pieces, without copying, and what each costs. Owns: the walk.
// Not: who pays (intake.ts).
import { FrameError } from './frames.ts'
import { STREAM_WINDOW_BYTES_MAX } from './limits.ts'

export interface FrameRule {
  readonly headerBytes: number
  readonly bodyBytesMax: number
  /** The bytes after this header that belong to the frame, and the frame's cost in microseconds. */
  read(header: Uint8Array): { readonly bodyBytes: number; readonly costUs: number }
}

/** Noise: a length of two bytes. Each frame is decrypted by itself. */
const NOISE_FRAME_US = 10
/** Decryption, copies and framing of a byte; measured 13 ns in all for large frames. */
const BYTE_US = 0.005

export const NOISE_FRAMES: FrameRule = {
  headerBytes: 2,
  bodyBytesMax: 0xffff,
  read: (header) => {
    const bodyBytes = header[0]! * 256 + header[1]!
    return { bodyBytes, costUs: NOISE_FRAME_US + bodyBytes * BYTE_US }
  },
}

const TYPE_DATA = 0
const TYPE_WINDOW_UPDATE = 1
const FLAG_SYN = 1
/** Measured: docs/decisions/charge-before-the-muxer.md. */
const DATA_US = 25
const WINDOW_UPDATE_US = 6
const CONTROL_US = 25
/** A new stream: its objects, the negotiation of its protocol, an answer. */
const STREAM_US = 300

/** Yamux: version, type, flags (2), stream (4), length (4); only data frames have a body. */
export const YAMUX_FRAMES: FrameRule = {
  headerBytes: 12,
  // The muxer keeps a data frame until it is complete and only then compares it with the window.
  bodyBytesMax: STREAM_WINDOW_BYTES_MAX,
  read: (header) => {
    const type = header[1]!
    const length = header[8]! * 2 ** 24 + header[9]! * 2 ** 16 + header[10]! * 256 + header[11]!
    const bodyBytes = type === TYPE_DATA ? length : 0
    const opens = (type === TYPE_DATA || type === TYPE_WINDOW_UPDATE) && (header[3]! & FLAG_SYN) !== 0
    const frameUs = type === TYPE_DATA ? DATA_US : type === TYPE_WINDOW_UPDATE ? WINDOW_UPDATE_US : CONTROL_US
    return { bodyBytes, costUs: frameUs + (opens ? STREAM_US : 0) + bodyBytes * BYTE_US }
  },
}

export class FrameScanner {
  readonly #rule: FrameRule
  readonly #header: Uint8Array
  #headerLength = 0
  #bodyBytes = 0
  #bodyLeft = 0

  constructor(rule: FrameRule) {
    this.#rule = rule
    this.#header = new Uint8Array(rule.headerBytes)
  }

  /** Bytes so far of a frame that is not complete: whoever reads frames can do nothing with them yet. */
  get openBytes(): number {
    return this.#bodyLeft > 0 ? this.#rule.headerBytes + this.#bodyBytes - this.#bodyLeft : this.#headerLength
  }

  /**
   * How many bytes from the front of `bytes` may go on: up to the first frame for which `mayGo` is false. `charge` is
   * called once for each frame that goes on, when its header is complete. Throws FrameError on a frame that is too long.
   */
  advance(bytes: Uint8Array, mayGo: () => boolean, charge: (costUs: number) => void): number {
    let at = 0
    while (at < bytes.length) {
      if (this.#bodyLeft > 0) {
        const step = Math.min(this.#bodyLeft, bytes.length - at)
        this.#bodyLeft -= step
        at += step
        continue
      }
      if (this.#headerLength === 0 && !mayGo()) return at
      this.#header[this.#headerLength++] = bytes[at++]!
      if (this.#headerLength < this.#rule.headerBytes) continue
      this.#headerLength = 0
      const { bodyBytes, costUs } = this.#rule.read(this.#header)
      if (bodyBytes > this.#rule.bodyBytesMax)
        throw new FrameError(`frame of ${bodyBytes} bytes below the streams`)
      this.#bodyBytes = bodyBytes
      this.#bodyLeft = bodyBytes
      charge(costUs)
    }
    return at
  }
}
