// Background maintenance of a node's disk: makes snapshots and prunes old blocks.
// Owns: starting both, the pace of pruning. Not: snapshot files (node/sync/), what pruning deletes (storage/).
import { setTimeout } from 'node:timers/promises'
import { equalBytes, toHex } from '../../base/bytes.ts'
import { ExpectedError, errorText } from '../../base/errors.ts'
import type { BlockCheckpoint } from '../../base/protocol/checkpoint.ts'
import type { ChainStore, ChainStoreOptions } from '../../storage/types.ts'
import type { Importer } from '../chain/importerTypes.ts'
import type { NodeConfig } from '../config.ts'
import type { NodeLogger } from '../logging.ts'
import { SnapshotFiles } from '../sync/snapshotFiles.ts'
import { startSnapshotKeeper } from '../sync/snapshotKeeper.ts'

/** Blocks pruned per batch, and the pause after it. */
const PRUNE_BLOCKS = 32
const PRUNE_PAUSE_MS = 20

type StorageConfig = Pick<NodeConfig, 'archive' | 'historyHeights' | 'pruning' | 'snapshots'>

/** How much history the store keeps. A past state is useless without its block. */
export function storeOptionsOf(config: StorageConfig): ChainStoreOptions {
  if (config.archive) return { historyHeightsMax: Infinity, historyBytesMax: Infinity }
  const { keepBlocks } = config.pruning
  const { historyHeights } = config
  return { historyHeightsMax: keepBlocks === 0 ? historyHeights : Math.min(historyHeights, keepBlocks) }
}

export interface UpkeepOptions {
  readonly config: StorageConfig
  readonly store: ChainStore
  readonly importer: Pick<Importer, 'onFinalized'>
  readonly files: SnapshotFiles
  readonly isSyncing: () => boolean
  /** Old blocks that are kept: floors of recoveries. */
  readonly isKept?: (height: number) => boolean
  readonly onFault: (reason: string) => void
  readonly logger: NodeLogger
}

/** Runs in the background until `close`, which waits for running work. */
export function startUpkeep(options: UpkeepOptions): { close(): Promise<void> } {
  const { config, store, importer, files, isSyncing, logger } = options
  const keeper = startSnapshotKeeper({ store, importer, files, ...config.snapshots, isSyncing, logger })
  const { keepBlocks } = config.archive ? { keepBlocks: 0 } : config.pruning
  let isClosed = false
  let pruning: Promise<void> | undefined
  const lowestKept = (): number => (store.tip()?.height ?? 0) - keepBlocks + 1
  const prune = async (): Promise<void> => {
    let count = 0
    while (!isClosed && store.blockHeightMin() < lowestKept()) {
      const pruned = await store.pruneBlocks(lowestKept(), PRUNE_BLOCKS, options.isKept)
      if (pruned === 0) break
      count += pruned
      await setTimeout(PRUNE_PAUSE_MS)
    }
    logger.debug({ count, heightMin: store.blockHeightMin() }, 'old blocks pruned')
  }
  const look = (): void => {
    // Prune whole batches: single blocks would cost more than they free.
    const isDue = keepBlocks > 0 && store.blockHeightMin() + PRUNE_BLOCKS <= lowestKept()
    if (!isDue || pruning !== undefined || isClosed) return
    pruning = prune()
      .catch((error: unknown) => {
        logger.error({ err: error }, 'pruning failed')
        options.onFault(`pruning failed: ${errorText(error)}`)
      })
      .finally(() => {
        pruning = undefined
      })
  }
  look()
  const unsubscribe = importer.onFinalized(look)
  return {
    async close() {
      isClosed = true
      unsubscribe()
      await pruning
      await keeper.close()
    },
  }
}

/** Opens the snapshots of earlier runs; removes those of another chain. */
export function openSnapshots(dir: string, store: ChainStore): Promise<SnapshotFiles> {
  return SnapshotFiles.open(dir, ({ height, blockHash }) => {
    const stored = store.headerAt(height)
    // After a rollback a snapshot's block may be gone; for a pruned block there is nothing to compare.
    if (stored === undefined) return height < store.blockHeightMin()
    return equalBytes(stored.hash, blockHash)
  })
}

/** Why the stored chain contradicts what the operator trusts; undefined when it does not, or does not have that block. */
export function checkpointFault(
  store: ChainStore,
  checkpoint: BlockCheckpoint | undefined,
): string | undefined {
  if (checkpoint === undefined) return undefined
  const stored = store.headerAt(checkpoint.height)
  if (stored === undefined || equalBytes(stored.hash, checkpoint.hash)) return undefined
  return `block ${checkpoint.height} is ${toHex(stored.hash)} here, the checkpoint says ${toHex(checkpoint.hash)}`
}

/** Throws CheckpointError for a `checkpointFault`. */
export function checkCheckpoint(store: ChainStore, checkpoint: BlockCheckpoint | undefined): void {
  const fault = checkpointFault(store, checkpoint)
  if (fault !== undefined) throw new CheckpointError(fault)
}

/** The stored chain is not the one that the operator trusts. */
export class CheckpointError extends ExpectedError {
  readonly code = 'CheckpointMismatch'
  constructor(fault: string) {
    super(
      `${fault}: one of the two is wrong; compare with other members, then mend the checkpoint or sync anew`,
    )
    this.name = 'CheckpointError'
  }
}
