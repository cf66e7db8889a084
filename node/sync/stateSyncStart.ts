// Runs state sync at a start, before there is a store, on a temporary host that serves nothing.
// Owns: composition. Not: the steps (stateSync.ts).
import { parseBlockCheckpoint } from '../../base/protocol/checkpoint.ts'
import type { SealedBlock } from '../../base/protocol/header.ts'
import type { ValidatorSet } from '../../base/protocol/validators.ts'
import { createHost } from '../../p2p/host.ts'
import { createRangeProtocol } from '../../p2p/rangeProtocol.ts'
import { createSnapshotProtocol } from '../../p2p/snapshotProtocol.ts'
import type { ChainConfig } from '../../state/chain.ts'
import { validatorSet } from '../../state/modules/providers/validatorSet.ts'
import type { StateChanges } from '../../state/view.ts'
import { hasChainStore } from '../../storage/install.ts'
import type { NodeConfig } from '../config.ts'
import type { NodeLogger } from '../logging.ts'
import { createConsensusNetwork } from '../network.ts'
import { syncState } from './stateSync.ts'

export interface StateSyncStartOptions {
  readonly config: Pick<NodeConfig, 'stateSync' | 'checkpoint' | 'p2pListen' | 'peers'>
  readonly chainDir: string
  readonly chain: Pick<ChainConfig, 'chainId' | 'genesisHash'>
  readonly genesis: { readonly block: SealedBlock; readonly changes: StateChanges }
  readonly peerSeed: Uint8Array
  /** Aborts it; fetched chunks are kept for the next start. */
  readonly signal?: AbortSignal
  readonly logger: NodeLogger
}

/** Installs a snapshot if configured and there is no chain yet; otherwise does nothing. */
export async function stateSyncAtStart(options: StateSyncStartOptions): Promise<void> {
  const { config, chainDir, chain, genesis, logger } = options
  if (!config.stateSync || hasChainStore(chainDir)) return
  const host = await createHost({
    privateKey: options.peerSeed,
    genesisHash: chain.genesisHash,
    listen: config.p2pListen,
    logger,
  })
  const sync = createRangeProtocol(host, {
    status: () => ({ height: 0, hash: genesis.block.hash, heightMin: 1 }),
    range: () => [],
  })
  const snapshots = createSnapshotProtocol(host, {
    offers: () => [],
    manifest: () => undefined,
    chunk: async () => undefined,
    receipts: () => undefined,
    epochProof: () => undefined,
    validatorSet: () => undefined,
  })
  const network = createConsensusNetwork(host, config.peers)
  const genesisSet = validatorSetOf(genesis.changes)
  network.useValidators(genesisSet, undefined)
  try {
    await host.start()
    const height = await syncState({
      chainId: chain.chainId,
      genesisHash: chain.genesisHash,
      genesis: genesis.block,
      genesisSet,
      checkpoint: parseBlockCheckpoint(config.checkpoint),
      chainDir,
      host,
      sync,
      snapshots,
      signal: options.signal ?? new AbortController().signal,
      logger,
    })
    if (height === undefined) {
      logger.warn(
        {},
        'state sync: no peer offers a snapshot that can be proven; executing every block instead',
      )
    }
  } finally {
    snapshots.close()
    sync.close()
    await host.close()
  }
}

/** The validator set in a whole state given as changes, such as genesis. */
export function validatorSetOf(changes: StateChanges): ValidatorSet {
  return validatorSet({ get: (key) => changes.get(key) })
}
