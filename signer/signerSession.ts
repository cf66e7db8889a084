// One connection to a signer, from its first frame on. Owns: order, limits and time-outs of one client.
// Not: who holds the signer (signerServer.ts), what may be signed (localSigner.ts).
import type { Socket } from 'node:net'
import { SchemaError } from '../base/field.ts'
import {
  decodeRequest,
  encodeReply,
  FrameReader,
  REQUEST_BYTES_MAX,
  type Refusal,
  type Reply,
  type Request,
  SIGNER_PROTOCOL_VERSION,
} from './signerProtocol.ts'

/** Drop a client that sends nothing this long after connecting. */
export const FIRST_FRAME_MS = 5_000
/** A holder pings more often than this; a silent one loses the signer. */
export const SILENCE_MS = 15_000
/** Requests read ahead of the one being served; beyond this the socket is paused. */
const AHEAD_MAX = 32
/** Unsent bytes at which a client that does not read is dropped. */
const UNSENT_MAX = 32 * 1024 * 1024

export interface SessionHandlers {
  /** Called for one request at a time; a throw ends the session and goes to `onFailure`. */
  readonly onRequest: (session: SignerSession, request: Request) => Promise<void>
  readonly onEnd: (session: SignerSession, reason: string) => void
  readonly onFailure: (error: unknown) => void
}

export class SignerSession {
  readonly from: string
  readonly #socket: Socket
  readonly #handlers: SessionHandlers
  readonly #reader = new FrameReader(REQUEST_BYTES_MAX)
  readonly #waiting: Uint8Array[] = []
  #isWorking = false
  #isOver = false
  #timer: NodeJS.Timeout

  constructor(socket: Socket, from: string, handlers: SessionHandlers, firstFrameMs = FIRST_FRAME_MS) {
    this.from = from
    this.#socket = socket
    this.#handlers = handlers
    this.#timer = setTimeout(() => this.end('it sent nothing'), firstFrameMs)
    socket.setNoDelay(true)
    socket.on('data', (chunk) => this.#onData(chunk))
    socket.once('close', () => this.end('it closed the connection'))
    socket.once('error', (error) => this.end(error.message))
  }

  get isOver(): boolean {
    return this.#isOver
  }

  reply(reply: Reply): void {
    if (this.#isOver) return
    this.#socket.write(encodeReply(reply))
    if (this.#socket.writableLength > UNSENT_MAX) this.end('it does not read')
  }

  /** Sends the reason and closes. */
  refuse(code: Refusal, reason: string): void {
    this.reply({ kind: 'refused', body: { code, version: SIGNER_PROTOCOL_VERSION, reason } })
    this.end(reason)
  }

  /** Closes after flushing; idempotent. */
  end(reason: string): void {
    if (this.#isOver) return
    this.#isOver = true
    clearTimeout(this.#timer)
    this.#waiting.length = 0
    this.#socket.end()
    // A peer that keeps its half open must not keep the signer's process alive.
    const timer = setTimeout(() => this.#socket.destroy(), 1_000)
    timer.unref()
    this.#handlers.onEnd(this, reason)
  }

  #onData(chunk: Uint8Array): void {
    if (this.#isOver) return
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.end(`it was silent for ${SILENCE_MS} ms`), SILENCE_MS)
    try {
      this.#waiting.push(...this.#reader.push(new Uint8Array(chunk)))
    } catch (error) {
      this.#malformed(error)
      return
    }
    if (this.#waiting.length > AHEAD_MAX) this.#socket.pause()
    void this.#work()
  }

  async #work(): Promise<void> {
    if (this.#isWorking) return
    this.#isWorking = true
    try {
      for (let frame = this.#waiting.shift(); frame !== undefined; frame = this.#waiting.shift()) {
        let request: Request
        try {
          request = decodeRequest(frame)
        } catch (error) {
          this.#malformed(error)
          return
        }
        await this.#handlers.onRequest(this, request)
        if (this.#waiting.length <= AHEAD_MAX) this.#socket.resume()
      }
    } catch (error) {
      this.refuse('stopping', 'the signer has failed')
      this.#handlers.onFailure(error)
    } finally {
      this.#isWorking = false
    }
  }

  #malformed(error: unknown): void {
    if (!(error instanceof SchemaError)) throw error
    this.refuse('malformed', error.message.slice(0, 200))
  }
}
