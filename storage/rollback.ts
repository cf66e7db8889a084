// Rolls a stopped node's chain back with its own reverse differences. Owns: the target height, the writes.
// Not: journal and signer, which keep everything, so that nothing can be signed twice.
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { assert } from '../base/assert.ts'
import { equalBytes } from '../base/bytes.ts'
import { TreeVersion } from '../state/tree/tree.ts'
import { openChainStoreOn } from './chainStore.ts'
import { ClosedMark } from './closedMark.ts'
import { type Database, openDatabase } from './database.ts'
import { LAYOUT_VERSION, META_KEY, stateKeyBytes, tipSchema } from './layout.ts'
import { fillTakenOff } from './pruning.ts'
import { removeTreeCache } from './treeCache.ts'
import { type ChainStore, StoreError } from './types.ts'

export interface RollbackResult {
  readonly fromHeight: number
  readonly toHeight: number
}

/** Where a rollback to `height` lands: the highest block at or below it with its own F, or genesis. */
export function landingHeight(store: ChainStore, height: number): number | undefined {
  for (let at = height; at >= store.stateHeightMin(); at--) {
    if (store.blockBytesAt(at) === undefined) return undefined
    if (at === 0 || store.certificateAt(at) !== undefined) return at
  }
  return undefined
}

/** State root of a past height, recomputed from its entries. */
async function rootAt(store: ChainStore, height: number): Promise<Uint8Array> {
  let tree = TreeVersion.empty()
  for await (const piece of store.pastStatePieces(height)) {
    const next = tree.update(piece)
    tree.release()
    tree = next
    await setImmediate()
  }
  const { rootHash } = tree
  tree.release()
  return rootHash
}

/**
 * Makes the block at or below `height` the tip again, after checking its state against its header's root. Changes
 * nothing when it throws: StoreError NotContiguous, HistoryPruned, Corrupt when that state is wrong too, Locked.
 */
export async function rollbackChain(
  dir: string,
  options: { readonly height: number; readonly historyHeightsMax?: number },
): Promise<RollbackResult> {
  await mkdir(dir, { recursive: true })
  const database = await openDatabase(dir)
  const { height, ...bounds } = options
  const store = await openChainStoreOn(database, dir, bounds)
  try {
    const tip = store.tip()
    if (tip === undefined) throw new StoreError('Corrupt', `${dir} holds no chain`)
    if (height >= tip.height) {
      throw new StoreError(
        'NotContiguous',
        `the tip is block ${tip.height}: there is nothing above ${height}`,
      )
    }
    const toHeight = landingHeight(store, height)
    if (toHeight === undefined) {
      const least = Math.max(store.stateHeightMin(), store.blockHeightMin())
      throw new StoreError(
        'HistoryPruned',
        `blocks below ${least} cannot be reached: their state is not kept`,
      )
    }
    const target = store.blockAt(toHeight)
    assert(target !== undefined, 'the block to land on is held')
    if (!equalBytes(await rootAt(store, toHeight), target.header.stateRoot)) {
      throw new StoreError('Corrupt', `the state of block ${toHeight} does not have its root either`)
    }
    await removeTreeCache(join(dir, 'tree.cache'))
    // The state below was not compared entry by entry, so the next start does that.
    await (await ClosedMark.read(dir)).remove()
    for (let at = tip.height; at > toHeight; at--) await takeOff(database, store, at)
    return { fromHeight: tip.height, toHeight }
  } finally {
    await store.close()
  }
}

/** Removes the tip block. The store's caches are stale afterwards, which is safe: it only reads lower heights. */
async function takeOff(database: Database, store: ChainStore, height: number): Promise<void> {
  const block = store.blockAt(height)
  const below = store.blockAt(height - 1)
  assert(block !== undefined && below !== undefined, 'blocks to take off are held')
  const batch = database.batch()
  const difference = store.differenceAt(height)
  for (const key of difference.keys()) {
    const prior = difference.find(key)?.value
    if (prior === undefined) batch.del(stateKeyBytes(key))
    else batch.put(stateKeyBytes(key), prior)
  }
  fillTakenOff(batch, height, block)
  const tip = { layout: LAYOUT_VERSION, height: height - 1, hash: below.hash }
  batch.put(META_KEY, tipSchema.encode(tip))
  // Each height is one durable batch, so stopping midway leaves a consistent chain.
  await batch.write({ sync: true })
}
