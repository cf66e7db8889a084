import assert from 'node:assert/strict'
import fc from 'fast-check'
import { bytesKey, compareBytes, concatBytes, keyBytes, u32be, utf8 } from '../../../base/bytes.ts'
import { sha256 } from '../../../base/crypto/hash.ts'
import { hashPairsNative, hashPairsPortable } from '../../../base/crypto/hashLayers.ts'
import { ZERO_HASH } from '../../../base/ids.ts'
import { STATE_LEAF_TAG } from '../../../base/protocol/stateProof.ts'
import { runSteps, type Steps } from '../../../state/steps.ts'
import { bitAt } from '../../../state/tree/bits.ts'
import { TreeVersion } from '../../../state/tree/tree.ts'
import { TreeBuilder } from '../../../state/tree/treeBuilder.ts'

type Model = Map<string, Uint8Array>
type Leaf = { readonly keyHash: Uint8Array; readonly hash: Uint8Array }

/** The definition, literally: split at the first bit in which the keys differ. */
function naiveRoot(model: Model): Uint8Array {
  const leaves = [...model].map(([key, value]): Leaf => {
    const keyHash = sha256(keyBytes(key))
    return { keyHash, hash: sha256(concatBytes(STATE_LEAF_TAG, keyHash, sha256(value))) }
  })
  const build = (below: readonly Leaf[], bit: number): Uint8Array => {
    if (below.length === 1) return below[0]!.hash
    const left = below.filter((leaf) => bitAt(leaf.keyHash, 0, bit) === 0)
    const right = below.filter((leaf) => bitAt(leaf.keyHash, 0, bit) === 1)
    if (left.length === 0) return build(right, bit + 1)
    if (right.length === 0) return build(left, bit + 1)
    return sha256(concatBytes(build(left, bit + 1), build(right, bit + 1)))
  }
  return leaves.length === 0 ? ZERO_HASH : build(leaves, 0)
}

function entry(i: number, salt = 0): [string, Uint8Array] {
  return [bytesKey(concatBytes(utf8('key'), u32be(i))), utf8(`value ${i} ${salt}`)]
}

function applyTo(model: Model, changes: ReadonlyMap<string, Uint8Array | undefined>): void {
  for (const [key, value] of changes) {
    if (value === undefined) model.delete(key)
    else model.set(key, value)
  }
}

const KEYS = 40
const batches = fc.array(
  fc.uniqueArray(fc.tuple(fc.nat(KEYS - 1), fc.option(fc.nat(3), { nil: undefined })), {
    maxLength: 12,
    selector: ([i]) => i,
  }),
  { maxLength: 10 },
)

function changesOf(
  batch: readonly (readonly [number, number | undefined])[],
): Map<string, Uint8Array | undefined> {
  return new Map(batch.map(([i, salt]) => [entry(i)[0], salt === undefined ? undefined : entry(i, salt)[1]]))
}

describe('tree.root', () => {
  it('is 32 zero bytes without keys, and the leaf itself with one', () => {
    const empty = TreeVersion.empty()
    assert.deepEqual(empty.rootHash, ZERO_HASH)
    const [key, value] = entry(1)
    const one = empty.update(new Map([[key, value]]))
    const leaf = sha256(concatBytes(utf8('suanli/state/leaf/v1'), sha256(keyBytes(key)), sha256(value)))
    assert.deepEqual(one.rootHash, leaf)
    assert.equal(STATE_LEAF_TAG.length, 20)
    const gone = one.update(new Map([[key, undefined]]))
    assert.deepEqual(gone.rootHash, ZERO_HASH)
  })

  it('equals the recursive definition after any batches of changes', () => {
    fc.assert(
      fc.property(batches, (list) => {
        const model: Model = new Map()
        let tree = TreeVersion.empty({ keyHashesMax: 7 })
        for (const batch of list) {
          const changes = changesOf(batch)
          applyTo(model, changes)
          const next = tree.update(changes)
          tree.release()
          tree = next
          assert.deepEqual(tree.rootHash, naiveRoot(model))
        }
        assert.equal(tree.nodes.liveCount.leaves, model.size)
        assert.equal(tree.nodes.liveCount.inners, Math.max(0, model.size - 1))
      }),
      { numRuns: 150 },
    )
  })

  it('does not depend on the history of the state', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(500), { maxLength: 60 }), fc.nat(59), (ids, cut) => {
        const forwards = ids.map((i) => entry(i))
        const together = TreeVersion.empty().update(new Map(forwards))
        let singly = TreeVersion.empty()
        for (const [key, value] of [...forwards].reverse()) singly = singly.update(new Map([[key, value]]))
        assert.deepEqual(singly.rootHash, together.rootHash)
        const extra = Array.from({ length: 20 }, (_, i) => entry(1000 + i))
        const back = together
          .update(new Map(extra))
          .update(new Map(forwards.slice(0, cut).map(([key]) => [key, utf8('other')])))
          .update(new Map(extra.map(([key]) => [key, undefined])))
          .update(new Map(forwards.slice(0, cut)))
        assert.deepEqual(back.rootHash, together.rootHash)
      }),
      { numRuns: 60 },
    )
  })

  it('equals the recursive definition for 5,000 keys, changed and deleted', () => {
    const model: Model = new Map(Array.from({ length: 5000 }, (_, i) => entry(i)))
    const full = TreeVersion.empty().update(model)
    assert.deepEqual(full.rootHash, naiveRoot(model))
    const changes = new Map<string, Uint8Array | undefined>()
    for (let i = 0; i < 5000; i += 3) changes.set(entry(i)[0], i % 2 === 0 ? undefined : entry(i, 9)[1])
    for (let i = 5000; i < 5500; i++) changes.set(...entry(i))
    applyTo(model, changes)
    assert.deepEqual(full.update(changes).rootHash, naiveRoot(model))
  })

  it('rejects an empty value', () => {
    assert.throws(() => TreeVersion.empty().update(new Map([['k', new Uint8Array(0)]])), /never empty/)
  })
})

describe('tree.versions', () => {
  it('do not change while others are made and released', () => {
    const base = TreeVersion.empty().update(new Map(Array.from({ length: 300 }, (_, i) => entry(i))))
    const root = base.rootHash
    const left = base.update(new Map([entry(1, 5), entry(400)]))
    const right = base.update(new Map([[entry(1)[0], undefined]]))
    left.release()
    assert.deepEqual(base.update(new Map()).rootHash, root)
    const again = base.update(new Map([entry(1, 5), entry(400)]))
    assert.deepEqual(again.rootHash, left.rootHash)
    base.release()
    assert.deepEqual(right.update(new Map([entry(1)])).rootHash, root)
  })

  it('free exactly the nodes that only they use', () => {
    const base = TreeVersion.empty().update(new Map(Array.from({ length: 500 }, (_, i) => entry(i))))
    const before = base.nodes.liveCount
    const sizeBytes = base.nodes.sizeBytes
    for (let round = 0; round < 20; round++) {
      const one = base.update(new Map([entry(round, 1), entry(600 + round)]))
      const two = one.update(new Map([[entry(round + 1)[0], undefined]]))
      const fork = one.update(new Map([entry(round + 2, 2)]))
      const handle = two.retain()
      for (const version of round % 2 === 0 ? [one, two, fork, handle] : [handle, fork, two, one])
        version.release()
      assert.deepEqual(base.nodes.liveCount, before)
    }
    assert.equal(base.nodes.sizeBytes, sizeBytes)
    const { nodes } = base
    base.release()
    assert.deepEqual(nodes.liveCount, { leaves: 0, inners: 0 })
  })

  it('allocate nothing for a change without effect', () => {
    const base = TreeVersion.empty().update(new Map(Array.from({ length: 100 }, (_, i) => entry(i))))
    const same = base.update(new Map([entry(5), [entry(1000)[0], undefined]]))
    assert.equal(same.root, base.root)
    assert.deepEqual(base.nodes.liveCount, { leaves: 100, inners: 99 })
  })

  it('cannot be used after their release', () => {
    const version = TreeVersion.empty().update(new Map([entry(1)]))
    version.release()
    assert.throws(() => version.update(new Map([entry(2)])), /after its release/)
    assert.throws(() => version.release(), /after its release/)
  })
})

describe('tree.leaves', () => {
  it('are listed in order of their key hashes and rebuild the same root', () => {
    const full = TreeVersion.empty().update(new Map(Array.from({ length: 777 }, (_, i) => entry(i))))
    let rebuilt = TreeVersion.empty()
    let from: Uint8Array = ZERO_HASH
    let count = 0
    for (;;) {
      const piece = full.leavesFrom(from, 100)
      const n = piece.length / 64
      if (n === 0) break
      const keyHashes = new Uint8Array(n * 32)
      const valueHashes = new Uint8Array(n * 32)
      for (let i = 0; i < n; i++) {
        keyHashes.set(piece.subarray(i * 64, i * 64 + 32), i * 32)
        valueHashes.set(piece.subarray(i * 64 + 32, i * 64 + 64), i * 32)
      }
      rebuilt = rebuilt.addLeaves({ keyHashes, valueHashes })
      count += n
      const last = keyHashes.slice(-32)
      assert.ok(compareBytes(from, last) <= 0)
      const next = BigInt(`0x${Buffer.from(last).toString('hex')}`) + 1n
      from = new Uint8Array(Buffer.from(next.toString(16).padStart(64, '0'), 'hex'))
    }
    assert.equal(count, 777)
    assert.deepEqual(rebuilt.rootHash, full.rootHash)
  })
})

describe('hashLayers', () => {
  it('returns the same bytes natively and portably', () => {
    const input = new Uint8Array(64 * 33).map((_, i) => (i * 31) & 255)
    const portable = new Uint8Array(32 * 33)
    hashPairsPortable(input, portable)
    assert.deepEqual(portable.slice(32, 64), sha256(input.slice(64, 128)))
    if (hashPairsNative !== undefined) {
      const native = new Uint8Array(32 * 33)
      hashPairsNative(input, native)
      assert.deepEqual(native, portable)
    }
    assert.throws(() => hashPairsPortable(new Uint8Array(63), new Uint8Array(32)), /pairs/)
  })
})

describe('tree.steps', () => {
  const counted = <T>(steps: Steps<T>): { result: T; count: number } => {
    let count = 0
    for (;;) {
      const step = steps.next()
      if (step.done === true) return { result: step.value, count }
      count++
    }
  }
  const initial = new Map(Array.from({ length: 3_000 }, (_, i) => entry(i)))
  const changes = new Map<string, Uint8Array | undefined>(
    Array.from({ length: 4_000 }, (_, i) => [entry(i)[0], i % 3 === 0 ? undefined : entry(i, 1)[1]]),
  )

  it('a large update in steps gives the root of the same update at once, and frees what lies between', () => {
    const before = TreeVersion.empty().update(initial)
    const live = before.nodes.liveCount
    const atOnce = before.update(changes)
    const { result, count } = counted(before.updateSteps(changes))
    assert.deepEqual(result.rootHash, atOnce.rootHash)
    assert.ok(count >= 4_000 / 512, `${count} steps`)
    atOnce.release()
    result.release()
    assert.deepEqual(before.nodes.liveCount, live)
    assert.equal(counted(before.updateSteps(new Map([entry(1, 9)]))).count, 0)
  })

  it('an update that is given up frees its nodes', () => {
    const before = TreeVersion.empty().update(initial)
    const live = before.nodes.liveCount
    const steps = before.updateSteps(changes)
    for (let i = 0; i < 12; i++) steps.next()
    assert.notDeepEqual(before.nodes.liveCount, live)
    steps.return(before)
    assert.deepEqual(before.nodes.liveCount, live)
  })

  it('builds the tree of a whole state from entries in any order', () => {
    const builder = new TreeBuilder()
    for (const [key, value] of initial) builder.add(key, value)
    const built = runSteps(builder.build())
    const expected = TreeVersion.empty().update(initial)
    assert.deepEqual(built.rootHash, expected.rootHash)
    const { nodes } = built
    assert.deepEqual(nodes.liveCount, expected.nodes.liveCount)
    assert.deepEqual(runSteps(new TreeBuilder().build()).rootHash, ZERO_HASH)
    runSteps(built.releaseSteps())
    assert.deepEqual(nodes.liveCount, { leaves: 0, inners: 0 })
  })
})
