// Prior values of the keys one block changed, searchable without decoding. Not: where they are stored.
import { assert } from '../base/assert.ts'
import type { StateKey } from '../state/view.ts'

const KEY_BYTES_MAX = 0xffff

/** The value before the block; undefined = the key did not exist. */
export interface Prior {
  readonly value: Uint8Array | undefined
}

/**
 * Layout: count u32, count × offset u32, then per key in byte order: key length u16, value length u32
 * (0 = did not exist), key, value. All big-endian.
 */
export class ReverseDifference {
  readonly bytes: Uint8Array
  readonly #view: DataView
  readonly #count: number

  /** Takes bytes made by `encode`; throws RangeError when they are truncated. */
  constructor(bytes: Uint8Array) {
    this.bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#count = this.#view.getUint32(0)
  }

  static encode(priors: ReadonlyMap<StateKey, Uint8Array | undefined>): ReverseDifference {
    const keys = [...priors.keys()].sort()
    let size = 4 + keys.length * 4
    for (const key of keys) size += 6 + key.length + (priors.get(key)?.length ?? 0)
    const bytes = new Uint8Array(size)
    const view = new DataView(bytes.buffer)
    view.setUint32(0, keys.length)
    let at = 4 + keys.length * 4
    keys.forEach((key, i) => {
      assert(key.length <= KEY_BYTES_MAX, 'state key too long')
      const value = priors.get(key)
      view.setUint32(4 + i * 4, at)
      view.setUint16(at, key.length)
      view.setUint32(at + 2, value?.length ?? 0)
      at += 6
      for (let c = 0; c < key.length; c++) bytes[at + c] = key.charCodeAt(c)
      at += key.length
      if (value !== undefined) bytes.set(value, at)
      at += value?.length ?? 0
    })
    return new ReverseDifference(bytes)
  }

  get sizeBytes(): number {
    return this.bytes.length
  }

  /** Undefined when the block did not change the key. */
  find(key: StateKey): Prior | undefined {
    let lo = 0
    let hi = this.#count - 1
    while (lo <= hi) {
      const middle = (lo + hi) >> 1
      const at = this.#view.getUint32(4 + middle * 4)
      const order = this.#compare(key, at)
      if (order === 0) return { value: this.#valueAt(at) }
      if (order < 0) hi = middle - 1
      else lo = middle + 1
    }
    return undefined
  }

  /** Number of keys the block changed. */
  get count(): number {
    return this.#count
  }

  /** Every key the block changed. */
  *keys(): Iterable<StateKey> {
    for (let i = 0; i < this.#count; i++) yield this.#keyAt(this.#view.getUint32(4 + i * 4))
  }

  /** Every key the block changed, with its value before the block. */
  *entries(): Iterable<readonly [StateKey, Uint8Array | undefined]> {
    for (let i = 0; i < this.#count; i++) {
      const at = this.#view.getUint32(4 + i * 4)
      yield [this.#keyAt(at), this.#valueAt(at)]
    }
  }

  #keyAt(at: number): StateKey {
    const length = this.#view.getUint16(at)
    let key = ''
    for (let c = 0; c < length; c++) key += String.fromCharCode(this.bytes[at + 6 + c]!)
    return key
  }

  #compare(key: StateKey, at: number): number {
    const length = this.#view.getUint16(at)
    const shorter = Math.min(length, key.length)
    for (let i = 0; i < shorter; i++) {
      const d = key.charCodeAt(i) - this.bytes[at + 6 + i]!
      if (d !== 0) return d
    }
    return key.length - length
  }

  #valueAt(at: number): Uint8Array | undefined {
    const keyLength = this.#view.getUint16(at)
    const valueLength = this.#view.getUint32(at + 2)
    if (valueLength === 0) return undefined
    const from = at + 6 + keyLength
    return this.bytes.slice(from, from + valueLength)
  }
}
