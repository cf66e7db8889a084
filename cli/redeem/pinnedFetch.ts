// A fetch that talks to one certificate alone, whoever has signed it: that of the provider's grant. Nothing is sent before the
// certificate was seen. Not: ordinary certificates, which Node's own fetch checks.
import { createHash } from 'node:crypto'
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { Agent, type RequestOptions, request } from 'node:https'
import { isIP } from 'node:net'
import { Readable } from 'node:stream'
import { connect, type TLSSocket } from 'node:tls'
import { equalBytes, toHex } from '../../base/bytes.ts'
import type { DoorFetch } from '../../client/redemption/bodies.ts'
import { RedeemError } from '../../client/redemption/redeemError.ts'

const CONNECT_MS = 15_000

/** SHA-256 of a certificate's DER bytes. */
export function certificateHash(der: Uint8Array): Uint8Array {
  return Uint8Array.from(createHash('sha256').update(der).digest())
}

class PinnedAgent extends Agent {
  readonly #certificate: Uint8Array

  constructor(certificate: Uint8Array) {
    super({ keepAlive: true, maxSockets: 64 })
    this.#certificate = certificate
  }

  override createConnection(
    options: RequestOptions,
    callback?: (error: Error | null, socket: TLSSocket) => void,
  ): undefined {
    const host = options.hostname ?? options.host ?? 'localhost'
    const name = isIP(host) === 0 ? { servername: host } : {}
    // The certificate is compared byte for byte, which is more than a chain of signatures says.
    const socket = connect({ host, port: Number(options.port ?? 443), ...name, rejectUnauthorized: false })
    socket.setTimeout(CONNECT_MS, () => socket.destroy(new RedeemError('door', `${host} does not answer`)))
    const fail = (error: Error): void => callback?.(error, socket)
    socket.once('error', fail)
    socket.once('secureConnect', () => {
      socket.off('error', fail)
      socket.setTimeout(0)
      const der = socket.getPeerCertificate().raw as Uint8Array | undefined
      if (der !== undefined && equalBytes(certificateHash(der), this.#certificate)) {
        callback?.(null, socket)
        return
      }
      const shown = der === undefined ? 'no certificate' : toHex(certificateHash(der))
      const error = new RedeemError(
        'certificate',
        `${host} shows ${shown}, and the grant names ${toHex(this.#certificate)}`,
      )
      socket.destroy()
      fail(error)
    })
    return undefined
  }
}

function headersOf(headers: IncomingHttpHeaders): Headers {
  const out = new Headers()
  for (const [name, value] of Object.entries(headers)) {
    for (const one of Array.isArray(value) ? value : value === undefined ? [] : [value]) out.append(name, one)
  }
  return out
}

/** For `Redeemer`: takes the given certificate, and no other. */
export function pinnedFetch(certificate: Uint8Array): DoorFetch {
  const agent = new PinnedAgent(certificate)
  return async (url, init) => {
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      const headers = Object.fromEntries(new Headers(init.headers))
      const sent = request(
        url,
        { agent, method: init.method ?? 'GET', headers, ...(init.signal ? { signal: init.signal } : {}) },
        resolve,
      )
      sent.once('error', reject)
      sent.end(init.body as string | Uint8Array | undefined)
    })
    const status = answer.statusCode ?? 502
    // As `redirect: 'error'` does.
    if (status >= 300 && status < 400) {
      answer.destroy()
      throw new RedeemError('door', `${url}: HTTP ${status}: redirected elsewhere`)
    }
    const hasBody = status !== 204 && status !== 304
    const body = hasBody ? (Readable.toWeb(answer) as ReadableStream<Uint8Array>) : null
    return new Response(body, { status, headers: headersOf(answer.headers) })
  }
}
