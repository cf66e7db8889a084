// What the node keeps on disk, as its users see it. Owns: the interface. Not: LevelDB (chainStore.ts), the tree (state/tree).
import { ExpectedError } from '../base/errors.ts'
import type { Address, Hash32, TxId } from '../base/ids.ts'
import type { EpochProof } from '../base/protocol/epochProof.ts'
import type { Header, SealedBlock } from '../base/protocol/header.ts'
import type { Receipt } from '../base/protocol/receipt.ts'
import type { Certificate } from '../base/protocol/vote.ts'
import type { Log } from '../state/context.ts'
import type { TreeVersion } from '../state/tree/tree.ts'
import type { FullState, StateChanges, StateKey, StateReader } from '../state/view.ts'
import type { ReverseDifference } from './reverseDifference.ts'

/** The finalized tip on disk. */
export interface ChainTip {
  readonly height: number
  readonly hash: Hash32
  readonly header: Header
}

/** One finalized block with everything that is kept of it. */
export interface CommitBlock {
  readonly block: SealedBlock
  /** Ids of the transactions; hashed anew when the caller has none. */
  readonly ids?: readonly TxId[]
  readonly receipts: readonly Receipt[]
  /** Their canonical bytes; encoded anew when the caller has none. */
  readonly receiptBytes?: readonly Uint8Array[]
  /** Who signed each transaction. */
  readonly senders: readonly Address[]
  readonly systemLogs: readonly Log[]
  /** What the block changed against its parent's post-state. */
  readonly changes: StateChanges
  /** F of exactly this block, when held. */
  readonly certificate?: Certificate
}

/** Receipts of one height, in the order of the transactions. */
export interface BlockReceipts {
  readonly receipts: readonly Receipt[]
  /** Who signed each transaction; kept because working it out costs a signature recovery each. */
  readonly senders: readonly Address[]
  /** Of beginBlock and endBlock, which belong to no transaction. */
  readonly systemLogs: readonly Log[]
}

export interface TxLocation {
  readonly height: number
  readonly index: number
}

/** The state of one height, wholly in memory. */
export interface StateSnapshot extends FullState {
  readonly height: number
}

export interface ChainStore {
  /** Undefined before the genesis commit. Moves when a commit has become durable. */
  tip(): ChainTip | undefined
  /** Reads of the newest durable state, through a bounded cache. Values are never modified by callers. */
  readonly state: StateReader
  /**
   * One atomic synced batch: blocks, receipts, indexes, certificates, changed keys, reverse differences, tip.
   * `blocks` ascend without gaps from tip + 1 (genesis: height 0 on an empty store). One commit at a time.
   */
  commit(blocks: readonly CommitBlock[]): Promise<void>

  /** Undefined when unknown. */
  blockAt(height: number): SealedBlock | undefined
  /** Canonical bytes as stored, for range sync. */
  blockBytesAt(height: number): Uint8Array | undefined
  heightOf(hash: Hash32): number | undefined
  receiptsAt(height: number): BlockReceipts | undefined
  locateTransaction(id: TxId): TxLocation | undefined
  /** F of exactly this height. */
  certificateAt(height: number): Certificate | undefined
  /** Header of a stored block, of genesis, or of a boundary whose body was pruned. */
  headerAt(height: number): ChainTip | undefined
  /** Lowest height above genesis from which every block is held up to the tip; 1 until something was pruned. */
  blockHeightMin(): number
  /**
   * Forgets blocks, receipts, certificates and indexes below `belowHeight`, at most `countMax` of them, and tells how
   * many went. Genesis, boundary headers and their F stay; the tip and what `isKept` names stay whatever is asked.
   */
  pruneBlocks(belowHeight: number, countMax: number, isKept?: (height: number) => boolean): Promise<number>
  /** Height of the finalized boundary that ended `epoch`. */
  boundaryHeightOf(epoch: number): number | undefined
  /** Boundary, F and next set of an ended epoch, kept for ever. Undefined while the epoch runs. */
  epochProof(epoch: number): EpochProof | undefined
  /** F of the lowest certified block at or above `height`; what proves `height` final. */
  certificateAtOrAbove(height: number): Promise<{ height: number; certificate: Certificate } | undefined>

  /** Post-state of a finalized height; stays right across later commits. Undefined when pruned or unknown. */
  stateAt(height: number): StateReader | undefined
  /** Lowest height that `stateAt` serves. */
  stateHeightMin(): number
  /** The durable state at one height, read into memory: recounts. Throws TooLarge beyond `bytesMax` (default 1 GiB). */
  entriesSnapshot(options?: {
    readonly prefix?: StateKey
    readonly bytesMax?: number
  }): Promise<StateSnapshot>
  /** The durable state at one height in pieces, in byte order of the keys: exports, rebuilding the tree. */
  statePieces(prefix?: StateKey): AsyncIterable<ReadonlyMap<StateKey, Uint8Array>>
  /** Like `statePieces` for a past height that `stateAt` serves: the newest state with the differences taken back. */
  pastStatePieces(height: number): AsyncIterable<ReadonlyMap<StateKey, Uint8Array>>
  /** What the keys of one block held before it; throws HistoryPruned. */
  differenceAt(height: number): ReverseDifference

  /** The tree of the tip: from `tree.cache` and the keys changed since, else rebuilt; its root was recomputed. */
  loadTree(): Promise<TreeVersion>
  /** Writes `tree.cache` for `height` (already durable), replacing the former one. Yields between chunks. */
  saveTree(tree: TreeVersion, height: number): Promise<void>
  /** Whether enough has changed since the last `tree.cache` that another is worth writing. */
  isTreeCacheDue(): boolean

  close(): Promise<void>
}

export interface ChainStoreOptions {
  /** Heights behind the tip that `stateAt` serves at most, default 1024; Infinity = archive. */
  readonly historyHeightsMax?: number
  /** Bytes of reverse differences kept on disk, default 256 MiB; at least the last 64 heights stay. Infinity = archive. */
  readonly historyBytesMax?: number
  /** Entries of the state read cache, default 131,072 and at most 48 MiB. */
  readonly cacheEntriesMax?: number
}

export type StoreErrorCode =
  /** What was read does not fit together; the data directory must be replaced or synced anew. */
  | 'Corrupt'
  /** Another process has the directory open. */
  | 'Locked'
  /** Written by a build with another layout. */
  | 'WrongVersion'
  | 'NotContiguous'
  | 'HistoryPruned'
  | 'TooLarge'
  | 'Closed'
  /** The disk refused a commit; whether it took effect shows at the next start. */
  | 'Write'

/** `openChainStore` and its methods throw this; `code` is stable. */
export class StoreError extends ExpectedError {
  readonly code: StoreErrorCode
  constructor(code: StoreErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.name = 'StoreError'
    this.code = code
  }
}
