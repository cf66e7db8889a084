// Common requests without node:http, which costs more than most answers. Owns: connections whose every request so far
// was one plain POST, whole in what was received at once. Not: any rule of its own about who is answered (policy.ts);
// anything else that arrives, and every refusal: the connection goes to node:http with its unread bytes, and stays there.
import { isAscii } from 'node:buffer'
import type { Socket } from 'node:net'
import { type Answers, GZIP_BYTES_MIN } from './answers.ts'
import { LONG_BYTES } from './body.ts'
import type { Exchanges } from './exchanges.ts'
import type { HeldBytes } from './heldBytes.ts'
import { Intake } from './intake.ts'
import type { Call } from './method.ts'
import type { Policy } from './policy.ts'
import { HEAD_LENGTH_MAX, type PostHead, readPostHead } from './postHead.ts'
import { drainedOrClosed, type Reply } from './reply.ts'
import { turns } from './turns.ts'

/** Requests of one connection that are answered before the others have their turn. */
const AT_ONCE_MAX = 8

interface LeanOptions {
  readonly policy: Policy
  readonly exchanges: Exchanges
  readonly answers: Answers
  /** Counts what clients sent ahead. */
  readonly held: HeldBytes
  /** Serves the connection from here on; its unread bytes come first. */
  readonly handOver: (socket: Socket) => void
  /** Ends a connection that sent no request in time. */
  readonly refuse: (socket: Socket) => void
  /** Time to send the first request. */
  readonly headersTimeoutMs: number
  readonly keepAliveMs: number
  readonly silenceMs: number
}

/** A head with what follows from it alone. */
interface Allowed {
  readonly head: PostHead
  /** Of the whole request. */
  readonly bytes: number
  /** The first lines of each answer, up to the type of its body. */
  readonly answerBegin: string
}

/** What all answers end their head with. */
class HeadEnd {
  readonly #persistence: string
  #second = 0
  #text = ''

  constructor(keepAliveMs: number) {
    const timeout = keepAliveMs > 0 ? `Keep-Alive: timeout=${Math.floor(keepAliveMs / 1_000)}\r\n` : ''
    this.#persistence = `Connection: keep-alive\r\n${timeout}\r\n`
  }

  get text(): string {
    const second = Math.floor(Date.now() / 1_000)
    if (second !== this.#second) {
      this.#second = second
      this.#text = `\r\nDate: ${new Date(second * 1_000).toUTCString()}\r\n${this.#persistence}`
    }
    return this.#text
  }
}

/** An answer with more headers, or of many parts. */
class LeanReply implements Reply {
  readonly socket: Socket
  readonly acceptEncoding: string | undefined
  readonly #headEnd: HeadEnd
  readonly #onEnd: () => void
  #head: string
  #bodyBytes = 0
  #onTaken: (() => void) | undefined

  constructor(socket: Socket, { head, answerBegin }: Allowed, headEnd: HeadEnd, onEnd: () => void) {
    this.socket = socket
    this.acceptEncoding = head.acceptEncoding
    this.#head = answerBegin
    this.#headEnd = headEnd
    this.#onEnd = onEnd
  }

  get isGone(): boolean {
    return !this.socket.writable
  }

  add(name: string, value: string): void {
    this.#head += `${name}: ${value}\r\n`
  }

  /** The lean path gives no other status than 200. */
  begin(_status: number, bytes: number): void {
    this.#bodyBytes = bytes
    this.#head += `Content-Type: application/json\r\nContent-Length: ${bytes}${this.#headEnd.text}`
  }

  write(part: string): boolean {
    const isTaken = this.socket.write(this.#head + part, 'latin1')
    this.#head = ''
    return isTaken
  }

  end(body: string | Buffer = ''): void {
    const { socket } = this
    if (!socket.writable) return
    // The callback of an empty write comes after all writes before it.
    if (typeof body === 'string') {
      // Two writes, or the other encoding, take twice as long.
      const isLatin = body.length === this.#bodyBytes
      socket.write(this.#head + body, isLatin ? 'latin1' : 'utf8', this.#onTaken)
    } else {
      socket.cork()
      socket.write(this.#head, 'latin1')
      socket.write(body, this.#onTaken)
      socket.uncork()
    }
    this.#onEnd()
  }

  onTaken(listener: () => void): void {
    this.#onTaken = listener
  }

  drained(): Promise<void> {
    return drainedOrClosed(this.socket, this.socket)
  }
}

class LeanConnection {
  readonly #socket: Socket
  readonly #options: LeanOptions
  readonly #headEnd: HeadEnd
  readonly #onLeave: (connection: LeanConnection) => void
  readonly #call: Call
  readonly #intake: Intake
  /** Of the last request: clients send the same head again. */
  #allowed: Allowed | undefined
  /** A request is being answered, its answer is not taken yet, or the next waits for its turn: what arrives waits. */
  #isBusy = false
  #isReading = false
  #isClosing = false

  constructor(
    socket: Socket,
    options: LeanOptions,
    headEnd: HeadEnd,
    onLeave: (connection: LeanConnection) => void,
  ) {
    this.#socket = socket
    this.#options = options
    this.#headEnd = headEnd
    this.#onLeave = onLeave
    this.#call = options.exchanges.callOf(socket)
    socket.setTimeout(options.headersTimeoutMs)
    this.#intake = new Intake(socket, options.held, this.#read)
    socket.on('timeout', this.#onTimeout)
    socket.on('end', this.#onEnd)
    socket.on('error', this.#onError)
    socket.on('close', this.#onClose)
  }

  /** Ends it when the request in progress is answered. */
  close(): void {
    this.#isClosing = true
    if (this.#isBusy) return
    if (this.#socket.writableLength > 0) this.#socket.end()
    else this.#socket.destroy()
  }

  destroy(): void {
    this.#socket.destroy()
  }

  readonly #onTimeout = (): void => {
    if (this.#allowed === undefined) this.#options.refuse(this.#socket)
    else this.#socket.destroy()
  }
  readonly #onEnd = (): void => void this.#socket.end()
  readonly #onError = (): void => void this.#socket.destroy()
  readonly #onClose = (): void => this.#onLeave(this)

  /** Answers one request after another, for as long as it is this connection's turn. */
  readonly #read = (): void => {
    if (this.#isBusy || this.#isReading) return
    this.#isReading = true
    let left = AT_ONCE_MAX
    let isCorked = false
    while (!this.#isBusy && this.#intake.bytes.length > 0) {
      if (left-- === 0 || !turns.hasRoom()) {
        this.#isBusy = true
        turns.prompt(this.#call.client, this.#onTurn)
      } else if (!this.#begin()) {
        if (isCorked) this.#socket.uncork()
        this.#handOver()
        return
      } else if (!isCorked && this.#intake.bytes.length > 0) {
        // Answers to what was sent at once go out at once.
        isCorked = true
        this.#socket.cork()
      }
    }
    if (isCorked) this.#socket.uncork()
    this.#isReading = false
  }
  readonly #onTurn = (): void => {
    this.#isBusy = false
    this.#read()
  }

  /** False when the next request is none for the lean path. */
  #begin(): boolean {
    const text = this.#nextBody()
    if (text === undefined) return false
    this.#intake.drop(this.#allowed!.bytes)
    this.#isBusy = true
    const { exchanges, silenceMs } = this.#options
    if (!exchanges.begin(text, this.#call, this.#socket, this.#send)) this.#socket.setTimeout(silenceMs)
    return true
  }

  /** The body of the next request, when all of it is here and it may be answered now. */
  #nextBody(): string | undefined {
    const { policy } = this.#options
    const { bytes } = this.#intake
    let text = bytes.toString('latin1', 0, this.#allowed?.bytes ?? HEAD_LENGTH_MAX)
    if (this.#allowed === undefined || !text.startsWith(this.#allowed.head.text)) {
      const allowed = this.#allow(bytes.toString('latin1', 0, HEAD_LENGTH_MAX))
      if (allowed === undefined) return undefined
      if (this.#allowed === undefined) this.#socket.setTimeout(this.#options.keepAliveMs)
      this.#allowed = allowed
      text = bytes.toString('latin1', 0, allowed.bytes)
    }
    const { head, bytes: length } = this.#allowed
    // A longer body waits for its turn, and its values are counted while it arrives.
    if (bytes.length < length || length > LONG_BYTES) return undefined
    if (policy.refusalNow(this.#call.client) !== undefined) return undefined
    const own = bytes.length === length ? bytes : bytes.subarray(0, length)
    return isAscii(own) ? text.slice(head.text.length) : own.toString('utf8', head.text.length)
  }

  #allow(text: string): Allowed | undefined {
    const { policy } = this.#options
    const head = readPostHead(text)
    if (head === undefined || policy.refusalOfHead('POST', head.headers) !== undefined) return undefined
    const cors = policy.corsHeaders(head.headers.origin).map(([name, value]) => `${name}: ${value}\r\n`)
    return {
      head,
      bytes: head.text.length + head.bodyBytes,
      answerBegin: `HTTP/1.1 200 OK\r\n${cors.join('')}`,
    }
  }

  readonly #send = (answer: string): void => {
    const socket = this.#socket
    if (!socket.writable) return
    if (answer.length >= GZIP_BYTES_MIN) {
      const reply = new LeanReply(socket, this.#allowed!, this.#headEnd, this.#onAnswered)
      this.#options.answers.send(reply, 200, answer)
      return
    }
    const bytes = Buffer.byteLength(answer)
    const head = `${this.#allowed!.answerBegin}Content-Type: application/json\r\nContent-Length: ${bytes}`
    socket.write(head + this.#headEnd.text + answer, bytes === answer.length ? 'latin1' : 'utf8')
    this.#onAnswered()
  }

  /** The next request is read once this answer is taken: who reads nothing is answered nothing. */
  readonly #onAnswered = (): void => {
    const socket = this.#socket
    if (this.#isClosing) socket.end()
    else if (socket.writableNeedDrain) socket.once('drain', this.#onAnswered)
    else {
      this.#isBusy = false
      const { keepAliveMs } = this.#options
      if (socket.timeout !== keepAliveMs) socket.setTimeout(keepAliveMs)
      this.#read()
    }
  }

  #handOver(): void {
    const socket = this.#socket
    socket.off('timeout', this.#onTimeout)
    socket.off('end', this.#onEnd)
    socket.off('error', this.#onError)
    socket.off('close', this.#onClose)
    socket.setTimeout(0)
    this.#onLeave(this)
    this.#intake.detach()
    this.#options.handOver(socket)
    socket.resume()
  }
}

export class LeanHttp {
  readonly #options: LeanOptions
  readonly #headEnd: HeadEnd
  /** As many as connections are admitted. */
  readonly #open = new Set<LeanConnection>()

  constructor(options: LeanOptions) {
    this.#options = options
    this.#headEnd = new HeadEnd(options.keepAliveMs)
  }

  /** Serves a new connection. */
  serve(socket: Socket): void {
    const onLeave = (left: LeanConnection): void => void this.#open.delete(left)
    this.#open.add(new LeanConnection(socket, this.#options, this.#headEnd, onLeave))
  }

  /** Closes idle connections, and the others once they are answered. */
  close(): void {
    for (const connection of this.#open) connection.close()
  }

  destroyAll(): void {
    for (const connection of this.#open) connection.destroy()
  }
}
