import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openBlock, type SealedBlock, sealBlock } from '../../base/protocol/header.ts'
import { certificateSchema } from '../../base/protocol/vote.ts'
import type { ChainMaker } from '../../bench/chainMaker.ts'
import type { Clock } from '../../consensus/ports.ts'
import type { Importer } from '../../node/chain/importerTypes.ts'
import { BlockSyncError } from '../../node/sync/blockSync.ts'
import { startFollower } from '../../node/sync/follower.ts'
import { syncSourceOf } from '../../node/sync/syncSource.ts'
import { PeerScores } from '../../p2p/peerScores.ts'
import { type DownloadOptions, type RangeSource, WindowedDownload } from '../../p2p/rangeDownload.ts'
import type { RangeItem } from '../../p2p/syncMessages.ts'
import { type FreshNode, genesisOf, makeChainIn, openFresh, type ServedPeer } from './syncFixture.ts'

const EPOCH_BLOCKS = 40
const BLOCKS = 150
const heightOf = (node: FreshNode): number => node.importer.head().header.height
const HONEST: ServedPeer = { name: 'honest' }

describe('blockSync', () => {
  const root = mkdtempSync(join(tmpdir(), 'suanli-sync-'))
  const genesis = genesisOf(EPOCH_BLOCKS)
  let maker: ChainMaker
  let runs = 0
  let fresh: FreshNode | undefined

  before(async () => {
    maker = await makeChainIn(join(root, 'served'), genesis)
    // Some blocks are final only through a later F.
    await maker.grow({ blocks: 100, transactionsPerBlock: 2 })
    await maker.grow({ blocks: BLOCKS - 100, transactionsPerBlock: 1, certifyEvery: 7 })
  })
  after(async () => {
    await maker.close()
    rmSync(root, { recursive: true })
  })
  afterEach(async () => {
    await fresh?.close()
    fresh = undefined
  })

  async function open(
    peers: readonly ServedPeer[],
    sync?: Parameters<typeof openFresh>[0]['sync'],
    count = 16,
  ): Promise<FreshNode> {
    const dir = join(root, `fresh-${runs++}`)
    fresh = await openFresh({
      dir,
      genesis,
      served: maker.store,
      peers,
      count,
      ...(sync === undefined ? {} : { sync }),
    })
    return fresh
  }

  const target = (height: number) => ({
    block: maker.store.blockAt(height)!,
    certificate: maker.store.certificateAt(height)!,
  })
  const follow = (node: FreshNode) => node.blockSync.follow(new AbortController().signal)

  it('reaches its target exactly, across epochs, with the same state', async () => {
    const node = await open([HONEST, { name: 'another' }])
    assert.equal(await node.blockSync.run(target(97)), true)
    assert.equal(heightOf(node), 97)
    assert.deepEqual(node.importer.head().hash, maker.store.blockAt(97)!.hash)
    for (const epoch of [0, 1]) {
      assert.deepEqual(node.store.epochProof(epoch)?.header, maker.store.epochProof(epoch)?.header)
    }
    assert.ok(node.store.certificateAt(97) !== undefined, 'the tip is certified')
    assert.deepEqual(node.rejections, [])
    assert.equal(node.blockSync.progress(), undefined)
  })

  it('follows to the tip and reports every commit with its verified certificate', async () => {
    const node = await open([HONEST])
    const told: number[] = []
    const onCommit = (block: SealedBlock, certificate: { subject: { digest?: Uint8Array | undefined } }) => {
      assert.deepEqual(certificate.subject.digest, block.hash)
      told.push(block.header.height)
    }
    await node.blockSync.follow(new AbortController().signal, { onCommit })
    assert.equal(heightOf(node), BLOCKS)
    assert.equal(told.at(-1), BLOCKS)
    // A boundary is never passed without its own F.
    for (const boundary of [40, 80, 120]) assert.ok(told.includes(boundary))
    assert.ok(told.length < 30, `${told.length} commits for ${BLOCKS} blocks`)
    // The certificates it kept are enough for the next node.
    const next = await openFresh({ dir: join(root, 'second'), genesis, served: node.store, peers: [HONEST] })
    await follow(next)
    assert.equal(heightOf(next), BLOCKS)
    await next.close()
  })

  it('keeps the certificates of heights where snapshots are taken', async () => {
    const node = await open([HONEST], { isSnapshotHeight: (height) => height % 25 === 0 })
    assert.equal(await node.blockSync.run(target(60)), true)
    for (const height of [25, 50]) assert.ok(node.store.certificateAt(height) !== undefined)
  })

  const certified = (item: RangeItem) => item.certificate !== undefined
  const forge = (item: RangeItem, change: Partial<SealedBlock['header']>): RangeItem => {
    const { header, transactions } = openBlock(item.block)
    return { ...item, block: sealBlock({ header: { ...header, ...change }, transactions }).bytes }
  }
  const FAULTS: readonly (readonly [string, NonNullable<ServedPeer['fault']>, RegExp])[] = [
    ['garbage', () => [{ block: Uint8Array.of(1, 2, 3) }], /^malformed block/],
    ['blocks of other heights', (items) => items.slice(1), /^height \d+, expected \d+$/],
    [
      'a block that does not follow the one before it',
      (items) => items.map((item, i) => (i === 3 ? forge(item, { gasUsed: 1 }) : item)),
      /^block \d+ does not follow its parent$/,
    ],
    [
      'another chain from the first block on',
      (items) => [forge(items[0]!, { parentHash: new Uint8Array(32).fill(7) })],
      /^block \d+ does not follow its parent$/,
    ],
    [
      'a certificate of another block',
      (items) =>
        items.map((item) =>
          certified(item) ? { ...item, certificate: items.find(certified)!.certificate! } : item,
        ),
      /^certificate of block \d+ is not valid$/,
    ],
    [
      'a certificate with one signer too few',
      (items) =>
        items.map((item) => {
          if (item.certificate === undefined) return item
          const certificate = certificateSchema.decode(item.certificate)
          return {
            ...item,
            certificate: certificateSchema.encode({ ...certificate, bitmap: Uint8Array.of(3) }),
          }
        }),
      /^certificate of block \d+ is not valid$/,
    ],
    [
      'a body that does not match its header',
      (items) =>
        items.map((item) => {
          const { header, transactions } = openBlock(item.block)
          return { ...item, block: sealBlock({ header, transactions: transactions.slice(1) }).bytes }
        }),
      /^malformed block: transactions: not the transactions of the header$/,
    ],
  ]
  for (const [what, fault, reason] of FAULTS) {
    it(`blames a peer that serves ${what}, and continues with another`, async () => {
      const node = await open([{ name: 'liar', fault }, HONEST])
      assert.equal(await node.blockSync.run(target(60)), true)
      assert.deepEqual([...new Set(node.rejections.map(({ peer }) => peer))], ['liar'])
      assert.match(node.rejections[0]!.reason, reason)
      assert.deepEqual(node.importer.head().hash, maker.store.blockAt(60)!.hash)
    })
  }

  it('refuses a boundary without its own certificate', async () => {
    const fault: NonNullable<ServedPeer['fault']> = (items) =>
      items.map((item) => (openBlock(item.block).header.endsEpoch ? { block: item.block } : item))
    const node = await open([{ name: 'careless', fault }, HONEST])
    assert.equal(await node.blockSync.run(target(60)), true)
    assert.match(node.rejections[0]!.reason, /^boundary 40 is missing its certificate$/)
  })

  const forgedEnd: NonNullable<ServedPeer['fault']> = (items) => {
    const kept = items.slice(0, -1)
    return [...kept, { block: forge(items.at(-1)!, { gasUsed: 1 }).block }]
  }

  it('blames the end of a tail that contradicts a certified range, and keeps that range', async () => {
    const served: number[] = []
    const honest: ServedPeer = {
      name: 'honest',
      fault: (items, fromHeight) => {
        served.push(fromHeight)
        return items
      },
    }
    const node = await open([{ name: 'forger', fault: forgedEnd }, honest, { name: 'third' }])
    assert.equal(await node.blockSync.run(target(60)), true)
    assert.deepEqual(
      node.rejections.map(({ peer, reason }) => [peer, reason]),
      [['forger', 'blocks of another chain']],
    )
    assert.deepEqual(node.penalised, [])
    assert.equal(new Set(served).size, served.length, 'nothing certified was fetched twice')
  })

  it('penalises a peer that served an uncertified tail of another chain, once this is known', async () => {
    // Above block 100 answers of three blocks may have no certificate.
    const node = await open(
      [
        { name: 'forger', fault: (items, from) => (from === 99 ? forgedEnd(items, from) : items) },
        HONEST,
        { name: 'third' },
      ],
      undefined,
      3,
    )
    await node.blockSync.run(target(98))
    assert.equal(await node.blockSync.run(target(114)), true)
    assert.deepEqual(node.penalised, ['forger: served blocks of another chain'])
    assert.deepEqual(node.rejections, [])
  })

  it('imports nothing without a certificate, and reports that it did not reach the target', async () => {
    const fault: NonNullable<ServedPeer['fault']> = (items) => items.map(({ block }) => ({ block }))
    const node = await open([{ name: 'naked', fault }])
    await follow(node)
    assert.equal(heightOf(node), 0)
    assert.equal(await node.blockSync.run(target(30)), true, "the target's own certificate covers them")
    assert.equal(heightOf(node), 30)
  })

  it('waits while there is no room for another block, then continues where it stood', async () => {
    const asked: number[] = []
    const honest: ServedPeer = {
      name: 'honest',
      fault: (items, fromHeight) => {
        asked.push(fromHeight)
        return items
      },
    }
    let busyLeft = 3
    let waits = 0
    const wrapImporter = (importer: Importer): Importer =>
      new Proxy(importer, {
        get: (target, name) => {
          const value: unknown = Reflect.get(target, name)
          if (typeof value !== 'function') return value
          if (name !== 'execute') return value.bind(target)
          return (block: SealedBlock) => {
            if (block.header.height !== 30 || busyLeft === 0) return target.execute(block)
            busyLeft--
            return Promise.resolve({ kind: 'busy' })
          }
        },
      })
    const clock: Clock = {
      nowMs: () => 0,
      monotonicMs: () => 0,
      after: (_, callback) => {
        waits++
        setImmediate(callback)
        return () => {}
      },
    }
    const options = { genesis, served: maker.store, peers: [honest], sync: { clock }, wrapImporter }
    const node = await openFresh({ ...options, dir: join(root, 'busy') })
    assert.equal(await node.blockSync.run(target(60)), true)
    assert.deepEqual([asked, waits], [[1, 17, 33, 49], 3])
    await node.close()
    // So long that the round ends: the next one already has the blocks and fetches only what is above them.
    busyLeft = 100
    const slow = await openFresh({ ...options, dir: join(root, 'busier') })
    assert.equal(await slow.blockSync.run(target(60)), false)
    const held = heightOf(slow)
    assert.ok(held < 30)
    busyLeft = 0
    asked.length = 0
    assert.equal(await slow.blockSync.run(target(60)), true)
    assert.ok(
      asked.every((from) => from > 30),
      `${asked.join(', ')} again, from ${held}`,
    )
    await slow.close()
  })

  it('stops where every peer has pruned, and warns the operator', async () => {
    const copy = await openFresh({ dir: join(root, 'pruned'), genesis, served: maker.store, peers: [HONEST] })
    await follow(copy)
    await copy.store.pruneBlocks(60, 1_000)
    const node = await openFresh({ dir: join(root, 'late'), genesis, served: copy.store, peers: [HONEST] })
    const gone: NonNullable<ServedPeer['fault']> = () => []
    const late = await openFresh({
      dir: join(root, 'later'),
      genesis,
      served: copy.store,
      peers: [{ name: 'honest', fault: gone }],
      sync: { sync: { download: () => new Empty(copy.store.blockHeightMin()) } },
    })
    await late.blockSync.run(target(60))
    assert.ok(
      late.logged.some(({ text, fields }) => /no peer keeps/.test(text) && fields.servedHeightMin === 60),
    )
    for (const one of [copy, node, late]) await one.close()
  })

  it('refuses a chain without the checkpoint before importing it', async () => {
    const { hash } = maker.store.blockAt(50)!
    const good = await open([HONEST], { checkpoint: { height: 50, hash } })
    assert.equal(await good.blockSync.run(target(60)), true)
    await good.close()
    const bad = await open([HONEST], { checkpoint: { height: 50, hash: new Uint8Array(32) } })
    await assert.rejects(bad.blockSync.run(target(60)), (error: Error) => {
      assert.ok(error instanceof BlockSyncError)
      return error.code === 'CheckpointMismatch' && /block 50 is 0x/.test(error.message)
    })
    assert.ok(heightOf(bad) < 50)
  })
})

describe('follower and blockSync', () => {
  const root = mkdtempSync(join(tmpdir(), 'suanli-lag-'))
  after(() => rmSync(root, { recursive: true }))

  it('syncs a validator more than 64 blocks behind, and leaves smaller gaps to consensus', async () => {
    const genesis = genesisOf(1_000)
    const maker = await makeChainIn(join(root, 'served'), genesis)
    await maker.grow({ blocks: 60 })
    const source = syncSourceOf(maker.store)
    const asked: number[] = []
    const peers: RangeSource = {
      peers: () => ['peer'],
      fetchStatus: async () => source.status(),
      fetchRange: async (_, fromHeight, countMax) => {
        asked.push(fromHeight)
        return source.range({ fromHeight, countMax, bytesMax: 4_000_000 })
      },
    }
    const host = {
      penalise: (_peer: string, _points: number, reason: string) => assert.fail(reason),
      getPeer: () => undefined,
    }
    const download = (options: DownloadOptions) =>
      new WindowedDownload(peers, host, new PeerScores(), options)
    const node = await openFresh({
      dir: join(root, 'sleeper'),
      genesis,
      served: maker.store,
      peers: [],
      sync: { sync: { download } },
    })
    const told: number[] = []
    const follower = startFollower({
      blockSync: node.blockSync,
      role: () => 'validator',
      onCommit: (block) => void told.push(block.header.height),
      onFault: (reason) => assert.fail(reason),
      logger: { debug() {}, info() {}, warn() {}, error() {} },
    })
    await new Promise((resolve) => setTimeout(resolve, 500))
    assert.deepEqual([heightOf(node), asked], [0, []], 'a gap of 60 blocks is left to consensus')
    await maker.grow({ blocks: 30 })
    const deadlineMs = Date.now() + 15_000
    while (heightOf(node) < 90) {
      assert.ok(Date.now() < deadlineMs, `at ${heightOf(node)}`)
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    assert.equal(told.at(-1), 90)
    await follower.close()
    await node.close()
    await maker.close()
  })
})

/** Peers that claim more but serve nothing from here. */
class Empty {
  readonly #heightMin: number
  constructor(heightMin: number) {
    this.#heightMin = heightMin
  }
  async next() {
    return undefined
  }
  reject() {}
  rewind() {}
  blame() {}
  again() {
    return false
  }
  putBack() {}
  claimedHeight() {
    return BLOCKS
  }
  servedHeightMin() {
    return this.#heightMin
  }
  close() {}
}
