// Starts the RPC of a node: methods, limits, server. Called by node/.
import type { RateLimit } from './access.ts'
import { DISPATCH_LIMITS, type DispatchLimits } from './dispatch.ts'
import { createMethods, type MethodOptions } from './methods.ts'
import { createPages } from './pages.ts'
import { RpcServer, type ServerLimits } from './server.ts'
import type { SocketLimits } from './sockets.ts'

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
}

export interface RunningRpc {
  readonly host: string
  readonly port: number
  /** `http://127.0.0.1:8545`; WebSocket on the same port. */
  readonly url: string
  close(): Promise<void>
}

/** Resolves once the port is open; rejects when it is taken. */
export async function startRpc(options: RpcOptions): Promise<RunningRpc> {
  let url = ''
  const methods = createMethods({ ...options, url: () => url })
  const server = new RpcServer({
    host: options.host ?? RPC_HOST_DEFAULT,
    port: options.port ?? RPC_PORT_DEFAULT,
    hosts: options.hosts ?? [],
    origins: options.origins ?? [],
    methods: methods.table,
    dispatchLimits: { ...DISPATCH_LIMITS, ...options.dispatchLimits },
    ...(options.serverLimits === undefined ? {} : { limits: options.serverLimits }),
    ...(options.socketLimits === undefined ? {} : { socketLimits: options.socketLimits }),
    ...(options.rateLimit === undefined ? {} : { rateLimit: options.rateLimit }),
    log: options.log,
    pages: createPages(options.backend),
  })
  const { host, port } = await server.start().catch((error: unknown) => {
    methods.close()
    throw error
  })
  const close = (): Promise<void> => {
    methods.close()
    return server.close()
  }
  const name = host.includes(':') ? `[${host}]` : host
  url = `http://${name}:${port}`
  return { host, port, url, close }
}
