// Storage of the tree's nodes: typed-array slabs, reference counts, free lists. Not: what the nodes mean (merge.ts).
// A node never changes after its hash is set; versions share nodes and count references to them.
import { assert } from '../../base/assert.ts'
import { runSteps, type Steps } from '../steps.ts'

/** Number of a node: 0 is the empty tree, odd is a leaf, even an inner node. */
export type Ref = number
export const EMPTY: Ref = 0

const CHUNK_BITS = 12
const CHUNK = 1 << CHUNK_BITS
const MASK = CHUNK - 1
/** Key hash, value hash, node hash. */
const LEAF_BYTES = 96
const REFERENCES_MAX = 0xffff
/** Nodes freed per step, some 2 ms. */
const RELEASED_PER_STEP = 32_768
/** Leaves and inner nodes each: their numbers must fit a Uint32 with the kind bit. */
const NODES_MAX = 2 ** 31 - 1

export function isLeaf(ref: Ref): boolean {
  return (ref & 1) === 1
}

/** 32 bytes inside a slab, to be read before the next change of the tree. */
export interface Slice {
  readonly bytes: Uint8Array
  readonly at: number
}

export class Nodes {
  readonly #leafBytes: Uint8Array[] = []
  readonly #leafReferences: Uint16Array[] = []
  readonly #leafWords: Uint32Array[] = []
  readonly #innerHash: Uint8Array[] = []
  readonly #innerWords: Uint32Array[] = []
  readonly #innerChildren: Uint32Array[] = []
  readonly #innerBit: Uint8Array[] = []
  readonly #innerReferences: Uint16Array[] = []
  readonly #freeLeaves: number[] = []
  readonly #freeInners: number[] = []
  // Index 0 of both kinds stays unused, so that ref 0 is the empty tree.
  #leafEnd = 1
  #innerEnd = 1

  /** Nodes in use; the same before a version is made and after it is released. */
  get liveCount(): { readonly leaves: number; readonly inners: number } {
    return {
      leaves: this.#leafEnd - 1 - this.#freeLeaves.length,
      inners: this.#innerEnd - 1 - this.#freeInners.length,
    }
  }

  /** Bytes held by the slabs, free nodes included. */
  get sizeBytes(): number {
    return (
      this.#leafBytes.length * CHUNK * (LEAF_BYTES + 2) + this.#innerHash.length * CHUNK * (32 + 8 + 1 + 2)
    )
  }

  /** A leaf without references; its hash is still to be written at `leafAt(ref)` + 64. */
  newLeaf(key: Slice, value: Slice): Ref {
    let index = this.#freeLeaves.pop()
    if (index === undefined) {
      index = this.#leafEnd++
      assert(index < NODES_MAX, 'too many leaves')
      if (index >> CHUNK_BITS === this.#leafBytes.length) {
        const slab = new Uint8Array(CHUNK * LEAF_BYTES)
        this.#leafBytes.push(slab)
        this.#leafWords.push(new Uint32Array(slab.buffer))
        this.#leafReferences.push(new Uint16Array(CHUNK))
      }
    }
    const bytes = this.#leafBytes[index >> CHUNK_BITS]!
    const at = (index & MASK) * LEAF_BYTES
    for (let i = 0; i < 32; i++) bytes[at + i] = key.bytes[key.at + i]!
    for (let i = 0; i < 32; i++) bytes[at + 32 + i] = value.bytes[value.at + i]!
    return index * 2 + 1
  }

  /** An inner node without references and without hash; both children gain a reference. */
  newInner(bit: number, left: Ref, right: Ref): Ref {
    let index = this.#freeInners.pop()
    if (index === undefined) {
      index = this.#innerEnd++
      assert(index < NODES_MAX, 'too many inner nodes')
      if (index >> CHUNK_BITS === this.#innerHash.length) {
        const slab = new Uint8Array(CHUNK * 32)
        this.#innerHash.push(slab)
        this.#innerWords.push(new Uint32Array(slab.buffer))
        this.#innerChildren.push(new Uint32Array(CHUNK * 2))
        this.#innerBit.push(new Uint8Array(CHUNK))
        this.#innerReferences.push(new Uint16Array(CHUNK))
      }
    }
    const chunk = index >> CHUNK_BITS
    const slot = index & MASK
    this.#innerChildren[chunk]![slot * 2] = left
    this.#innerChildren[chunk]![slot * 2 + 1] = right
    this.#innerBit[chunk]![slot] = bit
    this.retain(left)
    this.retain(right)
    return index * 2
  }

  left(ref: Ref): Ref {
    const index = ref >>> 1
    return this.#innerChildren[index >> CHUNK_BITS]![(index & MASK) * 2]!
  }

  right(ref: Ref): Ref {
    const index = ref >>> 1
    return this.#innerChildren[index >> CHUNK_BITS]![(index & MASK) * 2 + 1]!
  }

  /** First bit in which the keys below differ; 0 = most significant of the first byte. */
  bit(ref: Ref): number {
    const index = ref >>> 1
    return this.#innerBit[index >> CHUNK_BITS]![index & MASK]!
  }

  /** Slab of a leaf: key hash, value hash and node hash, 32 bytes each, begin at `leafAt(ref)`. */
  leafBytes(ref: Ref): Uint8Array {
    return this.#leafBytes[ref >>> (CHUNK_BITS + 1)]!
  }

  leafAt(ref: Ref): number {
    return ((ref >>> 1) & MASK) * LEAF_BYTES
  }

  /** Slab that holds the node's hash at `hashAt(ref)`. */
  hashBytes(ref: Ref): Uint8Array {
    return isLeaf(ref) ? this.leafBytes(ref) : this.#innerHash[ref >>> (CHUNK_BITS + 1)]!
  }

  hashAt(ref: Ref): number {
    return isLeaf(ref) ? this.leafAt(ref) + 64 : ((ref >>> 1) & MASK) * 32
  }

  /** Copies the node's hash to `out`, eight words from `at`: four times as fast as by bytes. */
  readHash(ref: Ref, out: Uint32Array, at: number): void {
    const chunk = ref >>> (CHUNK_BITS + 1)
    const words = isLeaf(ref) ? this.#leafWords[chunk]! : this.#innerWords[chunk]!
    const from = this.hashAt(ref) >> 2
    for (let i = 0; i < 8; i++) out[at + i] = words[from + i]!
  }

  /** Sets an inner node's hash from eight words of `source`. */
  writeHash(ref: Ref, source: Uint32Array, at: number): void {
    const words = this.#innerWords[ref >>> (CHUNK_BITS + 1)]!
    const to = this.hashAt(ref) >> 2
    for (let i = 0; i < 8; i++) words[to + i] = source[at + i]!
  }

  /** Leftmost leaf below `ref`, or `ref` itself. */
  firstLeaf(ref: Ref): Ref {
    let at = ref
    while (!isLeaf(at)) at = this.left(at)
    return at
  }

  lastLeaf(ref: Ref): Ref {
    let at = ref
    while (!isLeaf(at)) at = this.right(at)
    return at
  }

  retain(ref: Ref): void {
    if (ref === EMPTY) return
    const counts = this.#references(ref)
    const slot = (ref >>> 1) & MASK
    assert(counts[slot]! < REFERENCES_MAX, 'too many versions share a node')
    counts[slot]!++
  }

  /** Drops one reference; frees a node without references and everything that only it held. */
  release(ref: Ref): void {
    runSteps(this.releaseSteps(ref))
  }

  /** Like `release`, in steps: for a version that holds most of a large tree. */
  *releaseSteps(ref: Ref): Steps<void> {
    const stack = [ref]
    let count = 0
    while (stack.length > 0) {
      if (++count % RELEASED_PER_STEP === 0) yield
      const at = stack.pop()!
      if (at === EMPTY) continue
      const counts = this.#references(at)
      const slot = (at >>> 1) & MASK
      assert(counts[slot]! > 0, 'node released twice')
      if (--counts[slot]! > 0) continue
      if (isLeaf(at)) {
        this.#freeLeaves.push(at >>> 1)
      } else {
        stack.push(this.left(at), this.right(at))
        this.#freeInners.push(at >>> 1)
      }
    }
  }

  #references(ref: Ref): Uint16Array {
    const chunk = ref >>> (CHUNK_BITS + 1)
    return isLeaf(ref) ? this.#leafReferences[chunk]! : this.#innerReferences[chunk]!
  }
}
