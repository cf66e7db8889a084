// The tip's tree at a start: from `tree.cache` and the keys changed since, else rebuilt from every entry.
// Owns: that its root is the header's. Not: the file (treeCache.ts).
import { setImmediate } from 'node:timers/promises'
import { equalBytes } from '../base/bytes.ts'
import type { TreeVersion } from '../state/tree/tree.ts'
import { TreeBuilder } from '../state/tree/treeBuilder.ts'
import type { StateKey, StateReader } from '../state/view.ts'
import type { History } from './history.ts'
import { readTreeCache, removeTreeCache } from './treeCache.ts'
import { inTurns } from './turns.ts'
import { type ChainTip, StoreError } from './types.ts'

/** Entries hashed per turn when the tree is rebuilt. */
const REBUILT_PER_TURN = 512
/** Changed keys gathered before they are put into the cached tree. */
const REPLAYED_KEYS = 4096
/** Values read from the disk per turn: up to 5 ms. */
const READS_PER_TURN = 256

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
  const builder = new TreeBuilder()
  for await (const piece of pieces()) {
    let count = 0
    for (const [key, value] of piece) {
      builder.add(key, value)
      if (++count % REBUILT_PER_TURN === 0) await setImmediate()
    }
  }
  const tree = await inTurns(builder.build())
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
  // A key that many blocks changed is read and hashed once per batch.
  let changes = new Map<StateKey, Uint8Array | undefined>()
  const grow = async (): Promise<void> => {
    const next = await inTurns(tree.updateSteps(changes))
    tree.release()
    tree = next
    changes = new Map()
  }
  for (let height = cached.height + 1; height <= tip.height; height++) {
    let count = 0
    for (const key of history.at(height).keys()) {
      if (!changes.has(key)) changes.set(key, state.get(key))
      if (++count % READS_PER_TURN === 0) await setImmediate()
    }
    if (changes.size >= REPLAYED_KEYS) await grow()
    await setImmediate()
  }
  await grow()
  return equalBytes(tree.rootHash, tip.header.stateRoot) ? tree : undefined
}
