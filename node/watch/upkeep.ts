// What keeps a node's disk in shape beside consensus: snapshots are made, old blocks are forgotten.
// Owns: starting both, the pace of pruning. Not: files of snapshots (node/sync/), what a pruned block loses (storage/).
import { setTimeout } from 'node:timers/promises'
import { equalBytes, toHex } from '../../base/bytes.ts'
import { errorText } from '../../base/errors.ts'
import type { BlockCheckpoint } from '../../base/protocol/checkpoint.ts'
import type { ChainStore, ChainStoreOptions } from '../../storage/types.ts'
import type { Importer } from '../chain/importerTypes.ts'
import type { NodeConfig } from '../config.ts'
import type { NodeLogger } from '../logging.ts'
import { BlockSyncError } from '../sync/blockSync.ts'
import { SnapshotFiles } from '../sync/snapshotFiles.ts'
import { startSnapshotKeeper } from '../sync/snapshotKeeper.ts'

/** Blocks forgotten in one batch, and the pause after it. */
const PRUNE_BLOCKS = 32
const PRUNE_PAUSE_MS = 20

type StorageConfig = Pick<NodeConfig, 'archive' | 'historyHeights' | 'pruning' | 'snapshots'>

/** How much of the past the store keeps. A past state is of no use without its block. */
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
  /** Blocks that stay although they are old: floors of recoveries. */
  readonly isKept?: (height: number) => boolean
  readonly onFault: (reason: string) => void
  readonly logger: NodeLogger
}

/** Works in the background until `close`, which waits for what is under way. */
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
    logger.debug({ count, heightMin: store.blockHeightMin() }, 'old blocks were forgotten')
  }
  const look = (): void => {
    // A whole batch at a time: a block now and then would cost more than it frees.
    const isDue = keepBlocks > 0 && store.blockHeightMin() + PRUNE_BLOCKS <= lowestKept()
    if (!isDue || pruning !== undefined || isClosed) return
    pruning = prune()
      .catch((error: unknown) => {
        logger.error({ err: error }, 'old blocks were not forgotten')
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

/** Snapshots of earlier runs that belong to this chain; others are removed. */
export function openSnapshots(dir: string, store: ChainStore): Promise<SnapshotFiles> {
  return SnapshotFiles.open(dir, ({ height, blockHash }) => {
    const stored = store.headerAt(height)
    // After a rollback a snapshot may be of a block that is gone; a pruned block says nothing.
    if (stored === undefined) return height < store.blockHeightMin()
    return equalBytes(stored.hash, blockHash)
  })
}

/** Throws BlockSyncError when the stored chain contradicts what the operator trusts. */
export function checkCheckpoint(store: ChainStore, checkpoint: BlockCheckpoint | undefined): void {
  if (checkpoint === undefined) return
  const stored = store.headerAt(checkpoint.height)
  if (stored === undefined || equalBytes(stored.hash, checkpoint.hash)) return
  throw new BlockSyncError(
    'CheckpointMismatch',
    `block ${checkpoint.height} is ${toHex(stored.hash)} here, the checkpoint says ${toHex(checkpoint.hash)}`,
  )
}
