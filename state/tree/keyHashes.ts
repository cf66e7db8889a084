// Hashes of state keys, with a bounded cache for the keys that change in every block.
import { assert } from '../../base/assert.ts'
import { keyBytes } from '../../base/bytes.ts'
import { sha256 } from '../../base/crypto/hash.ts'
import type { StateKey } from '../view.ts'

/** kh = SHA256(key bytes). Evicts in insertion order: cheap, and hot keys return at once. */
export class KeyHashes {
  readonly #slots = new Map<StateKey, number>()
  readonly #keys: StateKey[] = []
  readonly #hashes: Uint8Array
  readonly #entriesMax: number
  #next = 0

  constructor(entriesMax: number) {
    assert(entriesMax >= 1, 'a cache of at least one entry')
    this.#entriesMax = entriesMax
    this.#hashes = new Uint8Array(entriesMax * 32)
  }

  /** Writes the 32 bytes at `at`. */
  into(key: StateKey, out: Uint8Array, at: number): void {
    const known = this.#slots.get(key)
    if (known !== undefined) {
      const from = known * 32
      for (let i = 0; i < 32; i++) out[at + i] = this.#hashes[from + i]!
      return
    }
    const hash = sha256(keyBytes(key))
    out.set(hash, at)
    const slot = this.#next
    this.#next = (slot + 1) % this.#entriesMax
    const evicted = this.#keys[slot]
    if (evicted !== undefined) this.#slots.delete(evicted)
    this.#keys[slot] = key
    this.#slots.set(key, slot)
    this.#hashes.set(hash, slot * 32)
  }
}
