// The door: HTTP or HTTPS within limits, who may enter, which route it is. Owns: authentication, CORS, limits of connections,
// draining. Not: what the routes do.
import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { ConfigError, errorText } from '../../base/errors.ts'
import { COST_HEADERS, PATHS } from '../../client/redemption/wire.ts'
import { X402_HEADERS } from '../../client/redemption/x402Bodies.ts'
import type { Address as ListenAddress } from '../config.ts'
import { CALLS, type Call } from '../meter/price.ts'
import type { Session } from '../sessions.ts'
import { modelsOf, sendSession, sendStatement, sendTariff, takeVoucher } from './accounting.ts'
import { checkOpen, PaymentDue } from './admit.ts'
import { type Headers, later, Refusal, refuse, sendJson } from './answers.ts'
import type { GatewayContext } from './context.ts'
import { generate } from './generate.ts'
import { demandPayment, takePayment } from './payments.ts'

const PATH_CHARS_MAX = 512
const JOB_PATHS = ['/v1/files', '/v1/fine_tuning/jobs', PATHS.jobs] as const
const EXPOSED = [...Object.values(COST_HEADERS), ...Object.values(X402_HEADERS), 'retry-after'].join(', ')

export class GatewayServer {
  readonly #context: GatewayContext
  readonly #server: Server
  readonly #port: number
  #isDraining = false
  #active = 0
  #onIdle: (() => void) | undefined

  private constructor(context: GatewayContext, server: Server) {
    this.#context = context
    this.#server = server
    this.#port = (server.address() as AddressInfo).port
  }

  /** Resolves once the port is open. Throws ConfigError for certificates that cannot be used, rejects when the port is taken. */
  static async start(context: GatewayContext): Promise<GatewayServer> {
    const { config } = context
    const { limits } = config
    const options = {
      maxHeaderSize: limits.headerBytesMax,
      headersTimeout: limits.requestMs,
      requestTimeout: limits.requestMs,
      keepAliveTimeout: 30_000,
      connectionsCheckingInterval: Math.min(5_000, limits.requestMs),
      noDelay: true,
    }
    let own: GatewayServer | undefined
    const onRequest = (request: IncomingMessage, response: ServerResponse): void =>
      void own?.serve(request, response)
    let server: Server
    try {
      server =
        config.tls === undefined
          ? createServer(options, onRequest)
          : createTlsServer(
              {
                ...options,
                cert: readFileSync(config.tls.certificate),
                key: readFileSync(config.tls.key),
                minVersion: 'TLSv1.2',
              },
              onRequest,
            )
    } catch (error) {
      throw new ConfigError(`tls: ${errorText(error)}`)
    }
    server.maxConnections = limits.connectionsMax
    // A client that takes nothing, or a stranger that holds a connection: longer than anything here is silent for.
    server.setTimeout(limits.requestMs + limits.queueMs + 2 * limits.backendIdleMs)
    await listen(server, config.listen)
    own = new GatewayServer(context, server)
    return own
  }

  get port(): number {
    return this.#port
  }

  get active(): number {
    return this.#active
  }

  get isDraining(): boolean {
    return this.#isDraining
  }

  async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { metrics, log } = this.#context
    this.#active++
    const path = (request.url ?? '').split('?')[0]!
    response.once('close', () => {
      this.#active--
      metrics.add('requests_total', { path: knownPath(path), status: `${response.statusCode}` })
      if (this.#active === 0) this.#onIdle?.()
    })
    try {
      this.#allowOrigin(request, response)
      await this.#route(request, response, path)
    } catch (error) {
      if (error instanceof Refusal) {
        metrics.add('refused_total', { code: error.code })
        if (response.headersSent) response.destroy()
        else refuse(response, error)
        return
      }
      if (!response.destroyed) log.error({ error, path: knownPath(path) }, 'a request failed')
      if (response.headersSent) response.destroy()
      else refuse(response, new Refusal(500, 'internal', 'the gateway failed: it was logged'))
    }
  }

  /** Web pages may call only from the configured origins. */
  #allowOrigin(request: IncomingMessage, response: ServerResponse): void {
    const { corsOrigins } = this.#context.config
    const { origin } = request.headers
    if (origin === undefined || corsOrigins.length === 0) return
    if (!corsOrigins.includes('*') && !corsOrigins.includes(origin)) return
    response.setHeader('Access-Control-Allow-Origin', origin)
    response.setHeader('Vary', 'Origin')
    response.setHeader('Access-Control-Expose-Headers', EXPOSED)
  }

  async #route(request: IncomingMessage, response: ServerResponse, path: string): Promise<void> {
    const { method } = request
    if (path.length > PATH_CHARS_MAX) throw new Refusal(414, 'path_too_long', 'the path is too long')
    if (method === 'OPTIONS') {
      this.#preflight(response)
      return
    }
    if (path === '/health' && method === 'GET') {
      this.#health(response)
      return
    }
    if (path === PATHS.tariff && method === 'GET') {
      sendTariff(this.#context, response)
      return
    }
    if (this.#isDraining)
      throw new Refusal(503, 'shutting_down', 'the gateway is about to end', { headers: later(5) })
    const { failure } = this.#context.ledger
    if (failure !== undefined)
      throw new Refusal(503, 'store_failed', 'nothing can be written down: nothing is served')
    const { sessions } = this.#context
    const session = sessions.find(request.headers.authorization)
    if (session === undefined && !sessions.isSynced) {
      // A holder that is told of a wrong key would give its assignment up.
      throw new Refusal(503, 'starting', 'the gateway has just started and asks its node', {
        headers: later(1),
      })
    }
    if (session === undefined) {
      throw new Refusal(
        401,
        'invalid_api_key',
        'no assignment has this key: it is in the access grant of one',
        {
          headers: { 'WWW-Authenticate': 'Bearer' },
        },
      )
    }
    await this.#authorized(session, request, response, path)
  }

  async #authorized(
    session: Session,
    request: IncomingMessage,
    response: ServerResponse,
    path: string,
  ): Promise<void> {
    const context = this.#context
    const route = `${request.method} ${path}`
    if (route === 'GET /v1/models') {
      sendJson(response, 200, { object: 'list', data: modelsOf(context, session) })
    } else if (request.method === 'GET' && path.startsWith('/v1/models/')) {
      const id = decoded(path.slice('/v1/models/'.length))
      const found = modelsOf(context, session).find((model) => (model as { id: string }).id === id)
      if (found === undefined)
        throw new Refusal(404, 'model_not_found', 'there is no such model: see /v1/models')
      sendJson(response, 200, found)
    } else if (route === `GET ${PATHS.session}`) sendSession(context, session, response)
    else if (route === `GET ${PATHS.statement}`) {
      const query = new URLSearchParams((request.url ?? '').split('?')[1] ?? '')
      await sendStatement(context, session, response, query)
    } else if (route === `POST ${PATHS.vouchers}`) await takeVoucher(context, session, request, response)
    else await this.#call(session, request, response, path)
  }

  async #call(
    session: Session,
    request: IncomingMessage,
    response: ServerResponse,
    path: string,
  ): Promise<void> {
    const context = this.#context
    const call = callOf(path)
    const isJob = context.jobs?.owns(path) === true
    if (call === undefined && !isJob) throw new Refusal(404, 'not_found', 'there is nothing here')
    if (call !== undefined && request.method !== 'POST')
      throw new Refusal(405, 'method_not_allowed', 'POST', { headers: { Allow: 'POST' } })
    if (request.method === 'POST') await checkOpen(context, session)
    const header = request.headers[X402_HEADERS.signature.toLowerCase()]
    const payment = await takePayment(context, session, header)
    if (payment?.kind === 'refused') {
      const { reason, headers } = payment
      demandPayment(context, session, response, { url: path, reason, headers })
      return
    }
    const headers: Headers = payment?.headers ?? {}
    try {
      if (call !== undefined) await generate({ context, session, call, request, response, headers })
      else await context.jobs!.answer({ session, request, response, path, headers })
    } catch (error) {
      if (!(error instanceof PaymentDue)) throw error
      demandPayment(context, session, response, { url: path, headers })
    }
  }

  #preflight(response: ServerResponse): void {
    const isAllowed = response.hasHeader('Access-Control-Allow-Origin')
    response.writeHead(isAllowed ? 204 : 403, {
      'Access-Control-Allow-Methods': 'GET, POST, DELETE',
      'Access-Control-Allow-Headers': `authorization, content-type, ${X402_HEADERS.signature.toLowerCase()}`,
      'Access-Control-Max-Age': '600',
    })
    response.end()
  }

  #health(response: ServerResponse): void {
    const { book, ledger } = this.#context
    const isReady = !this.#isDraining && ledger.failure === undefined && book.clock !== undefined
    sendJson(response, isReady ? 200 : 503, { ready: isReady })
  }

  /** Takes nothing new; resolves when what is under way has ended, or the time is over. */
  async drain(drainMs: number): Promise<void> {
    this.#isDraining = true
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    this.#server.closeIdleConnections()
    if (this.#active > 0) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, drainMs)
        this.#onIdle = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
    this.#server.closeAllConnections()
    await closed
  }
}

function callOf(path: string): Call | undefined {
  return CALLS.find((call) => path === `/v1/${call}`)
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

/** A path for figures and logs: what strangers type is none. */
function knownPath(path: string): string {
  const known: readonly string[] = [
    ...Object.values(PATHS),
    ...CALLS.map((call) => `/v1/${call}`),
    '/v1/models',
    '/health',
  ]
  if (known.includes(path)) return path
  // Without the names of files and jobs.
  return JOB_PATHS.find((root) => path.startsWith(root)) ?? 'other'
}

function listen(server: Server, { host, port }: ListenAddress): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port }, () => {
      server.off('error', reject)
      resolve()
    })
  })
}
