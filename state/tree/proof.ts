// Makes ICS-23 proofs from a tree version. Not: their bytes and verification (base/protocol/stateProof.ts).
import { assert } from '../../base/assert.ts'
import { keyBytes } from '../../base/bytes.ts'
import { sha256 } from '../../base/crypto/hash.ts'
import {
  ABSENCE_LEAF_OP,
  commitmentProofSchema,
  EXISTENCE_LEAF_OP,
  type ExistenceProof,
  HASH_OP_SHA256,
} from '../../base/protocol/stateProof.ts'
import type { StateKey, StateReader } from '../view.ts'
import { bitAt, compareHashes, firstDifference, HASH_BITS } from './bits.ts'
import { EMPTY, isLeaf, type Nodes, type Ref } from './nodes.ts'
import type { TreeVersion } from './tree.ts'

export interface KeyProof {
  /** Undefined when the proof shows absence. */
  readonly value: Uint8Array | undefined
  /** ICS-23 CommitmentProof against the version's root. */
  readonly proof: Uint8Array
}

/** Proves what `reader`, the same version's state, says about `key`; asserts that tree and reader agree. */
export function proveKey(tree: TreeVersion, key: StateKey, reader: StateReader): KeyProof {
  const { nodes, root } = tree
  const rawKey = keyBytes(key)
  const keyHash = sha256(rawKey)
  const value = reader.get(key)
  const reached = root === EMPTY ? EMPTY : descend(nodes, root, keyHash)
  const isPresent = reached !== EMPTY && differenceFrom(nodes, reached, keyHash) === HASH_BITS
  assert(isPresent === (value !== undefined), 'tree and state disagree about a key')
  if (value !== undefined) {
    const at = nodes.leafAt(reached)
    assert(
      compareHashes(sha256(value), 0, nodes.leafBytes(reached), at + 32) === 0,
      'tree and state disagree about a value',
    )
    const exist = { key: rawKey, value, leaf: EXISTENCE_LEAF_OP, path: pathTo(nodes, root, keyHash) }
    return { value, proof: commitmentProofSchema.encode({ exist }) }
  }
  const { left, right } = neighbours(nodes, root, keyHash)
  const nonexist = {
    key: keyHash,
    ...(left === undefined ? {} : { left: neighbourProof(nodes, root, left) }),
    ...(right === undefined ? {} : { right: neighbourProof(nodes, root, right) }),
  }
  return { value: undefined, proof: commitmentProofSchema.encode({ nonexist }) }
}

/** The only leaf that could hold the key. */
function descend(nodes: Nodes, root: Ref, keyHash: Uint8Array): Ref {
  let ref = root
  while (!isLeaf(ref)) ref = bitAt(keyHash, 0, nodes.bit(ref)) === 0 ? nodes.left(ref) : nodes.right(ref)
  return ref
}

function differenceFrom(nodes: Nodes, leaf: Ref, keyHash: Uint8Array): number {
  return firstDifference(keyHash, 0, nodes.leafBytes(leaf), nodes.leafAt(leaf))
}

/** The leaves just before and just after an absent key. */
function neighbours(
  nodes: Nodes,
  root: Ref,
  keyHash: Uint8Array,
): { readonly left: Ref | undefined; readonly right: Ref | undefined } {
  if (root === EMPTY) return { left: undefined, right: undefined }
  const difference = differenceFrom(nodes, descend(nodes, root, keyHash), keyHash)
  let leftOf: Ref | undefined
  let rightOf: Ref | undefined
  let ref = root
  // Descends to the highest node below which all keys leave the key's path at `difference`.
  while (!isLeaf(ref) && nodes.bit(ref) < difference) {
    if (bitAt(keyHash, 0, nodes.bit(ref)) === 0) {
      rightOf = nodes.right(ref)
      ref = nodes.left(ref)
    } else {
      leftOf = nodes.left(ref)
      ref = nodes.right(ref)
    }
  }
  if (bitAt(keyHash, 0, difference) === 0) rightOf = ref
  else leftOf = ref
  return {
    left: leftOf === undefined ? undefined : nodes.lastLeaf(leftOf),
    right: rightOf === undefined ? undefined : nodes.firstLeaf(rightOf),
  }
}

function neighbourProof(nodes: Nodes, root: Ref, leaf: Ref): ExistenceProof {
  const at = nodes.leafAt(leaf)
  const bytes = nodes.leafBytes(leaf)
  const key = bytes.slice(at, at + 32)
  return { key, value: bytes.slice(at + 32, at + 64), leaf: ABSENCE_LEAF_OP, path: pathTo(nodes, root, key) }
}

/** Steps from the leaf of an existing key up to the root. */
function pathTo(nodes: Nodes, root: Ref, keyHash: Uint8Array): ExistenceProof['path'] {
  const steps: ExistenceProof['path'][number][] = []
  const none = new Uint8Array(0)
  let ref = root
  while (!isLeaf(ref)) {
    if (bitAt(keyHash, 0, nodes.bit(ref)) === 0) {
      steps.push({ hash: HASH_OP_SHA256, prefix: none, suffix: hashOf(nodes, nodes.right(ref)) })
      ref = nodes.left(ref)
    } else {
      steps.push({ hash: HASH_OP_SHA256, prefix: hashOf(nodes, nodes.left(ref)), suffix: none })
      ref = nodes.right(ref)
    }
  }
  return steps.reverse()
}

function hashOf(nodes: Nodes, ref: Ref): Uint8Array {
  const at = nodes.hashAt(ref)
  return nodes.hashBytes(ref).slice(at, at + 32)
}
