// Starts the RPC of a node: methods, limits, server. Called by node/.
import type { RateLimit } from './access.ts'
import { DISPATCH_LIMITS, type DispatchLimits } from './dispatch.ts'
import type { Method } from './method.ts'
import { createMethods, type MethodOptions } from './methods.ts'
import { type RunningMetrics, startMetricsServer } from './metricsServer.ts'
import { MetricsText } from './metricsText.ts'
import { createPages } from './pages.ts'
import { RpcMeter } from './rpcMeter.ts'
import { RpcServer, type ServerLimits } from './server.ts'
import type { SocketLimits } from './sockets.ts'

/** A devnet's commands that make blocks, such as a year of windows, answer once all of them are there. */
const DEVNET_SILENCE_MS = 3_600_000

export const RPC_HOST_DEFAULT = '127.0.0.1'
export const RPC_PORT_DEFAULT = 8545

export interface RpcOptions extends MethodOptions {
  readonly host?: string
  /** 0 picks a free port. */
  readonly port?: number
  /** Allowed host names besides localhost and raw addresses; `*` allows every name. */
  readonly hosts?: readonly string[]
  /** Allowed page origins besides this machine's; `*` allows every page. */
  readonly origins?: readonly string[]
  /** Absent = no rate limit. */
  readonly rateLimit?: RateLimit
  readonly dispatchLimits?: Partial<DispatchLimits>
  readonly serverLimits?: Partial<ServerLimits>
  readonly socketLimits?: Partial<SocketLimits>
  /** Writes the node's own figures for /metrics; absent = there is no such page. */
  readonly metrics?: (out: MetricsText) => Promise<void>
  /** Methods and pages that may be replaced while it listens, instead of its own (seat.ts). */
  readonly seat?: { readonly methods: ReadonlyMap<string, Method>; readonly pagesOf: typeof createPages }
  /** A port of its own for /metrics, which then has no page beside JSON-RPC. */
  readonly metricsPort?: { readonly host: string; readonly port: number }
}

export interface RunningRpc {
  readonly host: string
  readonly port: number
  /** `http://127.0.0.1:8545`; WebSocket on the same port. */
  readonly url: string
  /** `http://127.0.0.1:9464/metrics`. */
  readonly metricsUrl: string | undefined
  /** Ends every WebSocket connection; their clients may come again. */
  cutSockets(reason: string): void
  close(): Promise<void>
}

/** Bounds of the server that are not the usual ones. */
export const serverLimitsOf = (
  options: Pick<RpcOptions, 'control' | 'serverLimits'>,
): Partial<ServerLimits> => ({
  ...(options.control === undefined ? {} : { silenceMs: DEVNET_SILENCE_MS }),
  ...options.serverLimits,
})

/** Resolves once the ports are open; rejects when one is taken. */
export async function startRpc(options: RpcOptions): Promise<RunningRpc> {
  let url = ''
  const own = options.seat === undefined ? createMethods({ ...options, url: () => url }) : undefined
  const table = own?.table ?? options.seat!.methods
  const pagesOf = options.seat?.pagesOf ?? createPages
  const { backend, metrics: write, metricsPort } = options
  const meter = new RpcMeter(table.keys())
  const metrics = write === undefined ? undefined : metricsSource(write, meter)
  const server = new RpcServer({
    host: options.host ?? RPC_HOST_DEFAULT,
    port: options.port ?? RPC_PORT_DEFAULT,
    hosts: options.hosts ?? [],
    origins: options.origins ?? [],
    methods: table,
    meter,
    dispatchLimits: { ...DISPATCH_LIMITS, ...options.dispatchLimits },
    limits: serverLimitsOf(options),
    ...(options.socketLimits === undefined ? {} : { socketLimits: options.socketLimits }),
    ...(options.rateLimit === undefined ? {} : { rateLimit: options.rateLimit }),
    log: options.log,
    pages: pagesOf(backend, metricsPort === undefined ? metrics : undefined),
  })
  let watched: RunningMetrics | undefined
  const close = async (): Promise<void> => {
    own?.close()
    await watched?.close()
    await server.close()
  }
  try {
    const { host, port } = await server.start()
    url = urlOf(host, port)
    const pages = pagesOf(backend, metrics)
    watched = metricsPort && (await startMetricsServer({ ...metricsPort, pages, hosts: options.hosts ?? [] }))
    const metricsUrl = metrics && `${watched === undefined ? url : urlOf(watched.host, watched.port)}/metrics`
    const cutSockets = (reason: string): void => server.cutSockets(reason)
    return { host, port, url, metricsUrl, cutSockets, close }
  } catch (error) {
    own?.close()
    if (url !== '') await server.close()
    throw error
  }
}

const urlOf = (host: string, port: number): string =>
  `http://${host.includes(':') ? `[${host}]` : host}:${port}`

/** One text at a time: all who ask meanwhile get the same. */
function metricsSource(write: (out: MetricsText) => Promise<void>, meter: RpcMeter): () => Promise<string> {
  let running: Promise<string> | undefined
  const make = async (): Promise<string> => {
    const out = new MetricsText()
    await write(out)
    meter.write(out)
    return out.text()
  }
  return () => {
    running ??= make().finally(() => {
      running = undefined
    })
    return running
  }
}
