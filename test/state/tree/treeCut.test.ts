import assert from 'node:assert/strict'
import fc from 'fast-check'
import { bytesKey, concatBytes, u32be } from '../../../base/bytes.ts'
import { sha256 } from '../../../base/crypto/hash.ts'
import { type Hash32, ZERO_HASH } from '../../../base/ids.ts'
import { firstDifference } from '../../../state/tree/bits.ts'
import { cutRoot, leavesRoot } from '../../../state/tree/cut.ts'
import { TreeVersion } from '../../../state/tree/tree.ts'

/** Leaves of a tree of `count` keys: key hash and value hash of each, in order. */
function leavesOf(count: number): { readonly tree: TreeVersion; readonly leaves: Uint8Array } {
  const empty = TreeVersion.empty()
  const tree = empty.update(
    new Map(Array.from({ length: count }, (_, i) => [bytesKey(u32be(i)), u32be(i + 7)])),
  )
  empty.release()
  return { tree, leaves: tree.leavesFrom(ZERO_HASH, count) }
}

const keyHash = (leaves: Uint8Array, i: number): Uint8Array => leaves.subarray(i * 64, i * 64 + 32)

function rootOf(leaves: Uint8Array, from: number, to: number): Hash32 {
  const each = (at: number): Uint8Array =>
    concatBytes(
      ...Array.from({ length: to - from }, (_, i) =>
        leaves.subarray((from + i) * 64 + at, (from + i) * 64 + at + 32),
      ),
    )
  return leavesRoot({ keyHashes: each(0), valueHashes: each(32) })
}

/** Cuts the tree into subtrees: splits ranges of leaves at their first differing bit while `isCut` says so. */
function cutAt(leaves: Uint8Array, count: number, isCut: (i: number, bit: number) => boolean): number[] {
  const starts = [0]
  const cut = (from: number, to: number): void => {
    if (to - from < 2) return
    const bit = firstDifference(leaves, from * 64, leaves, (to - 1) * 64)
    if (!isCut(from, bit)) return
    let middle = from + 1
    while (firstDifference(leaves, from * 64, leaves, middle * 64) > bit) middle++
    cut(from, middle)
    starts.push(middle)
    cut(middle, to)
  }
  cut(0, count)
  return starts.sort((a, b) => a - b)
}

describe('tree.cut', () => {
  it('computes the root of the whole tree from any cut into subtrees', () => {
    const count = 300
    const { tree, leaves } = leavesOf(count)
    fc.assert(
      fc.property(fc.nat(1_000_000), fc.integer({ min: 0, max: 12 }), (salt, depth) => {
        const starts = cutAt(leaves, count, (i, bit) => bit < depth || (i * 31 + salt) % 3 === 0)
        const ends = [...starts.slice(1), count]
        const roots = starts.map((from, i) => rootOf(leaves, from, ends[i]!))
        const splits = starts.slice(1).map((at) => firstDifference(leaves, (at - 1) * 64, leaves, at * 64))
        assert.deepEqual(cutRoot(roots, splits), tree.rootHash)
      }),
      { numRuns: 25 },
    )
    tree.release()
  })

  it('computes another root when a subtree is missing, changed, moved or split elsewhere', () => {
    const { tree, leaves } = leavesOf(64)
    const starts = cutAt(leaves, 64, (_, bit) => bit < 4)
    const ends = [...starts.slice(1), 64]
    const roots = starts.map((from, i) => rootOf(leaves, from, ends[i]!))
    const splits = starts.slice(1).map((at) => firstDifference(leaves, (at - 1) * 64, leaves, at * 64))
    const others = [
      cutRoot(roots.slice(1), splits.slice(1)),
      cutRoot([...roots.slice(1), roots[0]!], splits),
      cutRoot([sha256(roots[0]!), ...roots.slice(1)], splits),
      cutRoot(roots, [...splits.slice(1), splits[0]!]),
      cutRoot(roots, splits.slice(1)),
    ]
    for (const other of others) assert.notDeepEqual(other, tree.rootHash)
    tree.release()
  })

  it('handles the empty tree and a single subtree, and rejects splits that no tree has', () => {
    const one = sha256(u32be(1))
    assert.deepEqual(cutRoot([], []), ZERO_HASH)
    assert.deepEqual(cutRoot([one], []), one)
    assert.deepEqual(leavesRoot({ keyHashes: new Uint8Array(0), valueHashes: new Uint8Array(0) }), ZERO_HASH)
    assert.equal(cutRoot([], [1]), undefined)
    assert.equal(cutRoot([one, one, one], [5, 5]), undefined)
    assert.equal(cutRoot([one, one], [256]), undefined)
    assert.equal(cutRoot([one, one], [-1]), undefined)
    assert.equal(cutRoot([one, one], [0.5]), undefined)
  })

  it('splits at the differing bit of the key hashes', () => {
    const { tree, leaves } = leavesOf(2)
    const split = firstDifference(keyHash(leaves, 0), 0, keyHash(leaves, 1), 0)
    assert.deepEqual(cutRoot([rootOf(leaves, 0, 1), rootOf(leaves, 1, 2)], [split]), tree.rootHash)
    tree.release()
  })
})
