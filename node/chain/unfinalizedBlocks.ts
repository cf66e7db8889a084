// Executed blocks above the finalized head, by hash: a small tree of forks. Owns: its bounds, dropping dead forks.
// Not: execution and disk (importer.ts).
import { assert } from '../../base/assert.ts'
import { bytesKey } from '../../base/bytes.ts'
import type { Hash32 } from '../../base/ids.ts'
import type { ExecutedBlock } from '../../state/execute.ts'
import type { StateReader } from '../../state/view.ts'

/** Height above the head up to which blocks may carry transactions (CONSENSUS §4: then empty ones only). */
export const UNFINALIZED_HEIGHTS_MAX = 64
/** Blocks with transactions held at once, forks included. */
const LOADED_BLOCKS_MAX = 192
/** Blocks held at once. */
const BLOCKS_MAX = 1024

export class UnfinalizedBlocks {
  readonly #blocks = new Map<string, ExecutedBlock>()
  #loadedCount = 0
  #highest: ExecutedBlock | undefined

  get count(): number {
    return this.#blocks.size
  }

  get(hash: Hash32): ExecutedBlock | undefined {
    return this.#blocks.get(bytesKey(hash))
  }

  /** Highest block, then highest view. */
  get highest(): ExecutedBlock | undefined {
    return this.#highest
  }

  /** Whether a block at `depth` above the head may be added. */
  hasRoom(depth: number, transactionCount: number): boolean {
    if (this.#blocks.size >= BLOCKS_MAX) return false
    return (
      transactionCount === 0 || (depth <= UNFINALIZED_HEIGHTS_MAX && this.#loadedCount < LOADED_BLOCKS_MAX)
    )
  }

  add(executed: ExecutedBlock): void {
    const key = bytesKey(executed.block.hash)
    assert(!this.#blocks.has(key), 'a block is executed only once')
    this.#blocks.set(key, executed)
    if (executed.block.transactions.length > 0) this.#loadedCount++
    if (this.#highest === undefined || isAbove(executed, this.#highest)) this.#highest = executed
  }

  /**
   * Makes `head` the finalized head: removes the path, drops forks that do not contain it with their trees, and lets
   * its children read from `state` from now on.
   */
  advance(options: { head: Hash32; path: readonly Hash32[]; state: StateReader }): void {
    for (const hash of options.path) this.#blocks.delete(bytesKey(hash))
    const kept = new Set([bytesKey(options.head)])
    const ascending = [...this.#blocks].sort(([, a], [, b]) => a.block.header.height - b.block.header.height)
    this.#highest = undefined
    this.#loadedCount = 0
    for (const [key, executed] of ascending) {
      const parent = bytesKey(executed.block.header.parentHash)
      if (!kept.has(parent)) {
        this.#blocks.delete(key)
        executed.tree.release()
        continue
      }
      kept.add(key)
      if (parent === bytesKey(options.head)) executed.overlay.rebase(options.state)
      if (executed.block.transactions.length > 0) this.#loadedCount++
      if (this.#highest === undefined || isAbove(executed, this.#highest)) this.#highest = executed
    }
  }

  /** Drops everything. */
  clear(): void {
    for (const executed of this.#blocks.values()) executed.tree.release()
    this.#blocks.clear()
    this.#highest = undefined
    this.#loadedCount = 0
  }
}

function isAbove(a: ExecutedBlock, b: ExecutedBlock): boolean {
  const { height, view } = a.block.header
  const other = b.block.header
  return height > other.height || (height === other.height && view > other.view)
}
