// The tip's tree at a start: from `tree.cache` and the keys changed since, else rebuilt from every entry.
// Owns: that its root is the header's. Not: the file (treeCache.ts).
import { setImmediate } from 'node:timers/promises'
import { equalBytes } from '../base/bytes.ts'
import { TreeVersion } from '../state/tree/tree.ts'
import type { StateKey, StateReader } from '../state/view.ts'
import type { History } from './history.ts'
import { readTreeCache, removeTreeCache } from './treeCache.ts'
import { type ChainTip, StoreError } from './types.ts'

export interface LoadTreeOptions {
  readonly tip: ChainTip
  readonly cachePath: string
  readonly history: History
  readonly state: StateReader
  readonly stateHeightMin: number
  readonly pieces: () => AsyncIterable<ReadonlyMap<StateKey, Uint8Array>>
}

/** `isRebuilt`: every entry was read, so the state is the tip's. Throws StoreError Corrupt when it is not. */
export async function loadTree(
  options: LoadTreeOptions,
): Promise<{ readonly tree: TreeVersion; readonly isRebuilt: boolean }> {
  const cached = await treeFromCache(options)
  if (cached !== undefined) return { tree: cached, isRebuilt: false }
  await removeTreeCache(options.cachePath)
  const { tip, pieces } = options
  let tree = TreeVersion.empty()
  for await (const piece of pieces()) {
    const next = tree.update(piece)
    tree.release()
    tree = next
    await setImmediate()
  }
  if (!equalBytes(tree.rootHash, tip.header.stateRoot)) {
    throw new StoreError('Corrupt', `the stored state does not have the state root of block ${tip.height}`)
  }
  return { tree, isRebuilt: true }
}

/** The cached leaves plus the keys changed since; undefined unless they give the tip's state root. */
async function treeFromCache(options: LoadTreeOptions): Promise<TreeVersion | undefined> {
  const { tip, cachePath, history, state, stateHeightMin } = options
  const cached = await readTreeCache(cachePath)
  if (cached === undefined) return undefined
  if (cached.height > tip.height || cached.height < stateHeightMin) return undefined
  let { tree } = cached
  for (let height = cached.height + 1; height <= tip.height; height++) {
    const changes = new Map<StateKey, Uint8Array | undefined>()
    for (const key of history.at(height).keys()) changes.set(key, state.get(key))
    const next = tree.update(changes)
    tree.release()
    tree = next
    if (height % 16 === 0) await setImmediate()
  }
  return equalBytes(tree.rootHash, tip.header.stateRoot) ? tree : undefined
}
