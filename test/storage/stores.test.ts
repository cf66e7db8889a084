import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { readFile, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Level } from 'level'
import { toHex, utf8 } from '../../base/bytes.ts'
import { keccak256, sha256 } from '../../base/crypto/hash.ts'
import { encodeReceipts } from '../../state/receipt.ts'
import type { FullState, StateReader } from '../../state/view.ts'
import { openChainStore } from '../../storage/chainStore.ts'
import { fillBlock } from '../../storage/fillBlock.ts'
import { LAYOUT_VERSION, META_KEY, numberKey, storedReceiptsSchema, tipSchema } from '../../storage/layout.ts'
import { ReadCache } from '../../storage/readCache.ts'
import { ReverseDifference } from '../../storage/reverseDifference.ts'
import { type ChainStore, StoreError, type StoreErrorCode } from '../../storage/types.ts'
import { certificateOf, FakeChain, keyOf, withDirectory } from '../support/chainFixtures.ts'

function assertSameState(actual: StateReader, expected: FullState, range = 50): void {
  for (let i = 0; i < range; i++) assert.deepEqual(actual.get(keyOf(i)), expected.get(keyOf(i)), `key ${i}`)
}

function hasCode(code: StoreErrorCode): (error: unknown) => boolean {
  return (error) => error instanceof StoreError && error.code === code
}

async function withStore(
  run: (store: ChainStore, dir: string) => Promise<void>,
  options: Parameters<typeof openChainStore>[1] = {},
): Promise<void> {
  await withDirectory(async (dir) => {
    const store = await openChainStore(dir, options)
    try {
      await run(store, dir)
    } finally {
      await store.close()
    }
  })
}

describe('storage.commit', () => {
  it('writes the same bytes with and without precomputed ids and receipt bytes', () => {
    const item = new FakeChain().step({ transactions: 3 })
    const { receipts, senders, systemLogs } = item
    const written = (ready: object): readonly (readonly [string, string])[] => {
      const puts: (readonly [string, string])[] = []
      fillBlock({ put: (key, value) => void puts.push([toHex(key), toHex(value)]) }, { ...item, ...ready })
      return puts
    }
    const ids = item.block.transactions.map((raw) => keccak256(raw))
    const plain = written({})
    assert.deepEqual(written({ ids, receiptBytes: encodeReceipts(receipts) }), plain)
    const stored = new Map(plain).get(toHex(numberKey('receipts', item.block.header.height)))
    assert.equal(stored, toHex(storedReceiptsSchema.encode({ receipts, senders, systemLogs })))
  })

  it('stores a block and finds it by height, hash and transaction', async () => {
    await withStore(async (store) => {
      assert.equal(store.tip(), undefined)
      const chain = new FakeChain()
      await store.commit([chain.step()])
      const item = chain.step({ transactions: 3 })
      await store.commit([{ ...item, certificate: certificateOf(item.block) }])
      assert.deepEqual(store.tip(), { height: 1, hash: item.block.hash, header: item.block.header })
      assert.deepEqual(store.blockAt(1), item.block)
      assert.deepEqual(store.blockBytesAt(1), item.block.bytes)
      assert.equal(store.heightOf(item.block.hash), 1)
      const { receipts, senders, systemLogs } = item
      assert.deepEqual(store.receiptsAt(1), { receipts, senders, systemLogs })
      const id = keccak256(item.block.transactions[2]!) as Uint8Array
      assert.deepEqual(store.locateTransaction(id), { height: 1, index: 2 })
      assert.deepEqual(store.certificateAt(1), certificateOf(item.block))
      assert.equal(store.certificateAt(0), undefined)
      assert.equal((await store.certificateAtOrAbove(0))?.height, 1)
      assert.equal(await store.certificateAtOrAbove(2), undefined)
      assert.equal(store.blockAt(2), undefined)
      assert.equal(store.receiptsAt(2), undefined)
      assert.equal(store.heightOf(sha256(utf8('unknown'))), undefined)
      assert.equal(store.locateTransaction(sha256(utf8('unknown')) as Uint8Array), undefined)
    })
  })

  it('commits several blocks in one batch with a difference for each', async () => {
    await withStore(async (store) => {
      const chain = new FakeChain()
      await store.commit([chain.step({ count: 40 })])
      await store.commit([chain.step(), chain.step(), chain.step({ endsEpoch: true })])
      for (let height = 0; height <= 3; height++)
        assertSameState(store.stateAt(height)!, chain.states[height]!)
      assert.equal(store.boundaryHeightOf(0), 3)
      assert.equal(store.boundaryHeightOf(1), undefined)
    })
  })

  it('refuses gaps, wrong parents and a second genesis, and changes nothing', async () => {
    await withStore(async (store) => {
      const chain = new FakeChain()
      const [zero, one, two] = [chain.step(), chain.step(), chain.step()]
      await assert.rejects(store.commit([one]), hasCode('NotContiguous'))
      assert.equal(store.tip(), undefined)
      await store.commit([zero])
      await assert.rejects(store.commit([zero]), hasCode('NotContiguous'))
      await assert.rejects(store.commit([two]), hasCode('NotContiguous'))
      await assert.rejects(store.commit([one, one]), hasCode('NotContiguous'))
      const other = new FakeChain()
      other.step({ count: 3 })
      await assert.rejects(store.commit([other.step()]), hasCode('NotContiguous'))
      assert.equal(store.tip()!.height, 0)
      assertSameState(store.state, chain.states[0]!)
    })
  })

  it('reads the state of the tip until the next commit is durable', async () => {
    await withStore(async (store) => {
      const chain = new FakeChain()
      await store.commit([chain.step({ count: 40 })])
      const writing = store.commit([chain.step({ count: 40 })])
      let turns = 0
      const watch = (async () => {
        while (store.tip()!.height === 0) {
          assertSameState(store.state, chain.states[0]!)
          turns++
          await new Promise(setImmediate)
        }
      })()
      await Promise.all([writing, watch])
      assert.ok(turns > 0)
      assertSameState(store.state, chain.states[1]!)
      assertSameState(store.stateAt(0)!, chain.states[0]!)
    })
  })

  it('returns exactly the bytes written, as plain arrays', async () => {
    await withStore(async (store) => {
      const chain = new FakeChain()
      await store.commit([chain.step()])
      const bytes = store.blockBytesAt(0)!
      assert.deepEqual(bytes, chain.blocks[0]!.bytes)
      assert.ok(!Buffer.isBuffer(bytes))
    })
    await withDirectory(async (dir) => {
      const chain = new FakeChain()
      const first = await openChainStore(dir)
      await first.commit([chain.step()])
      await first.close()
      // Bypassing the cache, from disk.
      const again = await openChainStore(dir)
      for (const [key, value] of chain.states[0]!.entries('')) {
        assert.deepEqual(again.state.get(key), value)
        assert.ok(!Buffer.isBuffer(again.state.get(key)))
      }
      await again.close()
    })
  })
})

describe('storage.reopen', () => {
  it('finds everything after a restart', async () => {
    await withDirectory(async (dir) => {
      const chain = new FakeChain()
      const first = await openChainStore(dir)
      await first.commit([chain.step({ count: 45 })])
      for (let i = 0; i < 5; i++) await first.commit([chain.step()])
      await first.close()
      assert.throws(() => first.blockAt(0), hasCode('Closed'))
      const late = new FakeChain()
      await assert.rejects(first.commit([late.step()]), hasCode('Closed'))
      const again = await openChainStore(dir)
      assert.equal(again.tip()!.height, 5)
      for (let height = 0; height <= 5; height++)
        assertSameState(again.stateAt(height)!, chain.states[height]!)
      const tree = await again.loadTree()
      assert.deepEqual(tree.rootHash, chain.tree.rootHash)
      await again.close()
    })
  })

  it('refuses a store that is already open', async () => {
    await withStore(async (_store, dir) => {
      await assert.rejects(openChainStore(dir), hasCode('Locked'))
    })
  })

  it('refuses a different layout or a damaged record', async () => {
    await withDirectory(async (dir) => {
      const chain = new FakeChain()
      const store = await openChainStore(dir)
      await store.commit([chain.step()])
      await store.close()
      const overwrite = async (key: Uint8Array, value: Uint8Array): Promise<void> => {
        const raw = new Level<Uint8Array, Uint8Array>(join(dir, 'chain'), {
          keyEncoding: 'view',
          valueEncoding: 'view',
        })
        await raw.put(key, value)
        await raw.close()
      }
      const tip = { layout: LAYOUT_VERSION, height: 0, hash: chain.blocks[0]!.hash }
      await overwrite(META_KEY, tipSchema.encode({ ...tip, layout: LAYOUT_VERSION + 1 }))
      await assert.rejects(openChainStore(dir), hasCode('WrongVersion'))
      await overwrite(META_KEY, tipSchema.encode({ ...tip, hash: sha256(utf8('another')) }))
      await assert.rejects(openChainStore(dir), hasCode('Corrupt'))
      await overwrite(META_KEY, tipSchema.encode(tip))
      await overwrite(numberKey('receipts', 0), utf8('no receipts'))
      const again = await openChainStore(dir)
      assert.throws(() => again.receiptsAt(0), hasCode('Corrupt'))
      await again.close()
      await overwrite(numberKey('block', 0), utf8('no block'))
      await assert.rejects(openChainStore(dir), hasCode('Corrupt'))
    })
  })

  it('finds a whole commit or none of it after a kill at any time', async function () {
    this.timeout(20_000)
    await withDirectory(async (dir) => {
      const child = fork(fileURLToPath(new URL('./storeWriter.js', import.meta.url)), [dir], {
        stdio: 'pipe',
      })
      let committed = -1
      child.on('message', (height: number) => {
        committed = height
        // During a later write, not between two.
        if (height >= 12) setTimeout(() => child.kill('SIGKILL'), 3)
      })
      const [code, signal] = await once(child, 'exit')
      assert.equal(code, null)
      assert.equal(signal, 'SIGKILL')
      const store = await openChainStore(dir)
      const { height, header } = store.tip()!
      assert.ok(height >= committed, 'every acknowledged commit is stored')
      const chain = new FakeChain()
      while (chain.blocks.length <= height) chain.step({ count: 400, range: 2000, transactions: 20 })
      assert.deepEqual(header, chain.blocks[height]!.header)
      assertSameState(store.state, chain.states[height]!, 2000)
      assert.equal(store.blockAt(height + 1), undefined)
      assert.equal(store.receiptsAt(height)!.receipts.length, 20)
      assert.deepEqual((await store.loadTree()).rootHash, header.stateRoot)
      await store.close()
    })
  })
})

describe('storage.history', () => {
  it('serves every kept height, and stays correct while the chain grows', async () => {
    await withStore(
      async (store) => {
        const chain = new FakeChain()
        await store.commit([chain.step({ count: 40 })])
        for (let i = 0; i < 20; i++) await store.commit([chain.step()])
        const reader = store.stateAt(10)!
        for (let i = 0; i < 80; i++) await store.commit([chain.step()])
        assertSameState(reader, chain.states[10]!)
        for (let height = 0; height <= 100; height += 9)
          assertSameState(store.stateAt(height)!, chain.states[height]!)
        assert.equal(store.stateAt(101), undefined)
        assert.equal(store.stateAt(-1), undefined)
      },
      { cacheEntriesMax: 8 },
    )
  })

  it('prunes by heights, and throws HistoryPruned', async () => {
    await withDirectory(async (dir) => {
      const chain = new FakeChain()
      let store = await openChainStore(dir, { historyHeightsMax: 70 })
      await store.commit([chain.step({ count: 40 })])
      const early = store.stateAt(0)!
      for (let i = 0; i < 100; i++) await store.commit([chain.step({ count: 3 })])
      assert.equal(store.stateHeightMin(), 30)
      assert.equal(store.stateAt(29), undefined)
      assertSameState(store.stateAt(30)!, chain.states[30]!)
      assert.throws(() => early.get(keyOf(1)), hasCode('HistoryPruned'))
      await store.close()
      store = await openChainStore(dir, { historyHeightsMax: 70 })
      assert.equal(store.stateHeightMin(), 30)
      assertSameState(store.stateAt(30)!, chain.states[30]!)
      await store.close()
    })
  })

  it('prunes by bytes but keeps 64 heights', async () => {
    await withStore(
      async (store) => {
        const chain = new FakeChain()
        await store.commit([chain.step({ count: 40 })])
        for (let i = 0; i < 80; i++) await store.commit([chain.step({ count: 5 })])
        assert.equal(store.stateHeightMin(), 80 - 64)
      },
      { historyBytesMax: 1000 },
    )
  })

  it('keeps all heights in archive mode', async () => {
    await withStore(
      async (store) => {
        const chain = new FakeChain()
        await store.commit([chain.step({ count: 40 })])
        for (let i = 0; i < 80; i++) await store.commit([chain.step({ count: 5 })])
        assert.equal(store.stateHeightMin(), 0)
        assertSameState(store.stateAt(0)!, chain.states[0]!)
      },
      { historyHeightsMax: Infinity, historyBytesMax: Infinity },
    )
  })
})

describe('storage.snapshot', () => {
  it('pins one height while the chain grows, whole and by prefix', async () => {
    await withStore(async (store) => {
      const chain = new FakeChain()
      await store.commit([chain.step({ count: 40 })])
      const later = store.commit([chain.step({ count: 40 })])
      const pinned = await store.pinState()
      await later
      await store.commit([chain.step({ count: 40 })])
      const expected = [...chain.states[pinned.height]!.entries('')]
      const first = await pinned.entries({ prefix: '', after: undefined }, 7)
      const rest = await pinned.entries({ prefix: '', after: first.at(-1)![0] }, 1000)
      assert.deepEqual([...first, ...rest], expected)
      assertSameState(pinned, chain.states[pinned.height]!)
      const [key, value] = expected[3]!
      assert.deepEqual(await pinned.entries({ prefix: key, after: undefined }, 10), [[key, value]])
      await pinned.close()
    })
  })

  it('reads as many entries as were asked for, however large they are', async () => {
    await withStore(async (store) => {
      const chain = new FakeChain()
      const large = Array.from({ length: 100 }, (_, i) => [keyOf(i), new Uint8Array(1_000).fill(i)] as const)
      await store.commit([chain.next(new Map(large))])
      const pinned = await store.pinState()
      const expected = [...chain.states[pinned.height]!.entries('')]
      const first = await pinned.entries({ prefix: '', after: undefined }, 60)
      assert.deepEqual(first, expected.slice(0, 60))
      assert.deepEqual(await pinned.entries({ prefix: '', after: first.at(-1)![0] }, 60), expected.slice(60))
      await pinned.close()
    })
  })

  it('streams in pieces in key order', async () => {
    await withStore(async (store) => {
      const chain = new FakeChain()
      await store.commit([
        chain.next(new Map(Array.from({ length: 5000 }, (_, i) => [keyOf(i), utf8(`v${i}`)]))),
      ])
      const keys: string[] = []
      for await (const piece of store.statePieces()) keys.push(...piece.keys())
      assert.equal(keys.length, 5000)
      assert.deepEqual(keys, [...keys].sort())
    })
  })
})

describe('storage.tree', () => {
  async function grown(dir: string): Promise<FakeChain> {
    const chain = new FakeChain()
    const store = await openChainStore(dir)
    await store.commit([
      chain.next(new Map(Array.from({ length: 5000 }, (_, i) => [keyOf(i), utf8(`v${i}`)]))),
    ])
    for (let i = 0; i < 3; i++) await store.commit([chain.step({ range: 7000, count: 100 })])
    await store.saveTree(chain.tree, 3)
    for (let i = 0; i < 3; i++) await store.commit([chain.step({ range: 7000, count: 100 })])
    await store.close()
    return chain
  }

  it('loads from its cache and the keys changed since', async () => {
    await withDirectory(async (dir) => {
      const chain = await grown(dir)
      const store = await openChainStore(dir)
      assert.equal(store.isTreeCacheDue(), false)
      const tree = await store.loadTree()
      assert.deepEqual(tree.rootHash, chain.tree.rootHash)
      assert.deepEqual(tree.nodes.liveCount, chain.tree.nodes.liveCount)
      // The cache was used, not discarded.
      assert.ok((await stat(join(dir, 'tree.cache'))).size > 5000 * 64)
      await store.close()
    })
  })

  it('is rebuilt when the cache is truncated, foreign or altered', async () => {
    await withDirectory(async (dir) => {
      const chain = await grown(dir)
      const path = join(dir, 'tree.cache')
      const good = await readFile(path)
      const spoil: (() => Promise<void>)[] = [
        () => truncate(path, good.length - 10),
        () => truncate(path, 20),
        () => writeFile(path, 'something else that is long enough to be a header, and then some more of it'),
        () =>
          writeFile(
            path,
            good.map((b, i) => (i === good.length - 5 ? b ^ 1 : b)),
          ),
        () =>
          writeFile(
            path,
            good.map((b, i) => (i === 64 ? b ^ 0x80 : b)),
          ),
        () =>
          writeFile(
            path,
            good.map((b, i) => (i === 18 ? b ^ 0xff : b)),
          ),
      ]
      for (const change of spoil) {
        await writeFile(path, good)
        await change()
        const store = await openChainStore(dir)
        assert.deepEqual((await store.loadTree()).rootHash, chain.tree.rootHash)
        await store.close()
      }
    })
  })

  it('is refused when the stored state itself is damaged', async () => {
    await withDirectory(async (dir) => {
      const chain = new FakeChain()
      const store = await openChainStore(dir)
      const item = chain.step({ count: 40 })
      const altered = new Map(
        [...item.changes].map(([key, value], i) => [key, i === 0 ? utf8('else') : value]),
      )
      await store.commit([{ ...item, changes: altered }])
      await assert.rejects(store.loadTree(), hasCode('Corrupt'))
      await store.close()
    })
  })

  it('is due for saving after many heights', async () => {
    await withStore(
      async (store) => {
        const chain = new FakeChain()
        await store.commit([chain.step({ count: 40 })])
        assert.equal(store.isTreeCacheDue(), false)
        for (let i = 0; i < 70; i++) await store.commit([chain.step({ count: 2 })])
        assert.equal(store.isTreeCacheDue(), true)
        await store.saveTree(chain.tree, 70)
        assert.equal(store.isTreeCacheDue(), false)
      },
      { historyHeightsMax: 64 },
    )
  })
})

describe('storage.parts', () => {
  it('finds every key of a reverse difference and no other', () => {
    const priors = new Map<string, Uint8Array | undefined>()
    for (let i = 0; i < 100; i += 2) priors.set(keyOf(i), i % 3 === 0 ? undefined : utf8(`prior ${i}`))
    priors.set('', utf8('the empty key'))
    priors.set(`${keyOf(4)}longer`, utf8('longer'))
    const difference = new ReverseDifference(ReverseDifference.encode(priors).bytes)
    for (const [key, value] of priors) assert.deepEqual(difference.find(key), { value })
    for (let i = 1; i < 100; i += 2) assert.equal(difference.find(keyOf(i)), undefined)
    assert.deepEqual([...difference.keys()], [...priors.keys()].sort())
    assert.equal(ReverseDifference.encode(new Map()).find('x'), undefined)
  })

  it('keeps the read cache within its bounds and hot keys in it', () => {
    const cache = new ReadCache({ entriesMax: 100, bytesMax: 1e6 })
    cache.set('hot', utf8('value'))
    for (let i = 0; i < 1000; i++) {
      cache.set(`key ${i}`, undefined)
      assert.deepEqual(cache.get('hot'), { value: utf8('value') })
      assert.ok(cache.size <= 101)
    }
    assert.deepEqual(cache.get('key 999'), { value: undefined })
    assert.equal(cache.get('key 1'), undefined)
    const heavy = new ReadCache({ entriesMax: 1000, bytesMax: 10_000 })
    for (let i = 0; i < 100; i++) heavy.set(`key ${i}`, new Uint8Array(1000))
    assert.ok(heavy.size <= 10)
  })
})
