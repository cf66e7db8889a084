// Implements the RPC's backend (rpc/backend.ts) on importer, store and pool.
// Owns: recent blocks in memory, subscriptions. Not: JSON-RPC's shapes and messages (rpc/).
import { keccak256 } from '../base/crypto/hash.ts'
import { type Address, type Hash32, type TxId, ZERO_ADDRESS } from '../base/ids.ts'
import type { PerLane } from '../base/lanes.ts'
import type { EpochProof } from '../base/protocol/epochProof.ts'
import { FINALITY_PATH_MAX } from '../base/protocol/finalityProof.ts'
import { epochAbove, type Header } from '../base/protocol/header.ts'
import type { ValidatorSet } from '../base/protocol/validators.ts'
import type {
  AccountIndexReader,
  Backend,
  ChainIdentity,
  Finality,
  FinalizedBlock,
  KnownTransaction,
  NodeHealth,
  PendingEvidence,
  PooledTransaction,
  SeriesReader,
  StateProof,
  StateSelector,
  StateView,
  SubmitResult,
  SyncProgress,
  TransactionStatus,
} from '../rpc/backend.ts'
import type { ChainConfig } from '../state/chain.ts'
import type { BlockContext } from '../state/context.ts'
import { blockContextOf } from '../state/engine.ts'
import { nextBaseFees } from '../state/fees.ts'
import { accountsParams } from '../state/modules/accounts/tables.ts'
import { providersParams } from '../state/modules/providers/tables.ts'
import { validatorSet } from '../state/modules/providers/validatorSet.ts'
import { decidingSet } from '../state/recovery.ts'
import type { Transaction } from '../state/transaction.ts'
import type { StateKey, StateReader } from '../state/view.ts'
import type { ChainStore } from '../storage/types.ts'
import type { FinalizedEvent, HeadView, Importer } from './chain/importerTypes.ts'
import type { Ingest } from './pool/ingest.ts'
import type { Mempool } from './pool/mempool.ts'

/** Finalized blocks kept in memory with their senders, and the most transactions they hold in total. */
const RECENT_BLOCKS_MAX = 64
const RECENT_TRANSACTIONS_MAX = 4_096
/** Older blocks cached after a read: clients ask for a block's receipts one by one. */
const LOADED_BLOCKS_MAX = 8

export interface BackendOptions {
  readonly identity: ChainIdentity
  readonly chain: ChainConfig
  readonly store: ChainStore
  readonly importer: Importer
  readonly mempool: Mempool
  readonly ingest: Pick<Ingest, 'submit'>
  readonly nowMs: () => number
  /** Why consensus halted; checked on every submission. */
  readonly halted: () => string | undefined
  readonly health: () => Pick<
    NodeHealth,
    | 'live'
    | 'halted'
    | 'validatorIndex'
    | 'epoch'
    | 'view'
    | 'heartbeatMs'
    | 'peerCount'
    | 'loopLagMaxMs'
    | 'loopLagMeanMs'
  >
  readonly syncing: () => SyncProgress | undefined
  readonly evidence: () => readonly PendingEvidence[]
  readonly accountIndex?: AccountIndexReader
  readonly series?: SeriesReader
}

/** Its id is computed when it is asked for: most readers of an old block need one of a thousand. */
class StoredTransaction implements KnownTransaction {
  readonly raw: Uint8Array
  readonly sender: Address
  #id: TxId | undefined

  constructor(raw: Uint8Array, sender: Address) {
    this.raw = raw
    this.sender = sender
  }

  get id(): TxId {
    this.#id ??= keccak256(this.raw) as Uint8Array
    return this.#id
  }
}

/** Most readers need only the state: the context is made when it is asked for, once. */
class LazyView implements StateView {
  readonly header: Header
  readonly hash: Hash32
  readonly state: StateReader
  readonly #make: (head: HeadView) => BlockContext
  #context: BlockContext | undefined

  constructor({ header, hash, state }: HeadView, make: (head: HeadView) => BlockContext) {
    this.header = header
    this.hash = hash
    this.state = state
    this.#make = make
  }

  get context(): BlockContext {
    this.#context ??= this.#make(this)
    return this.#context
  }
}

export class NodeBackend implements Backend {
  readonly identity: ChainIdentity
  readonly accountIndex?: AccountIndexReader
  readonly series?: SeriesReader
  readonly #options: BackendOptions
  readonly #recent = new Map<number, FinalizedBlock>()
  readonly #loaded = new Map<number, FinalizedBlock>()
  #recentTransactions = 0
  readonly #finalizedListeners = new Set<(block: FinalizedBlock) => void>()
  readonly #pendingListeners = new Set<(transaction: KnownTransaction) => void>()
  readonly #unsubscribe: () => void
  #head: FinalizedBlock

  constructor(options: BackendOptions) {
    this.identity = options.identity
    if (options.accountIndex !== undefined) this.accountIndex = options.accountIndex
    if (options.series !== undefined) this.series = options.series
    this.#options = options
    this.#head = this.#load(options.importer.head().header.height)!
    this.#unsubscribe = options.importer.onFinalized((event) => this.#onFinalized(event))
  }

  close(): void {
    this.#unsubscribe()
    this.#finalizedListeners.clear()
    this.#pendingListeners.clear()
  }

  #onFinalized(event: FinalizedEvent): void {
    const { block, ids, receipts, senders, systemLogs } = event.executed
    const finalized: FinalizedBlock = {
      header: block.header,
      hash: block.hash,
      sizeBytes: block.bytes.length,
      transactions: block.transactions.map((raw, i) => ({ id: ids[i]!, raw, sender: senders[i]! })),
      receipts,
      systemLogs,
    }
    this.#head = finalized
    this.#keepRecent(event.height, finalized)
    for (const listener of this.#finalizedListeners) listener(finalized)
  }

  /** Call once the head is an earlier block: other blocks take the heights above it. */
  onTakenBack(): void {
    this.#recent.clear()
    this.#loaded.clear()
    this.#recentTransactions = 0
    this.#head = this.#load(this.#options.importer.head().header.height)!
  }

  #keepRecent(height: number, block: FinalizedBlock): void {
    this.#recent.set(height, block)
    this.#recentTransactions += block.transactions.length
    for (const [oldest, old] of this.#recent) {
      const isFull =
        this.#recent.size > RECENT_BLOCKS_MAX || this.#recentTransactions > RECENT_TRANSACTIONS_MAX
      if (!isFull || oldest === height) break
      this.#recent.delete(oldest)
      this.#recentTransactions -= old.transactions.length
    }
  }

  #load(height: number): FinalizedBlock | undefined {
    const { store } = this.#options
    const block = store.blockAt(height)
    const stored = store.receiptsAt(height)
    if (block === undefined || stored === undefined) return undefined
    return {
      header: block.header,
      hash: block.hash,
      sizeBytes: block.bytes.length,
      transactions: block.transactions.map((raw, i) => new StoredTransaction(raw, stored.senders[i]!)),
      receipts: stored.receipts,
      systemLogs: stored.systemLogs,
    }
  }

  blockHeightMin(): number {
    return this.#options.store.blockHeightMin()
  }

  head(): FinalizedBlock {
    return this.#head
  }

  blockByHeight(height: number): FinalizedBlock | undefined {
    if (height > this.#head.header.height) return undefined
    const recent = this.#recent.get(height)
    if (recent !== undefined) return recent
    const block = this.#loaded.get(height) ?? this.#load(height)
    if (block === undefined) return undefined
    // Least recently used goes first.
    this.#loaded.delete(height)
    this.#loaded.set(height, block)
    if (this.#loaded.size > LOADED_BLOCKS_MAX) this.#loaded.delete(this.#loaded.keys().next().value!)
    return block
  }

  blockByHash(hash: Hash32): FinalizedBlock | undefined {
    const height = this.#options.store.heightOf(hash)
    return height === undefined ? undefined : this.blockByHeight(height)
  }

  async finalityOf(height: number): Promise<Finality | undefined> {
    if (height === 0) return undefined
    const { store } = this.#options
    const found = await store.certificateAtOrAbove(height)
    if (found === undefined || found.height - height > FINALITY_PATH_MAX) return undefined
    const headers: Header[] = []
    for (let above = height + 1; above <= found.height; above++) {
      const block = store.blockAt(above)
      if (block === undefined) return undefined
      headers.push(block.header)
    }
    return { certificate: found.certificate, headers }
  }

  epochProof(epoch: number): EpochProof | undefined {
    return this.#options.store.epochProof(epoch)
  }

  async validatorsAt(height: number): Promise<ValidatorSet | undefined> {
    // The set that signs a block is in its parent's state.
    const { importer, store, chain } = this.#options
    const state = importer.stateAt(Math.max(0, height - 1))
    if (state === undefined) return undefined
    const parent = height === 0 ? undefined : store.headerAt(height - 1)
    return parent === undefined ? validatorSet(state) : decidingSet(chain, { hash: parent.hash, state })
  }

  locateTransaction(id: TxId): { readonly height: number; readonly index: number } | undefined {
    return this.#options.store.locateTransaction(id)
  }

  pendingTransaction(id: TxId): KnownTransaction | undefined {
    const entry = this.#options.mempool.get(id)
    return entry === undefined ? undefined : { id, raw: entry.transaction.raw, sender: entry.sender }
  }

  pooledTransactions(sender?: Address): Iterable<PooledTransaction> {
    return sender === undefined ? this.#options.mempool.entries() : this.#options.mempool.entriesOf(sender)
  }

  async transactionStatus(id: TxId): Promise<TransactionStatus> {
    const place = this.locateTransaction(id)
    if (place !== undefined) return { status: 'included', ...place }
    const { mempool } = this.#options
    const entry = mempool.get(id)
    if (entry !== undefined) {
      const missingNonce = mempool.pendingNonce(entry.sender)
      const { lane, transaction } = entry
      const baseFeePerGas = this.nextBaseFees()[lane]
      if (transaction.nonce > missingNonce)
        return { status: 'pending', executable: false, missingNonce, lane, baseFeePerGas }
      const executable = transaction.maxFeePerGas >= baseFeePerGas
      return { status: 'pending', executable, lane, baseFeePerGas }
    }
    const reason = mempool.dropReason(id)
    return reason === undefined ? { status: 'unknown' } : { status: 'dropped', reason }
  }

  pendingNonce(address: Address): number {
    return this.#options.mempool.pendingNonce(address)
  }

  async submit(raw: Uint8Array): Promise<SubmitResult> {
    const halted = this.#options.halted()
    if (halted !== undefined) {
      return { ok: false, rejection: { code: 'notReady', message: `the node is halted: ${halted}` } }
    }
    return this.#options.ingest.submit(raw)
  }

  /** Notifies subscribers of a transaction that entered the pool. */
  announcePending(transaction: Transaction): void {
    if (this.#pendingListeners.size === 0) return
    const known = this.pendingTransaction(transaction.hash)
    if (known !== undefined) for (const listener of this.#pendingListeners) listener(known)
  }

  /** When the block after `head` may come. */
  #nextMs({ header, state }: HeadView): number {
    const { minBlockIntervalMs } = providersParams.get(state)
    return Math.max(this.#options.nowMs(), header.timestampMs + Math.max(1, minBlockIntervalMs))
  }

  #viewOf(head: HeadView): StateView {
    return new LazyView(head, this.#contextOf)
  }

  readonly #contextOf = (head: HeadView): BlockContext => {
    const { header, state } = head
    const facts = {
      epoch: epochAbove(header),
      view: header.view + 1,
      timestampMs: this.#nextMs(head),
      proposer: ZERO_ADDRESS,
      randaoReveal: new Uint8Array(0),
    }
    return blockContextOf(this.#options.chain, { header, state }, facts)
  }

  stateAt(selector: StateSelector): StateView | undefined {
    const { importer, store } = this.#options
    if (selector === 'latest') return this.#viewOf(importer.head())
    if (selector === 'pending') return this.#viewOf(importer.pendingHead())
    const head = importer.head()
    if (selector === head.header.height) return this.#viewOf(head)
    const state = importer.stateAt(selector)
    const block = this.#recent.get(selector) ?? store.blockAt(selector)
    return state === undefined || block === undefined
      ? undefined
      : this.#viewOf({ header: block.header, hash: block.hash, state })
  }

  stateHeightMin(): number {
    return this.#options.store.stateHeightMin()
  }

  async prove(key: StateKey, height: number): Promise<StateProof | undefined> {
    return this.#options.importer.provePast(key, height)
  }

  nextBaseFees(): PerLane<bigint> {
    const head = this.#options.importer.head()
    return nextBaseFees(head.header, this.#nextMs(head), accountsParams.get(head.state))
  }

  evidence(): readonly PendingEvidence[] {
    return this.#options.evidence()
  }

  syncing(): SyncProgress | undefined {
    return this.#options.syncing()
  }

  health(): NodeHealth {
    const { mempool, nowMs } = this.#options
    const { header } = this.#head
    return {
      ...this.#options.health(),
      finalizedHeight: header.height,
      finalizedAgeMs: Math.max(0, nowMs() - header.timestampMs),
      mempoolCount: mempool.size,
      mempoolBytes: mempool.bytes,
    }
  }

  onFinalized(listener: (block: FinalizedBlock) => void): () => void {
    this.#finalizedListeners.add(listener)
    return () => this.#finalizedListeners.delete(listener)
  }

  onPending(listener: (transaction: KnownTransaction) => void): () => void {
    this.#pendingListeners.add(listener)
    return () => this.#pendingListeners.delete(listener)
  }
}
