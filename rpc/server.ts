// HTTP and WebSocket on one port. Owns: sockets, sizes, CORS, keep-alive, close codes. Not: JSON-RPC (dispatch.ts).
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { Access, type AccessOptions, type RateLimit, RateLimiter } from './access.ts'
import { Dispatcher, type DispatchLimits, type DispatchLog, refusalText } from './dispatch.ts'
import { RPC_CODE } from './errors.ts'
import type { Call, Method } from './method.ts'
import { SOCKET_LIMITS, type SocketLimits, SocketServer } from './sockets.ts'

export interface ServerLimits {
  /** One HTTP body. */
  readonly bodyBytesMax: number
  /** Bodies being received, over all connections. */
  readonly bufferedBytesMax: number
  /** Open TCP connections, HTTP and WebSocket together. */
  readonly connectionsMax: number
  /** HTTP requests in progress; more get status 503. */
  readonly inFlightMax: number
  /** Time a client has to send a request. */
  readonly requestTimeoutMs: number
  /** How long an idle HTTP connection is kept. */
  readonly keepAliveMs: number
  /** A connection idle in both directions for this long is closed; longer than the longest wait for a receipt. */
  readonly silenceMs: number
}

export const SERVER_LIMITS: ServerLimits = {
  bodyBytesMax: 8 * 1024 * 1024,
  bufferedBytesMax: 256 * 1024 * 1024,
  connectionsMax: 2_048,
  inFlightMax: 4_096,
  requestTimeoutMs: 30_000,
  keepAliveMs: 65_000,
  silenceMs: 120_000,
}

export interface ServerOptions extends AccessOptions {
  readonly host: string
  /** 0 picks a free port. */
  readonly port: number
  readonly methods: ReadonlyMap<string, Method>
  readonly dispatchLimits: DispatchLimits
  readonly limits?: Partial<ServerLimits>
  readonly socketLimits?: Partial<SocketLimits>
  /** Absent = no rate limit. */
  readonly rateLimit?: RateLimit
  readonly log: DispatchLog
}

interface Refusal {
  readonly status: number
  readonly message: string
  readonly header?: readonly [string, string]
}

const BUSY: Refusal = {
  status: 503,
  message: 'too many requests in progress',
  header: ['Retry-After', '1'],
}
const LIMIT_STATUSES: ReadonlySet<number> = new Set([413, 429, 503])
/** How long the rest of a refused body is read. */
const LINGER_MS = 2_000
const HTTP_CALL: Call = { connection: undefined }
const JSON_TYPES = /^application\/(?:json|json-rpc|jsonrequest)\s*(?:;|$)/i

export class RpcServer {
  readonly #options: ServerOptions
  readonly #limits: ServerLimits
  readonly #access: Access
  readonly #rate: RateLimiter | undefined
  readonly #dispatcher: Dispatcher
  readonly #http: Server
  readonly #sockets: SocketServer
  #inFlight = 0
  #buffered = 0

  constructor(options: ServerOptions) {
    this.#options = options
    this.#limits = { ...SERVER_LIMITS, ...options.limits }
    this.#access = new Access(options)
    this.#rate = options.rateLimit === undefined ? undefined : new RateLimiter(options.rateLimit)
    this.#dispatcher = new Dispatcher(options.methods, options.dispatchLimits, options.log)
    this.#sockets = new SocketServer({
      dispatcher: this.#dispatcher,
      rate: this.#rate,
      limits: { ...SOCKET_LIMITS, ...options.socketLimits },
    })
    this.#http = createServer(
      { keepAliveTimeout: this.#limits.keepAliveMs, noDelay: true },
      (request, response) => this.#serve(request, response),
    )
    this.#http.maxConnections = this.#limits.connectionsMax
    this.#http.timeout = this.#limits.silenceMs
    this.#http.requestTimeout = this.#limits.requestTimeoutMs
    this.#http.headersTimeout = Math.min(10_000, this.#limits.requestTimeoutMs)
    this.#http.on('upgrade', (request, socket, head) => this.#upgrade(request, socket as Socket, head))
    this.#http.on('clientError', (error: NodeJS.ErrnoException, socket) => {
      if (error.code === 'ECONNRESET' || !socket.writable) socket.destroy()
      else socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
    })
  }

  /** Resolves with the address when the port is open. */
  start(): Promise<{ readonly host: string; readonly port: number }> {
    return new Promise((resolve, reject) => {
      this.#http.once('error', reject)
      this.#http.listen(this.#options.port, this.#options.host, () => {
        this.#http.off('error', reject)
        const { address, port } = this.#http.address() as AddressInfo
        resolve({ host: address, port })
      })
    })
  }

  /** Closes the WebSockets with 1001 and lets answers in progress finish, for at most a second. */
  close(): Promise<void> {
    this.#sockets.close()
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#http.closeAllConnections(), 1_000)
      this.#http.close(() => {
        clearTimeout(timer)
        resolve()
      })
      this.#http.closeIdleConnections()
    })
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    const { origin } = request.headers
    if (origin !== undefined) {
      response.setHeader('Vary', 'Origin')
      if (this.#access.allowsOrigin(origin)) response.setHeader('Access-Control-Allow-Origin', origin)
    }
    const client = this.#rate === undefined ? '' : (request.socket.remoteAddress ?? '')
    const refusal = this.#refusalOf(request, client)
    if (refusal !== undefined) refuse(request, response, refusal)
    else if (request.method === 'OPTIONS') preflight(request, response)
    else this.#readBody(request, response, client)
  }

  /** Why the headers alone refuse the request. */
  #refusalOf(request: IncomingMessage, client: string): Refusal | undefined {
    const { headers, method } = request
    if (!this.#access.allowsHost(headers.host)) {
      return { status: 403, message: 'host not allowed: add it to the RPC host list' }
    }
    if (method === 'OPTIONS') return undefined
    if (method !== 'POST') {
      const message = 'send JSON-RPC 2.0 by POST, or connect by WebSocket'
      return { status: 405, message, header: ['Allow', 'POST, OPTIONS'] }
    }
    const type = headers['content-type']
    if (type !== 'application/json' && !JSON_TYPES.test(type ?? '')) {
      return { status: 415, message: 'content-type must be application/json' }
    }
    if (Number(headers['content-length'] ?? 0) > this.#limits.bodyBytesMax) return this.#tooLarge()
    const wait = this.#rate?.retryAfterSeconds(client, performance.now()) ?? 0
    if (wait > 0) {
      const message = `rate limit exceeded: retry after ${wait} s`
      return { status: 429, message, header: ['Retry-After', String(wait)] }
    }
    if (this.#inFlight >= this.#limits.inFlightMax) {
      return BUSY
    }
    return undefined
  }

  #tooLarge(): Refusal {
    return { status: 413, message: `body exceeds ${this.#limits.bodyBytesMax} bytes` }
  }

  #readBody(request: IncomingMessage, response: ServerResponse, client: string): void {
    const chunks: Buffer[] = []
    let size = 0
    let refused = false
    // Released once, however the request ends.
    request.on('close', () => {
      this.#buffered -= size
      size = 0
    })
    request.on('data', (chunk: Buffer) => {
      if (refused) return
      size += chunk.length
      this.#buffered += chunk.length
      const fits = size <= this.#limits.bodyBytesMax
      if (fits && this.#buffered <= this.#limits.bufferedBytesMax) {
        chunks.push(chunk)
        return
      }
      refused = true
      chunks.length = 0
      refuse(request, response, fits ? BUSY : this.#tooLarge())
    })
    request.on('end', () => {
      if (refused) return
      const body = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, size)
      this.#answer(body.toString('utf8'), response, client)
    })
    request.on('error', () => response.destroy())
  }

  #answer(text: string, response: ServerResponse, client: string): void {
    const rate = this.#rate
    const call: Call =
      rate === undefined
        ? HTTP_CALL
        : { connection: undefined, charge: (count) => rate.charge(client, count, performance.now()) }
    const answer = this.#dispatcher.handle(text, call)
    if (typeof answer === 'string') {
      send(response, 200, answer)
      return
    }
    this.#inFlight++
    void answer.then((done) => {
      this.#inFlight--
      send(response, 200, done)
    })
  }

  #upgrade(request: IncomingMessage, socket: Socket, head: Buffer): void {
    socket.on('error', () => socket.destroy())
    const { host, origin } = request.headers
    const allowed =
      this.#access.allowsHost(host) && (origin === undefined || this.#access.allowsOrigin(origin))
    if (!allowed) refuseUpgrade(socket, '403 Forbidden')
    else if (this.#sockets.full) refuseUpgrade(socket, '503 Service Unavailable')
    else this.#sockets.accept(request, socket, head)
  }
}

function send(response: ServerResponse, status: number, text: string): void {
  if (response.destroyed) return
  response.writeHead(status, {
    'Content-Type': 'application/json',
    'Content-Length': Buffer.byteLength(text),
  })
  response.end(text)
}

/**
 * Answers before the body is complete. Closing at once would reset the connection of a client that still writes, and
 * lose the answer: so the rest is read and discarded, for a short while.
 */
function refuse(request: IncomingMessage, response: ServerResponse, refusal: Refusal): void {
  const { status, message, header } = refusal
  if (header !== undefined) response.setHeader(...header)
  response.once('finish', () => {
    if (request.complete) return
    request.resume()
    const { socket } = request
    const timer = setTimeout(() => socket.destroy(), LINGER_MS)
    request.once('close', () => clearTimeout(timer))
    request.once('end', () => clearTimeout(timer))
  })
  const code = LIMIT_STATUSES.has(status) ? RPC_CODE.limit : RPC_CODE.invalidRequest
  send(response, status, refusalText(code, message))
}

function preflight(request: IncomingMessage, response: ServerResponse): void {
  if (response.hasHeader('Access-Control-Allow-Origin')) {
    response.setHeader('Access-Control-Allow-Methods', 'POST, OPTIONS')
    response.setHeader('Access-Control-Allow-Headers', 'Content-Type, Authorization')
    response.setHeader('Access-Control-Max-Age', '86400')
    if (request.headers['access-control-request-private-network'] === 'true') {
      response.setHeader('Access-Control-Allow-Private-Network', 'true')
    }
  }
  response.writeHead(204)
  response.end()
}

function refuseUpgrade(socket: Socket, status: string): void {
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
}
