// In-memory cache of recently read and written state values, including absent keys. Bounded by entries and bytes.
import type { StateKey } from '../state/view.ts'

/** Overhead of an entry: map slot, string and array headers. */
const ENTRY_OVERHEAD_BYTES = 150

export interface CacheHit {
  /** Undefined = known to be absent. */
  readonly value: Uint8Array | undefined
}

/** Two generations: a hit in the old one moves to the young one; when the young one is full it replaces the old one. */
export class ReadCache {
  readonly #entriesMax: number
  readonly #bytesMax: number
  #young = new Map<StateKey, CacheHit>()
  #old = new Map<StateKey, CacheHit>()
  #youngBytes = 0

  /** Both bounds cover the two generations together. */
  constructor(options: { readonly entriesMax: number; readonly bytesMax: number }) {
    this.#entriesMax = Math.max(1, Math.floor(options.entriesMax / 2))
    this.#bytesMax = Math.max(1, Math.floor(options.bytesMax / 2))
  }

  get(key: StateKey): CacheHit | undefined {
    const young = this.#young.get(key)
    if (young !== undefined) return young
    const old = this.#old.get(key)
    if (old === undefined) return undefined
    this.#old.delete(key)
    this.#put(key, old)
    return old
  }

  set(key: StateKey, value: Uint8Array | undefined): void {
    this.#old.delete(key)
    this.#put(key, { value })
  }

  get size(): number {
    return this.#young.size + this.#old.size
  }

  #put(key: StateKey, hit: CacheHit): void {
    this.#young.set(key, hit)
    // A repeated key counts twice: turning over early is cheaper than exact accounting.
    this.#youngBytes += ENTRY_OVERHEAD_BYTES + key.length + (hit.value?.length ?? 0)
    if (this.#young.size < this.#entriesMax && this.#youngBytes < this.#bytesMax) return
    this.#old = this.#young
    this.#young = new Map()
    this.#youngBytes = 0
  }
}
