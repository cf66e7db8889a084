// The node of a data directory whose account sends: where it answers, and that it is of the same chain.
// Owns: both checks. Not: the calls (send.ts, commands/member.ts).
import { join } from 'node:path'
import { OperatorError } from '../../base/errors.ts'
import type { ChainClient } from '../../client/chainClient.ts'
import { isThere } from '../../storage/durableFile.ts'

/** JSON-RPC of the node by its `config.json`; undefined without one, or for a port that is chosen at each start. */
export async function rpcOfDir(dataDir: string): Promise<string | undefined> {
  const { CONFIG_FILE, loadConfig } = await import('../../node/config.ts')
  if (!isThere(join(dataDir, CONFIG_FILE))) return undefined
  const { rpcHost, rpcPort } = loadConfig(dataDir)
  if (rpcPort === 0) return undefined
  // It listens on all of them: this machine is one.
  const host = rpcHost === '0.0.0.0' ? '127.0.0.1' : rpcHost === '::' ? '::1' : rpcHost
  return `http://${host.includes(':') ? `[${host}]` : host}:${rpcPort}`
}

/** Throws OperatorError when the node that answers is of another chain than the directory: its account must not sign there. */
export async function checkChainOfDir(client: ChainClient, dataDir: string, rpc: string): Promise<void> {
  const [{ GENESIS_FILE }, { parseGenesis }, { genesisHash }, { toHex }] = await Promise.all([
    import('../../node/config.ts'),
    import('../../node/nodeDir.ts'),
    import('../../genesis/schema.ts'),
    import('../../base/bytes.ts'),
  ])
  const file = join(dataDir, GENESIS_FILE)
  if (!isThere(file)) return
  const own = toHex(genesisHash(parseGenesis(file)))
  const { genesisHash: found } = (await client.request('chain_info')) as { readonly genesisHash: string }
  if (found === own) return
  throw new OperatorError(
    `the node at ${rpc} is of another chain (genesis ${found}) than ${dataDir} (${own}): --rpc or SUANLI_RPC names another`,
  )
}
