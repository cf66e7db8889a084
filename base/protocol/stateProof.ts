// ICS-23 proofs of the state tree: their wire form, the ProofSpec and the verifier (ARCHITECTURE "State and proofs").
// Not: making proofs (state/tree/proof.ts).
import { compareBytes, concatBytes, equalBytes, utf8 } from '../bytes.ts'
import { sha256 } from '../crypto/hash.ts'
import { type Hash32, ZERO_HASH } from '../ids.ts'
import { message, t } from '../schema.ts'

/** Prefix of every leaf's preimage, 20 bytes. */
export const STATE_LEAF_TAG = utf8('suanli/state/leaf/v1')
/** Most inner nodes between a leaf and the root. */
export const PROOF_DEPTH_MAX = 256
/** Largest key and value in a proof, bytes. */
export const PROOF_KEY_BYTES_MAX = 1024
export const PROOF_VALUE_BYTES_MAX = 1024 * 1024

const NO_HASH = 0
export const HASH_OP_SHA256 = 1
const REQUIRE_32_BYTES = 7

const leafOpSchema = message('LeafOp', {
  hash: t.u8,
  prehashKey: t.u8,
  prehashValue: t.u8,
  length: t.u8,
  prefix: t.bytes(32),
})

const innerOpSchema = message('InnerOp', { hash: t.u8, prefix: t.bytes(32), suffix: t.bytes(32) })

const existenceProofSchema = message('ExistenceProof', {
  key: t.bytes(PROOF_KEY_BYTES_MAX),
  value: t.bytes(PROOF_VALUE_BYTES_MAX),
  leaf: leafOpSchema,
  path: t.list(innerOpSchema, PROOF_DEPTH_MAX),
})
export type ExistenceProof = ReturnType<typeof existenceProofSchema.decode>

const nonExistenceProofSchema = message('NonExistenceProof', {
  key: t.bytes(PROOF_KEY_BYTES_MAX),
  left: t.optional(existenceProofSchema),
  right: t.optional(existenceProofSchema),
})

/** ICS-23 `CommitmentProof` without the batch forms; exactly one of the two is present. */
export const commitmentProofSchema = message('CommitmentProof', {
  exist: t.optional(existenceProofSchema),
  nonexist: t.optional(nonExistenceProofSchema),
})
export type CommitmentProof = ReturnType<typeof commitmentProofSchema.decode>

export const EXISTENCE_LEAF_OP = {
  hash: HASH_OP_SHA256,
  prehashKey: HASH_OP_SHA256,
  prehashValue: HASH_OP_SHA256,
  length: REQUIRE_32_BYTES,
  prefix: STATE_LEAF_TAG,
} as const
/** Absence is proven between hashed keys: the neighbours give their key and value as hashes. */
export const ABSENCE_LEAF_OP = { ...EXISTENCE_LEAF_OP, prehashKey: NO_HASH, prehashValue: NO_HASH } as const

const INNER_SPEC = {
  childOrder: [0, 1],
  childSize: 32,
  minPrefixLength: 0,
  maxPrefixLength: 0,
  hash: HASH_OP_SHA256,
} as const

/** Spec for an independent ICS-23 verifier of existence; key and value are raw. */
export const EXISTENCE_PROOF_SPEC = {
  leafSpec: EXISTENCE_LEAF_OP,
  innerSpec: INNER_SPEC,
  maxDepth: PROOF_DEPTH_MAX,
} as const
/** The same tree for absence; the key is SHA256(raw key). */
export const ABSENCE_PROOF_SPEC = { ...EXISTENCE_PROOF_SPEC, leafSpec: ABSENCE_LEAF_OP } as const

/** SHA256(tag ‖ SHA256(key) ‖ SHA256(value)), from the two hashes. */
export function stateLeafHash(keyHash: Uint8Array, valueHash: Uint8Array): Hash32 {
  return sha256(concatBytes(STATE_LEAF_TAG, keyHash, valueHash))
}

type Step = ExistenceProof['path'][number]

/** 0: the proven side is left, 1: right; undefined when the step is not one of our inner nodes. */
function sideOf(step: Step): 0 | 1 | undefined {
  if (step.hash !== HASH_OP_SHA256) return undefined
  if (step.prefix.length === 0 && step.suffix.length === 32) return 0
  if (step.prefix.length === 32 && step.suffix.length === 0) return 1
  return undefined
}

function isLeafOp(
  op: ExistenceProof['leaf'],
  expected: typeof EXISTENCE_LEAF_OP | typeof ABSENCE_LEAF_OP,
): boolean {
  return (
    op.hash === expected.hash &&
    op.prehashKey === expected.prehashKey &&
    op.prehashValue === expected.prehashValue &&
    op.length === expected.length &&
    equalBytes(op.prefix, expected.prefix)
  )
}

/** Root that the steps lead to, or undefined when one is malformed. */
function climb(leafHash: Uint8Array, path: readonly Step[]): Uint8Array | undefined {
  let node = leafHash
  for (const step of path) {
    if (sideOf(step) === undefined) return undefined
    node = sha256(concatBytes(step.prefix, node, step.suffix))
  }
  return node
}

function verifyPresent(root: Hash32, key: Uint8Array, value: Uint8Array, exist: ExistenceProof): boolean {
  if (!isLeafOp(exist.leaf, EXISTENCE_LEAF_OP)) return false
  if (value.length === 0 || !equalBytes(exist.key, key) || !equalBytes(exist.value, value)) return false
  const reached = climb(stateLeafHash(sha256(key), sha256(value)), exist.path)
  return reached !== undefined && equalBytes(reached, root)
}

/** A neighbour: key and value are hashes already. */
function verifyNeighbour(root: Hash32, neighbour: ExistenceProof): boolean {
  if (!isLeafOp(neighbour.leaf, ABSENCE_LEAF_OP)) return false
  if (neighbour.key.length !== 32 || neighbour.value.length !== 32) return false
  const reached = climb(stateLeafHash(neighbour.key, neighbour.value), neighbour.path)
  return reached !== undefined && equalBytes(reached, root)
}

/** Whether every step keeps to one edge of its subtree: 0 leftmost, 1 rightmost. */
function isEdge(path: readonly Step[], side: 0 | 1): boolean {
  return path.every((step) => sideOf(step) === side)
}

/** Whether no leaf lies between two proven leaves of one tree. */
function areAdjacent(left: readonly Step[], right: readonly Step[]): boolean {
  let l = left.length - 1
  let r = right.length - 1
  const same = (): boolean =>
    equalBytes(left[l]!.prefix, right[r]!.prefix) && equalBytes(left[l]!.suffix, right[r]!.suffix)
  while (l >= 0 && r >= 0 && same()) {
    l--
    r--
  }
  if (l < 0 || r < 0) return false
  if (sideOf(left[l]!) !== 0 || sideOf(right[r]!) !== 1) return false
  return isEdge(left.slice(0, l), 1) && isEdge(right.slice(0, r), 0)
}

function verifyAbsent(root: Hash32, keyHash: Uint8Array, proof: CommitmentProof['nonexist']): boolean {
  if (proof === undefined || !equalBytes(proof.key, keyHash)) return false
  const { left, right } = proof
  if (left === undefined && right === undefined) return equalBytes(root, ZERO_HASH)
  if (left !== undefined && !(verifyNeighbour(root, left) && compareBytes(left.key, keyHash) < 0))
    return false
  if (right !== undefined && !(verifyNeighbour(root, right) && compareBytes(keyHash, right.key) < 0))
    return false
  if (left === undefined) return isEdge(right!.path, 0)
  if (right === undefined) return isEdge(left.path, 1)
  return areAdjacent(left.path, right.path)
}

/**
 * Verifies that `key` has `value` (undefined: is absent) under a state root.
 * False for anything malformed; never throws on foreign bytes.
 */
export function verifyStateProof(options: {
  root: Hash32
  /** Raw state key. */
  key: Uint8Array
  value: Uint8Array | undefined
  /** ICS-23 CommitmentProof. */
  proof: Uint8Array
}): boolean {
  let decoded: CommitmentProof
  try {
    decoded = commitmentProofSchema.decode(options.proof)
  } catch {
    return false
  }
  const { exist, nonexist } = decoded
  if (options.value !== undefined) {
    return (
      exist !== undefined &&
      nonexist === undefined &&
      verifyPresent(options.root, options.key, options.value, exist)
    )
  }
  return exist === undefined && verifyAbsent(options.root, sha256(options.key), nonexist)
}
