import assert from 'node:assert/strict'
import { sealBlock } from '../../base/protocol/header.ts'
import { type ValidatorSet, validatorSetHash } from '../../base/protocol/validators.ts'
import { providersTables } from '../../state/modules/providers/tables.ts'
import { MemoryState } from '../../state/overlay.ts'
import { openChainStore } from '../../storage/chainStore.ts'
import { epochProofsOf } from '../../storage/epochProofs.ts'
import type { CommitBlock } from '../../storage/types.ts'
import { certificateOf, FakeChain, keyOf, withDirectory } from '../support/chainFixtures.ts'

const setOf = (ids: readonly number[]): ValidatorSet => ({
  validators: ids.map((id) => ({
    id,
    operator: new Uint8Array(20).fill(id),
    consensusKey: new Uint8Array(48).fill(id),
    peerId: new Uint8Array(38).fill(id),
  })),
})
const BEFORE = setOf([1, 2, 3, 4])
const AFTER = setOf([1, 2, 4, 5])

const recordOf = ({ validators }: ValidatorSet) =>
  [providersTables.validators.key({}), providersTables.validators.encode({ set: validators })] as const

/** The same block as a boundary that names `next`, with its certificate. */
function boundary(item: CommitBlock, next: ValidatorSet): CommitBlock {
  const { header, transactions } = item.block
  const hashes = { setHash: validatorSetHash(BEFORE), nextSetHash: validatorSetHash(next) }
  const block = sealBlock({ header: { ...header, ...hashes, endsEpoch: true }, transactions })
  return { ...item, block, certificate: certificateOf(block) }
}

describe('storage.epochProofs', () => {
  it('keeps boundary, certificate and the next set of an epoch across a restart', async () => {
    await withDirectory(async (dir) => {
      const chain = new FakeChain()
      const store = await openChainStore(dir)
      const genesis = chain.next(new Map([recordOf(BEFORE)]))
      await store.commit([genesis])
      const ends = boundary(chain.next(new Map([recordOf(AFTER)])), AFTER)
      await store.commit([ends])
      assert.equal(store.epochProof(1), undefined)
      await store.close()
      const reopened = await openChainStore(dir)
      assert.deepEqual(reopened.epochProof(0), {
        header: ends.block.header,
        certificate: ends.certificate,
        nextSet: AFTER,
      })
      await reopened.close()
    })
  })

  it('finds the set in an earlier block of the same commit, and omits an unchanged set', () => {
    const chain = new FakeChain()
    const state = new MemoryState()
    const [key, value] = recordOf(BEFORE)
    state.set(key, value)
    const first = chain.next(new Map([recordOf(AFTER)]))
    const changed = boundary(chain.next(new Map([[keyOf(1), Uint8Array.of(1)]])), AFTER)
    const [proof, ...others] = epochProofsOf([first, changed], state)
    assert.equal(others.length, 0)
    assert.equal(proof!.epoch, 0)
    const kept = boundary(chain.next(new Map()), BEFORE)
    const [small] = epochProofsOf([kept], state)
    const setBytes = proof!.bytes.length - small!.bytes.length
    assert.ok(setBytes > 4 * (20 + 48 + 38), `${setBytes} bytes of a set of four`)
  })

  it('makes no proof for a block that ends no epoch or is not certified', () => {
    const chain = new FakeChain()
    const plain = chain.next(new Map())
    const ends = boundary(chain.next(new Map()), BEFORE)
    const { certificate: _, ...uncertified } = ends
    assert.deepEqual(epochProofsOf([plain, uncertified], new MemoryState()), [])
  })
})
