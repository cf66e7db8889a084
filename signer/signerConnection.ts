// One connection from a node to its signer: hello, requests, answers. Owns: the socket and its time-outs.
// Not: when to connect, what waits meanwhile (remoteSigner.ts).
import type { Socket } from 'node:net'
import { errorText } from '../base/errors.ts'
import { SchemaError } from '../base/field.ts'
import {
  decodeReply,
  encodeRequest,
  FrameReader,
  REPLY_BYTES_MAX,
  type Refusal,
  type Reply,
  type Request,
  type RequestBody,
} from './signerProtocol.ts'

/** A signer that leaves a request unanswered for `answerMs` is presumed dead, and the node reconnects. */
export const SIGNER_PATIENCE = { helloMs: 3_000, answerMs: 5_000 } as const
export type SignerPatience = { readonly [K in keyof typeof SIGNER_PATIENCE]: number }
const PING_MS = 2_000
const CHECK_MS = 500

export interface ConnectionHandlers {
  readonly onWelcome: (software: string) => void
  readonly onReply: (reply: Reply) => void
  /** Called once. `code` is set when the signer gave a reason. */
  readonly onEnd: (reason: string, code: Refusal | undefined) => void
}

export class SignerConnection {
  readonly #handlers: ConnectionHandlers
  readonly #reader = new FrameReader(REPLY_BYTES_MAX)
  readonly #socket: Socket | undefined
  readonly #patience: SignerPatience
  readonly #timer: NodeJS.Timeout
  readonly #startedMs = performance.now()
  /** Unanswered request ids, oldest first, with the time sent. */
  readonly #unanswered = new Map<number, number>()
  #isWelcome = false
  #isOver = false
  /** The last check found a request overdue; its answer may have been queued behind that check. */
  #wasOverdue = false
  #lastSentMs = 0
  #lastId = 0

  constructor(options: {
    /** Throws when a certificate file cannot be read. */
    readonly connect: (onReady: () => void) => Socket
    readonly hello: RequestBody<'hello'>
    readonly handlers: ConnectionHandlers
    readonly patience: SignerPatience
  }) {
    this.#handlers = options.handlers
    this.#patience = options.patience
    this.#timer = setInterval(() => this.#check(), Math.min(CHECK_MS, options.patience.helloMs))
    try {
      const socket = options.connect(() => this.#write({ kind: 'hello', body: options.hello }))
      this.#socket = socket
      socket.setNoDelay(true)
      socket.on('data', (chunk) => this.#onData(chunk))
      socket.once('error', (error) => this.end(error.message))
      socket.once('close', () => this.end('the signer closed the connection'))
    } catch (error) {
      // Deferred: the owner must hold this connection before `onEnd` is called.
      const reason = errorText(error)
      setImmediate(() => this.end(reason))
    }
  }

  /** The signer has accepted this node. */
  get isWelcome(): boolean {
    return this.#isWelcome
  }

  /** Sends a request under a new id and returns the id. */
  request<K extends Exclude<Request['kind'], 'hello' | 'health'>>(
    kind: K,
    body: Omit<RequestBody<K>, 'id'>,
  ): number {
    const id = (this.#lastId % 0xffff_fff0) + 1
    this.#lastId = id
    this.#unanswered.set(id, performance.now())
    this.#write({ kind, body: { ...body, id } } as Request)
    return id
  }

  end(reason: string, code?: Refusal): void {
    if (this.#isOver) return
    this.#isOver = true
    clearInterval(this.#timer)
    this.#socket?.destroy()
    this.#handlers.onEnd(reason, code)
  }

  #write(request: Request): void {
    if (this.#isOver) return
    this.#lastSentMs = performance.now()
    this.#socket?.write(encodeRequest(request))
  }

  #check(): void {
    const nowMs = performance.now()
    const { helloMs, answerMs } = this.#patience
    if (!this.#isWelcome) {
      if (nowMs - this.#startedMs > helloMs) this.end(`no answer within ${helloMs} ms`)
      return
    }
    const [oldestMs] = this.#unanswered.values()
    const isOverdue = oldestMs !== undefined && nowMs - oldestMs > answerMs
    const wasOverdue = this.#wasOverdue
    this.#wasOverdue = isOverdue
    if (isOverdue && wasOverdue) this.end(`no answer within ${answerMs} ms`)
    else if (nowMs - this.#lastSentMs > PING_MS) this.request('ping', {})
  }

  #onData(chunk: Uint8Array): void {
    try {
      for (const frame of this.#reader.push(new Uint8Array(chunk))) {
        if (this.#isOver) return
        this.#onFrame(decodeReply(frame))
      }
    } catch (error) {
      if (!(error instanceof SchemaError)) throw error
      this.end(`the signer sent a malformed message: ${error.message}`)
    }
  }

  #onFrame(reply: Reply): void {
    if (reply.kind === 'refused') {
      this.end(reply.body.reason, reply.body.code)
      return
    }
    if (reply.kind === 'welcome') {
      if (this.#isWelcome) throw new SchemaError('a second welcome')
      this.#isWelcome = true
      this.#handlers.onWelcome(reply.body.software)
      return
    }
    if (!this.#isWelcome || reply.kind === 'health') throw new SchemaError(`unexpected ${reply.kind}`)
    if (!this.#unanswered.delete(reply.body.id)) throw new SchemaError('an answer to no request')
    this.#handlers.onReply(reply)
  }
}
