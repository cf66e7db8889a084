// The authenticated tree: immutable versions over shared nodes (ARCHITECTURE "State and proofs").
// Owns: versions and their lifetime. Not: node storage (nodes.ts), the merge (merge.ts), proofs (proof.ts), disk (storage).
import { assert } from '../../base/assert.ts'
import { sha256 } from '../../base/crypto/hash.ts'
import { type Hash32, ZERO_HASH } from '../../base/ids.ts'
import { runSteps, type Steps } from '../steps.ts'
import type { StateChanges, StateKey, TreeView } from '../view.ts'
import { bitAt, compareHashes } from './bits.ts'
import { KeyHashes } from './keyHashes.ts'
import { Merge, type SortedChanges } from './merge.ts'
import { EMPTY, isLeaf, Nodes, type Ref } from './nodes.ts'

/** Entries of the key-hash cache: about 6 MB when full. */
const KEY_HASHES_MAX = 32_768

/** Changes merged per step: 3 to 5 ms at 10^6 keys. */
const CHANGES_PER_STEP = 256
/** Keys or values hashed per step: 2 to 3 ms. */
const HASHES_PER_STEP = 1024

/** What the versions of one tree share. */
interface Shared {
  readonly nodes: Nodes
  readonly keyHashes: KeyHashes
}

/** One version. Every version must be released once; what is shared lives on in the others. */
export class TreeVersion implements TreeView {
  readonly rootHash: Hash32
  readonly #shared: Shared
  readonly #root: Ref
  #isReleased = false

  private constructor(shared: Shared, root: Ref) {
    this.#shared = shared
    this.#root = root
    shared.nodes.retain(root)
    this.rootHash = rootHashOf(shared.nodes, root)
  }

  /** A tree without keys; its root is 32 zero bytes. */
  static empty(options: { readonly keyHashesMax?: number } = {}): TreeVersion {
    const shared = { nodes: new Nodes(), keyHashes: new KeyHashes(options.keyHashesMax ?? KEY_HASHES_MAX) }
    return new TreeVersion(shared, EMPTY)
  }

  /** The storage, for state/tree alone. */
  get nodes(): Nodes {
    return this.#shared.nodes
  }

  /** The root's number, for state/tree alone. */
  get root(): Ref {
    assert(!this.#isReleased, 'tree version used after its release')
    return this.#root
  }

  update(changes: StateChanges): TreeVersion {
    return this.#mergeSorted(runSteps(sortSteps(this.#shared.keyHashes, changes)))
  }

  /** Like `update`, in steps: the changes in order of their hashes, some hundred neighbours at a time. */
  *updateSteps(changes: StateChanges): Steps<TreeVersion> {
    const sorted = yield* sortSteps(this.#shared.keyHashes, changes)
    if (sorted.count <= CHANGES_PER_STEP) return this.#mergeSorted(sorted)
    let version = this.retain()
    let isDone = false
    try {
      for (let from = 0; from < sorted.count; from += CHANGES_PER_STEP) {
        yield
        const next = version.#mergeSorted(sliceOf(sorted, from, from + CHANGES_PER_STEP))
        version.release()
        version = next
      }
      isDone = true
      return version
    } finally {
      if (!isDone) version.release()
    }
  }

  /** Another handle on the same version, released separately. */
  retain(): TreeVersion {
    return new TreeVersion(this.#shared, this.root)
  }

  /** Like `update` for leaves known by their hashes alone, e.g. from a cache or a snapshot; strictly ascending. */
  addLeaves(leaves: { readonly keyHashes: Uint8Array; readonly valueHashes: Uint8Array }): TreeVersion {
    const { keyHashes, valueHashes } = leaves
    const count = keyHashes.length / 32
    assert(Number.isInteger(count) && valueHashes.length === keyHashes.length, 'hashes of 32 bytes')
    for (let i = 1; i < count; i++) {
      assert(compareHashes(keyHashes, (i - 1) * 32, keyHashes, i * 32) < 0, 'leaves ascend')
    }
    return this.#mergeSorted({ count, keyHashes, valueHashes, deleted: new Uint8Array(count) })
  }

  #mergeSorted(changes: SortedChanges): TreeVersion {
    return new TreeVersion(this.#shared, new Merge(this.#shared.nodes, changes).run(this.root))
  }

  release(): void {
    runSteps(this.releaseSteps())
  }

  /** Like `release`, in steps: for the last version of a large tree. Unusable from the first step on. */
  *releaseSteps(): Steps<void> {
    const { root } = this
    this.#isReleased = true
    yield* this.#shared.nodes.releaseSteps(root)
  }

  /** Whether the version holds the key with this value, with another one, or not at all; all by their hashes. */
  holds(keyHash: Hash32, valueHash: Hash32): 'this' | 'another' | 'none' {
    const { nodes } = this
    let ref = this.root
    if (ref === EMPTY) return 'none'
    while (!isLeaf(ref)) ref = bitAt(keyHash, 0, nodes.bit(ref)) === 0 ? nodes.left(ref) : nodes.right(ref)
    const bytes = nodes.leafBytes(ref)
    const at = nodes.leafAt(ref)
    if (compareHashes(bytes, at, keyHash, 0) !== 0) return 'none'
    return compareHashes(bytes, at + 32, valueHash, 0) === 0 ? 'this' : 'another'
  }

  /**
   * Leaves in order from the first key hash ≥ `from`, as key hash ‖ value hash (64 bytes each), at most `countMax`.
   * For caches and snapshots, which read a version in pieces.
   */
  leavesFrom(from: Hash32, countMax: number): Uint8Array {
    const { nodes } = this
    const out = new Uint8Array(countMax * 64)
    let count = 0
    const stack: Ref[] = this.root === EMPTY ? [] : [this.root]
    while (stack.length > 0 && count < countMax) {
      const ref = stack.pop()!
      const last = nodes.lastLeaf(ref)
      if (compareHashes(nodes.leafBytes(last), nodes.leafAt(last), from, 0) < 0) continue
      if (isLeaf(ref)) {
        const at = nodes.leafAt(ref)
        out.set(nodes.leafBytes(ref).subarray(at, at + 64), count * 64)
        count++
      } else {
        stack.push(nodes.right(ref), nodes.left(ref))
      }
    }
    return out.subarray(0, count * 64)
  }
}

function rootHashOf(nodes: Nodes, root: Ref): Hash32 {
  if (root === EMPTY) return ZERO_HASH
  const at = nodes.hashAt(root)
  return nodes.hashBytes(root).slice(at, at + 32)
}

function* sortSteps(hashes: KeyHashes, changes: StateChanges): Steps<SortedChanges> {
  const count = changes.size
  const unsorted = new Uint8Array(count * 32)
  const values: (Uint8Array | undefined)[] = []
  // The first 48 bits decide nearly every comparison; equal ones fall back to the bytes.
  const heads = new Float64Array(count)
  const order = new Uint32Array(count)
  let n = 0
  for (const [key, value] of changes) {
    assert(value === undefined || value.length > 0, 'stored values are never empty')
    hashes.into(key as StateKey, unsorted, n * 32)
    heads[n] = headOf(unsorted, n * 32)
    order[n] = n
    values.push(value)
    if (++n % HASHES_PER_STEP === 0) yield
  }
  order.sort((a, b) => heads[a]! - heads[b]! || compareHashes(unsorted, a * 32, unsorted, b * 32))
  const keyHashes = new Uint8Array(count * 32)
  const valueHashes = new Uint8Array(count * 32)
  const deleted = new Uint8Array(count)
  for (let i = 0; i < count; i++) {
    const from = order[i]!
    keyHashes.set(unsorted.subarray(from * 32, from * 32 + 32), i * 32)
    const value = values[from]
    if (value === undefined) deleted[i] = 1
    else valueHashes.set(sha256(value), i * 32)
    if ((i + 1) % HASHES_PER_STEP === 0) yield
  }
  return { count, keyHashes, valueHashes, deleted }
}

function sliceOf(sorted: SortedChanges, from: number, to: number): SortedChanges {
  const end = Math.min(to, sorted.count)
  return {
    count: end - from,
    keyHashes: sorted.keyHashes.subarray(from * 32, end * 32),
    valueHashes: sorted.valueHashes.subarray(from * 32, end * 32),
    deleted: sorted.deleted.subarray(from, end),
  }
}

function headOf(bytes: Uint8Array, at: number): number {
  const high = (bytes[at]! << 16) | (bytes[at + 1]! << 8) | bytes[at + 2]!
  const low = (bytes[at + 3]! << 16) | (bytes[at + 4]! << 8) | bytes[at + 5]!
  return high * 0x100_0000 + low
}
