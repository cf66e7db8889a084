// One copy-on-write step of the tree: sorted changes merged into a root, then the new nodes hashed layer by layer.
// Owns: the shape rules (every inner node has two children, split at the first differing bit). Not: versions (tree.ts).
import { assert } from '../../base/assert.ts'
import { sha256 } from '../../base/crypto/hash.ts'
import { hashPairs } from '../../base/crypto/hashLayers.ts'
import { STATE_LEAF_TAG } from '../../base/protocol/stateProof.ts'
import { bitAt, compareHashes, firstDifference, HASH_BITS } from './bits.ts'
import { EMPTY, isLeaf, type Nodes, type Ref } from './nodes.ts'

/** Changes in ascending order of their key hashes, without repeats. */
export interface SortedChanges {
  readonly count: number
  /** count × 32 bytes. */
  readonly keyHashes: Uint8Array
  /** count × 32 bytes; zeros where deleted. */
  readonly valueHashes: Uint8Array
  /** 1 = the key is deleted. */
  readonly deleted: Uint8Array
}

/** Pairs hashed per call of the library: 128 KiB of input. */
const PAIRS_MAX = 2048

const leafPreimage = new Uint8Array(STATE_LEAF_TAG.length + 64)
leafPreimage.set(STATE_LEAF_TAG)

export class Merge {
  readonly #nodes: Nodes
  readonly #changes: SortedChanges
  /** New inner nodes by height above what is already hashed; index 0 stays empty. */
  readonly #layers: Ref[][] = [[]]
  /** Height of the node returned last; the second result of the recursive functions. */
  #level = 0
  /** The only item of a list that may not be hashed yet. */
  #pendingItem: Ref = EMPTY
  #pendingLevel = 0

  constructor(nodes: Nodes, changes: SortedChanges) {
    this.#nodes = nodes
    this.#changes = changes
  }

  /** The new root, hashed, without a reference yet; equal to `root` when nothing changed. */
  run(root: Ref): Ref {
    const merged = this.#merge(root, 0, 0, this.#changes.count)
    this.#hashLayers()
    return merged
  }

  /** `depth`: bits that the range [lo, hi) shares with the keys below `ref`. */
  #merge(ref: Ref, depth: number, lo: number, hi: number): Ref {
    if (lo === hi) {
      this.#level = 0
      return ref
    }
    if (ref === EMPTY) {
      const items: Ref[] = []
      this.#pushInserts(items, lo, hi)
      return this.#build(items, 0, items.length)
    }
    if (isLeaf(ref)) return this.#mergeLeaf(ref, lo, hi)
    const bit = this.#nodes.bit(ref)
    if (bit > depth) {
      // The node skips bits: changes that leave its prefix become its neighbours.
      const first = this.#nodes.firstLeaf(ref)
      let from = lo
      let to = hi
      while (from < to && this.#sideOfPrefix(from, first, bit) < 0) from++
      while (to > from && this.#sideOfPrefix(to - 1, first, bit) > 0) to--
      if (from > lo || to < hi) return this.#mergeAround(ref, { lo, from, to, hi })
    }
    return this.#mergeInner(ref, lo, hi)
  }

  /** Whether change `i` lies before (−1), within (0) or after (1) the keys that share a leaf's first `bits` bits. */
  #sideOfPrefix(i: number, leaf: Ref, bits: number): -1 | 0 | 1 {
    const { keyHashes } = this.#changes
    const difference = firstDifference(
      keyHashes,
      i * 32,
      this.#nodes.leafBytes(leaf),
      this.#nodes.leafAt(leaf),
    )
    if (difference >= bits) return 0
    return bitAt(keyHashes, i * 32, difference) === 0 ? -1 : 1
  }

  #mergeAround(ref: Ref, range: { lo: number; from: number; to: number; hi: number }): Ref {
    const inside = this.#mergeInner(ref, range.from, range.to)
    const insideLevel = this.#level
    const items: Ref[] = []
    this.#pushInserts(items, range.lo, range.from)
    if (inside !== EMPTY) items.push(inside)
    this.#pushInserts(items, range.to, range.hi)
    this.#pendingItem = inside
    this.#pendingLevel = insideLevel
    const built = this.#build(items, 0, items.length)
    this.#pendingItem = EMPTY
    return built
  }

  #mergeInner(ref: Ref, lo: number, hi: number): Ref {
    if (lo === hi) {
      this.#level = 0
      return ref
    }
    const nodes = this.#nodes
    const bit = nodes.bit(ref)
    const middle = this.#split(bit, lo, hi)
    const oldLeft = nodes.left(ref)
    const oldRight = nodes.right(ref)
    const left = this.#merge(oldLeft, bit + 1, lo, middle)
    const leftLevel = this.#level
    const right = this.#merge(oldRight, bit + 1, middle, hi)
    const rightLevel = this.#level
    if (left === oldLeft && right === oldRight) {
      this.#level = 0
      return ref
    }
    // A side without keys is dropped.
    if (left === EMPTY) return right
    if (right === EMPTY) {
      this.#level = leftLevel
      return left
    }
    return this.#newInner(bit, left, right, Math.max(leftLevel, rightLevel))
  }

  #mergeLeaf(ref: Ref, lo: number, hi: number): Ref {
    const { keyHashes, valueHashes, deleted } = this.#changes
    const bytes = this.#nodes.leafBytes(ref)
    const at = this.#nodes.leafAt(ref)
    const items: Ref[] = []
    let placed = false
    for (let i = lo; i < hi; i++) {
      const order = compareHashes(keyHashes, i * 32, bytes, at)
      if (order > 0 && !placed) items.push(ref)
      if (order >= 0) placed = true
      if (deleted[i] === 1) continue
      const same = order === 0 && compareHashes(valueHashes, i * 32, bytes, at + 32) === 0
      items.push(same ? ref : this.#newLeaf(i))
    }
    if (!placed) items.push(ref)
    return this.#build(items, 0, items.length)
  }

  #pushInserts(items: Ref[], lo: number, hi: number): void {
    for (let i = lo; i < hi; i++) if (this.#changes.deleted[i] === 0) items.push(this.#newLeaf(i))
  }

  #newLeaf(i: number): Ref {
    const { keyHashes, valueHashes } = this.#changes
    const ref = this.#nodes.newLeaf({ bytes: keyHashes, at: i * 32 }, { bytes: valueHashes, at: i * 32 })
    hashLeaf(this.#nodes, ref)
    return ref
  }

  /** Items ascend and no two of them overlap. */
  #build(items: readonly Ref[], from: number, to: number): Ref {
    if (to - from <= 1) {
      const only = from === to ? EMPTY : items[from]!
      this.#level = only !== EMPTY && only === this.#pendingItem ? this.#pendingLevel : 0
      return only
    }
    const nodes = this.#nodes
    const first = nodes.firstLeaf(items[from]!)
    const last = nodes.firstLeaf(items[to - 1]!)
    const bit = firstDifference(
      nodes.leafBytes(first),
      nodes.leafAt(first),
      nodes.leafBytes(last),
      nodes.leafAt(last),
    )
    assert(bit < HASH_BITS, 'two leaves of one key')
    let lo = from + 1
    let hi = to - 1
    while (lo < hi) {
      const middle = (lo + hi) >> 1
      const leaf = nodes.firstLeaf(items[middle]!)
      if (bitAt(nodes.leafBytes(leaf), nodes.leafAt(leaf), bit) === 1) hi = middle
      else lo = middle + 1
    }
    const left = this.#build(items, from, lo)
    const leftLevel = this.#level
    const right = this.#build(items, lo, to)
    return this.#newInner(bit, left, right, Math.max(leftLevel, this.#level))
  }

  #newInner(bit: number, left: Ref, right: Ref, below: number): Ref {
    const ref = this.#nodes.newInner(bit, left, right)
    const level = below + 1
    if (level === this.#layers.length) this.#layers.push([])
    this.#layers[level]!.push(ref)
    this.#level = level
    return ref
  }

  /** First change in [lo, hi) whose `bit` is set. */
  #split(bit: number, lo: number, hi: number): number {
    const { keyHashes } = this.#changes
    let from = lo
    let to = hi
    while (from < to) {
      const middle = (from + to) >> 1
      if (bitAt(keyHashes, middle * 32, bit) === 1) to = middle
      else from = middle + 1
    }
    return from
  }

  #hashLayers(): void {
    for (const layer of this.#layers) {
      for (let at = 0; at < layer.length; at += PAIRS_MAX)
        this.#hashRun(layer, at, Math.min(layer.length, at + PAIRS_MAX))
    }
  }

  #hashRun(layer: readonly Ref[], from: number, to: number): void {
    const nodes = this.#nodes
    const input = new Uint32Array((to - from) * 16)
    for (let i = from; i < to; i++) {
      const ref = layer[i]!
      nodes.readHash(nodes.left(ref), input, (i - from) * 16)
      nodes.readHash(nodes.right(ref), input, (i - from) * 16 + 8)
    }
    const output = new Uint32Array((to - from) * 8)
    hashPairs(new Uint8Array(input.buffer), new Uint8Array(output.buffer))
    for (let i = from; i < to; i++) nodes.writeHash(layer[i]!, output, (i - from) * 8)
  }
}

/** Writes the leaf's hash from its key hash and value hash. */
export function hashLeaf(nodes: Nodes, ref: Ref): void {
  const bytes = nodes.leafBytes(ref)
  const at = nodes.leafAt(ref)
  const start = STATE_LEAF_TAG.length
  for (let i = 0; i < 64; i++) leafPreimage[start + i] = bytes[at + i]!
  bytes.set(sha256(leafPreimage), at + 64)
}
