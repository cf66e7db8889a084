// Decoded records by their keys: rules read the same few records many times between two writes, and reading bytes costs most
// of it. Owns: how many are remembered. Not: bytes (base/record.ts), what a block has written (overlay.ts).
import type { StateKey } from './view.ts'

/** Records of one kind that are remembered at least, and half of those at most: what a block reads again. */
const GENERATION_MAX = 64

interface Decoded<V> {
  readonly stored: Uint8Array
  readonly value: V
}

/**
 * Remembers records with the very bytes that they were read from. Stored bytes and decoded records never change, so the same
 * bytes mean the same record, whichever block or fork asks; other bytes under the key replace it.
 */
export class DecodedRecords<V> {
  readonly #decode: (stored: Uint8Array) => V
  #young = new Map<StateKey, Decoded<V>>()
  #old = new Map<StateKey, Decoded<V>>()

  constructor(decode: (stored: Uint8Array) => V) {
    this.#decode = decode
  }

  /** The record that these stored bytes of a key hold. */
  read(key: StateKey, stored: Uint8Array): V {
    const young = this.#young.get(key)
    if (young?.stored === stored) return young.value
    const old = this.#old.get(key)
    if (old?.stored !== stored) return this.note(key, stored, this.#decode(stored))
    this.#put(key, old)
    return old.value
  }

  /** Remembers what decoding these bytes would give. */
  note(key: StateKey, stored: Uint8Array, value: V): V {
    this.#put(key, { stored, value })
    return value
  }

  #put(key: StateKey, decoded: Decoded<V>): void {
    this.#young.set(key, decoded)
    if (this.#young.size < GENERATION_MAX) return
    this.#old = this.#young
    this.#young = new Map()
  }
}
