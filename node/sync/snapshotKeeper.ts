// Schedules snapshots: of every N-th block, in the background, once its own F is held.
// Owns: the schedule. Not: the files (snapshotFiles.ts), how one is made (snapshotWriter.ts).

import type { ChainStore } from '../../storage/types.ts'
import type { Importer } from '../chain/importerTypes.ts'
import type { NodeLogger } from '../logging.ts'
import type { SnapshotFiles } from './snapshotFiles.ts'
import { writeSnapshot } from './snapshotWriter.ts'

export interface SnapshotKeeperOptions {
  readonly store: ChainStore
  readonly importer: Pick<Importer, 'onFinalized'>
  readonly files: SnapshotFiles
  /** Blocks between snapshots; 0 makes none. */
  readonly everyBlocks: number
  /** Number of newest snapshots to keep. */
  readonly keep: number
  /** True while the node catches up: snapshots wait. */
  readonly isSyncing: () => boolean
  readonly logger: NodeLogger
}

/** The newest snapshot height whose state and F are held; undefined if its snapshot already exists. */
function dueHeight(options: SnapshotKeeperOptions): number | undefined {
  const { store, files, everyBlocks } = options
  const tip = store.tip()
  if (everyBlocks === 0 || tip === undefined) return undefined
  const height = Math.floor(tip.height / everyBlocks) * everyBlocks
  const newest = files.list().at(-1)?.height ?? 0
  if (height <= newest || height < store.stateHeightMin()) return undefined
  return store.certificateAt(height) === undefined ? undefined : height
}

/** Starts at once; `close` aborts a running snapshot and waits for it. */
export function startSnapshotKeeper(options: SnapshotKeeperOptions): { close(): Promise<void> } {
  const { store, importer, files, logger } = options
  const stop = new AbortController()
  let making: Promise<void> | undefined
  let failedHeight = 0
  const make = async (height: number): Promise<void> => {
    const startedAtMs = performance.now()
    const block = store.headerAt(height)
    if (block === undefined) return
    try {
      await writeSnapshot({
        dir: files.dirOf(height),
        header: block.header,
        blockHash: block.hash,
        pieces: store.pastStatePieces(height),
        signal: stop.signal,
      })
      const { sizeBytes, manifest } = await files.add(height, options.keep)
      const seconds = Number(((performance.now() - startedAtMs) / 1000).toFixed(1))
      logger.info({ height, chunks: manifest.parts.length, bytes: sizeBytes, seconds }, 'snapshot made')
    } catch (error) {
      if (stop.signal.aborted) return
      failedHeight = height
      logger.error({ err: error, height }, 'snapshot was not made')
    }
  }
  const look = (): void => {
    if (making !== undefined || stop.signal.aborted || options.isSyncing()) return
    const height = dueHeight(options)
    if (height === undefined || height === failedHeight) return
    making = make(height).finally(() => {
      making = undefined
    })
  }
  look()
  const unsubscribe = importer.onFinalized(look)
  return {
    async close() {
      unsubscribe()
      stop.abort()
      await making
    },
  }
}
