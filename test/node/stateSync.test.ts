import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { BlockCheckpoint } from '../../base/protocol/checkpoint.ts'
import type { ChainMaker } from '../../bench/chainMaker.ts'
import { buildGenesis } from '../../genesis/build.ts'
import { SnapshotFiles } from '../../node/sync/snapshotFiles.ts'
import { snapshotSourceOf } from '../../node/sync/snapshotSource.ts'
import { writeSnapshot } from '../../node/sync/snapshotWriter.ts'
import { syncState } from '../../node/sync/stateSync.ts'
import { validatorSetOf } from '../../node/sync/stateSyncStart.ts'
import { syncSourceOf } from '../../node/sync/syncSource.ts'
import type { P2pHost } from '../../p2p/protocol.ts'
import { createRangeProtocol, type RangeProtocol } from '../../p2p/rangeProtocol.ts'
import { RequestError } from '../../p2p/requestResponse.ts'
import {
  createSnapshotProtocol,
  type SnapshotOffer,
  type SnapshotProtocol,
  type SnapshotSource,
} from '../../p2p/snapshotProtocol.ts'
import type { RangeItem } from '../../p2p/syncMessages.ts'
import { setOfEpoch } from '../../storage/epochProofs.ts'
import { hasChainStore, StateInstall } from '../../storage/install.ts'
import { storedReceiptsSchema } from '../../storage/layout.ts'
import { closeAll, startMesh, type TestNode, until } from '../support/hostHarness.ts'
import { genesisOf, makeChainIn, openFresh } from './syncFixture.ts'

const EPOCH_BLOCKS = 25
const SNAPSHOTS = [60, 70] as const
const BLOCKS = 80
const NEVER = new AbortController().signal

describe('stateSync', () => {
  const root = mkdtempSync(join(tmpdir(), 'suanli-state-sync-'))
  const genesis = genesisOf(EPOCH_BLOCKS)
  const built = buildGenesis(genesis)
  const genesisSet = validatorSetOf(built.changes)
  let maker: ChainMaker
  let files: SnapshotFiles
  let honest: SnapshotSource
  let nodes: TestNode[] = []
  let runs = 0

  before(async () => {
    maker = await makeChainIn(join(root, 'served'), genesis)
    await maker.grow({ blocks: BLOCKS, transactionsPerBlock: 3 })
    files = await SnapshotFiles.open(join(root, 'snapshots'))
    for (const height of SNAPSHOTS) {
      const { header, hash: blockHash } = maker.store.headerAt(height)!
      const pieces = maker.store.pastStatePieces(height)
      await writeSnapshot({ dir: files.dirOf(height), header, blockHash, pieces, signal: NEVER })
      await files.add(height, 2)
    }
    honest = snapshotSourceOf({ store: maker.store, files, genesisSet })
  })
  after(async () => {
    await files.close()
    await maker.close()
    built.tree.release()
    rmSync(root, { recursive: true })
  })
  afterEach(async () => {
    await closeAll(nodes)
    nodes = []
  })

  /** A fresh node whose peers serve these snapshots; blocks are served honestly by default. */
  async function run(
    sources: readonly SnapshotSource[],
    options: {
      readonly checkpoint?: BlockCheckpoint
      readonly dir?: string
      readonly signal?: AbortSignal
      readonly patienceMs?: number
    } = {},
  ): Promise<{ readonly height: number | undefined; readonly dir: string; readonly warnings: string[] }> {
    const own: { sync?: RangeProtocol; snapshots?: SnapshotProtocol } = {}
    const none: SnapshotSource = {
      offers: () => [],
      manifest: () => undefined,
      chunk: async () => undefined,
      receipts: () => undefined,
      epochProof: () => undefined,
      validatorSet: () => undefined,
    }
    nodes = await startMesh(sources.length + 1, (host: P2pHost, i) => {
      const sync = createRangeProtocol(host, syncSourceOf(maker.store))
      const snapshots = createSnapshotProtocol(host, i === 0 ? none : sources[i - 1]!, { timeoutMs: 1_000 })
      if (i === 0) Object.assign(own, { sync, snapshots })
    })
    const snapshots = own.snapshots!
    await until('snapshot channels are open', () => snapshots.peers().length === sources.length)
    await until('sync channels are open', () => own.sync!.peers().length === sources.length)
    const dir = options.dir ?? join(root, `fresh-${runs++}`)
    const log = { debug() {}, info() {}, warn() {}, error() {} }
    const height = await syncState({
      chainId: built.chain.chainId,
      genesisHash: built.chain.genesisHash,
      genesis: built.block,
      genesisSet,
      checkpoint: options.checkpoint,
      chainDir: dir,
      host: nodes[0]!.host,
      sync: own.sync!,
      snapshots,
      signal: options.signal ?? NEVER,
      logger: log,
      patienceMs: options.patienceMs ?? 2_000,
    })
    return { height, dir, warnings: nodes[0]!.logger.warnings.map(({ fields }) => String(fields.reason)) }
  }

  async function checkInstalled(dir: string, height: number): Promise<void> {
    const node = await openFresh({ dir, genesis, served: maker.store, peers: [{ name: 'honest' }] })
    const { header, hash } = node.importer.head()
    assert.deepEqual([header.height, hash], [height, maker.store.blockAt(height)!.hash])
    assert.equal(node.store.blockHeightMin(), height)
    assert.equal(node.store.blockAt(height - 1), undefined)
    for (let epoch = 0; epoch < header.epoch; epoch++) {
      assert.deepEqual(node.store.epochProof(epoch), maker.store.epochProof(epoch))
      const boundary = maker.store.boundaryHeightOf(epoch)!
      assert.deepEqual(node.store.headerAt(boundary)?.header, maker.store.headerAt(boundary)?.header)
    }
    assert.deepEqual(node.store.receiptsAt(height), maker.store.receiptsAt(height))
    await node.blockSync.follow(NEVER)
    assert.deepEqual(node.importer.head().hash, maker.importer.head().hash)
    await node.close()
  }

  it('installs the newest snapshot, proven from genesis over every epoch, and then follows', async () => {
    const { height, dir } = await run([honest, honest, honest])
    assert.equal(height, 70)
    assert.ok(!existsSync(`${dir}.incoming`))
    await checkInstalled(dir, 70)
  })

  it('starts from a checkpoint, a boundary or any block, and can still serve earlier proofs', async () => {
    for (const at of [50, 63]) {
      const checkpoint = { height: at, hash: maker.store.blockAt(at)!.hash }
      const { height, dir } = await run([honest], { checkpoint })
      assert.equal(height, 70)
      await checkInstalled(dir, 70)
      await closeAll(nodes)
    }
  })

  it('accepts nothing from a chain without the checkpoint', async () => {
    const checkpoint = { height: 50, hash: new Uint8Array(32).fill(1) }
    const { height, dir, warnings } = await run([honest], { checkpoint })
    assert.equal(height, undefined)
    assert.ok(!hasChainStore(dir))
    assert.ok(warnings.includes('its chain lacks the checkpoint'))
  })

  it('also uses a snapshot below the checkpoint, which block sync checks later', async () => {
    const checkpoint = { height: 75, hash: maker.store.blockAt(75)!.hash }
    assert.equal((await run([honest], { checkpoint })).height, 70)
  })

  const flip = (bytes: Uint8Array | undefined): Uint8Array | undefined => {
    const changed = bytes?.slice()
    if (changed !== undefined) changed[changed.length >> 1]! ^= 1
    return changed
  }
  it('succeeds although a peer sends wrong chunks; test/sim/snapshotSync has the other lies', async () => {
    const chunk: SnapshotSource['chunk'] = async (height, index) => flip(await honest.chunk(height, index))
    const { height, dir } = await run([{ ...honest, chunk }, honest], { patienceMs: 6_000 })
    assert.equal(height, 70)
    assert.ok(hasChainStore(dir))
  })

  /** A peer without a network: what it offers, and which blocks it has. */
  interface DirectPeer {
    readonly snapshots: SnapshotSource
    readonly blocks?: (fromHeight: number) => readonly RangeItem[]
  }

  /** Like `run`, but peers answer directly; honest peers must not be penalised. */
  async function runDirect(
    peers: Readonly<Record<string, DirectPeer>>,
    checkpoint?: BlockCheckpoint,
  ): Promise<{ readonly height: number | undefined; readonly penalised: readonly string[] }> {
    const penalised: string[] = []
    const source = syncSourceOf(maker.store)
    const sourceOf = (peer: string): SnapshotSource => peers[peer]!.snapshots
    const refuse = <T>(peer: string, answer: T | undefined): T => {
      if (answer === undefined) throw new RequestError({ code: 'refused', peer, reason: 'the peer refused' })
      return answer
    }
    const sync: Pick<RangeProtocol, 'fetchRange'> = {
      async fetchRange(peer, fromHeight) {
        const one = { fromHeight, countMax: 1, bytesMax: 4_000_000 }
        return peers[peer]!.blocks?.(fromHeight) ?? source.range(one)
      },
    }
    const snapshots: SnapshotProtocol = {
      peers: () => Object.keys(peers),
      offers: async (peer) => sourceOf(peer).offers(),
      manifest: async (peer, height) => refuse(peer, sourceOf(peer).manifest(height)),
      chunk: async (peer, height, index) => refuse(peer, await sourceOf(peer).chunk(height, index)),
      receipts: async (peer, height) => refuse(peer, sourceOf(peer).receipts(height)),
      async epochProofs(peer, fromEpoch) {
        const proofs: Uint8Array[] = []
        for (let epoch = fromEpoch; ; epoch++) {
          const proof = sourceOf(peer).epochProof(epoch)
          if (proof === undefined) return proofs
          proofs.push(proof)
        }
      },
      validatorSet: async (peer, epoch) => refuse(peer, sourceOf(peer).validatorSet(epoch)),
      close() {},
    }
    const dir = join(root, `direct-${runs++}`)
    const height = await syncState({
      chainId: built.chain.chainId,
      genesisHash: built.chain.genesisHash,
      genesis: built.block,
      genesisSet,
      checkpoint,
      chainDir: dir,
      host: {
        penalise: (peer: string) => void penalised.push(peer),
        getPeer: () => undefined,
      } as Partial<P2pHost> as P2pHost,
      sync: sync as RangeProtocol,
      snapshots,
      signal: NEVER,
      logger: { debug() {}, info() {}, warn() {}, error() {} },
      patienceMs: 200,
    })
    return { height, penalised }
  }
  const [h1, h2] = ['honest1', 'honest2'] as const
  const direct = (
    liar: DirectPeer,
    ...rest: Parameters<typeof runDirect> extends [unknown, ...infer R] ? R : never
  ) => runDirect({ liar, [h1]: { snapshots: honest }, [h2]: { snapshots: honest } }, ...rest)

  it("does not make honest peers answer for a liar's offer of their manifest", async () => {
    const changes: readonly ((offer: SnapshotOffer) => Partial<SnapshotOffer>)[] = [
      ({ height }) => ({ height: height + 3 }),
      ({ blockHash }) => ({ blockHash: flip(blockHash)! }),
    ]
    for (const change of changes) {
      const offers = () => honest.offers().map((offer) => ({ ...offer, ...change(offer) }))
      const { height, penalised } = await direct({ snapshots: { ...honest, offers } })
      assert.deepEqual([height, penalised.filter((peer) => peer !== 'liar')], [70, []])
    }
  })

  it('continues with others where a peer mixed true boundary proofs with a false, doubled or missing one', async () => {
    const falsified: readonly ((epoch: number) => Uint8Array | undefined)[] = [
      (epoch) => (epoch === 1 ? flip(honest.epochProof(1)) : honest.epochProof(epoch)),
      (epoch) => honest.epochProof(Math.max(0, epoch - 1)),
      (epoch) => (epoch === 1 ? honest.epochProof(2) : honest.epochProof(epoch)),
      (epoch) => (epoch === 0 ? honest.epochProof(0) : undefined),
    ]
    for (const epochProof of falsified) {
      const { height, penalised } = await direct({ snapshots: { ...honest, epochProof } })
      assert.deepEqual([height, penalised.filter((peer) => peer !== 'liar')], [70, []])
    }
  })

  it('refuses receipts of the same number whose root is not that of the header', async () => {
    const receipts = (height: number): Uint8Array | undefined => {
      const stored = storedReceiptsSchema.decode(honest.receipts(height)!)
      const changed = stored.receipts.map((receipt) => ({ ...receipt, gasUsed: receipt.gasUsed + 1 }))
      return storedReceiptsSchema.encode({ ...stored, receipts: changed })
    }
    const { height, penalised } = await runDirect({ liar: { snapshots: { ...honest, receipts } } })
    assert.deepEqual([height, new Set(penalised)], [undefined, new Set(['liar'])])
    const { height: reached } = await direct({ snapshots: { ...honest, receipts } })
    assert.equal(reached, 70)
  })

  it('tries the snapshots of others first once a peer has wasted an attempt', async () => {
    let count = 0
    const offers = () => [
      { ...honest.offers()[0]!, height: 1_000 + count++, manifestHash: new Uint8Array(32) },
    ]
    const attempts: number[] = []
    const blocks = (fromHeight: number): readonly RangeItem[] => {
      attempts.push(fromHeight)
      throw new RequestError({ code: 'timeout', peer: 'liar', reason: 'no answer' })
    }
    const { height, penalised } = await direct({ snapshots: { ...honest, offers }, blocks })
    assert.deepEqual([height, penalised], [70, []])
    assert.equal(
      attempts.filter((at) => at >= 1_000).length,
      1,
      'one attempt with an offer that leads nowhere',
    )
  })

  it('does not blame peers that have pruned a block or do not know an epoch', async () => {
    const checkpoint = { height: 63, hash: maker.store.blockAt(63)!.hash }
    const behind: SnapshotSource = { ...honest, offers: () => [], epochProof: () => undefined }
    const peers = { behind: { snapshots: behind, blocks: () => [] }, honest: { snapshots: honest } }
    const { height, penalised } = await runDirect(peers, checkpoint)
    assert.deepEqual([height, penalised], [70, []])
    const store = { epochProof: (epoch: number) => (epoch < 2 ? maker.store.epochProof(epoch) : undefined) }
    assert.equal(setOfEpoch(store, 3, genesisSet), undefined, 'no guess about an epoch it has not seen')
    assert.deepEqual(setOfEpoch(store, 2, genesisSet), genesisSet)
  })

  it('gives up when no peer offers a provable snapshot, and leaves no store behind', async () => {
    const liar: SnapshotSource = { ...honest, chunk: async () => Uint8Array.of(1) }
    const { height, dir, warnings } = await run([liar], { patienceMs: 500 })
    assert.equal(height, undefined)
    assert.ok(!hasChainStore(dir))
    assert.ok(warnings.some((reason) => /^chunk of 1 bytes, expected \d+$/.test(reason)))
    await closeAll(nodes)
    assert.equal((await run([{ ...honest, offers: () => [] }], { patienceMs: 300 })).height, undefined)
  })

  it('resumes after a stop without fetching stored chunks again', async () => {
    const { manifest, manifestHash } = files.list().at(-1)!
    const dir = join(root, 'stopped')
    const install = await StateInstall.open(dir, manifestHash)
    const { openChunk } = await import('../../node/sync/chunkDownload.ts')
    await install.putChunk(0, openChunk((await files.chunk(70, 0))!, manifest.parts[0]!))
    await install.close()
    const asked: number[] = []
    const counting: SnapshotSource = {
      ...honest,
      chunk: (height, index) => {
        asked.push(index)
        return honest.chunk(height, index)
      },
    }
    const { height } = await run([counting], { dir })
    assert.equal(height, 70)
    assert.ok(!asked.includes(0), 'the first chunk was already stored')
    assert.equal(asked.length, manifest.parts.length - 1)
    await checkInstalled(dir, 70)
  })

  it('starts over when the leftover data is of another snapshot or broken', async () => {
    const dir = join(root, 'other')
    const install = await StateInstall.open(dir, new Uint8Array(32).fill(9))
    await install.putChunk(0, [{ key: Uint8Array.of(1), value: Uint8Array.of(1) }])
    await install.close()
    assert.equal((await run([honest], { dir })).height, 70)
    await checkInstalled(dir, 70)
  })

  it('refuses to install records without the state root', async () => {
    const dir = join(root, 'wrong')
    const install = await StateInstall.open(dir, new Uint8Array(32).fill(3))
    await install.putChunk(0, [{ key: Uint8Array.of(1), value: Uint8Array.of(1) }])
    const block = maker.store.blockAt(70)!
    const receipts = maker.store.receiptsAt(70)!
    const certificate = maker.store.certificateAt(70)!
    await assert.rejects(
      install.finish({ genesis: built.block, block, receipts, certificate, epochProofs: [] }),
      { code: 'Corrupt' },
    )
    assert.ok(!hasChainStore(dir))
  })
})
