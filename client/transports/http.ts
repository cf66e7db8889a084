// JSON-RPC over HTTP, bounded in time and size; for Node and browsers. Not: the interface (transport.ts).
import { errorText } from '../../base/errors.ts'
import type { Json } from '../../base/field.ts'
import { parseJson } from '../../base/json.ts'
import { ClientError } from '../clientError.ts'
import { resultOf, TIMEOUT_MS_DEFAULT, type Transport } from './transport.ts'

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

export interface HttpOptions {
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

/** What went wrong, with the reason that `fetch` hides in its cause. */
function reasonOf(error: unknown): string {
  const cause = (error as { cause?: { message?: string } }).cause?.message
  return `${errorText(error)}${cause === undefined ? '' : ` (${cause})`}`
}

/**
 * A node's JSON-RPC port; redirects and credentials follow the platform's `fetch`. Throws ClientError `input` for anything
 * but an http or https address.
 *
 * @example
 * const transport = httpTransport('http://127.0.0.1:8545', { timeoutMs: 5_000 })
 * const chainId = Number(await transport.request('eth_chainId', []))
 */
export function httpTransport(url: string, options: HttpOptions = {}): Transport {
  if (!/^https?:\/\//.test(url)) throw new ClientError('input', `${url} is not an http or https address`)
  const { timeoutMs: usualMs = TIMEOUT_MS_DEFAULT, bytesMax = BYTES_MAX_DEFAULT } = options
  const send: Fetch = options.fetch ?? ((to, init) => globalThis.fetch(to, init))
  let id = 0

  async function post(body: string, timeoutMs: number): Promise<Json> {
    const answer = await send(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
      signal: AbortSignal.timeout(timeoutMs),
    })
    const text = await readBounded(answer, bytesMax)
    if (!answer.ok && !text.startsWith('{')) throw new Error(`HTTP status ${answer.status}`)
    return parseJson(text)
  }

  return {
    name: url,
    async request(method, params, { timeoutMs = usualMs } = {}) {
      id++
      const answer = await post(JSON.stringify({ jsonrpc: '2.0', id, method, params }), timeoutMs).catch(
        (cause: unknown) => {
          throw new ClientError('transport', `${url}: ${reasonOf(cause)}`, { cause })
        },
      )
      return resultOf(answer, method)
    },
  }
}
