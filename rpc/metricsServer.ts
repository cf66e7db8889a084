// A port of its own for the pages that watch a node: /metrics, /health, /ready. Owns: HTTP, for GET alone. Not: the pages.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Access } from './access.ts'
import { METRICS_TYPE } from './metricsText.ts'
import { createPageServer } from './pageServer.ts'
import { type Page, type Pages, pageText } from './pages.ts'

export interface RunningMetrics {
  readonly host: string
  readonly port: number
  close(): Promise<void>
}

/** Writes a page as a whole answer. */
export function sendPage(response: ServerResponse, page: Page): void {
  const type = 'text' in page ? METRICS_TYPE : 'application/json'
  response.writeHead(page.status, { 'Content-Type': type, 'Cache-Control': 'no-store' })
  response.end(pageText(page))
}

/** Resolves once the port is open; rejects when it is taken. */
export function startMetricsServer(options: {
  readonly host: string
  /** 0 picks a free port. */
  readonly port: number
  readonly pages: Pages
  /** Names in the Host header besides localhost and raw addresses, as for JSON-RPC. */
  readonly hosts: readonly string[]
}): Promise<RunningMetrics> {
  const access = new Access({ hosts: options.hosts, origins: [] })
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.writeHead(405, { Allow: 'GET, HEAD' }).end()
      return
    }
    // A page in a browser on this machine could come by a name of its own (DNS rebinding).
    if (!access.allowsHost(request.headers.host)) {
      response.writeHead(403).end('host not allowed: add it to rpcAllowedHosts\n')
      return
    }
    const page = await options.pages((request.url ?? '').split('?')[0]!, true)
    if (page === undefined) response.writeHead(404).end()
    else sendPage(response, page)
  }
  const http = createPageServer(serve)
  return new Promise((resolve, reject) => {
    http.once('error', reject)
    http.listen({ host: options.host, port: options.port }, () => {
      http.off('error', reject)
      const { address, port } = http.address() as AddressInfo
      const close = (): Promise<void> =>
        new Promise((done) => {
          http.close(() => done())
          http.closeAllConnections()
        })
      resolve({ host: address, port, close })
    })
  })
}
