// Writes whole answers. Owns: the headers that every answer has, errors as OpenAI's clients read them. Not: streams.
import type { ServerResponse } from 'node:http'
import { openAiError } from '../../client/redemption/wire.ts'

const BASE_HEADERS = {
  'Cache-Control': 'no-store',
  'X-Content-Type-Options': 'nosniff',
} as const

export type Headers = Readonly<Record<string, string>>

/** An answer that is not what was asked for. `code` is stable. */
export class Refusal extends Error {
  readonly status: number
  readonly code: string
  readonly param: string | undefined
  readonly headers: Headers

  constructor(
    status: number,
    code: string,
    message: string,
    more: { readonly param?: string; readonly headers?: Headers } = {},
  ) {
    super(message)
    this.name = 'Refusal'
    this.status = status
    this.code = code
    this.param = more.param
    this.headers = more.headers ?? {}
  }
}

export const later = (seconds: number): Headers => ({ 'Retry-After': `${seconds}` })

function typeOf(status: number): string {
  if (status === 401) return 'authentication_error'
  if (status === 402 || status === 403) return 'insufficient_quota'
  if (status === 429) return 'rate_limit_error'
  return status >= 500 ? 'server_error' : 'invalid_request_error'
}

export function sendBytes(
  response: ServerResponse,
  status: number,
  type: string,
  body: string | Uint8Array,
  headers: Headers = {},
): void {
  if (response.headersSent || response.destroyed) return
  const bytes = typeof body === 'string' ? Buffer.from(body) : body
  response.writeHead(status, {
    ...BASE_HEADERS,
    'Content-Type': type,
    'Content-Length': `${bytes.length}`,
    ...headers,
  })
  response.end(bytes)
}

export function sendJson(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Headers = {},
): void {
  sendBytes(response, status, 'application/json', JSON.stringify(body), headers)
}

export function refuse(response: ServerResponse, refusal: Refusal): void {
  const { status, code, message, param, headers } = refusal
  const body = openAiError({ message, type: typeOf(status), code, ...(param === undefined ? {} : { param }) })
  // Whoever retries by himself must not where it cannot help.
  const retry: Headers = status === 429 || status >= 500 ? {} : { 'X-Should-Retry': 'false' }
  sendJson(response, status, body, { ...retry, ...headers })
}
