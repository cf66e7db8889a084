// Reads the bytes of a source: a file, or HTTP and HTTPS within limits of time, size and redirects. Not: what is in them
// (readNumber.ts).
import { createReadStream, existsSync, readFileSync } from 'node:fs'
import { get as getHttp, type IncomingMessage } from 'node:http'
import { get as getHttps } from 'node:https'
import { rootCertificates } from 'node:tls'
import { errorText } from '../../base/errors.ts'

export interface SourceLimits {
  readonly timeoutMs: number
  readonly bytesMax: number
}

const REDIRECTS_MAX = 3
/** Where systems keep the certificates that they trust. */
const SYSTEM_STORES = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/etc/ssl/cert.pem',
] as const

let trusted: { readonly store: string | undefined; readonly list: readonly string[] } | undefined
/** The system's certificates, with those that come with Node. `SSL_CERT_FILE` names another store, as for other programs. */
function authorities(): readonly string[] {
  const named = process.env.SSL_CERT_FILE
  const store = [...(named === undefined ? [] : [named]), ...SYSTEM_STORES].find((path) => existsSync(path))
  if (trusted === undefined || trusted.store !== store) {
    const own = store === undefined ? [] : [readFileSync(store, 'utf8')]
    trusted = { store, list: [...rootCertificates, ...own] }
  }
  return trusted.list
}

/** All of a stream as text. Rejects beyond the limit. */
async function readAll(
  stream: AsyncIterable<Uint8Array>,
  bytesMax: number,
  stop: () => void,
): Promise<string> {
  const parts: Uint8Array[] = []
  let size = 0
  for await (const part of stream) {
    size += part.length
    if (size > bytesMax) {
      stop()
      throw new Error(`more than ${bytesMax} bytes`)
    }
    parts.push(part)
  }
  return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(parts))
}

function request(url: URL, signal: AbortSignal): Promise<IncomingMessage> {
  const headers = { accept: 'application/json, text/csv, text/plain', 'accept-encoding': 'identity' }
  return new Promise((resolve, reject) => {
    const sent =
      url.protocol === 'https:'
        ? getHttps(url, { headers, signal, agent: false, ca: [...authorities()] }, resolve)
        : getHttp(url, { headers, signal, agent: false }, resolve)
    sent.on('error', reject)
  })
}

/** Follows at most three redirects, and none from HTTPS to HTTP. */
async function fetchUrl(first: string, bytesMax: number, signal: AbortSignal): Promise<string> {
  let url = new URL(first)
  for (let redirects = 0; ; redirects++) {
    const answer = await request(url, signal)
    const status = answer.statusCode ?? 0
    const { location } = answer.headers
    if (status < 300 || status >= 400 || location === undefined) {
      if (status !== 200) {
        answer.destroy()
        throw new Error(`HTTP status ${status}`)
      }
      return readAll(answer, bytesMax, () => answer.destroy())
    }
    answer.destroy()
    if (redirects === REDIRECTS_MAX) throw new Error(`more than ${REDIRECTS_MAX} redirects`)
    const next = new URL(location, url)
    const isAllowed = next.protocol === 'https:' || (next.protocol === 'http:' && url.protocol === 'http:')
    if (!isAllowed) throw new Error(`a redirect from ${url.protocol} to ${next.protocol}`)
    url = next
  }
}

function readFile(path: string, bytesMax: number, signal: AbortSignal): Promise<string> {
  // A pipe without a writer would never answer.
  const stream = createReadStream(path, { signal, end: bytesMax })
  return readAll(stream as AsyncIterable<Uint8Array>, bytesMax, () => stream.destroy())
}

/** The text of a source. Rejects with an Error whose message says what is wrong. */
export async function fetchSource(
  source: { readonly url?: string; readonly file?: string },
  { timeoutMs, bytesMax }: SourceLimits,
): Promise<string> {
  const { url, file } = source
  const signal = AbortSignal.timeout(timeoutMs)
  try {
    return await (url === undefined ? readFile(file!, bytesMax, signal) : fetchUrl(url, bytesMax, signal))
  } catch (cause) {
    throw new Error(signal.aborted ? `no answer in ${timeoutMs} ms` : errorText(cause), { cause })
  }
}
