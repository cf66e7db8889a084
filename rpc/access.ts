// Access control. Owns: Host allow-list, Origin rules, the optional rate limit. Not: sockets.
import { isIPv4, isIPv6 } from 'node:net'

/** Loopback names; raw addresses are always allowed because DNS cannot rebind them. */
const LOCAL_HOSTS = new Set(['localhost', '127.0.0.1', '[::1]'])
/** A name, an IPv4 address or a bracketed IPv6 address, and a port; nothing else, such as a user's name. */
const AUTHORITY = /^(\[[0-9a-f:.]{2,45}\]|[a-z0-9_.-]{1,253})(?::(\d{1,5}))?$/
/** The user installs extensions, and a page cannot impersonate one. */
const EXTENSION_ORIGIN = /^(?:chrome-extension|moz-extension|safari-web-extension):\/\//

/** The name or address of `name[:port]`, in lower case; undefined when it is not of that form. */
function hostName(authority: string): string | undefined {
  const match = AUTHORITY.exec(authority.toLowerCase())
  return match === null || Number(match[2] ?? 0) > 65_535 ? undefined : match[1]
}

function isRawAddress(name: string): boolean {
  return name.startsWith('[') ? isIPv6(name.slice(1, -1)) : isIPv4(name)
}

export interface AccessOptions {
  /** Additional host names, lower case; `*` allows every name. */
  readonly hosts: readonly string[]
  /** Origins of pages that may call, e.g. `https://wallet.example`; `*` allows every page. */
  readonly origins: readonly string[]
}

export class Access {
  readonly #hosts: ReadonlySet<string>
  readonly #origins: ReadonlySet<string>
  /** Cached: a client sends the same header every time. */
  #lastAllowed: string | undefined

  constructor(options: AccessOptions) {
    this.#hosts = new Set(options.hosts.map((host) => host.toLowerCase()))
    this.#origins = new Set(options.origins.map((origin) => origin.toLowerCase()))
  }

  /** Against DNS rebinding: the Host header must be a raw address, localhost or a configured name. */
  allowsHost(authority: string | undefined): boolean {
    if (authority === undefined || authority === this.#lastAllowed || this.#hosts.has('*')) return true
    const name = hostName(authority)
    const allowed =
      name !== undefined && (LOCAL_HOSTS.has(name) || isRawAddress(name) || this.#hosts.has(name))
    if (allowed) this.#lastAllowed = authority
    return allowed
  }

  /** Allows pages served from this machine, extensions and configured origins. */
  allowsOrigin(origin: string): boolean {
    if (this.#origins.has('*') || this.#origins.has(origin.toLowerCase())) return true
    if (EXTENSION_ORIGIN.test(origin)) return true
    const match = /^https?:\/\/([^/]+)$/.exec(origin)
    return match !== null && LOCAL_HOSTS.has(hostName(match[1]!) ?? '')
  }
}

export interface RateLimit {
  /** JSON-RPC requests per second and client address; each element of a batch counts, and each 64 KiB of an answer. */
  readonly perSecond: number
  /** Bucket size, requests. */
  readonly burst: number
}

/** Client addresses remembered; the least recently seen is evicted. */
const CLIENTS_MAX = 10_000

/** One token bucket per client address. A batch may overdraw it, by at most one burst. */
export class RateLimiter {
  readonly #limit: RateLimit
  readonly #buckets = new Map<string, { tokens: number; atMs: number }>()

  constructor(limit: RateLimit) {
    this.#limit = limit
  }

  #tokens(client: string, nowMs: number): number {
    const { perSecond, burst } = this.#limit
    const known = this.#buckets.get(client)
    if (known === undefined) return burst
    return Math.min(burst, known.tokens + ((nowMs - known.atMs) / 1000) * perSecond)
  }

  /** Seconds until the next request is allowed; 0 = now. */
  retryAfterSeconds(client: string, nowMs: number): number {
    const tokens = this.#tokens(client, nowMs)
    return tokens >= 1 ? 0 : Math.max(1, Math.ceil((1 - tokens) / this.#limit.perSecond))
  }

  charge(client: string, count: number, nowMs: number): void {
    const tokens = Math.max(this.#tokens(client, nowMs) - count, -this.#limit.burst)
    this.#buckets.delete(client)
    this.#buckets.set(client, { tokens, atMs: nowMs })
    if (this.#buckets.size <= CLIENTS_MAX) return
    for (const oldest of this.#buckets.keys()) {
      this.#buckets.delete(oldest)
      break
    }
  }
}
