// `/metrics` and `/health` on a port of their own, for whoever watches the gateway. Not: the figures (metrics.ts).
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Address } from '../config.ts'
import type { GatewayMetrics } from '../metrics.ts'

const CONNECTIONS_MAX = 32
const REQUEST_MS = 10_000

export interface MetricsServer {
  readonly port: number
  close(): Promise<void>
}

/** Resolves once the port is open; rejects when it is taken. */
export function startMetricsServer({ host, port }: Address, metrics: GatewayMetrics): Promise<MetricsServer> {
  const server = createServer(
    { requestTimeout: REQUEST_MS, headersTimeout: REQUEST_MS },
    (request, response) => {
      if (request.method !== 'GET' || (request.url ?? '').split('?')[0] !== '/metrics') {
        response.writeHead(404).end()
        return
      }
      response.writeHead(200, {
        'Content-Type': 'text/plain; version=0.0.4; charset=utf-8',
        'Cache-Control': 'no-store',
      })
      response.end(metrics.text())
    },
  )
  server.maxConnections = CONNECTIONS_MAX
  server.timeout = REQUEST_MS
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port }, () => {
      server.off('error', reject)
      resolve({
        port: (server.address() as AddressInfo).port,
        close: () =>
          new Promise((closed) => {
            server.close(() => closed())
            server.closeAllConnections()
          }),
      })
    })
  })
}
