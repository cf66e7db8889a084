// Which HTTP requests are answered, for both ways in: node:http and the lean path. Owns: the refusals that headers, the
// rate limit and the load lead to, and the CORS headers. Not: reading headers (postHead.ts, node:http), bodies (server.ts).
import { Access, type AccessOptions, type RateLimiter } from './access.ts'
import type { Load } from './load.ts'

export interface Refusal {
  readonly status: number
  readonly message: string
  readonly header?: readonly [string, string]
}

/** What is read of a request's headers, under the names of node:http; a header that was sent twice is as node:http joins it. */
export interface RequestHeaders {
  readonly host?: string | undefined
  readonly origin?: string | undefined
  readonly 'content-encoding'?: string | undefined
  readonly 'content-type'?: string | undefined
  readonly 'content-length'?: string | undefined
}

export const BUSY: Refusal = {
  status: 503,
  message: 'too many requests in progress',
  header: ['Retry-After', '1'],
}
const JSON_TYPES = /^application\/(?:json|json-rpc|jsonrequest)\s*(?:;|$)/i

/** The page that this node serves, under whatever name it was asked for. */
function isOwnPage(origin: string, host: string | undefined): boolean {
  return host !== undefined && /^https?:\/\/(.+)$/.exec(origin.toLowerCase())?.[1] === host.toLowerCase()
}

interface PolicyOptions extends AccessOptions {
  readonly bodyBytesMax: number
  readonly rate: RateLimiter | undefined
  readonly load: Load
}

export class Policy {
  readonly #options: PolicyOptions
  readonly #access: Access

  constructor(options: PolicyOptions) {
    this.#options = options
    this.#access = new Access(options)
  }

  /** The headers that every answer to a page of this origin carries, in their order. */
  corsHeaders(origin: string | undefined): readonly (readonly [string, string])[] {
    if (origin === undefined) return []
    const vary = ['Vary', 'Origin'] as const
    return this.#access.allowsOrigin(origin) ? [['Access-Control-Allow-Origin', origin], vary] : [vary]
  }

  allowsUpgrade({ host, origin }: RequestHeaders): boolean {
    if (!this.#access.allowsHost(host)) return false
    return origin === undefined || isOwnPage(origin, host) || this.#access.allowsOrigin(origin)
  }

  /** Why the headers alone refuse the request: always so for the same headers. */
  refusalOfHead(method: string | undefined, headers: RequestHeaders): Refusal | undefined {
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
    return Number(headers['content-length'] ?? 0) > this.#options.bodyBytesMax ? this.tooLarge() : undefined
  }

  /** Why the node does not serve a POST of this client now. */
  refusalNow(client: string): Refusal | undefined {
    const { rate, load } = this.#options
    const wait = rate?.retryAfterSeconds(client, performance.now()) ?? 0
    if (wait > 0) {
      const message = `rate limit exceeded: retry after ${wait} s`
      return { status: 429, message, header: ['Retry-After', String(wait)] }
    }
    return load.isFullFor(client) ? BUSY : undefined
  }

  tooLarge(): Refusal {
    return { status: 413, message: `body exceeds ${this.#options.bodyBytesMax} bytes` }
  }
}
