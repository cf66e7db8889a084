// Reads bodies of the other side within a bound of bytes and of time. Not: what is in them.
import { concatBytes, utf8Text } from '../../base/bytes.ts'
import { errorText } from '../../base/errors.ts'
import { RedeemError } from './redeemError.ts'

/** What is used of `fetch`: a request's URL and options, and its answer. */
export type DoorFetch = (url: string, init: RequestInit) => Promise<Response>

/** The body, at most `bytesMax`. Throws RedeemError `wire` beyond, and `door` when the connection breaks. */
export async function readBody(response: Response, bytesMax: number): Promise<Uint8Array> {
  if (response.body === null) return new Uint8Array(0)
  const reader = (response.body as ReadableStream<Uint8Array>).getReader()
  const parts: Uint8Array[] = []
  let size = 0
  for (;;) {
    const { done, value } = await reader.read().catch((cause: unknown) => {
      throw new RedeemError('door', `the connection broke: ${errorText(cause)}`, { cause })
    })
    if (done || value === undefined) return concatBytes(...parts)
    size += value.length
    if (size > bytesMax) {
      await reader.cancel().catch(() => undefined)
      throw new RedeemError('wire', `an answer of more than ${bytesMax} bytes`)
    }
    parts.push(value)
  }
}

export async function readText(response: Response, bytesMax: number): Promise<string> {
  const bytes = await readBody(response, bytesMax)
  try {
    return utf8Text(bytes)
  } catch (cause) {
    throw new RedeemError('wire', 'an answer is not UTF-8', { cause })
  }
}

/** A request whose failure is a shut door. Throws RedeemError `door`, or `certificate` as the fetch itself does. */
export async function knock(fetch: DoorFetch, url: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, init)
  } catch (cause) {
    if (cause instanceof RedeemError) throw cause
    const inner = cause instanceof Error && cause.cause instanceof Error ? `: ${cause.cause.message}` : ''
    throw new RedeemError('door', `${new URL(url).origin} does not answer: ${errorText(cause)}${inner}`, {
      cause,
    })
  }
}

/** OpenAI's code of an error, where it is one. */
export function errorCodeOf(body: string): string {
  try {
    const { error } = JSON.parse(body) as { readonly error?: { readonly code?: unknown } }
    return /^[\w-]{1,64}$/.exec(String(error?.code))?.[0] ?? 'no code'
  } catch {
    return 'no code'
  }
}

/** The body is passed on decoded, and in pieces of its own. */
export function withoutLength(headers: Headers): Headers {
  const out = new Headers(headers)
  for (const name of ['content-length', 'content-encoding', 'transfer-encoding']) out.delete(name)
  return out
}
