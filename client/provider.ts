// The light client's data source: JSON-RPC over HTTP, bounded in time and size. Nothing from a provider is trusted.
// Not: the shape of answers (answers.ts), proofs (base/protocol).
import { errorText } from '../base/errors.ts'
import type { Json } from '../base/field.ts'
import { LightClientError } from './errors.ts'

/** Anything that answers a node's JSON-RPC; tests and wallets supply their own. */
export interface Provider {
  /** For messages: usually the URL. */
  readonly name: string
  /** The result; throws LightClientError `provider` for anything else. `params` by name. */
  request(method: string, params: { readonly [name: string]: Json }): Promise<Json>
}

const TIMEOUT_MS_DEFAULT = 15_000
/** The largest answer, 64 sets of 256 validators in hex, with a margin. */
const BYTES_MAX_DEFAULT = 16 * 1024 * 1024

interface HttpAnswer {
  readonly ok: boolean
  readonly status: number
  readonly body: {
    getReader(): {
      read(): Promise<{ readonly done: boolean; readonly value?: Uint8Array | undefined }>
      cancel(): Promise<void>
    }
  } | null
}
/** The subset of `fetch` in use. */
export type Fetch = (
  url: string,
  init: {
    readonly method: 'POST'
    readonly headers: Record<string, string>
    readonly body: string
    readonly signal: AbortSignal
  },
) => Promise<HttpAnswer>

export interface HttpProviderOptions {
  readonly timeoutMs?: number
  readonly bytesMax?: number
  /** Default: the global one. */
  readonly fetch?: Fetch
}

async function readBounded(answer: HttpAnswer, bytesMax: number): Promise<string> {
  if (answer.body === null) return ''
  const reader = answer.body.getReader()
  const decoder = new TextDecoder()
  let text = ''
  let sizeBytes = 0
  for (;;) {
    const { done, value } = await reader.read()
    if (value !== undefined) {
      sizeBytes += value.length
      if (sizeBytes > bytesMax) {
        await reader.cancel()
        throw new Error(`the answer exceeds ${bytesMax} bytes`)
      }
      text += decoder.decode(value, { stream: true })
    }
    if (done) return text + decoder.decode()
  }
}

function resultOf(text: string, method: string): Json {
  const answer = JSON.parse(text) as { readonly result?: Json; readonly error?: { readonly message?: Json } }
  if (answer === null || typeof answer !== 'object') throw new Error('the answer is not a JSON-RPC response')
  if (answer.error !== undefined && answer.error !== null) {
    throw new Error(`${method}: ${String(answer.error.message ?? 'refused without a reason').slice(0, 500)}`)
  }
  if (answer.result === undefined) throw new Error(`${method}: the answer has no result`)
  return answer.result
}

/**
 * A node's JSON-RPC port; redirects and credentials follow the platform's `fetch`.
 *
 * @example
 * const provider = httpProvider('http://127.0.0.1:8545', { timeoutMs: 5_000 })
 * const genesis = await provider.request('chain_genesis', {})
 */
export function httpProvider(url: string, options: HttpProviderOptions = {}): Provider {
  if (!/^https?:\/\//.test(url)) {
    throw new LightClientError('input', `${url} is not an http or https address`)
  }
  const { timeoutMs = TIMEOUT_MS_DEFAULT, bytesMax = BYTES_MAX_DEFAULT } = options
  const send: Fetch = options.fetch ?? ((to, init) => globalThis.fetch(to, init))
  return {
    name: url,
    async request(method, params) {
      try {
        const answer = await send(url, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
          signal: AbortSignal.timeout(timeoutMs),
        })
        const text = await readBounded(answer, bytesMax)
        if (!answer.ok && !text.startsWith('{')) throw new Error(`HTTP status ${answer.status}`)
        return resultOf(text, method)
      } catch (error) {
        const cause = (error as { cause?: { message?: string } }).cause?.message
        const reason = `${errorText(error)}${cause === undefined ? '' : ` (${cause})`}`
        throw new LightClientError('provider', `${url}: ${reason}`, { provider: url, cause: error })
      }
    },
  }
}
