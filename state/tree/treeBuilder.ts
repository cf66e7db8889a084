// Builds the tree of a whole state from its entries in any order. Owns: sorting them by their hashes in bounded steps.
import { assert } from '../../base/assert.ts'
import { keyBytes } from '../../base/bytes.ts'
import { sha256 } from '../../base/crypto/hash.ts'
import type { Steps } from '../steps.ts'
import type { StateKey } from '../view.ts'
import { compareHashes } from './bits.ts'
import { TreeVersion } from './tree.ts'

/** Key hash, value hash. */
const LEAF_BYTES = 64
const BUCKET_BITS = 12
const BUCKET_LEAVES_MIN = 16

interface Bucket {
  bytes: Uint8Array
  count: number
}

/** Holds 64 to 128 bytes per entry until the tree is built; its leaves are added in order, which is the cheapest way. */
export class TreeBuilder {
  readonly #buckets: (Bucket | undefined)[] = new Array(1 << BUCKET_BITS)

  /** Each key once. */
  add(key: StateKey, value: Uint8Array): void {
    assert(value.length > 0, 'stored values are never empty')
    const keyHash = sha256(keyBytes(key))
    const index = ((keyHash[0]! << 8) | keyHash[1]!) >> (16 - BUCKET_BITS)
    const bucket = (this.#buckets[index] ??= {
      bytes: new Uint8Array(BUCKET_LEAVES_MIN * LEAF_BYTES),
      count: 0,
    })
    const at = bucket.count * LEAF_BYTES
    if (at === bucket.bytes.length) {
      const larger = new Uint8Array(bucket.bytes.length * 2)
      larger.set(bucket.bytes)
      bucket.bytes = larger
    }
    bucket.bytes.set(keyHash, at)
    bucket.bytes.set(sha256(value), at + 32)
    bucket.count++
  }

  /** A step per 4096th of the keys; the builder is empty afterwards. */
  *build(): Steps<TreeVersion> {
    let tree = TreeVersion.empty()
    for (const [index, bucket] of this.#buckets.entries()) {
      if (bucket === undefined) continue
      const next = tree.addLeaves(sortedLeaves(bucket))
      tree.release()
      tree = next
      this.#buckets[index] = undefined
      yield
    }
    return tree
  }
}

function sortedLeaves({ bytes, count }: Bucket): { keyHashes: Uint8Array; valueHashes: Uint8Array } {
  const order = Uint32Array.from({ length: count }, (_, i) => i * LEAF_BYTES)
  order.sort((a, b) => compareHashes(bytes, a, bytes, b))
  const keyHashes = new Uint8Array(count * 32)
  const valueHashes = new Uint8Array(count * 32)
  for (const [i, at] of order.entries()) {
    keyHashes.set(bytes.subarray(at, at + 32), i * 32)
    valueHashes.set(bytes.subarray(at + 32, at + 64), i * 32)
  }
  return { keyHashes, valueHashes }
}
