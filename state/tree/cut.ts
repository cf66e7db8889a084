// Parts of the tree by their hashes: the root over a run of leaves, and the root over a cut of subtrees.
// Only the tree's true shape hashes to the state root, so a cut that does holds every key exactly once.
import { concatBytes } from '../../base/bytes.ts'
import { sha256 } from '../../base/crypto/hash.ts'
import { type Hash32, ZERO_HASH } from '../../base/ids.ts'
import { runSteps, type Steps } from '../steps.ts'
import { HASH_BITS } from './bits.ts'
import { TreeVersion } from './tree.ts'

/** Leaves hashed per step, 2 to 3 ms. */
const LEAVES_PER_STEP = 512

/** Root of the tree of exactly these leaves, 32 bytes of key hash and value hash each, strictly ascending. */
export function leavesRoot(leaves: Leaves): Hash32 {
  return runSteps(leavesRootSteps(leaves))
}

interface Leaves {
  readonly keyHashes: Uint8Array
  readonly valueHashes: Uint8Array
}

/** `leavesRoot` in steps. */
export function* leavesRootSteps({ keyHashes, valueHashes }: Leaves): Steps<Hash32> {
  let tree = TreeVersion.empty({ keyHashesMax: 1 })
  for (let at = 0; at < keyHashes.length; at += LEAVES_PER_STEP * 32) {
    if (at > 0) yield
    const end = at + LEAVES_PER_STEP * 32
    const next = tree.addLeaves({
      keyHashes: keyHashes.subarray(at, end),
      valueHashes: valueHashes.subarray(at, end),
    })
    tree.release()
    tree = next
  }
  const { rootHash } = tree
  tree.release()
  return rootHash
}

/**
 * Root of the tree whose subtrees, in order, are these. `splits[i]`: the bit that separates part i from part i + 1,
 * one fewer than there are roots. Undefined when no tree has such splits.
 */
export function cutRoot(roots: readonly Hash32[], splits: readonly number[]): Hash32 | undefined {
  if (roots.length === 0) return splits.length === 0 ? ZERO_HASH : undefined
  if (splits.length !== roots.length - 1) return undefined
  // Subtrees down the right edge: each waits for the subtree to the right of its split.
  const waiting: { readonly hash: Hash32; readonly split: number }[] = []
  let right = roots[0]!
  for (const [i, split] of splits.entries()) {
    if (!Number.isInteger(split) || split < 0 || split >= HASH_BITS) return undefined
    for (let top = waiting.at(-1); top !== undefined && top.split >= split; top = waiting.at(-1)) {
      // A path from the root splits at each bit at most once.
      if (top.split === split) return undefined
      right = sha256(concatBytes(top.hash, right))
      waiting.pop()
    }
    waiting.push({ hash: right, split })
    right = roots[i + 1]!
  }
  for (let top = waiting.pop(); top !== undefined; top = waiting.pop()) {
    right = sha256(concatBytes(top.hash, right))
  }
  return right
}
