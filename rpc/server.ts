// HTTP and WebSocket on one port. Owns: headers, bodies, CORS, keep-alive. Not: JSON-RPC (dispatch.ts), answers (answers.ts).
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { Access, type AccessOptions, type RateLimit, RateLimiter } from './access.ts'
import { Answers } from './answers.ts'
import { Body } from './body.ts'
import { Connections } from './connections.ts'
import { Dispatcher, type DispatchLimits, type DispatchLog, refusalText } from './dispatch.ts'
import { RPC_CODE } from './errors.ts'
import { Load } from './load.ts'
import type { Call, Method } from './method.ts'
import type { Pages } from './pages.ts'
import { SOCKET_LIMITS, type SocketLimits, SocketServer } from './sockets.ts'
import { turns } from './turns.ts'

export interface ServerLimits {
  /** One HTTP body. */
  readonly bodyBytesMax: number
  /** Bodies being received, over all connections. */
  readonly bufferedBytesMax: number
  /** Open TCP connections, HTTP and WebSocket together; at the limit, the longest idle one makes room. */
  readonly connectionsMax: number
  readonly connectionsPerAddressMax: number
  /** Requests in progress over HTTP and WebSocket, half of them of one address; more get status 503, or −32005. */
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
  bufferedBytesMax: 64 * 1024 * 1024,
  connectionsMax: 4_096,
  connectionsPerAddressMax: 2_048,
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
  readonly pages: Pages
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
/** Requests in progress on one HTTP connection. */
const PIPELINED_MAX = 16
/** Connections that wait to be accepted: beyond it the kernel drops them, and an honest client tries again seconds later. */
const BACKLOG = 4_096
/** How often overdue requests are looked for; Node's default lets them live half a minute longer. */
const OVERDUE_CHECK_MS = 2_000
const JSON_TYPES = /^application\/(?:json|json-rpc|jsonrequest)\s*(?:;|$)/i
/** Names of headers, as a preflight asks for them. */
const HEADER_NAMES = /^[\w!#$%&'*+.^`|~-]+(?:\s*,\s*[\w!#$%&'*+.^`|~-]+){0,63}$/

export class RpcServer {
  readonly #options: ServerOptions
  readonly #limits: ServerLimits
  readonly #access: Access
  readonly #rate: RateLimiter | undefined
  readonly #dispatcher: Dispatcher
  readonly #answers: Answers
  readonly #connections: Connections
  readonly #http: Server
  readonly #sockets: SocketServer
  readonly #load: Load
  /** Requests in progress by connection: HTTP allows sending the next one before the answer. */
  readonly #pipelined = new WeakMap<Socket, number>()
  /** Those being received, each with what refuses it. */
  readonly #bodies = new Map<Body, (refusal: Refusal) => void>()
  #buffered = 0

  constructor(options: ServerOptions) {
    this.#options = options
    this.#limits = { ...SERVER_LIMITS, ...options.limits }
    this.#access = new Access(options)
    this.#rate = options.rateLimit === undefined ? undefined : new RateLimiter(options.rateLimit)
    this.#dispatcher = new Dispatcher(options.methods, options.dispatchLimits, options.log)
    this.#answers = new Answers(this.#dispatcher.held)
    this.#connections = new Connections(this.#limits)
    this.#load = new Load(this.#limits.inFlightMax)
    this.#sockets = new SocketServer({
      dispatcher: this.#dispatcher,
      rate: this.#rate,
      limits: { ...SOCKET_LIMITS, ...options.socketLimits },
      load: this.#load,
      onIdle: (socket, isIdle) => this.#connections.setIdle(socket, isIdle),
    })
    this.#http = this.#createHttp()
  }

  #createHttp(): Server {
    const http = createServer(
      {
        keepAliveTimeout: this.#limits.keepAliveMs,
        noDelay: true,
        connectionsCheckingInterval: OVERDUE_CHECK_MS,
      },
      (request, response) => this.#serve(request, response),
    )
    http.timeout = this.#limits.silenceMs
    http.requestTimeout = this.#limits.requestTimeoutMs
    http.headersTimeout = Math.min(10_000, this.#limits.requestTimeoutMs)
    http.on('connection', (socket) => this.#connections.admit(socket))
    http.on('upgrade', (request, socket, head) => this.#upgrade(request, socket as Socket, head))
    http.on('clientError', (error: NodeJS.ErrnoException, socket) => {
      if (error.code === 'ECONNRESET' || !socket.writable) socket.destroy()
      else socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
    })
    return http
  }

  /** Resolves with the address when the port is open. */
  start(): Promise<{ readonly host: string; readonly port: number }> {
    return new Promise((resolve, reject) => {
      this.#http.once('error', reject)
      const { port, host } = this.#options
      this.#http.listen({ port, host, backlog: BACKLOG }, () => {
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
    const client = request.socket.remoteAddress ?? ''
    const refusal = this.#refusalOf(request, client)
    if (refusal !== undefined) this.#refuse(request, response, refusal)
    else if (request.method === 'OPTIONS') preflight(request, response)
    else if (request.method === 'POST') this.#readBody(request, response, client)
    else void this.#page(request, response)
  }

  async #page(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const page = await this.#options.pages(request.url!.split('?')[0]!)
    if (page === undefined) this.#refuse(request, response, { status: 404, message: 'there is no such page' })
    else this.#answers.send(request, response, page.status, JSON.stringify(page.body))
  }

  /** Why the headers alone refuse the request. */
  #refusalOf(request: IncomingMessage, client: string): Refusal | undefined {
    const { headers, method } = request
    if (!this.#access.allowsHost(headers.host)) {
      return { status: 403, message: 'host not allowed: add it to the RPC host list' }
    }
    if (method === 'OPTIONS' || method === 'GET' || method === 'HEAD') return undefined
    if (method !== 'POST') {
      const message = 'send JSON-RPC 2.0 by POST, or connect by WebSocket'
      return { status: 405, message, header: ['Allow', 'POST, GET, HEAD, OPTIONS'] }
    }
    const encoding = headers['content-encoding'] ?? 'identity'
    if (encoding !== 'identity') {
      const message = `content-encoding ${encoding.slice(0, 20)} is not supported: send the body as it is`
      return { status: 415, message, header: ['Accept-Encoding', 'identity'] }
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
    const isPiledUp = (this.#pipelined.get(request.socket) ?? 0) >= PIPELINED_MAX
    return isPiledUp || this.#load.isFullFor(client) ? BUSY : undefined
  }

  #tooLarge(): Refusal {
    return { status: 413, message: `body exceeds ${this.#limits.bodyBytesMax} bytes` }
  }

  #readBody(request: IncomingMessage, response: ServerResponse, client: string): void {
    const body = new Body()
    const refuse = (refusal: Refusal): void => {
      body.isRefused = true
      this.#drop(body)
      body.clear()
      this.#refuse(request, response, refusal)
    }
    this.#bodies.set(body, refuse)
    // Released once, however the request ends.
    request.on('close', () => {
      if (!request.complete) this.#drop(body)
    })
    request.on('data', (chunk: Buffer) => {
      if (!body.isRefused) this.#receive(body, chunk, refuse)
    })
    request.on('end', () => {
      if (body.isRefused) return
      const answer = (): void => {
        this.#drop(body)
        if (!body.isRefused && !request.socket.destroyed) this.#answer(body.text(), request, response, client)
      }
      // Reading a long one is long work.
      if (body.isLong) void turns.long(client).then(answer)
      else answer()
    })
    request.on('error', () => response.destroy())
  }

  #receive(body: Body, chunk: Buffer, refuse: (refusal: Refusal) => void): void {
    const { valuesMax } = this.#options.dispatchLimits
    body.add(chunk)
    this.#buffered += chunk.length
    if (body.size > this.#limits.bodyBytesMax) refuse(this.#tooLarge())
    else if (body.values() > valuesMax) {
      refuse({ status: 413, message: `more than ${valuesMax} values in one request` })
    } else if (this.#buffered > this.#limits.bufferedBytesMax) this.#refuseLargest()
  }

  #drop(body: Body): void {
    if (this.#bodies.delete(body)) this.#buffered -= body.size
  }

  /** Whoever sends most makes room: many long bodies never keep a short one out. */
  #refuseLargest(): void {
    let largest: Body | undefined
    for (const body of this.#bodies.keys()) if (body.size > (largest?.size ?? 0)) largest = body
    if (largest !== undefined) this.#bodies.get(largest)!(BUSY)
  }

  #answer(text: string, request: IncomingMessage, response: ServerResponse, client: string): void {
    const rate = this.#rate
    const call: Call = {
      connection: undefined,
      client,
      isGone: () => request.socket.destroyed,
      ...(rate === undefined
        ? {}
        : { charge: (count: number) => rate.charge(client, count, performance.now()) }),
    }
    const answer = this.#dispatcher.handle(text, call)
    if (typeof answer === 'string') {
      this.#answers.send(request, response, 200, answer)
      if ((this.#pipelined.get(request.socket) ?? 0) === 0) this.#connections.setIdle(request.socket, true)
      return
    }
    const { socket } = request
    this.#pipelined.set(socket, (this.#pipelined.get(socket) ?? 0) + 1)
    this.#load.begin(client)
    this.#connections.setIdle(socket, false)
    void answer.then((done) => {
      this.#load.end(client)
      const left = this.#pipelined.get(socket)! - 1
      this.#pipelined.set(socket, left)
      this.#connections.setIdle(socket, left === 0)
      this.#answers.send(request, response, 200, done)
    })
  }

  /**
   * Answers before the body is complete. Closing at once would reset the connection of a client that still writes, and
   * lose the answer: so the rest is read and discarded, for a short while.
   */
  #refuse(request: IncomingMessage, response: ServerResponse, refusal: Refusal): void {
    if (response.headersSent) return
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
    this.#answers.send(request, response, status, refusalText(code, message))
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

function preflight(request: IncomingMessage, response: ServerResponse): void {
  if (response.hasHeader('Access-Control-Allow-Origin')) {
    const asked = request.headers['access-control-request-headers']
    const names = asked !== undefined && HEADER_NAMES.test(asked) ? asked : 'Content-Type, Authorization'
    response.setHeader('Access-Control-Allow-Methods', 'POST, GET, OPTIONS')
    response.setHeader('Access-Control-Allow-Headers', names)
    response.appendHeader('Vary', 'Access-Control-Request-Headers')
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
