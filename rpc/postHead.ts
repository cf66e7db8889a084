// The head of a plain POST. Owns: the small part of HTTP/1.1 that the lean path reads. Not: the rest (node:http), and
// what is allowed (policy.ts).
import type { RequestHeaders } from './policy.ts'

/** Longer heads are left to node:http. */
export const HEAD_LENGTH_MAX = 4_096
const REQUEST_LINE = 'POST / HTTP/1.1'
const HEAD_END = '\r\n\r\n'
/** A name, a colon, at most one space, and a value of visible ASCII with spaces between. */
const FIELD = /^([\w!#$%&'*+.^`|~-]+): ?([\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?)$/
const LENGTH = /^(?:0|[1-9]\d{0,7})$/

/** Read for the answer. */
const READ: ReadonlySet<string> = new Set([
  'host',
  'origin',
  'content-type',
  'content-length',
  'accept-encoding',
])
/** Without any meaning for the message or the connection, and common. All other names are left to node:http. */
const WITHOUT_MEANING: ReadonlySet<string> = new Set([
  'accept',
  'accept-language',
  'authorization',
  'cache-control',
  'cookie',
  'dnt',
  'forwarded',
  'pragma',
  'priority',
  'referer',
  'sec-ch-ua',
  'sec-ch-ua-mobile',
  'sec-ch-ua-platform',
  'sec-fetch-dest',
  'sec-fetch-mode',
  'sec-fetch-site',
  'traceparent',
  'tracestate',
  'user-agent',
  'via',
  'x-api-key',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
  'x-real-ip',
  'x-request-id',
])

export interface PostHead {
  /** With the empty line. */
  readonly text: string
  readonly bodyBytes: number
  readonly acceptEncoding: string | undefined
  readonly headers: RequestHeaders
}

/**
 * The head at the beginning of `text`, which holds one byte a character. Undefined for anything that is not entirely
 * understood: another method or path, an unknown or repeated name, a missing length, and whatever looks unusual.
 */
export function readPostHead(text: string): PostHead | undefined {
  if (!text.startsWith(REQUEST_LINE)) return undefined
  const end = text.indexOf(HEAD_END)
  if (end === -1 || end + HEAD_END.length > HEAD_LENGTH_MAX) return undefined
  // A copy: slices would keep the whole text.
  const own = Buffer.from(text.slice(0, end + HEAD_END.length), 'latin1').toString('latin1')
  const [requestLine, ...lines] = own.slice(0, end).split('\r\n')
  if (requestLine !== REQUEST_LINE) return undefined
  const fields = new Map<string, string>()
  for (const line of lines) {
    const match = FIELD.exec(line)
    if (match === null) return undefined
    const name = match[1]!.toLowerCase()
    if (fields.has(name)) return undefined
    if (name === 'connection') {
      if (match[2]!.toLowerCase() !== 'keep-alive') return undefined
    } else if (!READ.has(name) && !WITHOUT_MEANING.has(name)) return undefined
    fields.set(name, match[2]!)
  }
  const length = fields.get('content-length')
  if (!fields.has('host') || length === undefined || !LENGTH.test(length)) return undefined
  return {
    text: own,
    bodyBytes: Number(length),
    acceptEncoding: fields.get('accept-encoding'),
    headers: {
      host: fields.get('host'),
      origin: fields.get('origin'),
      'content-type': fields.get('content-type'),
      'content-length': length,
    },
  }
}
