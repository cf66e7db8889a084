// Reverse differences of recent heights: which are kept, and reads of past states through them.
// Not: writing them (chainStore.ts puts them into the commit's batch).

import { readU64be } from '../base/bytes.ts'
import type { StateKey, StateReader } from '../state/view.ts'
import type { ReverseDifference } from './reverseDifference.ts'
import { StoreError } from './types.ts'

/** Bytes of differences kept in memory; older ones are read from disk on demand. */
const MEMORY_BYTES_MAX = 16 * 1024 * 1024
/** At least this many heights stay on disk regardless of size, so that their proofs can be served. */
export const HISTORY_HEIGHTS_MIN = 64

export interface HistoryBounds {
  readonly heightsMax: number
  readonly bytesMax: number
}

export class History {
  readonly #bounds: HistoryBounds
  readonly #load: (height: number) => ReverseDifference | undefined
  /** First and last height with a difference on disk; no gaps. */
  #first: number | undefined
  #last = -1
  /** Their sizes, oldest first; tracked only if history is pruned. */
  readonly #sizes = new Map<number, number>()
  #totalBytes = 0
  readonly #memory = new Map<number, ReverseDifference>()
  #memoryBytes = 0

  constructor(bounds: HistoryBounds, load: (height: number) => ReverseDifference | undefined) {
    this.#bounds = bounds
    this.#load = load
  }

  /** Call in ascending order without gaps. */
  note(height: number, sizeBytes: number): void {
    this.#first ??= height
    this.#last = height
    if (this.#bounds.heightsMax === Infinity && this.#bounds.bytesMax === Infinity) return
    this.#sizes.set(height, sizeBytes)
    this.#totalBytes += sizeBytes
  }

  /**
   * Notes what an earlier run stored, by stored key. Every commit adds to the history without gaps, so one that is missing
   * in the middle shows here: throws StoreError Corrupt.
   */
  async noteStored(sizes: AsyncIterable<[Uint8Array, Uint8Array]>, tipHeight: number): Promise<void> {
    let last: number | undefined
    for await (const [key, size] of sizes) {
      const height = readU64be(key, 1)
      if (last !== undefined && height !== last + 1) {
        throw new StoreError('Corrupt', `the history lacks blocks ${last + 1} to ${height - 1}`)
      }
      this.note(height, new DataView(size.buffer, size.byteOffset).getUint32(0))
      last = height
    }
    if (last !== undefined && last !== tipHeight) {
      throw new StoreError('Corrupt', `the history ends at block ${last}, the tip is block ${tipHeight}`)
    }
  }

  /** Caches a new difference in memory. */
  remember(height: number, difference: ReverseDifference): void {
    this.#memory.delete(height)
    this.#memory.set(height, difference)
    this.#memoryBytes += difference.sizeBytes
    for (const [oldest, held] of this.#memory) {
      if (this.#memoryBytes <= MEMORY_BYTES_MAX || this.#memory.size === 1) break
      this.#memory.delete(oldest)
      this.#memoryBytes -= held.sizeBytes
    }
  }

  /** Heights whose differences to delete once differences of these sizes are added. */
  prunedBy(added: readonly number[]): readonly number[] {
    let count = this.#sizes.size + added.length
    let bytes = added.reduce((sum, size) => sum + size, this.#totalBytes)
    const pruned: number[] = []
    for (const [height, size] of this.#sizes) {
      const isOver = count > this.#bounds.heightsMax || bytes > this.#bounds.bytesMax
      if (!isOver || count <= HISTORY_HEIGHTS_MIN) break
      pruned.push(height)
      count--
      bytes -= size
    }
    return pruned
  }

  forget(heights: readonly number[]): void {
    for (const height of heights) {
      this.#first = height + 1
      this.#totalBytes -= this.#sizes.get(height) ?? 0
      this.#sizes.delete(height)
      this.#memoryBytes -= this.#memory.get(height)?.sizeBytes ?? 0
      this.#memory.delete(height)
    }
  }

  /** Forgets the differences above `height`, whose blocks were taken back. */
  forgetAbove(height: number): void {
    for (let at = this.#last; at > height && at >= (this.#first ?? at + 1); at--) {
      this.#totalBytes -= this.#sizes.get(at) ?? 0
      this.#sizes.delete(at)
      this.#memoryBytes -= this.#memory.get(at)?.sizeBytes ?? 0
      this.#memory.delete(at)
    }
    this.#last = Math.min(this.#last, height)
    if (this.#first !== undefined && this.#first > height) this.#first = undefined
  }

  /** Lowest height with a difference, or undefined if there is none. */
  get heightMin(): number | undefined {
    return this.#first
  }

  /** Throws HistoryPruned when it is gone. */
  at(height: number): ReverseDifference {
    const known = this.#memory.get(height)
    if (known !== undefined) return known
    const isHeld = this.#first !== undefined && height >= this.#first && height <= this.#last
    const loaded = isHeld ? this.#load(height) : undefined
    if (loaded === undefined)
      throw new StoreError('HistoryPruned', `the state before height ${height} was pruned`)
    this.remember(height, loaded)
    return loaded
  }
}

/** The post-state of `height`: a key's prior value in the first later block that changed it, else its newest value. */
export class PastState implements StateReader {
  readonly #height: number
  readonly #history: History
  readonly #newest: StateReader
  readonly #tipHeight: () => number

  constructor(options: { height: number; history: History; newest: StateReader; tipHeight: () => number }) {
    this.#height = options.height
    this.#history = options.history
    this.#newest = options.newest
    this.#tipHeight = options.tipHeight
  }

  /** Throws HistoryPruned when the chain has moved on too far since this reader was made. */
  get(key: StateKey): Uint8Array | undefined {
    const tip = this.#tipHeight()
    for (let height = this.#height + 1; height <= tip; height++) {
      const prior = this.#history.at(height).find(key)
      if (prior !== undefined) return prior.value
    }
    return this.#newest.get(key)
  }
}
