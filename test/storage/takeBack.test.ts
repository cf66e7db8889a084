// An open store goes back to an earlier block, as a devnet's revert does: everything above is gone, and another branch goes on.
import assert from 'node:assert/strict'
import { equalBytes } from '../../base/bytes.ts'
import { openChainStore } from '../../storage/chainStore.ts'
import { planTakeBack } from '../../storage/takeBack.ts'
import { inTurns } from '../../storage/turns.ts'
import type { ChainStore, CommitBlock } from '../../storage/types.ts'
import { certificateOf, FakeChain, keyOf, withDirectory } from '../support/chainFixtures.ts'

const BLOCKS = 12
const BACK_TO = 5

/** Every block with its own certificate. */
async function commit(store: ChainStore, item: CommitBlock): Promise<void> {
  const certificate = item.block.header.height > 0 ? { certificate: certificateOf(item.block) } : {}
  await store.commit([{ ...item, ...certificate }])
}

function assertState(store: ChainStore, chain: FakeChain, height: number): void {
  const state = store.stateAt(height)
  assert.ok(state !== undefined, `the state of block ${height}`)
  for (let i = 0; i < 50; i++) assert.deepEqual(state.get(keyOf(i)), chain.states[height]!.get(keyOf(i)))
}

describe('storage.takeBack', () => {
  it('leaves what a store without the later blocks has, and takes another branch', () =>
    withDirectory(async (dir) => {
      const chain = new FakeChain()
      const other = new FakeChain()
      let store = await openChainStore(dir)
      for (let height = 0; height <= BLOCKS; height++) {
        const epochs = height === 8 ? { endsEpoch: true } : {}
        const item = chain.step({ transactions: 2, ...epochs })
        if (height <= BACK_TO) other.next(item.changes, { transactions: 2 })
        await commit(store, item)
      }
      await store.saveTree(chain.tree, BLOCKS)
      const gone = chain.blocks[BACK_TO + 1]!
      await store.takeBack(await inTurns(planTakeBack(store, BACK_TO)))
      const check = (): void => {
        assert.equal(store.tip()?.height, BACK_TO)
        assertState(store, chain, BACK_TO)
        assertState(store, chain, BACK_TO - 3)
        assert.equal(store.blockAt(BACK_TO + 1), undefined)
        assert.equal(store.heightOf(gone.hash), undefined)
        assert.equal(store.stateAt(BACK_TO + 1), undefined)
        assert.equal(store.boundaryHeightOf(0), undefined)
        assert.equal(store.headerAt(8), undefined)
      }
      check()
      const tree = await store.loadTree()
      assert.ok(equalBytes(tree.rootHash, chain.blocks[BACK_TO]!.header.stateRoot))
      tree.release()
      for (let i = 0; i < 4; i++)
        await commit(store, other.next(new Map([[keyOf(i), Uint8Array.of(200 + i)]])))
      assertState(store, other, BACK_TO + 4)
      assertState(store, other, BACK_TO + 1)
      await store.close()
      store = await openChainStore(dir)
      assert.ok(store.isStateTrusted())
      assert.equal(store.tip()?.height, BACK_TO + 4)
      assertState(store, other, BACK_TO + 2)
      const again = await store.loadTree()
      assert.ok(equalBytes(again.rootHash, other.blocks.at(-1)!.header.stateRoot))
      again.release()
      await store.close()
    }))

  it('refuses a block whose state or certificate is not kept, and changes nothing', () =>
    withDirectory(async (dir) => {
      const chain = new FakeChain()
      const store = await openChainStore(dir, { historyHeightsMax: 64 })
      for (let height = 0; height < 80; height++) {
        const item = chain.step({ transactions: 1 })
        if (height === 70) await store.commit([item])
        else await commit(store, item)
      }
      for (const height of [3, 70, 80]) {
        await assert.rejects(inTurns(planTakeBack(store, height)), { code: 'HistoryPruned' })
      }
      assert.equal(store.tip()?.height, 79)
      await store.close()
    }))
})
