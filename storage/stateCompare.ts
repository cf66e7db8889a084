// Compares the flat state on disk with the tree of the same height: every entry has its leaf, and no leaf is left over.
// The tree's root was compared with the header's, so this shows that the state is the chain's. Not: when it runs
// (node/halt/storeCheck.ts).
import { setImmediate } from 'node:timers/promises'
import { toHex } from '../base/bytes.ts'
import { sha256Into } from '../base/crypto/hash.ts'
import { type Hash32, ZERO_HASH } from '../base/ids.ts'
import type { TreeVersion } from '../state/tree/tree.ts'

/** Entries per turn of the event loop: about 3 ms. */
export const COMPARE_LIMITS = { countMax: 512, bytesMax: 128 * 1024 }
const LEAVES = 4096

export interface StateComparison {
  readonly entries: number
  /** In words; undefined when state and tree hold the same. */
  readonly difference: string | undefined
}

/** Stored keys (the space's byte, then the state key) and values, in pieces within COMPARE_LIMITS. */
type Pieces = AsyncIterable<readonly (readonly [key: Uint8Array, value: Uint8Array])[]>

/** `undefined` when the signal stopped it. `tree` must stay retained until this resolves. */
export async function compareState(
  pieces: Pieces,
  tree: TreeVersion,
  signal?: AbortSignal,
): Promise<StateComparison | undefined> {
  const keyHash = new Uint8Array(32)
  const valueHash = new Uint8Array(32)
  let entries = 0
  for await (const piece of pieces) {
    if (signal?.aborted === true) return undefined
    for (const [stored, value] of piece) {
      // A view of a plain array costs less than one of LevelDB's Buffer.
      const key = new Uint8Array(stored.buffer, stored.byteOffset + 1, stored.length - 1)
      sha256Into(key, keyHash, 0)
      sha256Into(value, valueHash, 0)
      const held = tree.holds(keyHash, valueHash)
      if (held === 'none') return { entries, difference: `key ${toHex(key)} does not belong to the state` }
      if (held === 'another') return { entries, difference: `key ${toHex(key)} has a wrong value` }
      entries++
    }
    await setImmediate()
  }
  const leaves = await countLeaves(tree, signal)
  if (leaves === undefined) return undefined
  return {
    entries,
    difference: leaves === entries ? undefined : `${leaves - entries} of ${leaves} keys are missing`,
  }
}

async function countLeaves(tree: TreeVersion, signal: AbortSignal | undefined): Promise<number | undefined> {
  let count = 0
  for (let from: Hash32 | undefined = ZERO_HASH; from !== undefined; ) {
    if (signal?.aborted === true) return undefined
    const leaves = tree.leavesFrom(from, LEAVES)
    count += leaves.length / 64
    from = leaves.length < LEAVES * 64 ? undefined : nextHash(leaves.subarray(-64, -32))
    await setImmediate()
  }
  return count
}

/** The next hash in order, or undefined after the last one. */
export function nextHash(hash: Uint8Array): Hash32 | undefined {
  const out = hash.slice()
  for (let i = 31; i >= 0; i--) {
    out[i] = (out[i]! + 1) & 0xff
    if (out[i] !== 0) return out
  }
  return undefined
}
