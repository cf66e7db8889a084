// The local OpenAI endpoint of `suanli redeem serve`: forwards to whichever provider serves, within limits. Programs of this
// machine use it without a key, so it listens on loopback, and answers no web page. Not: checks and payment (client/redemption/).
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { concatBytes, utf8Text } from '../../base/bytes.ts'
import { RedeemError, type RedeemErrorCode } from '../../client/redemption/redeemError.ts'
import type { Redeemer } from '../../client/redemption/redeemer.ts'
import { openAiError } from '../../client/redemption/wire.ts'

const BODY_BYTES_MAX = 32 * 1024 * 1024
const REQUESTS_MAX = 256
const DRAIN_MS = 10_000
/** The work that coins buy. Session, statement and vouchers are this program's own business. */
const FORWARDED = /^(\/v1\/|\/suanli\/v1\/jobs([/?]|$))/
const LOCAL_HOST = /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?$/

/** HTTP status and OpenAI's type of what may go wrong. */
const STATUS: Partial<Record<RedeemErrorCode, readonly [number, string]>> = {
  input: [400, 'invalid_request_error'],
  unpriced: [404, 'invalid_request_error'],
  budget: [429, 'insufficient_quota'],
  ended: [503, 'server_error'],
}

function errorOf(error: unknown): { readonly status: number; readonly body: string } {
  if (!(error instanceof RedeemError)) {
    const body = openAiError({ message: 'the request could not be forwarded', type: 'server_error' })
    return { status: 500, body: JSON.stringify(body) }
  }
  const [status, type] = STATUS[error.code] ?? [502, 'server_error']
  const code = error.code === 'unpriced' ? 'model_not_found' : error.code
  return { status, body: JSON.stringify(openAiError({ message: error.message, type, code })) }
}

function refusal(status: number, message: string): { readonly status: number; readonly body: string } {
  return { status, body: JSON.stringify(openAiError({ message, type: 'invalid_request_error' })) }
}

/** Whether a path is forwarded: as it is written, since a provider may read `..` as it likes. */
function isForwarded(url: string): boolean {
  const path = url.split('?', 1)[0]!
  return FORWARDED.test(url) && new URL(path, 'http://local').pathname === path
}

/** Why a request is not forwarded, before its body is read. */
function refusedBy(request: IncomingMessage): ReturnType<typeof refusal> | undefined {
  const { headers, method, url = '/' } = request
  // A page in a browser may send requests here: its origin, or the name that it has bound to this address, tells it.
  if (headers.origin !== undefined) return refusal(403, 'this endpoint answers no web page')
  if (!LOCAL_HOST.test(headers.host ?? '')) return refusal(403, 'this endpoint is asked by its address alone')
  if (!isForwarded(url)) return refusal(404, 'there is nothing outside of /v1/ and /suanli/v1/jobs')
  if (method !== 'GET' && method !== 'POST' && method !== 'DELETE')
    return refusal(405, `${method} is not forwarded`)
  if (method === 'POST' && !/^(application\/json|multipart\/form-data)\b/.test(headers['content-type'] ?? ''))
    return refusal(415, 'the content-type is application/json, or multipart/form-data for files')
  if (Number(headers['content-length'] ?? 0) > BODY_BYTES_MAX)
    return refusal(413, `a body is at most ${BODY_BYTES_MAX} bytes`)
  return undefined
}

async function bodyOf(request: IncomingMessage): Promise<Uint8Array | undefined> {
  const parts: Uint8Array[] = []
  let size = 0
  for await (const chunk of request as AsyncIterable<Uint8Array>) {
    size += chunk.length
    if (size > BODY_BYTES_MAX) return undefined
    parts.push(chunk)
  }
  return concatBytes(...parts)
}

export class LocalEndpoint {
  readonly #redeemer: Redeemer
  readonly #server: Server
  readonly #ending = new AbortController()
  #inFlight = 0
  #isClosing = false

  private constructor(redeemer: Redeemer) {
    this.#redeemer = redeemer
    this.#server = createServer(
      { maxHeaderSize: 16_384, headersTimeout: 10_000, requestTimeout: 60_000, keepAliveTimeout: 5_000 },
      (request, response) => void this.#answer(request, response),
    )
    this.#server.maxConnections = 2 * REQUESTS_MAX
  }

  /** Listens on loopback. Throws what `listen` does. */
  static async start(redeemer: Redeemer, port: number): Promise<LocalEndpoint> {
    const endpoint = new LocalEndpoint(redeemer)
    endpoint.#server.listen(port, '127.0.0.1')
    await once(endpoint.#server, 'listening')
    return endpoint
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/v1`
  }

  /** Takes nothing more, lets what is under way end, then cuts it. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    this.#isClosing = true
    this.#server.closeIdleConnections()
    const timer = setTimeout(() => {
      this.#ending.abort()
      this.#server.closeAllConnections()
    }, DRAIN_MS)
    await closed
    clearTimeout(timer)
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const say = ({ status, body }: ReturnType<typeof refusal>): void => {
      // What is left of the body is not read.
      response.writeHead(status, { 'content-type': 'application/json', connection: 'close' }).end(body)
    }
    const refused = refusedBy(request)
    if (refused !== undefined) return say(refused)
    if (this.#inFlight >= REQUESTS_MAX) return say(refusal(429, `${REQUESTS_MAX} requests are under way`))
    this.#inFlight++
    const gone = new AbortController()
    response.once('close', () => {
      gone.abort()
      // Its connection would wait for a next request.
      if (this.#isClosing) setImmediate(() => this.#server.closeIdleConnections())
    })
    try {
      const bytes = await bodyOf(request)
      if (bytes === undefined) return say(refusal(413, `a body is at most ${BODY_BYTES_MAX} bytes`))
      const signal = AbortSignal.any([gone.signal, this.#ending.signal])
      await this.#forward(request, response, bytes, signal)
    } catch (error) {
      if (gone.signal.aborted) return
      if (!response.headersSent) return say(errorOf(error))
      // A stream is told in its own way, as OpenAI's is.
      response.end(`data: ${errorOf(error).body}\n\n`)
    } finally {
      this.#inFlight--
    }
  }

  async #forward(
    request: IncomingMessage,
    response: ServerResponse,
    bytes: Uint8Array,
    signal: AbortSignal,
  ): Promise<void> {
    const { method = 'GET', url = '/' } = request
    const headers: Record<string, string> = {}
    for (const name of ['content-type', 'accept'] as const) {
      const value = request.headers[name]
      if (value !== undefined) headers[name] = value
    }
    const isJson = headers['content-type']?.startsWith('application/json') === true
    const body = method === 'GET' ? undefined : isJson ? textOf(bytes) : bytes
    const answer = await this.#redeemer.fetch(url, { method, headers, body, signal })
    response.writeHead(answer.status, Object.fromEntries(answer.headers))
    if (answer.body === null) return void response.end()
    for await (const chunk of answer.body as unknown as AsyncIterable<Uint8Array>) {
      if (!response.write(chunk)) await Promise.race([once(response, 'drain'), once(response, 'close')])
      if (response.destroyed) return
    }
    response.end()
  }
}

function textOf(bytes: Uint8Array): string {
  try {
    return utf8Text(bytes)
  } catch {
    throw new RedeemError('input', 'the body is not UTF-8')
  }
}
