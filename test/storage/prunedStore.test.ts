import assert from 'node:assert/strict'
import { equalBytes, keyBytes } from '../../base/bytes.ts'
import { keccak256 } from '../../base/crypto/hash.ts'
import { ConfigError } from '../../base/errors.ts'
import { parseBlockCheckpoint } from '../../base/protocol/checkpoint.ts'
import { verifyStateProof } from '../../base/protocol/stateProof.ts'
import type { FinalizedEvent } from '../../node/chain/importerTypes.ts'
import { PastTrees } from '../../node/chain/pastTrees.ts'
import { DEFAULT_CONFIG, parseConfig } from '../../node/config.ts'
import { SnapshotFiles } from '../../node/sync/snapshotFiles.ts'
import { SyncMeter } from '../../node/sync/syncMeter.ts'
import { checkCheckpoint, openSnapshots, startUpkeep, storeOptionsOf } from '../../node/watch/upkeep.ts'
import { proveKey } from '../../state/tree/proof.ts'
import { openChainStore } from '../../storage/chainStore.ts'
import type { ChainStore } from '../../storage/types.ts'
import { certificateOf, FakeChain, keyOf, withDirectory } from '../support/chainFixtures.ts'

const BOUNDARY = 10
const logger = {
  debug() {},
  info() {},
  warn() {},
  error: (fields: object) => assert.fail(JSON.stringify(fields)),
}

async function withChain(
  blocks: number,
  run: (chain: FakeChain, store: ChainStore, dir: string) => Promise<void>,
): Promise<void> {
  await withDirectory(async (dir) => {
    const chain = new FakeChain()
    const store = await openChainStore(dir)
    for (let height = 0; height <= blocks; height++) {
      const item = chain.step({ transactions: height % 3, endsEpoch: height === BOUNDARY })
      await store.commit([height === 0 ? item : { ...item, certificate: certificateOf(item.block) }])
    }
    try {
      await run(chain, store, dir)
    } finally {
      await store.close()
    }
  })
}

const entriesOf = async (pieces: AsyncIterable<ReadonlyMap<string, Uint8Array>>) => {
  const all: [string, Uint8Array][] = []
  for await (const piece of pieces) all.push(...piece)
  return all
}

describe('storage.prune', () => {
  it('deletes blocks with their indexes, and keeps genesis, boundaries and the tip', async () => {
    await withChain(30, async (chain, store, dir) => {
      assert.equal(store.blockHeightMin(), 1)
      assert.equal(await store.pruneBlocks(21, 7), 7)
      assert.equal(store.blockHeightMin(), 8)
      assert.equal(await store.pruneBlocks(21, 100), 13)
      assert.equal(await store.pruneBlocks(21, 100), 0)
      for (const height of [1, 8, BOUNDARY, 20]) {
        const { hash, transactions } = chain.blocks[height]!
        assert.equal(store.blockAt(height), undefined)
        assert.equal(store.receiptsAt(height), undefined)
        assert.equal(store.certificateAt(height), undefined)
        assert.equal(store.heightOf(hash), undefined)
        for (const raw of transactions)
          assert.equal(store.locateTransaction(keccak256(raw) as Uint8Array), undefined)
      }
      for (const height of [0, 21, 30])
        assert.deepEqual(store.blockAt(height)?.hash, chain.blocks[height]!.hash)
      const kept = store.headerAt(BOUNDARY)!
      assert.deepEqual(kept.hash, chain.blocks[BOUNDARY]!.hash)
      assert.deepEqual(store.epochProof(0)?.header, kept.header)
      assert.equal(store.headerAt(BOUNDARY + 1), undefined)
      assert.ok(store.stateAt(15) !== undefined, 'states have their own bounds')
      await store.close()
      const again = await openChainStore(dir)
      assert.equal(again.blockHeightMin(), 21)
      assert.equal(await again.pruneBlocks(1_000, 1_000), 9, 'the tip stays')
      assert.deepEqual(again.blockAt(30)?.hash, chain.blocks[30]!.hash)
      await again.close()
    })
  })

  it('finds every boundary by its height even if a recovery skipped epochs', async () => {
    await withDirectory(async (dir) => {
      const chain = new FakeChain()
      const store = await openChainStore(dir)
      const epochs = [0, 1, 2, 1_000, 1_001, 1_002, 5_000]
      await store.commit([chain.step()])
      for (const epoch of epochs) {
        for (const endsEpoch of [false, true]) {
          const item = chain.step({ epoch, endsEpoch })
          await store.commit([{ ...item, certificate: certificateOf(item.block) }])
        }
      }
      await store.commit([chain.step({ epoch: 5_001 })])
      await store.pruneBlocks(100, 100)
      const found = (of: ChainStore) =>
        chain.blocks
          .map((_, height) => of.headerAt(height)?.header.height)
          .filter((height) => height !== undefined)
      const expected = [0, ...epochs.map((_, i) => 2 * i + 2), 15]
      assert.deepEqual(found(store), expected)
      await store.close()
      const again = await openChainStore(dir)
      assert.deepEqual(found(again), expected)
      await again.close()
    })
  })

  it('keeps the heights that `isKept` names', async () => {
    await withChain(12, async (chain, store) => {
      await store.pruneBlocks(9, 100, (height) => height === 5)
      assert.deepEqual(store.blockAt(5)?.hash, chain.blocks[5]!.hash)
      assert.equal(store.blockAt(6), undefined)
    })
  })
})

describe('storage.pastStatePieces', () => {
  it('streams the whole state of any kept height, keys ascending', async () => {
    await withChain(30, async (chain, store) => {
      for (let height = 0; height <= 30; height++) {
        const found = await entriesOf(store.pastStatePieces(height))
        assert.deepEqual(found, [...chain.states[height]!.entries('')], `height ${height}`)
      }
    })
  })

  it('stays correct while the chain grows, and refuses a pruned height', async () => {
    await withDirectory(async (dir) => {
      const chain = new FakeChain()
      const store = await openChainStore(dir, { historyHeightsMax: 64 })
      for (let i = 0; i < 80; i++) await store.commit([chain.step()])
      const pieces = store.pastStatePieces(70)[Symbol.asyncIterator]()
      const first = await pieces.next()
      await store.commit([chain.step({ count: 40 })])
      const rest = await pieces.next()
      const found = [...(first.value ?? []), ...(rest.done === true ? [] : rest.value)]
      assert.deepEqual(found, [...chain.states[70]!.entries('')])
      await assert.rejects(entriesOf(store.pastStatePieces(3)), { code: 'HistoryPruned' })
      await store.close()
    })
  })
})

describe('pastTrees', () => {
  it('proves at every height whose state is kept, also after the tip has moved', async () => {
    await withChain(90, async (chain, store) => {
      const trees = new PastTrees(store, () => ({ height: store.tip()!.height, tree: chain.tree }))
      for (const height of [85, 3, 40, 41, 0, 40]) {
        const root = chain.blocks[height]!.header.stateRoot
        for (const key of [keyOf(1), keyOf(17), keyOf(999)]) {
          const proven = await trees.with(height, (tree) => {
            assert.ok(equalBytes(tree.rootHash, root))
            return proveKey(tree, key, store.stateAt(height)!)
          })
          const { value, proof } = proven!
          assert.deepEqual(value, chain.states[height]!.get(key))
          assert.ok(verifyStateProof({ root, key: keyBytes(key), value, proof }))
        }
        await store.commit([chain.step()])
      }
      assert.equal(await trees.with(1_000, () => true), undefined)
      const many = await Promise.all(Array.from({ length: 80 }, () => trees.with(20, () => true)))
      assert.equal(many.filter((answer) => answer === undefined).length, 16, 'at most 64 wait')
      const { leaves } = chain.tree.nodes.liveCount
      await trees.close()
      assert.ok(chain.tree.nodes.liveCount.leaves < leaves, 'the rebuilt trees are freed')
      assert.equal(await trees.with(20, () => true), undefined)
    })
  })
})

describe('upkeep', () => {
  const config = {
    archive: false,
    historyHeights: 1024,
    pruning: { keepBlocks: 64 },
    snapshots: { everyBlocks: 0, keep: 1 },
  }

  it('prunes in the background down to the configured blocks', async () => {
    await withChain(200, async (_, store, dir) => {
      const files = await SnapshotFiles.open(`${dir}/snapshots`)
      const upkeep = startUpkeep({
        config,
        store,
        importer: { onFinalized: (_listener: (event: FinalizedEvent) => void) => () => {} },
        files,
        isSyncing: () => false,
        onFault: (reason) => assert.fail(reason),
        logger,
      })
      const deadlineMs = Date.now() + 5_000
      while (store.blockHeightMin() < 137 && Date.now() < deadlineMs) {
        await new Promise((resolve) => setTimeout(resolve, 10))
      }
      await upkeep.close()
      assert.equal(store.blockHeightMin(), 137)
      assert.ok(store.blockAt(137) !== undefined)
    })
  })

  it('keeps everything in an archive; otherwise keeps no state whose block is pruned', () => {
    const archive = storeOptionsOf({ ...config, archive: true })
    assert.deepEqual(archive, { historyHeightsMax: Infinity, historyBytesMax: Infinity })
    assert.equal(storeOptionsOf(config).historyHeightsMax, 64)
    assert.equal(storeOptionsOf({ ...config, pruning: { keepBlocks: 0 } }).historyHeightsMax, 1024)
  })

  it('refuses a stored chain that contradicts the checkpoint, and snapshots of pruned blocks', async () => {
    await withChain(20, async (chain, store, dir) => {
      checkCheckpoint(store, undefined)
      checkCheckpoint(store, { height: 15, hash: chain.blocks[15]!.hash })
      checkCheckpoint(store, { height: 99, hash: chain.blocks[15]!.hash })
      assert.throws(() => checkCheckpoint(store, { height: 15, hash: new Uint8Array(32) }), {
        code: 'CheckpointMismatch',
      })
      assert.deepEqual((await openSnapshots(`${dir}/snapshots`, store)).list(), [])
    })
  })
})

describe('syncMeter', () => {
  it('reports progress and rate, and is silent about the last few blocks', () => {
    let nowMs = 0
    const lines: { fields: Record<string, unknown>; text: string }[] = []
    const info = (fields: object, text: string): void =>
      void lines.push({ fields: fields as Record<string, unknown>, text })
    const meter = new SyncMeter({ ...logger, info }, () => nowMs)
    assert.equal(meter.progress(), undefined)
    meter.start(100, 105)
    assert.equal(meter.progress(), undefined)
    meter.stop(105)
    assert.equal(lines.length, 0)
    meter.start(100, 1_100)
    nowMs = 2_000
    meter.add(300, 200, 1_000)
    meter.start(300, 1_300)
    assert.deepEqual(meter.progress(), { startingHeight: 100, currentHeight: 300, highestHeight: 1_300 })
    nowMs = 10_000
    meter.add(600, 300, 1_000)
    assert.deepEqual(lines.at(-1), {
      fields: { height: 600, target: 1_300, blocksPerSecond: 50, transactionsPerSecond: 200, etaSeconds: 14 },
      text: 'syncing blocks',
    })
    meter.stop(600)
    const last: { fields: Record<string, unknown> } | undefined = lines.at(-1)
    assert.equal(last?.fields.blocks, 500)
    assert.equal(meter.progress(), undefined)
  })
})

describe('config.sync', () => {
  it('accepts pruning, snapshots, archive, state sync and a checkpoint, and refuses invalid values', () => {
    const hash = `0x${'ab'.repeat(32)}`
    const given = {
      archive: true,
      pruning: { keepBlocks: 5_000 },
      snapshots: { everyBlocks: 500, keep: 3 },
      stateSync: true,
      checkpoint: `1200:${hash}`,
    }
    assert.deepEqual(parseConfig(given), { ...DEFAULT_CONFIG, ...given })
    assert.deepEqual(parseBlockCheckpoint(given.checkpoint)?.height, 1_200)
    for (const wrong of [
      { pruning: { keepBlocks: 63 } },
      { pruning: { keepBlocks: 100, more: 1 } },
      { pruning: 100 },
      { snapshots: { everyBlocks: 3, keep: 1 } },
      { snapshots: { everyBlocks: 100, keep: 0 } },
      { archive: 'yes' },
      { stateSync: 1 },
      { checkpoint: '12' },
      { checkpoint: `12:${hash}00` },
    ]) {
      assert.throws(() => parseConfig(wrong), ConfigError, JSON.stringify(wrong))
    }
  })
})
