// `suanli init`: creates a node's data directory. Not: its files (node/initNode.ts).
import { existsSync } from 'node:fs'
import type { Command } from 'commander'
import { toHex } from '../../base/bytes.ts'
import { genesisHash } from '../../genesis/schema.ts'
import { DEFAULT_CONFIG, parseConfig } from '../../node/config.ts'
import { initNode } from '../../node/initNode.ts'
import { readGenesis } from '../../node/nodeDir.ts'
import { showKeys } from '../../node/nodeKeys.ts'
import { keyFile } from '../../signer/keyFiles.ts'
import { dataDirOption, passwordOf, passwordOption, printJson, wholeNumber } from '../common.ts'
import { readPeers } from '../genesis/files.ts'
import { UsageError } from '../usageError.ts'

/** Of keys that were made before there was a genesis document; empty without them. */
function ownPeerId(dataDir: string): string {
  return existsSync(keyFile(dataDir, 'peer')) ? showKeys(dataDir).peerId : ''
}

export function addInit(program: Command): void {
  program
    .command('init')
    .description('create the data directory of a node: key files, configuration, genesis')
    .addOption(dataDirOption())
    .requiredOption('-g, --genesis <file>', 'the genesis document of the chain')
    .option('--validator', 'also create a consensus key', false)
    .addOption(passwordOption())
    .option('--peer <multiaddr...>', 'other nodes, each ending in /p2p/<peer id>', [])
    .option('--peers <file>', 'their addresses, as `suanli genesis collect` writes them')
    .option('--p2p-listen <multiaddr>', 'where to listen for peers', DEFAULT_CONFIG.p2pListen[0])
    .option('--rpc-port <port>', 'JSON-RPC port', wholeNumber(0, 65_535), DEFAULT_CONFIG.rpcPort)
    .action((options) => {
      const genesis = readGenesis(options.genesis)
      const listed = options.peers === undefined ? [] : readPeers(options.peers, ownPeerId(options.dataDir))
      const peers = [...options.peer, ...listed] as readonly string[]
      const repeated = peers.find((peer, i) => peers.indexOf(peer) !== i)
      if (repeated !== undefined) throw new UsageError(`peers: ${repeated} is given twice`)
      const config = parseConfig({
        peers,
        p2pListen: [options.p2pListen],
        rpcPort: options.rpcPort,
      })
      const password = passwordOf(options)
      const { dataDir, validator: isValidator } = options
      initNode({ dataDir, genesis, config, password, isValidator })
      const keys = showKeys(dataDir, password)
      printJson({ dataDir, genesis: toHex(genesisHash(genesis)), ...keys })
    })
}
