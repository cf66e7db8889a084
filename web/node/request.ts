// Requests to the node that served the page, and to no other. Owns: joining what is asked at once into one batch, and
// giving up when nobody waits any more. Not: what is asked (the views), the live stream (live.ts).
import { errorText } from '../../base/errors.ts'
import type { Json } from '../../base/field.ts'
import { type ChainClient, createClient } from '../../client/chainClient.ts'
import { ClientError } from '../../client/clientError.ts'
import { resultOf, type Transport } from '../../client/transports/transport.ts'

/** Of one batch; the node takes ten times as many. */
const BATCH_MAX = 100
const TIMEOUT_MS = 20_000

interface Asked {
  readonly method: string
  readonly params: unknown
  readonly resolve: (result: Json) => void
  readonly reject: (error: unknown) => void
}

async function post(batch: readonly Asked[], signal: AbortSignal): Promise<readonly Json[]> {
  const body = batch.map(({ method, params }, id) => ({ jsonrpc: '2.0', id, method, params }))
  const answer = await fetch('/', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(batch.length === 1 ? body[0] : body),
    signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
  })
  const text = await answer.text()
  if (!text.startsWith('{') && !text.startsWith('[')) throw new Error(`HTTP status ${answer.status}`)
  const json = JSON.parse(text) as Json
  if (!Array.isArray(json)) return batch.map(() => json)
  const byId = new Map((json as readonly { readonly id?: Json }[]).map((one) => [one.id, one as Json]))
  return batch.map((_, id) => byId.get(id) ?? null)
}

/** Same-origin JSON-RPC; what is asked in one turn of the event loop goes in one request. */
export function nodeTransport(signal: AbortSignal): Transport {
  let waiting: Asked[] = []
  const send = async (batch: readonly Asked[]): Promise<void> => {
    let answers: readonly Json[]
    try {
      answers = await post(batch, signal)
    } catch (cause) {
      // The reader went elsewhere: nobody is told.
      const error = signal.aborted
        ? signal.reason
        : new ClientError('transport', `${location.origin}: ${errorText(cause)}`, { cause })
      for (const { reject } of batch) reject(error)
      return
    }
    for (const [i, { method, resolve, reject }] of batch.entries()) {
      try {
        resolve(resultOf(answers[i]!, method))
      } catch (error) {
        reject(error)
      }
    }
  }
  const flush = (): void => {
    const all = waiting
    waiting = []
    for (let i = 0; i < all.length; i += BATCH_MAX) void send(all.slice(i, i + BATCH_MAX))
  }
  return {
    name: location.origin,
    request: (method, params) =>
      new Promise((resolve, reject) => {
        if (signal.aborted) return reject(signal.reason)
        waiting.push({ method, params, resolve, reject })
        if (waiting.length === 1) queueMicrotask(flush)
      }),
  }
}

/** A typed client whose requests end with the signal. */
export function nodeClient(signal: AbortSignal): ChainClient {
  return createClient(nodeTransport(signal))
}
