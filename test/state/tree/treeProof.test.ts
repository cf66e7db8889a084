import assert from 'node:assert/strict'
import { ics23, verifyMembership, verifyNonMembership } from '@confio/ics23'
import { bytesKey, compareBytes, concatBytes, keyBytes, u32be, utf8 } from '../../../base/bytes.ts'
import { sha256 } from '../../../base/crypto/hash.ts'
import { ZERO_HASH } from '../../../base/ids.ts'
import {
  ABSENCE_PROOF_SPEC,
  commitmentProofSchema,
  EXISTENCE_PROOF_SPEC,
  verifyStateProof,
} from '../../../base/protocol/stateProof.ts'
import { MemoryState } from '../../../state/overlay.ts'
import { proveKey } from '../../../state/tree/proof.ts'
import { TreeVersion } from '../../../state/tree/tree.ts'

const EXIST = ics23.ProofSpec.create(EXISTENCE_PROOF_SPEC as unknown as ics23.IProofSpec)
const ABSENT = ics23.ProofSpec.create(ABSENCE_PROOF_SPEC as unknown as ics23.IProofSpec)

function keyOf(i: number): string {
  return bytesKey(concatBytes(utf8('account'), u32be(i)))
}

function treeOf(count: number): { tree: TreeVersion; state: MemoryState } {
  const state = new MemoryState()
  const changes = new Map<string, Uint8Array>()
  for (let i = 0; i < count; i++) changes.set(keyOf(i), utf8(`value ${i}`))
  state.apply(changes)
  return { tree: TreeVersion.empty().update(changes), state }
}

function othersSayPresent(root: Uint8Array, key: Uint8Array, value: Uint8Array, proof: Uint8Array): boolean {
  return verifyMembership(ics23.CommitmentProof.decode(proof), EXIST, root, key, value)
}

function othersSayAbsent(root: Uint8Array, key: Uint8Array, proof: Uint8Array): boolean {
  return verifyNonMembership(ics23.CommitmentProof.decode(proof), ABSENT, root, sha256(key))
}

describe('proof.existence', () => {
  for (const count of [1, 2, 3, 7, 64, 1000, 5000]) {
    it(`satisfies both verifiers in a tree of ${count} keys`, () => {
      const { tree, state } = treeOf(count)
      const step = Math.max(1, Math.floor(count / 25))
      for (let i = 0; i < count; i += step) {
        const { value, proof } = proveKey(tree, keyOf(i), state)
        const key = keyBytes(keyOf(i))
        assert.deepEqual(value, utf8(`value ${i}`))
        assert.ok(othersSayPresent(tree.rootHash, key, value!, proof))
        assert.ok(verifyStateProof({ root: tree.rootHash, key, value, proof }))
        // The same bytes prove nothing else.
        assert.ok(!verifyStateProof({ root: tree.rootHash, key, value: utf8('other'), proof }))
        assert.ok(!verifyStateProof({ root: tree.rootHash, key, value: undefined, proof }))
        assert.ok(!verifyStateProof({ root: sha256(tree.rootHash), key, value, proof }))
        assert.ok(!verifyStateProof({ root: tree.rootHash, key: utf8('other'), value, proof }))
        assert.ok(!othersSayPresent(tree.rootHash, key, utf8('other'), proof))
      }
    })
  }
})

describe('proof.absence', () => {
  for (const count of [1, 2, 3, 7, 64, 1000, 5000]) {
    it(`satisfies both verifiers left of, between and right of ${count} keys`, () => {
      const hashed = Array.from({ length: count + 3 }, (_, i) => ({
        key: keyOf(i),
        hash: sha256(keyBytes(keyOf(i))),
      }))
      hashed.sort((a, b) => compareBytes(a.hash, b.hash))
      const absent = {
        leftmost: hashed[0]!.key,
        between: hashed[Math.floor(hashed.length / 2)]!.key,
        rightmost: hashed.at(-1)!.key,
      }
      const { tree: full, state } = treeOf(count + 3)
      const changes = new Map(Object.values(absent).map((key) => [key, undefined]))
      state.apply(changes)
      const tree = full.update(changes)
      for (const [kind, stateKey] of Object.entries(absent)) {
        const key = keyBytes(stateKey)
        const { value, proof } = proveKey(tree, stateKey, state)
        const { nonexist } = commitmentProofSchema.decode(proof)
        assert.equal(value, undefined)
        if (kind === 'between' && count === 1) continue
        assert.equal(nonexist!.left === undefined, kind === 'leftmost')
        assert.equal(nonexist!.right === undefined, kind === 'rightmost')
        assert.ok(othersSayAbsent(tree.rootHash, key, proof), kind)
        assert.ok(verifyStateProof({ root: tree.rootHash, key, value: undefined, proof }), kind)
        assert.ok(!verifyStateProof({ root: tree.rootHash, key, value: utf8('x'), proof }))
        assert.ok(
          !verifyStateProof({ root: tree.rootHash, key: utf8('absent too'), value: undefined, proof }),
        )
      }
    })
  }

  it('holds in an empty tree, for our verifier alone', () => {
    const { tree, state } = treeOf(0)
    const { proof } = proveKey(tree, 'k', state)
    assert.ok(verifyStateProof({ root: ZERO_HASH, key: utf8('k'), value: undefined, proof }))
    const { tree: other } = treeOf(1)
    assert.ok(!verifyStateProof({ root: other.rootHash, key: utf8('k'), value: undefined, proof }))
  })

  it('holds after a deletion, which invalidates the old existence proof', () => {
    const { tree, state } = treeOf(200)
    const key = keyOf(77)
    const before = proveKey(tree, key, state)
    const changes = new Map([[key, undefined]])
    const after = tree.update(changes)
    state.apply(changes)
    const { value, proof } = proveKey(after, key, state)
    assert.equal(value, undefined)
    assert.ok(othersSayAbsent(after.rootHash, keyBytes(key), proof))
    assert.ok(verifyStateProof({ root: after.rootHash, key: keyBytes(key), value, proof }))
    assert.ok(!othersSayAbsent(tree.rootHash, keyBytes(key), proof))
    assert.ok(!othersSayPresent(after.rootHash, keyBytes(key), before.value!, before.proof))
    assert.ok(!verifyStateProof({ root: after.rootHash, key: keyBytes(key), ...before }))
  })

  it('cannot be forged by leaving out a neighbour or widening the gap', () => {
    const { tree, state } = treeOf(300)
    let tried = 0
    for (let i = 0; tried < 10; i++) {
      const key = utf8(`gap ${i}`)
      const { proof } = proveKey(tree, bytesKey(key), state)
      const { nonexist } = commitmentProofSchema.decode(proof)
      if (nonexist?.left === undefined || nonexist.right === undefined) continue
      tried++
      const { left, right } = nonexist
      for (const forged of [
        { key: nonexist.key, left },
        { key: nonexist.key, right },
        { key: nonexist.key, left: right, right: left },
      ]) {
        const bytes = commitmentProofSchema.encode({ nonexist: forged })
        assert.ok(!verifyStateProof({ root: tree.rootHash, key, value: undefined, proof: bytes }))
        assert.ok(!othersSayAbsent(tree.rootHash, key, bytes))
      }
      // For a present key: an absence proof made on the tree without it.
      const present = keyOf(i)
      const without = tree.update(new Map([[present, undefined]]))
      const gone = new MemoryState()
      for (const [k, v] of state.entries('')) if (k !== present) gone.set(k, v)
      const lie = proveKey(without, present, gone).proof
      assert.ok(
        !verifyStateProof({ root: tree.rootHash, key: keyBytes(present), value: undefined, proof: lie }),
      )
    }
  })
})

describe('proof.tampering', () => {
  it('is rejected for every byte of an existence and of an absence proof', () => {
    const { tree, state } = treeOf(50)
    for (const key of [keyBytes(keyOf(3)), utf8('absent')]) {
      const { value, proof } = proveKey(tree, bytesKey(key), state)
      assert.ok(verifyStateProof({ root: tree.rootHash, key, value, proof }))
      for (let at = 0; at < proof.length; at++) {
        const bent = proof.slice()
        bent[at]! ^= 1 << (at & 7)
        assert.ok(!verifyStateProof({ root: tree.rootHash, key, value, proof: bent }), `byte ${at}`)
      }
      assert.ok(!verifyStateProof({ root: tree.rootHash, key, value, proof: proof.slice(0, -1) }))
      assert.ok(!verifyStateProof({ root: tree.rootHash, key, value, proof: new Uint8Array(0) }))
    }
  })

  it('stops the prover when tree and state disagree', () => {
    const { tree, state } = treeOf(5)
    state.set(keyOf(2), utf8('else'))
    assert.throws(() => proveKey(tree, keyOf(2), state), /disagree about a value/)
    state.delete(keyOf(2))
    assert.throws(() => proveKey(tree, keyOf(2), state), /disagree about a key/)
  })
})
