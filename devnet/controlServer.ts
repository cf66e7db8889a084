// JSON-RPC of a devnet of processes itself, beside its validators': what no single one of them can do. Owns: where it listens.
// Not: the methods (rpc/dev/links.ts), HTTP (rpc/server.ts).
import { OperatorError } from '../base/errors.ts'
import { linkMethods } from '../rpc/dev/links.ts'
import type { LinkControl } from '../rpc/dev/linkTypes.ts'
import { DISPATCH_LIMITS } from '../rpc/dispatch.ts'
import { methodTable } from '../rpc/method.ts'
import { RpcServer } from '../rpc/server.ts'

export interface ControlServer {
  readonly url: string
  close(): Promise<void>
}

/** Listens on the loopback interface; port 0 takes a free one. Throws OperatorError when the port is taken. */
export async function startControlServer(links: LinkControl, port: number): Promise<ControlServer> {
  const server = new RpcServer({
    host: '127.0.0.1',
    port,
    hosts: [],
    // As the validators' own: whoever reaches this machine's loopback may.
    origins: ['*'],
    methods: methodTable(linkMethods(links)),
    dispatchLimits: DISPATCH_LIMITS,
    pages: async () => undefined,
    log: { error: () => {} },
  })
  try {
    const bound = await server.start()
    return { url: `http://${bound.host}:${bound.port}`, close: () => server.close() }
  } catch {
    throw new OperatorError(`port ${port} is taken: stop what uses it or choose another with --control-port`)
  }
}
