// WebSocket connections. Owns: pings, bounded queues, close codes. Not: the HTTP port (server.ts), topics (subscriptions.ts).
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { type WebSocket, WebSocketServer } from 'ws'
import type { RateLimiter } from './access.ts'
import { type Dispatcher, refusalText } from './dispatch.ts'
import { RPC_CODE } from './errors.ts'
import type { Call, Connection } from './method.ts'

export interface SocketLimits {
  readonly socketsMax: number
  readonly messageBytesMax: number
  /** At most 30 s, so that proxies keep the connection. Two unanswered pings end it. */
  readonly pingMs: number
  /** Unsent bytes above which a slow reader is disconnected. */
  readonly queueBytesMax: number
  /** Requests in progress per connection; at this many, reading pauses. */
  readonly inFlightMax: number
}

export const SOCKET_LIMITS: SocketLimits = {
  socketsMax: 512,
  messageBytesMax: 2 * 1024 * 1024,
  pingMs: 25_000,
  queueBytesMax: 8 * 1024 * 1024,
  inFlightMax: 256,
}

/** RFC 6455 §7.4.1. */
const CLOSE = { goingAway: 1001, unsupported: 1003, slowReader: 1008 } as const

interface SocketServerOptions {
  readonly dispatcher: Dispatcher
  readonly rate: RateLimiter | undefined
  readonly limits: SocketLimits
}

class SocketConnection implements Connection {
  readonly #socket: WebSocket
  readonly #queueBytesMax: number
  readonly #closeListeners: (() => void)[] = []
  /** Pings sent since the client last answered. */
  unansweredPings = 0
  inFlight = 0

  constructor(socket: WebSocket, queueBytesMax: number) {
    this.#socket = socket
    this.#queueBytesMax = queueBytesMax
    socket.on('pong', () => {
      this.unansweredPings = 0
    })
    socket.on('close', () => {
      for (const listener of this.#closeListeners) listener()
    })
    // After a protocol error (oversized frame, bad UTF-8) ws sends the close code and emits 'close'.
    socket.on('error', () => undefined)
  }

  notify(text: string): boolean {
    if (this.#socket.readyState !== this.#socket.OPEN) return false
    if (this.#socket.bufferedAmount > this.#queueBytesMax) {
      this.#socket.close(CLOSE.slowReader, 'reads too slowly')
      // The close frame is queued behind the unread data: do not wait for it.
      setTimeout(() => this.#socket.terminate(), 1_000).unref()
      return false
    }
    this.#socket.send(text)
    return true
  }

  onClose(listener: () => void): void {
    this.#closeListeners.push(listener)
  }
}

export class SocketServer {
  readonly #options: SocketServerOptions
  readonly #wss: WebSocketServer
  readonly #connections = new Map<WebSocket, SocketConnection>()
  readonly #timer: NodeJS.Timeout

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
      this.#attach(ws, request.socket.remoteAddress ?? ''),
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

  #attach(socket: WebSocket, client: string): void {
    const { dispatcher, rate, limits } = this.#options
    const connection = new SocketConnection(socket, limits.queueBytesMax)
    this.#connections.set(socket, connection)
    socket.on('close', () => this.#connections.delete(socket))
    const call: Call =
      rate === undefined
        ? { connection }
        : { connection, charge: (count) => rate.charge(client, count, performance.now()) }
    socket.on('message', (data: Buffer, isBinary: boolean) => {
      connection.unansweredPings = 0
      if (isBinary) {
        socket.close(CLOSE.unsupported, 'send JSON text')
        return
      }
      const wait = rate?.retryAfterSeconds(client, performance.now()) ?? 0
      if (wait > 0) {
        connection.notify(refusalText(RPC_CODE.limit, `rate limit exceeded: retry after ${wait} s`))
        return
      }
      const answer = dispatcher.handle(data.toString('utf8'), call)
      if (typeof answer === 'string') {
        if (answer !== '') connection.notify(answer)
        return
      }
      if (++connection.inFlight >= limits.inFlightMax) socket.pause()
      void answer.then((text) => {
        if (connection.inFlight-- >= limits.inFlightMax && socket.isPaused) socket.resume()
        if (text !== '') connection.notify(text)
      })
    })
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
