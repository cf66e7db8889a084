// Rebuilds trees of past heights from a newer one by undoing blocks, for proofs at every height whose state is kept.
// Owns: the rebuild, a small cache of trees. Not: recent trees (importer.ts), reverse differences (storage/).
import { setImmediate } from 'node:timers/promises'
import { assert } from '../../base/assert.ts'
import { equalBytes } from '../../base/bytes.ts'
import type { Steps } from '../../state/steps.ts'
import type { TreeVersion } from '../../state/tree/tree.ts'
import type { StateKey } from '../../state/view.ts'
import { inTurns } from '../../storage/turns.ts'
import type { ChainStore } from '../../storage/types.ts'

/** Blocks are undone together until they have changed this many keys; also the keys read in one turn. */
const STEP_KEYS = 512
/** Rebuilt trees to keep; they share most nodes with the newest. */
const TREES_MAX = 8
/** Requests that may wait; more are refused. */
const WAITING_MAX = 64

export class PastTrees {
  readonly #store: Pick<ChainStore, 'differenceAt' | 'stateHeightMin' | 'headerAt'>
  /** The importer's lowest tree and its height. */
  readonly #newer: () => { readonly height: number; readonly tree: TreeVersion }
  /** By height, the most recently used last. */
  readonly #trees = new Map<number, TreeVersion>()
  #work: Promise<unknown> = Promise.resolve()
  #waiting = 0
  #isClosed = false

  constructor(
    store: Pick<ChainStore, 'differenceAt' | 'stateHeightMin' | 'headerAt'>,
    newer: () => { readonly height: number; readonly tree: TreeVersion },
  ) {
    this.#store = store
    this.#newer = newer
  }

  /** Runs `use` on the tree of a height; undefined when its state is gone or too many requests wait. */
  async with<T>(height: number, use: (tree: TreeVersion) => T): Promise<T | undefined> {
    if (this.#waiting >= WAITING_MAX) return undefined
    this.#waiting++
    const result = this.#work.then(async () => {
      const tree = await this.#at(height)
      return tree === undefined ? undefined : use(tree)
    })
    this.#work = result.catch(() => undefined)
    try {
      return await result
    } finally {
      this.#waiting--
    }
  }

  async #at(height: number): Promise<TreeVersion | undefined> {
    if (this.#isClosed || height < this.#store.stateHeightMin()) return undefined
    const known = this.#trees.get(height)
    if (known !== undefined) {
      this.#keep(height, known)
      return known
    }
    let { height: at, tree } = this.#newer()
    if (height > at) return undefined
    for (const [near, held] of this.#trees) {
      if (near > height && near < at) {
        at = near
        tree = held
      }
    }
    let current = tree.retain()
    while (at > height && !this.#isClosed) {
      const { changes, to } = await inTurns(this.#changesBack(at, height))
      const next = await inTurns(current.updateSteps(changes))
      current.release()
      current = next
      at = to
      await setImmediate()
    }
    if (this.#isClosed) {
      current.release()
      return undefined
    }
    const stored = this.#store.headerAt(height)
    assert(
      stored === undefined || equalBytes(stored.header.stateRoot, current.rootHash),
      'the differences lead back to the state root of the height',
    )
    this.#keep(height, current)
    return current
  }

  /** Values after block `to` of the keys that blocks `to + 1` to `from` changed; `to` is at least `lowest`. */
  *#changesBack(
    from: number,
    lowest: number,
  ): Steps<{ readonly changes: Map<StateKey, Uint8Array | undefined>; readonly to: number }> {
    const changes = new Map<StateKey, Uint8Array | undefined>()
    let at = from
    let read = 0
    while (at > lowest && changes.size < STEP_KEYS) {
      for (const [key, value] of this.#store.differenceAt(at).entries()) {
        changes.set(key, value)
        if (++read % STEP_KEYS === 0) yield
      }
      at--
    }
    return { changes, to: at }
  }

  #keep(height: number, tree: TreeVersion): void {
    this.#trees.delete(height)
    this.#trees.set(height, tree)
    if (this.#trees.size <= TREES_MAX) return
    const [oldest, released] = this.#trees.entries().next().value!
    this.#trees.delete(oldest)
    released.release()
  }

  /** Drops the trees from this height on: other blocks take these heights. */
  async forgetFrom(height: number): Promise<void> {
    await this.#work
    for (const [at, tree] of this.#trees) {
      if (at < height) continue
      this.#trees.delete(at)
      tree.release()
    }
  }

  /** Stops a running rebuild and frees every tree. */
  async close(): Promise<void> {
    this.#isClosed = true
    await this.#work
    for (const tree of this.#trees.values()) tree.release()
    this.#trees.clear()
  }
}
