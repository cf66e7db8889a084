// `tree.cache`: the leaves of one tree version, so that a start need not hash the whole state again.
// The leaves determine the tree, so the file need not be trusted: the caller compares the root.
import { type FileHandle, open, rm } from 'node:fs/promises'
import { setImmediate } from 'node:timers/promises'
import { concatBytes, equalBytes, readU64be, u64be, utf8 } from '../base/bytes.ts'
import { type Hash32, ZERO_HASH } from '../base/ids.ts'
import { TreeVersion } from '../state/tree/tree.ts'
import { createDurably, PUBLIC } from './durableFile.ts'
import { nextHash } from './stateCompare.ts'

const MAGIC = utf8('suanli.tree.v1\0\0')
/** magic ‖ height ‖ count ‖ root. */
const HEAD_BYTES = 16 + 8 + 8 + 32
const LEAF_BYTES = 64
/** Leaves read or written per turn of the event loop: about 3 ms. */
const LEAVES_PER_TURN = 1024

export interface TreeCacheHead {
  readonly height: number
  readonly count: number
  readonly rootHash: Hash32
}

/** Replaces the file atomically; do not release the tree version until this resolves. */
export async function writeTreeCache(path: string, tree: TreeVersion, height: number): Promise<void> {
  const fill = async (file: FileHandle): Promise<void> => {
    let count = 0
    let at = HEAD_BYTES
    let from: Hash32 | undefined = ZERO_HASH
    while (from !== undefined) {
      const leaves = tree.leavesFrom(from, LEAVES_PER_TURN)
      await file.write(leaves, 0, leaves.length, at)
      at += leaves.length
      count += leaves.length / LEAF_BYTES
      from =
        leaves.length < LEAVES_PER_TURN * LEAF_BYTES ? undefined : nextHash(leaves.subarray(-LEAF_BYTES, -32))
      await setImmediate()
    }
    const head = concatBytes(MAGIC, u64be(height), u64be(count), tree.rootHash)
    await file.write(head, 0, head.length, 0)
  }
  const written = await createDurably(path, fill, PUBLIC)
  await written.close()
}

/** Undefined when there is no file or it is not a tree cache. */
export async function readTreeCacheHead(path: string): Promise<TreeCacheHead | undefined> {
  const file = await openIfExists(path)
  if (file === undefined) return undefined
  try {
    const head = new Uint8Array(HEAD_BYTES)
    const { bytesRead } = await file.read(head, 0, HEAD_BYTES, 0)
    return bytesRead === HEAD_BYTES ? decodeHead(head) : undefined
  } finally {
    await file.close()
  }
}

/** The tree with its recomputed root, or undefined when the file is truncated, unsorted or has a different root. */
export async function readTreeCache(
  path: string,
): Promise<{ height: number; tree: TreeVersion } | undefined> {
  const head = await readTreeCacheHead(path)
  const file = head === undefined ? undefined : await openIfExists(path)
  if (head === undefined || file === undefined) return undefined
  let tree = TreeVersion.empty()
  try {
    for (let done = 0; done < head.count; ) {
      const count = Math.min(LEAVES_PER_TURN, head.count - done)
      const leaves = new Uint8Array(count * LEAF_BYTES)
      const { bytesRead } = await file.read(leaves, 0, leaves.length, HEAD_BYTES + done * LEAF_BYTES)
      const next = bytesRead === leaves.length ? withLeaves(tree, leaves, count) : undefined
      if (next === undefined) return undefined
      tree.release()
      tree = next
      done += count
      await setImmediate()
    }
  } finally {
    await file.close()
  }
  return equalBytes(tree.rootHash, head.rootHash) ? { height: head.height, tree } : undefined
}

export async function removeTreeCache(path: string): Promise<void> {
  await rm(path, { force: true })
}

function withLeaves(tree: TreeVersion, leaves: Uint8Array, count: number): TreeVersion | undefined {
  const keyHashes = new Uint8Array(count * 32)
  const valueHashes = new Uint8Array(count * 32)
  for (let i = 0; i < count; i++) {
    const at = i * LEAF_BYTES
    keyHashes.set(leaves.subarray(at, at + 32), i * 32)
    valueHashes.set(leaves.subarray(at + 32, at + 64), i * 32)
    if (i > 0 && !isBelow(keyHashes, i - 1, i)) return undefined
  }
  return tree.addLeaves({ keyHashes, valueHashes })
}

function isBelow(hashes: Uint8Array, a: number, b: number): boolean {
  for (let i = 0; i < 32; i++) {
    const d = hashes[a * 32 + i]! - hashes[b * 32 + i]!
    if (d !== 0) return d < 0
  }
  return false
}

function decodeHead(head: Uint8Array): TreeCacheHead | undefined {
  if (!equalBytes(head.subarray(0, 16), MAGIC)) return undefined
  try {
    return { height: readU64be(head, 16), count: readU64be(head, 24), rootHash: head.slice(32, 64) }
  } catch {
    // A number above 2^53: not written by this code.
    return undefined
  }
}

async function openIfExists(path: string): Promise<Awaited<ReturnType<typeof open>> | undefined> {
  try {
    return await open(path, 'r')
  } catch (error) {
    if ((error as { code?: string }).code === 'ENOENT') return undefined
    throw error
  }
}
