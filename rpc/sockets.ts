// WebSocket connections. Owns: pings, bounded queues, close codes. Not: the HTTP port (server.ts), topics (subscriptions.ts).
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { type WebSocket, WebSocketServer } from 'ws'
import type { RateLimiter } from './access.ts'
import { LONG_BYTES } from './body.ts'
import type { Dispatcher } from './dispatch.ts'
import { RPC_CODE } from './errors.ts'
import type { Load } from './load.ts'
import type { Call, Connection } from './method.ts'
import { turns } from './turns.ts'

export interface SocketLimits {
  readonly socketsMax: number
  readonly messageBytesMax: number
  /** At most 30 s, so that proxies keep the connection. Two unanswered pings end it. */
  readonly pingMs: number
  /** Unsent bytes above which a slow reader is disconnected. */
  readonly queueBytesMax: number
  /** Unsent bytes of all connections above which the slowest readers are disconnected. */
  readonly queuesBytesMax: number
  /** Requests in progress per connection; at this many, reading pauses. */
  readonly inFlightMax: number
}

export const SOCKET_LIMITS: SocketLimits = {
  socketsMax: 2_048,
  messageBytesMax: 2 * 1024 * 1024,
  pingMs: 25_000,
  queueBytesMax: 8 * 1024 * 1024,
  queuesBytesMax: 64 * 1024 * 1024,
  inFlightMax: 256,
}

/** RFC 6455 §7.4.1. */
const CLOSE = { goingAway: 1001, slowReader: 1008, tryAgainLater: 1013 } as const
/** The sum of the queues is looked at each time that this much was sent. */
const TRIM_BYTES = 1024 * 1024
/** The close frame is queued behind the unread data: do not wait longer for it. */
const CLOSE_MS = 1_000

interface SocketServerOptions {
  readonly dispatcher: Dispatcher
  readonly rate: RateLimiter | undefined
  readonly limits: SocketLimits
  /** Requests in progress, shared with HTTP. */
  readonly load: Load
  /** Tells when a connection becomes idle or busy: with a request in progress, or a subscription, it is busy. */
  readonly onIdle: (socket: Socket, isIdle: boolean) => void
}

class SocketConnection implements Connection {
  readonly #socket: WebSocket
  readonly #queueBytesMax: number
  readonly #onSent: (bytes: number) => void
  readonly #closeListeners: (() => void)[] = []
  /** Who waits until the queue is empty. */
  #waiting: (() => void)[] = []
  readonly #onTaken = (): void => {
    if (this.#waiting.length === 0 || this.#socket.bufferedAmount > 0) return
    const waiting = this.#waiting
    this.#waiting = []
    for (const listener of waiting) listener()
  }
  /** Pings sent since the client last answered. */
  unansweredPings = 0
  inFlight = 0
  /** Somebody waits for its end, because it subscribed. */
  isWatched = false

  constructor(socket: WebSocket, queueBytesMax: number, onSent: (bytes: number) => void) {
    this.#socket = socket
    this.#queueBytesMax = queueBytesMax
    this.#onSent = onSent
    socket.on('pong', () => {
      this.unansweredPings = 0
    })
    socket.on('close', () => {
      for (const listener of this.#closeListeners) listener()
    })
    // After a protocol error (oversized frame, bad UTF-8) ws sends the close code and emits 'close'.
    socket.on('error', () => undefined)
  }

  get queuedBytes(): number {
    return this.#socket.bufferedAmount
  }

  notify(text: string): boolean {
    if (this.#socket.readyState !== this.#socket.OPEN) return false
    if (this.#socket.bufferedAmount > this.#queueBytesMax) {
      this.cutSlow()
      return false
    }
    this.#socket.send(text, this.#onTaken)
    this.#onSent(text.length)
    return true
  }

  /** Once the last of the queue is handed to the system; never, when the connection ends before. */
  whenRead(listener: () => void): void {
    if (this.#socket.bufferedAmount === 0) setImmediate(listener)
    else this.#waiting.push(listener)
  }

  cut(reason: string): void {
    this.end(CLOSE.tryAgainLater, reason)
  }

  cutSlow(): void {
    this.end(CLOSE.slowReader, 'reads too slowly')
  }

  end(code: number, reason: string): void {
    this.#socket.close(code, reason)
    setTimeout(() => this.#socket.terminate(), CLOSE_MS).unref()
  }

  resume(): void {
    if (this.#socket.isPaused) this.#socket.resume()
  }

  onClose(listener: () => void): void {
    this.#closeListeners.push(listener)
    this.isWatched = true
  }
}

export class SocketServer {
  readonly #options: SocketServerOptions
  readonly #wss: WebSocketServer
  readonly #connections = new Map<WebSocket, SocketConnection>()
  readonly #timer: NodeJS.Timeout
  #sentBytes = 0

  constructor(options: SocketServerOptions) {
    this.#options = options
    this.#wss = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      maxPayload: options.limits.messageBytesMax,
      perMessageDeflate: false,
    })
    this.#timer = setInterval(() => this.#ping(), options.limits.pingMs)
    this.#timer.unref()
  }

  get full(): boolean {
    return this.#connections.size >= this.#options.limits.socketsMax
  }

  accept(request: IncomingMessage, socket: Socket, head: Buffer): void {
    this.#wss.handleUpgrade(request, socket, head, (ws) =>
      this.#attach(ws, socket, socket.remoteAddress ?? ''),
    )
  }

  close(): void {
    clearInterval(this.#timer)
    for (const socket of this.#connections.keys()) {
      socket.close(CLOSE.goingAway, 'the node is shutting down')
      setTimeout(() => socket.terminate(), 500).unref()
    }
    this.#wss.close()
  }

  #attach(socket: WebSocket, tcp: Socket, client: string): void {
    const { rate, limits } = this.#options
    const connection = new SocketConnection(socket, limits.queueBytesMax, (bytes) => this.#onSent(bytes))
    this.#connections.set(socket, connection)
    socket.on('close', () => this.#connections.delete(socket))
    const charge = (count: number): void => rate?.charge(client, count, performance.now())
    // Some libraries send their JSON in binary frames: what counts is the text.
    socket.on('message', (data: Buffer) => {
      const listeners: (() => void)[] = []
      const call: Call = {
        connection,
        client,
        charge,
        isGone: () => socket.readyState !== socket.OPEN,
        afterAnswer: (listener) => void listeners.push(listener),
      }
      const send = (answer: string): void => {
        if (answer !== '') connection.notify(answer)
        for (const listener of listeners) listener()
        this.#options.onIdle(tcp, connection.inFlight === 0 && !connection.isWatched)
      }
      this.#onMessage(data.toString('utf8'), call, connection, send)
      if (connection.inFlight > 0) this.#options.onIdle(tcp, false)
      if (connection.inFlight >= limits.inFlightMax) socket.pause()
    })
  }

  #onMessage(text: string, call: Call, connection: SocketConnection, send: (answer: string) => void): void {
    const { dispatcher, rate, limits, load } = this.#options
    connection.unansweredPings = 0
    const wait = rate?.retryAfterSeconds(call.client, performance.now()) ?? 0
    if (wait > 0 || load.isFullFor(call.client)) {
      const message =
        wait > 0 ? `rate limit exceeded: retry after ${wait} s` : 'too many requests in progress: retry later'
      send(dispatcher.refuse(text, RPC_CODE.limit, message))
      return
    }
    const answer = text.length > LONG_BYTES ? this.#handleLong(text, call) : dispatcher.handle(text, call)
    if (typeof answer === 'string') {
      send(answer)
      return
    }
    load.begin(call.client)
    connection.inFlight++
    void answer.then((done) => {
      load.end(call.client)
      if (connection.inFlight-- >= limits.inFlightMax) connection.resume()
      send(done)
    })
  }

  /** Reading a long message is long work; what waits is held. */
  #handleLong(text: string, call: Call): string | Promise<string> {
    const { dispatcher } = this.#options
    const { held } = dispatcher
    if (held.isFullFor(call.client)) {
      return dispatcher.refuse(text, RPC_CODE.limit, 'too many long requests in progress: retry later')
    }
    held.add(call.client, text.length)
    return turns.long(call.client).then(() => {
      held.release(call.client, text.length)
      return dispatcher.handle(text, call)
    })
  }

  /** Cuts the slowest readers when all queues together are too long. */
  #onSent(bytes: number): void {
    this.#sentBytes += bytes
    if (this.#sentBytes < TRIM_BYTES) return
    this.#sentBytes = 0
    const { queuesBytesMax } = this.#options.limits
    const queues = [...this.#connections.values()].map((connection) => ({
      connection,
      bytes: connection.queuedBytes,
    }))
    let total = queues.reduce((sum, queue) => sum + queue.bytes, 0)
    if (total <= queuesBytesMax) return
    queues.sort((a, b) => b.bytes - a.bytes)
    for (const queue of queues) {
      if (total <= queuesBytesMax) return
      queue.connection.cutSlow()
      total -= queue.bytes
    }
  }

  #ping(): void {
    for (const [socket, connection] of this.#connections) {
      if (connection.unansweredPings >= 2) {
        socket.terminate()
        continue
      }
      connection.unansweredPings++
      socket.ping()
    }
  }
}
