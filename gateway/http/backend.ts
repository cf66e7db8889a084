// A backend behind the gateway: its connections, its slots, one request to it. Owns: HTTP to it, and what of a client's request
// it sees. Not: what it answers (generate.ts).
import {
  type ClientRequest,
  Agent as HttpAgent,
  request as httpRequest,
  type IncomingMessage,
} from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import type { Json } from '../../base/field.ts'
import { isWholeNumber } from '../../base/integers.ts'
import type { BackendConfig, Limits } from '../config.ts'
import { FairQueue } from './fairQueue.ts'

/** Of an answer that is an error, or of a tokenizer's. */
const SMALL_BYTES_MAX = 65_536
const TOKENIZER_MS = 10_000

export class BackendError extends Error {
  readonly kind: 'unreachable' | 'stalled' | 'broken' | 'tooLong'
  constructor(kind: BackendError['kind'], message: string, options?: { readonly cause: unknown }) {
    super(message, options)
    this.name = 'BackendError'
    this.kind = kind
  }
}

export class Backend {
  readonly config: BackendConfig
  readonly queue: FairQueue
  readonly #key: string | undefined
  readonly #agent: HttpAgent | HttpsAgent
  readonly #idleMs: number

  constructor(config: BackendConfig, key: string | undefined, limits: Limits, totalWeight: () => bigint) {
    this.config = config
    this.#key = key
    this.#idleMs = limits.backendIdleMs
    this.queue = new FairQueue({ ...limits, slots: config.slots }, totalWeight)
    const options = {
      keepAlive: true,
      maxSockets: config.slots + 8,
      maxFreeSockets: config.slots,
      scheduling: 'lifo',
    } as const
    this.#agent = config.url.startsWith('https:') ? new HttpsAgent(options) : new HttpAgent(options)
  }

  /** Of the configuration alone: without the key. */
  get name(): string {
    return this.config.url
  }

  /**
   * Resolves with the head of the answer. Nothing of the client's headers is passed on. Rejects with BackendError; a silent
   * backend is given up.
   */
  post(path: string, body: Uint8Array | string, signal: AbortSignal): Promise<IncomingMessage> {
    return this.#request('POST', `${this.config.url}${path}`, body, signal)
  }

  #request(
    method: 'GET' | 'POST',
    url: string,
    body: Uint8Array | string | undefined,
    signal: AbortSignal,
  ): Promise<IncomingMessage> {
    const headers: Record<string, string | number> = {
      Accept: 'application/json, text/event-stream',
      'Accept-Encoding': 'identity',
    }
    if (body !== undefined) {
      headers['Content-Type'] = 'application/json'
      headers['Content-Length'] = typeof body === 'string' ? Buffer.byteLength(body) : body.length
    }
    if (this.#key !== undefined) headers.Authorization = `Bearer ${this.#key}`
    const send = url.startsWith('https:') ? httpsRequest : httpRequest
    return new Promise((resolve, reject) => {
      const fail = (cause: Error): void => {
        const isSilent = (cause as { code?: string }).code === 'SILENT'
        reject(
          new BackendError(isSilent ? 'stalled' : 'unreachable', `${this.name}: ${cause.message}`, { cause }),
        )
      }
      const attempt = (mayRepeat: boolean): void => {
        let sent: ClientRequest
        try {
          sent = send(url, { method, headers, agent: this.#agent as HttpAgent, signal }, resolve)
        } catch (cause) {
          fail(cause as Error)
          return
        }
        sent.setTimeout(this.#idleMs, () => {
          sent.destroy(Object.assign(new Error(`silent for ${this.#idleMs} ms`), { code: 'SILENT' }))
        })
        sent.on('error', (cause: Error & { code?: string }) => {
          // A kept connection that the backend had just closed: it saw nothing of the request.
          if (mayRepeat && sent.reusedSocket && cause.code === 'ECONNRESET' && !signal.aborted) attempt(false)
          else fail(cause)
        })
        sent.end(body)
      }
      attempt(true)
    })
  }

  /** A whole answer, within a bound. Rejects with BackendError. */
  async readAll(answer: IncomingMessage, bytesMax = SMALL_BYTES_MAX): Promise<Uint8Array> {
    const parts: Uint8Array[] = []
    let size = 0
    try {
      for await (const part of answer as AsyncIterable<Uint8Array>) {
        size += part.length
        if (size > bytesMax) break
        parts.push(part)
      }
    } catch (cause) {
      throw new BackendError('broken', `${this.name}: the answer broke off`, { cause })
    }
    if (size > bytesMax)
      throw new BackendError('tooLong', `${this.name}: the answer exceeds ${bytesMax} bytes`)
    return parts.length === 1 ? parts[0]! : Buffer.concat(parts)
  }

  /** Status and JSON of a small request, for checks. Rejects with BackendError. */
  async small(
    method: 'GET' | 'POST',
    path: string,
    body?: unknown,
  ): Promise<{ readonly status: number; readonly json: Json | undefined }> {
    const text = body === undefined ? undefined : JSON.stringify(body)
    const answer = await this.#request(
      method,
      `${this.config.url}${path}`,
      text,
      AbortSignal.timeout(TOKENIZER_MS),
    )
    return { status: answer.statusCode ?? 0, json: parsed(await this.readAll(answer, SMALL_BYTES_MAX * 16)) }
  }

  /** Tokens of a text, by the configured tokenizer; undefined without one, or when it fails. */
  async countTokens(model: string, text: string): Promise<number | undefined> {
    const { tokenizerUrl } = this.config
    if (tokenizerUrl === undefined) return undefined
    try {
      const body = JSON.stringify({ model, prompt: text, content: text })
      const answer = await this.#request('POST', tokenizerUrl, body, AbortSignal.timeout(TOKENIZER_MS))
      const { count, tokens } = (parsed(await this.readAll(answer, SMALL_BYTES_MAX * 64)) ?? {}) as {
        readonly count?: Json
        readonly tokens?: Json
      }
      const counted = Array.isArray(tokens) ? tokens.length : count
      return isWholeNumber(counted) ? counted : undefined
    } catch {
      return undefined
    }
  }

  close(): void {
    this.#agent.destroy()
  }
}

export function parsed(bytes: Uint8Array): Json | undefined {
  try {
    return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')) as Json
  } catch {
    return undefined
  }
}
