// A real chain of development validators, and downloads that serve it without a network, with faults that a test chooses.
import assert from 'node:assert/strict'
import { ChainMaker } from '../../bench/chainMaker.ts'
import { developmentGenesis } from '../../devnet/genesisOptions.ts'
import { buildGenesis } from '../../genesis/build.ts'
import type { Genesis } from '../../genesis/schema.ts'
import type { Importer } from '../../node/chain/importerTypes.ts'
import { openChain } from '../../node/openChain.ts'
import { BlockSync, type BlockSyncOptions } from '../../node/sync/blockSync.ts'
import { syncSourceOf } from '../../node/sync/syncSource.ts'
import type { DownloadOptions, RangeDownload } from '../../p2p/rangeDownload.ts'
import type { DownloadedRange } from '../../p2p/rangePieces.ts'
import type { SyncSource } from '../../p2p/rangeProtocol.ts'
import type { RangeItem } from '../../p2p/syncMessages.ts'
import { openChainStore } from '../../storage/chainStore.ts'
import type { ChainStore, ChainStoreOptions } from '../../storage/types.ts'

export const VALIDATORS = 4
const BLOCK_TIME_MS = 250

export function genesisOf(epochBlocks: number): Genesis {
  const plain = developmentGenesis({ validators: VALIDATORS, blockTimeMs: BLOCK_TIME_MS, windowMs: 60_000 })
  const providers = { ...plain.params.providers, epochBlocksMax: epochBlocks }
  return { ...plain, params: { ...plain.params, providers } }
}

export function makeChainIn(dir: string, genesis: Genesis, store?: ChainStoreOptions): Promise<ChainMaker> {
  const options = { dir, genesis, validators: VALIDATORS, blockTimeMs: BLOCK_TIME_MS }
  return ChainMaker.open({ ...options, ...(store === undefined ? {} : { store }) })
}

/** Changes what a peer serves: its own height-ordered items, or undefined for no answer. */
export type Fault = (items: readonly RangeItem[], fromHeight: number) => readonly RangeItem[]

export interface ServedPeer {
  readonly name: string
  readonly fault?: Fault
}

export interface Rejection {
  readonly peer: string
  readonly fromHeight: number
  readonly reason: string
}

const COUNT_DEFAULT = 16

/** The store answers at once; a promise would let the cursor move meanwhile. */
function syncRange(source: SyncSource, wanted: Parameters<SyncSource['range']>[0]): readonly RangeItem[] {
  const items = source.range(wanted)
  assert.ok(!(items instanceof Promise))
  return items as readonly RangeItem[]
}

/** Asks peers in turn; like the real download, it skips rejected or suspected peers for a while. */
export class FakeDownload implements RangeDownload {
  readonly rejections: Rejection[]
  readonly #source: ReturnType<typeof syncSourceOf>
  readonly #peers: readonly ServedPeer[]
  readonly #count: number
  readonly #shunned = new Set<string>()
  readonly #options: DownloadOptions
  #repeat:
    | { readonly fromHeight: number; readonly count: number; readonly peers: ReadonlySet<string> }
    | undefined
  #putBack: DownloadedRange[] = []
  #cursor: number
  #turn = 0
  #closed = false

  constructor(
    store: ChainStore,
    peers: readonly ServedPeer[],
    options: DownloadOptions,
    rejections: Rejection[],
    count = COUNT_DEFAULT,
  ) {
    this.#count = count
    this.#source = syncSourceOf(store)
    this.#peers = peers
    this.#options = options
    this.#cursor = options.fromHeight
    this.rejections = rejections
  }

  async next(): Promise<DownloadedRange | undefined> {
    const repeat = this.#repeat
    this.#repeat = undefined
    if (repeat !== undefined) {
      const peer = this.#untried(repeat.peers)!
      return { peer: peer.name, ...this.#serve(peer, repeat.fromHeight, repeat.count) }
    }
    const known = this.#putBack.at(-1)
    if (known !== undefined && known.fromHeight <= this.#cursor) {
      this.#cursor = known.fromHeight + known.items.length
      return this.#putBack.pop()
    }
    const tip = this.claimedHeight()
    const last = Math.min(this.#options.toHeight ?? tip, tip)
    const peers = this.#peers.filter(({ name }) => !this.#shunned.has(name))
    const peer = peers[this.#turn++ % Math.max(1, peers.length)]
    if (this.#closed || peer === undefined || this.#cursor > last) return undefined
    const fromHeight = this.#cursor
    const { items } = this.#serve(peer, fromHeight, Math.min(this.#count, last - fromHeight + 1))
    this.#cursor += items.length
    return { peer: peer.name, fromHeight, items }
  }

  #serve({ fault }: ServedPeer, fromHeight: number, countMax: number) {
    const honest = syncRange(this.#source, { fromHeight, countMax, bytesMax: 4 * 1024 * 1024 })
    return { fromHeight, items: fault?.(honest, fromHeight) ?? honest }
  }

  #untried(peers: ReadonlySet<string>): ServedPeer | undefined {
    return this.#peers.find(({ name }) => !peers.has(name) && !this.#shunned.has(name))
  }

  reject(range: Pick<DownloadedRange, 'peer' | 'fromHeight'>, reason: string): void {
    this.rejections.push({ peer: range.peer, fromHeight: range.fromHeight, reason })
    this.rewind(range.fromHeight, [range.peer])
  }

  blame(peer: string, reason: string): void {
    this.rejections.push({ peer, fromHeight: 0, reason })
    this.#shunned.add(peer)
  }

  again(wanted: Parameters<RangeDownload['again']>[0]): boolean {
    if (this.#untried(wanted.peers) === undefined) return false
    this.#repeat = wanted
    return true
  }

  putBack(range: DownloadedRange): void {
    this.#putBack.push(range)
    this.#cursor = Math.min(this.#cursor, range.fromHeight)
  }

  rewind(fromHeight: number, peers: readonly string[]): void {
    for (const peer of peers) this.#shunned.add(peer)
    this.#cursor = Math.min(this.#cursor, fromHeight)
  }

  claimedHeight(): number {
    return this.#source.status().height
  }

  servedHeightMin(): number {
    return this.#source.status().heightMin
  }

  close(): void {
    this.#closed = true
  }
}

export interface FreshNode {
  readonly store: ChainStore
  readonly importer: Importer
  readonly blockSync: BlockSync
  readonly rejections: Rejection[]
  readonly penalised: string[]
  readonly logged: { readonly text: string; readonly fields: Record<string, unknown> }[]
  close(): Promise<void>
}

/** A node that has only genesis and syncs from `served`. */
export async function openFresh(options: {
  readonly dir: string
  readonly genesis: Genesis
  readonly served: ChainStore
  readonly peers: readonly ServedPeer[]
  /** Blocks per answer. */
  readonly count?: number
  readonly sync?: Partial<BlockSyncOptions>
  /** The importer as block sync sees it. */
  readonly wrapImporter?: (importer: Importer) => Importer
}): Promise<FreshNode> {
  const built = buildGenesis(options.genesis)
  built.tree.release()
  const { chain } = built
  const opened = await openChain({ genesis: built, openStore: () => openChainStore(options.dir) })
  const { store, importer } = opened
  const rejections: Rejection[] = []
  const penalised: string[] = []
  const logged: { text: string; fields: Record<string, unknown> }[] = []
  const log = (fields: object, text: string): void =>
    void logged.push({ text, fields: fields as Record<string, unknown> })
  const blockSync = new BlockSync({
    importer: options.wrapImporter?.(importer) ?? importer,
    genesisHash: chain.genesisHash,
    sync: {
      download: (wanted) =>
        new FakeDownload(options.served, options.peers, wanted, rejections, options.count),
    },
    penalise: (peer, reason) => void penalised.push(`${peer}: ${reason}`),
    logger: { debug() {}, info: log, warn: log, error: log },
    ...options.sync,
  })
  return {
    store,
    importer,
    blockSync,
    rejections,
    penalised,
    logged,
    async close() {
      await importer.close()
      await store.close()
    },
  }
}
