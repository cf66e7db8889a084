// A port of its own for the pages that watch a node: /metrics, /health, /ready. Owns: HTTP, for GET alone. Not: the pages.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { METRICS_TYPE } from './metricsText.ts'
import { type Page, type Pages, pageText } from './pages.ts'

/** Whoever watches a node needs a handful. */
const CONNECTIONS_MAX = 32
const REQUEST_MS = 10_000

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
}): Promise<RunningMetrics> {
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.writeHead(405, { Allow: 'GET, HEAD' }).end()
      return
    }
    const page = await options.pages((request.url ?? '').split('?')[0]!, true)
    if (page === undefined) response.writeHead(404).end()
    else sendPage(response, page)
  }
  const http = createServer(
    { requestTimeout: REQUEST_MS, headersTimeout: REQUEST_MS },
    (request, response) => {
      serve(request, response).catch(() => response.destroy())
    },
  )
  http.maxConnections = CONNECTIONS_MAX
  http.timeout = REQUEST_MS
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
