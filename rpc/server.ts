// HTTP and WebSocket on one port. Owns: what node:http reads, bodies, preflights, refusals. Not: plain requests (leanHttp.ts),
// who is answered (policy.ts), JSON-RPC (dispatch.ts), answers (answers.ts).
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { type AccessOptions, type RateLimit, RateLimiter } from './access.ts'
import { Answers } from './answers.ts'
import { Body } from './body.ts'
import { Connections } from './connections.ts'
import { Dispatcher, type DispatchLimits, type DispatchLog, refusalText } from './dispatch.ts'
import { RPC_CODE } from './errors.ts'
import { Exchanges } from './exchanges.ts'
import type { HeldBytes } from './heldBytes.ts'
import { LeanHttp } from './leanHttp.ts'
import { Load } from './load.ts'
import { MeteredSocket } from './meteredSocket.ts'
import type { Method } from './method.ts'
import { sendPage } from './metricsServer.ts'
import type { Pages } from './pages.ts'
import { BUSY, Policy, type Refusal } from './policy.ts'
import { HttpReply } from './reply.ts'
import type { RpcMeter } from './rpcMeter.ts'
import { Site } from './site.ts'
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
  readonly meter?: RpcMeter
}

const LIMIT_STATUSES: ReadonlySet<number> = new Set([413, 429, 503])
const BAD_REQUEST = 'HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n'
/** How long the rest of a refused request is read. */
const LINGER_MS = 2_000
/** Connections that wait to be accepted: beyond it the kernel drops them, and an honest client tries again seconds later. */
const BACKLOG = 4_096
/** How often overdue requests are looked for; Node's default lets them live half a minute longer. */
const OVERDUE_CHECK_MS = 2_000
/** Names of headers, as a preflight asks for them. */
const HEADER_NAMES = /^[\w!#$%&'*+.^`|~-]+(?:\s*,\s*[\w!#$%&'*+.^`|~-]+){0,63}$/

export class RpcServer {
  readonly #options: ServerOptions
  readonly #limits: ServerLimits
  readonly #policy: Policy
  readonly #exchanges: Exchanges
  readonly #answers: Answers
  readonly #connections: Connections
  readonly #http: Server
  readonly #lean: LeanHttp
  readonly #sockets: SocketServer
  readonly #site = new Site()
  /** Those being received, each with what refuses it. */
  readonly #bodies = new Map<Body, (refusal: Refusal) => void>()
  #buffered = 0

  constructor(options: ServerOptions) {
    this.#options = options
    this.#limits = { ...SERVER_LIMITS, ...options.limits }
    const rate = options.rateLimit === undefined ? undefined : new RateLimiter(options.rateLimit)
    const dispatcher = new Dispatcher(options.methods, options.dispatchLimits, options.log, options.meter)
    const load = new Load(this.#limits.inFlightMax)
    const { bodyBytesMax } = this.#limits
    this.#policy = new Policy({ hosts: options.hosts, origins: options.origins, bodyBytesMax, rate, load })
    this.#connections = new Connections(this.#limits)
    this.#exchanges = new Exchanges({ dispatcher, connections: this.#connections, load, rate })
    this.#answers = new Answers(dispatcher.held)
    this.#sockets = new SocketServer({
      dispatcher,
      rate,
      limits: { ...SOCKET_LIMITS, ...options.socketLimits },
      load,
      onIdle: (socket, isIdle) => this.#connections.setIdle(socket, isIdle),
    })
    this.#http = this.#createHttp()
    this.#lean = this.#createLean(dispatcher.held)
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
    http.on('upgrade', (request, _socket, head) =>
      this.#upgrade(request, MeteredSocket.of(request).release(), head),
    )
    http.on('clientError', (error: NodeJS.ErrnoException, socket) => {
      if (error.code === 'ECONNRESET' || !socket.writable) socket.destroy()
      // Requests before the bad one, in the same bytes, are answered first.
      else setImmediate(() => socket.writable && socket.end(BAD_REQUEST))
    })
    return http
  }

  /** New connections come to the lean path first; node:http's own listener takes those that are handed over. */
  #createLean(held: HeldBytes): LeanHttp {
    const http = this.#http
    const listeners = http.listeners('connection')
    const lean = new LeanHttp({
      policy: this.#policy,
      exchanges: this.#exchanges,
      held,
      answers: this.#answers,
      handOver: (socket) => {
        const metered = new MeteredSocket(socket, held)
        for (const listener of listeners) listener.call(http, metered)
      },
      refuse: (socket) => socket.end(BAD_REQUEST, () => socket.destroy()),
      headersTimeoutMs: http.headersTimeout,
      keepAliveMs: this.#limits.keepAliveMs,
      silenceMs: this.#limits.silenceMs,
    })
    http.removeAllListeners('connection')
    http.on('connection', (socket: Socket) => {
      turns.arrived()
      if (this.#connections.admit(socket)) lean.serve(socket)
    })
    return lean
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

  /** Ends every WebSocket connection; their clients may come again. */
  cutSockets(reason: string): void {
    this.#sockets.cutAll(reason)
  }

  /** Closes the WebSockets with 1001 and lets answers in progress finish, for at most a second. */
  close(): Promise<void> {
    this.#sockets.close()
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#http.closeAllConnections()
        this.#lean.destroyAll()
      }, 1_000)
      this.#http.close(() => {
        clearTimeout(timer)
        resolve()
      })
      this.#http.closeIdleConnections()
      this.#lean.close()
    })
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    MeteredSocket.of(request).begin(request, response)
    for (const [name, value] of this.#policy.corsHeaders(request.headers.origin)) {
      response.setHeader(name, value)
    }
    const refusal = this.#refusalOf(request)
    if (refusal !== undefined) this.#refuse(request, response, refusal)
    else if (request.method === 'OPTIONS') preflight(request, response)
    else if (request.method === 'POST') this.#readBody(request, response)
    // A node that is being stopped has closed what a page reads.
    else this.#page(request, response).catch(() => response.destroy())
  }

  async #page(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (await this.#site.serve(request, response)) return
    const page = await this.#options.pages(request.url!.split('?')[0]!, isLoopback(request.socket))
    if (page === undefined) this.#refuse(request, response, { status: 404, message: 'there is no such page' })
    else if ('text' in page) sendPage(response, page)
    else this.#answers.send(new HttpReply(request, response), page.status, JSON.stringify(page.body))
  }

  #refusalOf(request: IncomingMessage): Refusal | undefined {
    const { socket, headers, method } = request
    if (namesHosts(request)) return { status: 400, message: 'more than one Host header' }
    const refusal = this.#policy.refusalOfHead(method, headers)
    if (refusal !== undefined || method !== 'POST') return refusal
    return this.#policy.refusalNow(socket.remoteAddress ?? '')
  }

  #readBody(request: IncomingMessage, response: ServerResponse): void {
    const client = request.socket.remoteAddress ?? ''
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
        if (!body.isRefused && !request.socket.destroyed) this.#answer(body.text(), request, response)
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
    if (body.size > this.#limits.bodyBytesMax) refuse(this.#policy.tooLarge())
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

  #answer(text: string, request: IncomingMessage, response: ServerResponse): void {
    const socket = MeteredSocket.of(request).raw
    this.#exchanges.begin(text, this.#exchanges.callOf(socket), socket, (answer) =>
      this.#answers.send(new HttpReply(request, response), 200, answer),
    )
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
    this.#answers.send(new HttpReply(request, response), status, refusalText(code, message))
  }

  #upgrade(request: IncomingMessage, socket: Socket, head: Buffer): void {
    socket.on('error', () => socket.destroy())
    if (namesHosts(request)) refuseUpgrade(socket, '400 Bad Request')
    else if (!this.#policy.allowsUpgrade(request.headers)) refuseUpgrade(socket, '403 Forbidden')
    else if (this.#sockets.full) refuseUpgrade(socket, '503 Service Unavailable')
    else this.#sockets.accept(request, socket, head)
    socket.resume()
  }
}

/** Two hosts are none: node:http knows the first, and somebody in front of it may have looked at the other. */
function namesHosts({ rawHeaders }: IncomingMessage): boolean {
  let count = 0
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!
    if (name.length === 4 && name.toLowerCase() === 'host' && ++count > 1) return true
  }
  return false
}

function isLoopback({ remoteAddress = '' }: Socket): boolean {
  return /^(?:::ffff:)?127\.|^::1$/.test(remoteAddress)
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
  socket.setTimeout(LINGER_MS, () => socket.destroy())
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
}
