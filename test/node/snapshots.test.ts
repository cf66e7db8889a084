import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { concatBytes, keyBytes, u64be, utf8 } from '../../base/bytes.ts'
import { sha256 } from '../../base/crypto/hash.ts'
import {
  SNAPSHOT_CHUNK_BYTES,
  snapshotChunkSchema,
  snapshotManifestSchema,
} from '../../base/protocol/snapshot.ts'
import type { FinalizedEvent } from '../../node/chain/importerTypes.ts'
import { openChunk, openChunkSteps } from '../../node/sync/chunkDownload.ts'
import { InvalidDataError } from '../../node/sync/peerAsker.ts'
import { SnapshotFiles } from '../../node/sync/snapshotFiles.ts'
import { startSnapshotKeeper } from '../../node/sync/snapshotKeeper.ts'
import { writeSnapshot } from '../../node/sync/snapshotWriter.ts'
import { compareHashes } from '../../state/tree/bits.ts'
import { leavesRoot } from '../../state/tree/cut.ts'
import type { StateChanges } from '../../state/view.ts'
import { openChainStore } from '../../storage/chainStore.ts'
import type { ChainStore } from '../../storage/types.ts'
import { certificateOf, FakeChain, keyOf, withDirectory } from '../support/chainFixtures.ts'

const logger = {
  debug() {},
  info() {},
  warn() {},
  error: (fields: object) => assert.fail(JSON.stringify(fields)),
}
const NEVER = new AbortController().signal

/** Records of about 300 bytes, some deleted later. */
function manyKeys(count: number, salt: number): StateChanges {
  return new Map(Array.from({ length: count }, (_, i) => [keyOf(i), utf8(`${salt}/${i}`.padEnd(280, 'x'))]))
}

async function withChain(
  run: (chain: FakeChain, store: ChainStore, dir: string) => Promise<void>,
): Promise<void> {
  await withDirectory(async (dir) => {
    const chain = new FakeChain()
    const store = await openChainStore(join(dir, 'chain'))
    try {
      await run(chain, store, dir)
    } finally {
      await store.close()
    }
  })
}

async function snapshotOf(store: ChainStore, height: number, dir: string, bufferBytesMax?: number) {
  const { header, hash } = store.headerAt(height)!
  return writeSnapshot({
    dir,
    header,
    blockHash: hash,
    pieces: store.pastStatePieces(height),
    signal: NEVER,
    ...(bufferBytesMax === undefined ? {} : { bufferBytesMax }),
  })
}

describe('snapshots.write', () => {
  it('cuts the state of a past height into the same proven chunks for any buffer size', async () => {
    await withChain(async (chain, store, dir) => {
      await store.commit([chain.next(manyKeys(4_000, 1))])
      await store.commit([
        chain.next(
          new Map([
            [keyOf(5), undefined],
            [keyOf(9_000), utf8('later')],
          ]),
        ),
      ])
      for (let i = 0; i < 2; i++) await store.commit([chain.step({ range: 6_000, count: 50 })])
      const bytes = await snapshotOf(store, 1, join(dir, 'a'))
      assert.deepEqual(await snapshotOf(store, 1, join(dir, 'b'), 100_000), bytes)
      assert.deepEqual(readFileSync(join(dir, 'a', 'data')), readFileSync(join(dir, 'b', 'data')))
      const { parts, stateRoot } = snapshotManifestSchema.decode(bytes)
      assert.deepEqual(stateRoot, chain.blocks[1]!.header.stateRoot)
      assert.ok(parts.length >= 5, `${parts.length} chunks`)
      assert.ok(parts.every((part) => part.bytes <= SNAPSHOT_CHUNK_BYTES))
      assert.equal(
        parts.reduce((sum, part) => sum + part.leaves, 0),
        4_000,
      )
      const files = await SnapshotFiles.open(dir)
      assert.deepEqual(files.list(), [], 'names that are not heights are ignored')
    })
  })

  it('opens its file once, however many chunks are asked for at once', async () => {
    await withChain(async (chain, store, dir) => {
      await store.commit([chain.next(manyKeys(50, 1))])
      const folder = join(dir, 'snapshots')
      await snapshotOf(store, 0, join(folder, '0'))
      const files = await SnapshotFiles.open(folder)
      const chunks = await Promise.all([files.chunk(0, 0), files.chunk(0, 0), files.chunk(0, 0)])
      assert.ok(chunks.every((chunk) => chunk !== undefined))
      const open = readdirSync('/proc/self/fd').filter((fd) => {
        try {
          return readlinkSync(`/proc/self/fd/${fd}`).startsWith(join(folder, '0'))
        } catch {
          return false
        }
      })
      assert.equal(open.length, 1)
      await files.close()
    })
  })

  it('holds exactly the records of its height', async () => {
    await withChain(async (chain, store, dir) => {
      await store.commit([chain.next(manyKeys(50, 1))])
      for (let i = 0; i < 20; i++) await store.commit([chain.step({ range: 80, count: 10 })])
      const folder = join(dir, 'snapshots')
      for (const height of [0, 7, 20]) {
        await snapshotOf(store, height, join(folder, String(height)))
        const files = await SnapshotFiles.open(folder)
        const { manifest } = files.list().find((held) => held.height === height)!
        const found = new Map<string, Uint8Array>()
        for (const [index, part] of manifest.parts.entries()) {
          for (const { key, value } of openChunk((await files.chunk(height, index))!, part)) {
            found.set(Buffer.from(key).toString('hex'), value)
          }
        }
        const expected = [...chain.states[height]!.entries('')]
        assert.equal(found.size, expected.length)
        for (const [key, value] of expected) {
          assert.deepEqual(found.get(Buffer.from(keyBytes(key)).toString('hex')), value)
        }
        assert.equal(await files.chunk(height, manifest.parts.length), undefined)
        assert.equal(await files.chunk(height + 1, 0), undefined)
        await files.close()
      }
    })
  })

  it('leaves nothing behind when aborted or when the records are wrong', async () => {
    await withChain(async (chain, store, dir) => {
      await store.commit([chain.next(manyKeys(2_000, 1))])
      const stop = new AbortController()
      const { header, hash: blockHash } = store.headerAt(0)!
      const target = join(dir, 'stopped')
      const pieces = store.pastStatePieces(0)
      const writing = writeSnapshot({ dir: target, header, blockHash, pieces, signal: stop.signal })
      stop.abort(new Error('stopped'))
      await assert.rejects(writing, /stopped/)
      const other = { ...header, stateRoot: new Uint8Array(32) }
      const again = store.pastStatePieces(0)
      await assert.rejects(
        writeSnapshot({ dir: target, header: other, blockHash, pieces: again, signal: NEVER }),
        /do not have the state root of block 0/,
      )
      assert.ok(!existsSync(target) && !existsSync(`${target}.tmp`))
    })
  })
})

describe('snapshots.chunk', () => {
  it('is refused after any change', async () => {
    await withChain(async (chain, store, dir) => {
      await store.commit([chain.next(manyKeys(100, 1))])
      const folder = join(dir, 'snapshots')
      await snapshotOf(store, 0, join(folder, '0'))
      const files = await SnapshotFiles.open(folder)
      const part = files.list()[0]!.manifest.parts[0]!
      const chunk = (await files.chunk(0, 0))!
      assert.equal(openChunk(chunk, part).length, 100)
      const step = Math.ceil(chunk.length / 200)
      for (let at = 0; at < chunk.length; at += step) {
        const changed = chunk.slice()
        changed[at]! ^= 1 << (at % 8)
        assert.throws(
          () => openChunk(changed, part),
          (error: Error) => {
            return error instanceof InvalidDataError || error.name === 'SchemaError'
          },
        )
      }
      assert.throws(() => openChunk(chunk.subarray(1), part), /expected \d+$/)
      await files.close()
    })
  })
})

describe('snapshots.chunk steps', () => {
  it('opens the most records that a chunk holds in short steps', () => {
    const count = 8_000
    const records = Array.from({ length: count }, (_, i) => {
      const key = u64be(i)
      return { key, value: key, keyHash: sha256(key) }
    }).sort((a, b) => compareHashes(a.keyHash, 0, b.keyHash, 0))
    const bytes = snapshotChunkSchema.encode({ entries: records.map(({ key, value }) => ({ key, value })) })
    const keyHashes = concatBytes(...records.map(({ keyHash }) => keyHash))
    // Each value is its key.
    const root = leavesRoot({ keyHashes, valueHashes: keyHashes })
    const steps = openChunkSteps(bytes, { root, leaves: count, bytes: bytes.length, split: 0 })
    let turns = 1
    let step = steps.next()
    for (; step.done !== true; step = steps.next()) turns++
    assert.equal(step.value.length, count)
    // 1,024 records hashed in one, 512 added to the tree in another.
    assert.ok(turns >= count / 1_024 + count / 512, `${turns} turns`)
  })
})

describe('snapshots.files', () => {
  it('keeps the newest, and at a start removes unfinished, truncated or foreign snapshots', async () => {
    await withChain(async (chain, store, dir) => {
      await store.commit([chain.next(manyKeys(20, 1))])
      for (let i = 0; i < 6; i++) await store.commit([chain.step()])
      const folder = join(dir, 'snapshots')
      const files = await SnapshotFiles.open(folder)
      for (const height of [1, 2, 3]) {
        await snapshotOf(store, height, files.dirOf(height))
        await files.add(height, 2)
      }
      assert.deepEqual(
        files.list().map(({ height }) => height),
        [2, 3],
      )
      await files.close()
      await snapshotOf(store, 4, join(folder, '4'))
      await snapshotOf(store, 5, join(folder, '5'))
      writeFileSync(join(folder, '4', 'data'), readFileSync(join(folder, '4', 'data')).subarray(1))
      mkdirSync(join(folder, '6.tmp'))
      writeFileSync(join(folder, 'notes.txt'), 'mine')
      const again = await SnapshotFiles.open(folder, ({ height }) => height !== 5)
      assert.deepEqual(
        again.list().map(({ height }) => height),
        [2, 3],
      )
      assert.deepEqual(readdirSync(folder).sort(), ['2', '3', 'notes.txt'])
      await again.close()
    })
  })
})

describe('snapshots.keeper', () => {
  it('makes one of every N-th certified block in the background, and none while syncing', async () => {
    await withChain(async (chain, store, dir) => {
      await store.commit([chain.next(manyKeys(30, 1))])
      const files = await SnapshotFiles.open(join(dir, 'snapshots'))
      let announce: () => void = () => {}
      let isSyncing = false
      const keeper = startSnapshotKeeper({
        store,
        importer: {
          onFinalized(listener) {
            announce = () => listener({} as FinalizedEvent)
            return () => {}
          },
        },
        files,
        everyBlocks: 10,
        keep: 2,
        isSyncing: () => isSyncing,
        logger,
      })
      const grow = async (count: number, certified: (height: number) => boolean): Promise<void> => {
        for (let i = 0; i < count; i++) {
          const item = chain.step({ range: 60 })
          const { height } = item.block.header
          await store.commit([certified(height) ? { ...item, certificate: certificateOf(item.block) } : item])
          announce()
        }
      }
      const made = async (heights: readonly number[]): Promise<void> => {
        const deadlineMs = Date.now() + 5_000
        while (
          files
            .list()
            .map(({ height }) => height)
            .join() !== heights.join()
        ) {
          assert.ok(Date.now() < deadlineMs, `snapshots ${files.list().map(({ height }) => height)}`)
          await new Promise((resolve) => setTimeout(resolve, 10))
        }
      }
      await grow(13, () => true)
      await made([10])
      await grow(10, (height) => height !== 20)
      isSyncing = true
      await grow(10, () => true)
      isSyncing = false
      announce()
      await made([10, 30])
      await grow(10, () => true)
      await made([30, 40])
      await keeper.close()
      await files.close()
    })
  })
})
