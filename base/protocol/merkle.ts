// Binary Merkle tree over an ordered list (RFC 6962 shape): transactions and receipts of a block.
// The root also holds the number of leaves: without it, a proof for one index could pass for another.
import { assert } from '../assert.ts'
import { concatBytes, equalBytes, u64be } from '../bytes.ts'
import { sha256, sha256Into } from '../crypto/hash.ts'
import { HASH_BYTES, type Hash32, ZERO_HASH } from '../ids.ts'

const LEAF = new Uint8Array([0])
const INNER = new Uint8Array([1])
const ROOT = new Uint8Array([2])

/** Leaves up to this size are hashed from `scratch`; a block has thousands of them. */
const SCRATCH_LEAF_MAX = 1024
const scratch = new Uint8Array(1 + SCRATCH_LEAF_MAX)
/** 0x01 ‖ left ‖ right. */
const innerScratch = new Uint8Array(1 + 2 * HASH_BYTES)
innerScratch.set(INNER)

function leafInto(leaf: Uint8Array, out: Uint8Array, at: number): void {
  if (leaf.length > SCRATCH_LEAF_MAX) {
    sha256Into(concatBytes(LEAF, leaf), out, at)
    return
  }
  scratch.set(LEAF)
  scratch.set(leaf, 1)
  sha256Into(scratch.subarray(0, 1 + leaf.length), out, at)
}

/** SHA256(0x00 ‖ leaf). */
export function merkleLeaf(leaf: Uint8Array): Hash32 {
  const out = new Uint8Array(HASH_BYTES)
  leafInto(leaf, out, 0)
  return out
}

function merkleInner(left: Uint8Array, right: Uint8Array): Hash32 {
  assert(left.length === HASH_BYTES && right.length === HASH_BYTES, 'nodes are hashes')
  innerScratch.set(left, 1)
  innerScratch.set(right, 1 + HASH_BYTES)
  return sha256(innerScratch)
}

function sealRoot(count: number, top: Uint8Array): Hash32 {
  return sha256(concatBytes(ROOT, u64be(count), top))
}

/** SHA256(0x02 ‖ count ‖ top), count u64 big-endian; 32 zero bytes for an empty list. */
export function merkleRoot(leaves: readonly Uint8Array[]): Hash32 {
  return leaves.length === 0 ? ZERO_HASH : sealRoot(leaves.length, merkleTop(leaves))
}

/** Top node of a non-empty list, RFC 6962's tree hash. An odd node moves up unchanged. */
export function merkleTop(leaves: readonly Uint8Array[]): Hash32 {
  // One buffer for all layers: each overwrites the one below it, always behind the read position.
  const nodes = new Uint8Array(leaves.length * HASH_BYTES)
  leaves.forEach((leaf, i) => {
    leafInto(leaf, nodes, i * HASH_BYTES)
  })
  for (let width = leaves.length; width > 1; width = (width + 1) >> 1) {
    for (let i = 0; i < width; i += 2) {
      const from = i * HASH_BYTES
      const to = from / 2
      if (i + 1 < width) {
        innerScratch.set(nodes.subarray(from, from + 2 * HASH_BYTES), 1)
        sha256Into(innerScratch, nodes, to)
      } else nodes.copyWithin(to, from, from + HASH_BYTES)
    }
  }
  return nodes.slice(0, HASH_BYTES)
}

/** Siblings from the leaf up; levels where the node has no sibling are left out. */
export function merkleProof(leaves: readonly Uint8Array[], index: number): readonly Hash32[] {
  const path: Hash32[] = []
  let layer = leaves.map((leaf) => merkleLeaf(leaf))
  let at = index
  while (layer.length > 1) {
    const sibling = layer[at ^ 1]
    if (sibling !== undefined) path.push(sibling)
    const above: Hash32[] = []
    for (let i = 0; i < layer.length; i += 2) {
      above.push(i + 1 < layer.length ? merkleInner(layer[i]!, layer[i + 1]!) : layer[i]!)
    }
    layer = above
    at >>= 1
  }
  return path
}

/** Whether `leaf` is at `index` among the `count` leaves of that root. */
export function merkleVerify(options: {
  root: Hash32
  leaf: Uint8Array
  index: number
  count: number
  path: readonly Hash32[]
}): boolean {
  let node = merkleLeaf(options.leaf)
  let at = options.index
  let width = options.count
  let used = 0
  if (!Number.isSafeInteger(at) || !Number.isSafeInteger(width) || at < 0 || at >= width) return false
  while (width > 1) {
    if ((at ^ 1) < width) {
      const sibling = options.path[used++]
      if (sibling?.length !== HASH_BYTES) return false
      node = at % 2 === 0 ? merkleInner(node, sibling) : merkleInner(sibling, node)
    }
    at >>= 1
    width = (width + 1) >> 1
  }
  return used === options.path.length && equalBytes(sealRoot(options.count, node), options.root)
}
