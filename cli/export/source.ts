// Where exported figures come from: a running node over JSON-RPC, or the data directory of a stopped one through the same methods.
// Owns: both. Not: what is asked (datasets.ts).
import { OperatorError } from '../../base/errors.ts'
import type { Json } from '../../base/field.ts'
import type { Genesis } from '../../genesis/schema.ts'
import type { ChainStore } from '../../storage/types.ts'

export interface Source {
  ask(method: string, ...params: readonly Json[]): Promise<Json>
  /** Only of a data directory: what no method answers. */
  readonly store?: ChainStore
  readonly genesis?: Genesis
  close(): Promise<void>
}

export async function nodeSource(rpc: string): Promise<Source> {
  const { httpTransport } = await import('../../client/transports/http.ts')
  const transport = httpTransport(rpc)
  return { ask: (method, ...params) => transport.request(method, params), close: async () => {} }
}

/** Throws OperatorError while the node runs. */
export async function directorySource(dataDir: string): Promise<Source> {
  const [{ openOffline }, { NodeBackend }, { createMethods }, { toHex }, { genesisSchema, genesisHash }] =
    await Promise.all([
      import('../offlineNode.ts'),
      import('../../node/backend.ts'),
      import('../../rpc/methods.ts'),
      import('../../base/bytes.ts'),
      import('../../genesis/schema.ts'),
    ])
  const { CLIENT_VERSION } = await import('../../node/version.ts')
  const { RpcError } = await import('../../rpc/errors.ts')
  const node = await openOffline(dataDir)
  const { chain, store, importer, mempool, genesis } = node
  const isDown = 'this node is not running'
  const backend = new NodeBackend({
    identity: {
      chainId: chain.chainId,
      genesisHash: genesisHash(genesis),
      genesisJson: genesisSchema.toJson(genesis),
      clientVersion: CLIENT_VERSION,
    },
    chain,
    store,
    importer,
    mempool,
    ingest: {
      submit: () => Promise.reject(new OperatorError(isDown)),
    },
    nowMs: () => Date.now(),
    halted: () => isDown,
    health: () => ({
      live: false,
      epoch: importer.head().header.epoch,
      view: importer.head().header.view,
      heartbeatMs: genesis.consensus.heartbeatMs,
      peerCount: 0,
      loopLagMaxMs: 0,
      loopLagMeanMs: 0,
    }),
    syncing: () => undefined,
    evidence: () => [],
  })
  const log = {
    error: ({ method, err }: { readonly method: string; readonly err: unknown }) => {
      throw new Error(`${method} of ${toHex(chain.genesisHash)} failed`, { cause: err })
    },
  }
  const methods = createMethods({ backend, modules: chain.modules, log })
  return {
    store,
    genesis,
    async ask(method, ...params) {
      const known = methods.table.get(method)
      if (known === undefined) throw new OperatorError(`${method} does not exist`)
      try {
        return await known.invoke(params as Json, { connection: undefined, client: 'offline' })
      } catch (error) {
        if (error instanceof RpcError) throw new OperatorError(`${method}: ${error.message}`)
        throw error
      }
    },
    async close() {
      methods.close()
      backend.close()
      await node.close()
    },
  }
}
