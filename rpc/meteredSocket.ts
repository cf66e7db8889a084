// A connection as node:http sees it. Owns: how much of what a client sent at once is given to its parser, and when.
// Not: what it means. node:http makes objects for every request in a chunk before it answers the first; a chunk holds
// thousands of small ones, and a client may open a thousand connections.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import type { HeldBytes } from './heldBytes.ts'
import { Intake } from './intake.ts'
import { turns } from './turns.ts'

/** Given to the parser in one piece: room for the usual head, or for a dozen of the smallest requests. */
const SLICE_BYTES = 1_024
/** Slices of one connection before the others have their turn. */
const AT_ONCE_MAX = 8

interface Waiting {
  readonly chunk: string | Uint8Array
  readonly encoding: BufferEncoding
}

export class MeteredSocket extends Duplex {
  readonly raw: Socket
  readonly #intake: Intake
  /** Requests whose answers are not handed to the system yet, and the last of them. */
  #open = 0
  #last: IncomingMessage | undefined
  /** The parser takes more. */
  #isWanted = false
  #isAwaitingTurn = false
  #isEnded = false
  #isReleased = false

  constructor(raw: Socket, held: HeldBytes) {
    super({ allowHalfOpen: true, decodeStrings: false, readableHighWaterMark: SLICE_BYTES })
    this.raw = raw
    this.#intake = new Intake(raw, held, this.#pump)
    raw.on('end', this.#onEnd)
    raw.on('timeout', this.#onTimeout)
    raw.on('error', this.#onError)
    raw.on('close', this.#onClose)
  }

  /** The socket below a request that came this way. */
  static of(request: IncomingMessage): MeteredSocket {
    return request.socket as unknown as MeteredSocket
  }

  get remoteAddress(): string | undefined {
    return this.raw.remoteAddress
  }

  /** As of `net.Socket`; node:http sets it. */
  setTimeout(ms: number, listener?: () => void): this {
    if (listener !== undefined) this.once('timeout', listener)
    this.raw.setTimeout(ms)
    return this
  }

  /** As of `net.Socket`; node:http calls it after its last answer. */
  destroySoon(): void {
    if (this.writable) this.end()
    if (this.writableFinished) this.destroy()
    else this.once('finish', () => this.destroy())
  }

  /** Gives no more bytes than the body of this request until it is answered. */
  begin(request: IncomingMessage, response: ServerResponse): void {
    this.#open++
    this.#last = request
    response.once('close', () => {
      this.#open--
      this.#pump()
    })
  }

  /** The bare socket with its unread bytes, for another protocol. */
  release(): Socket {
    const { raw } = this
    this.#isReleased = true
    this.#intake.detach()
    raw.off('end', this.#onEnd)
    raw.off('timeout', this.#onTimeout)
    raw.off('error', this.#onError)
    raw.off('close', this.#onClose)
    return raw
  }

  override _read(): void {
    this.#isWanted = true
    // Not at once: what is given to the stream while it asks is not parsed before it asks again.
    if (this.#intake.bytes.length > 0) process.nextTick(this.#pump)
  }

  override _write(
    chunk: string | Uint8Array,
    encoding: BufferEncoding,
    done: (error?: Error | null) => void,
  ): void {
    this.raw.write(chunk, encoding, done)
  }

  override _writev(chunks: Waiting[], done: (error?: Error | null) => void): void {
    const { raw } = this
    raw.cork()
    chunks.forEach(({ chunk, encoding }, i) => {
      raw.write(chunk, encoding, i === chunks.length - 1 ? done : undefined)
    })
    raw.uncork()
  }

  override _final(done: () => void): void {
    this.raw.end(done)
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    if (!this.#isReleased) this.raw.destroy()
    done(error)
  }

  readonly #onEnd = (): void => {
    this.#isEnded = true
    this.#pump()
  }
  readonly #onTimeout = (): void => void this.emit('timeout')
  readonly #onError = (error: Error): void => void this.destroy(error)
  readonly #onClose = (): void => void this.destroy()

  /** Whether whole requests wait for their answers. */
  get #isHeld(): boolean {
    return this.#open > 1 || (this.#open === 1 && this.#last!.complete)
  }

  readonly #pump = (): void => {
    if (this.#isAwaitingTurn) return
    let left = AT_ONCE_MAX
    while (this.#isWanted && !this.#isHeld && !this.#isReleased && !this.destroyed) {
      const { bytes } = this.#intake
      if (bytes.length === 0) break
      if (left-- === 0 || !turns.hasRoom()) {
        this.#isAwaitingTurn = true
        turns.prompt(this.raw.remoteAddress ?? '', this.#onTurn)
        return
      }
      const slice = bytes.length <= SLICE_BYTES ? bytes : bytes.subarray(0, SLICE_BYTES)
      this.#intake.drop(slice.length)
      this.#isWanted = this.push(slice)
    }
    if (this.#isEnded && this.#intake.bytes.length === 0) {
      this.#isEnded = false
      // In a turn of its own, as from a bare socket: node:http gives up what is not answered by then.
      setImmediate(() => {
        if (!this.#isReleased && !this.destroyed) this.push(null)
      })
    }
  }

  readonly #onTurn = (): void => {
    this.#isAwaitingTurn = false
    this.#pump()
  }
}
