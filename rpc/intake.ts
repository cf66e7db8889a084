// Bytes of a connection that were received and not read yet. Owns: pausing the socket meanwhile, and the account of what
// all of them hold. Not: what the bytes mean (leanHttp.ts, meteredSocket.ts).
import type { Socket } from 'node:net'
import type { HeldBytes } from './heldBytes.ts'

/** Fewer need no account: the number of connections is limited. */
const COUNTED_BYTES_MIN = 16 * 1024
const NOTHING = Buffer.alloc(0)

/** Holds one chunk; the next one waits in the socket, which reads no more. */
export class Intake {
  readonly #socket: Socket
  readonly #held: HeldBytes
  readonly #client: string
  readonly #onBytes: () => void
  #bytes: Buffer = NOTHING
  #counted = 0

  /** `onBytes` runs when there are bytes after there were none. */
  constructor(socket: Socket, held: HeldBytes, onBytes: () => void) {
    this.#socket = socket
    this.#held = held
    this.#client = socket.remoteAddress ?? ''
    this.#onBytes = onBytes
    socket.on('data', this.#onData)
    socket.on('close', this.#onClose)
  }

  /** Unread bytes, in their order; more may follow. */
  get bytes(): Buffer {
    return this.#bytes
  }

  /** Goes past the first `count` bytes. */
  drop(count: number): void {
    if (count < this.#bytes.length) {
      this.#bytes = this.#bytes.subarray(count)
      return
    }
    this.#bytes = NOTHING
    if (this.#counted > 0) this.#count(0)
    if (this.#socket.isPaused()) this.#socket.resume()
  }

  /** Leaves the socket to somebody else, paused, with its unread bytes. */
  detach(): void {
    const socket = this.#socket
    socket.off('data', this.#onData)
    socket.off('close', this.#onClose)
    socket.pause()
    if (this.#bytes.length > 0) socket.unshift(this.#bytes)
    this.#bytes = NOTHING
    this.#count(0)
  }

  readonly #onData = (bytes: Buffer): void => {
    if (this.#bytes.length === 0) {
      this.#bytes = bytes
      this.#onBytes()
      if (this.#bytes.length >= COUNTED_BYTES_MIN) this.#count(this.#bytes.length)
      return
    }
    this.#socket.pause()
    this.#socket.unshift(bytes)
    const waiting = this.#bytes.length + bytes.length
    if (waiting >= COUNTED_BYTES_MIN) this.#count(waiting)
  }
  readonly #onClose = (): void => {
    this.#bytes = NOTHING
    this.#count(0)
  }

  /** Whoever sends more than it may hold, without waiting for its answers, is cut. */
  #count(bytes: number): void {
    if (this.#counted > 0) this.#held.release(this.#client, this.#counted)
    this.#counted = bytes
    if (bytes === 0) return
    this.#held.add(this.#client, bytes)
    if (this.#held.isFullFor(this.#client)) this.#socket.destroy()
  }
}
