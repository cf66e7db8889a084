// The interface of the chain store. Not: LevelDB (chainStore.ts), the tree (state/tree).
import { ExpectedError } from '../base/errors.ts'
import type { Address, Hash32, TxId } from '../base/ids.ts'
import type { EpochProof } from '../base/protocol/epochProof.ts'
import type { Header, SealedBlock } from '../base/protocol/header.ts'
import type { Receipt } from '../base/protocol/receipt.ts'
import type { Certificate } from '../base/protocol/vote.ts'
import type { Log } from '../state/context.ts'
import type { TreeVersion } from '../state/tree/tree.ts'
import type { StateChanges, StateKey, StateReader } from '../state/view.ts'
import type { ReverseDifference } from './reverseDifference.ts'
import type { StateComparison } from './stateCompare.ts'

/** The finalized tip on disk. */
export interface ChainTip {
  readonly height: number
  readonly hash: Hash32
  readonly header: Header
}

/** One finalized block with everything stored for it. */
export interface CommitBlock {
  readonly block: SealedBlock
  /** Ids of the transactions; computed if absent. */
  readonly ids?: readonly TxId[]
  readonly receipts: readonly Receipt[]
  /** Their canonical bytes; encoded if absent. */
  readonly receiptBytes?: readonly Uint8Array[]
  /** Sender of each transaction. */
  readonly senders: readonly Address[]
  readonly systemLogs: readonly Log[]
  /** State changes relative to the parent's post-state. */
  readonly changes: StateChanges
  /** F of exactly this block, if held. */
  readonly certificate?: Certificate
}

/** Receipts of one height, in the order of the transactions. */
export interface BlockReceipts {
  readonly receipts: readonly Receipt[]
  /** Sender of each transaction; stored because recovering one costs a signature recovery. */
  readonly senders: readonly Address[]
  /** Logs of beginBlock and endBlock, which belong to no transaction. */
  readonly systemLogs: readonly Log[]
}

export interface TxLocation {
  readonly height: number
  readonly index: number
}

/** The durable state of one height, unchanged by later commits until it is closed. */
export interface PinnedState extends StateReader {
  readonly height: number
  /** The next entries of `prefix` in byte order, above `after` if given; fewer than `countMax` only at the end. */
  entries(
    request: { readonly prefix: StateKey; readonly after: StateKey | undefined },
    countMax: number,
  ): Promise<readonly (readonly [StateKey, Uint8Array])[]>
  close(): Promise<void>
}

/** What going back to an earlier block changes (takeBack.ts). */
export interface TakeBackPlan {
  /** The block that is the tip again. */
  readonly tip: ChainTip
  /** The blocks above it, lowest first. */
  readonly blocks: readonly SealedBlock[]
  /** Values at the tip that shall be, of the keys that those blocks changed. */
  readonly changes: StateChanges
  /** Their values now. */
  readonly current: ReadonlyMap<StateKey, Uint8Array | undefined>
}

export interface ChainStore {
  /** Undefined before the genesis commit. Advances once a commit is durable. */
  tip(): ChainTip | undefined
  /** Reads the newest durable state through a bounded cache. Callers must not modify the values. */
  readonly state: StateReader
  /**
   * One atomic synced batch: blocks, receipts, indexes, certificates, changed keys, reverse differences, tip.
   * `blocks` ascend without gaps from tip + 1 (genesis: height 0 on an empty store). One commit at a time.
   */
  commit(blocks: readonly CommitBlock[]): Promise<void>

  /** On a devnet alone: makes an earlier block the tip again, as `planTakeBack` read it. No commit may be under way. */
  takeBack(plan: TakeBackPlan): Promise<void>

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
  /** Lowest height above genesis from which every block up to the tip is stored; 1 until something is pruned. */
  blockHeightMin(): number
  /**
   * Deletes blocks, receipts, certificates and indexes below `belowHeight`, at most `countMax` heights; returns how many.
   * Always keeps genesis, boundary headers and their F, the tip, and heights for which `isKept` is true.
   */
  pruneBlocks(belowHeight: number, countMax: number, isKept?: (height: number) => boolean): Promise<number>
  /** Height of the finalized boundary that ended `epoch`. */
  boundaryHeightOf(epoch: number): number | undefined
  /** Boundary, F and next set of an ended epoch; never pruned. Undefined while the epoch runs. */
  epochProof(epoch: number): EpochProof | undefined
  /** F of the lowest certified block at or above `height`; it proves `height` final. */
  certificateAtOrAbove(height: number): Promise<{ height: number; certificate: Certificate } | undefined>

  /** Post-state of a finalized height; stays valid across later commits. Undefined when pruned or unknown. */
  stateAt(height: number): StateReader | undefined
  /** Lowest height that `stateAt` serves. */
  stateHeightMin(): number
  /** Pins the newest durable state, for recounts. Costs no memory; must be closed. */
  pinState(): Promise<PinnedState>
  /** The durable state at one height in pieces, in byte order of the keys, for exports and rebuilding the tree. */
  statePieces(prefix?: StateKey): AsyncIterable<ReadonlyMap<StateKey, Uint8Array>>
  /** Like `statePieces`, for a past height that `stateAt` serves. */
  pastStatePieces(height: number): AsyncIterable<ReadonlyMap<StateKey, Uint8Array>>
  /** Prior values of the keys one block changed. Throws HistoryPruned. */
  differenceAt(height: number): ReverseDifference

  /** The tip's tree, from `tree.cache` and the keys changed since, else rebuilt. Its root is recomputed. */
  loadTree(): Promise<TreeVersion>
  /** Replaces `tree.cache` with the tree of `height` (already durable). Yields between chunks. */
  saveTree(tree: TreeVersion, height: number): Promise<void>
  /** Whether `tree.cache` is old enough to replace. */
  isTreeCacheDue(): boolean

  /** False after an unclean stop, until the state was compared with its tree: nothing may be signed on it before. */
  isStateTrusted(): boolean
  /** In words, when the chain is not the one that was closed in order before: the disk lost or replaced files. */
  lossAtOpen(): string | undefined
  /**
   * Compares every entry of the state with the tip's tree, in slices beside other work; call it before the next commit
   * begins. Undefined when the signal stopped it.
   */
  compareState(tree: TreeVersion, signal?: AbortSignal): Promise<StateComparison | undefined>

  close(): Promise<void>
}

export interface ChainStoreOptions {
  /** How many heights behind the tip `stateAt` serves at most, default 1024; Infinity = archive. */
  readonly historyHeightsMax?: number
  /** Bytes of reverse differences kept on disk, default 256 MiB; at least the last 64 heights stay. Infinity = archive. */
  readonly historyBytesMax?: number
  /** Entries of the state read cache, default 131,072 and at most 48 MiB. */
  readonly cacheEntriesMax?: number
}

export type StoreErrorCode =
  /** Stored data is inconsistent; replace the data directory or sync it again. */
  | 'Corrupt'
  /** The system refuses: full, read-only, failing, or another user's. */
  | 'Disk'
  /** Another process has the directory open. */
  | 'Locked'
  /** Written by a build with a different layout. */
  | 'WrongVersion'
  | 'NotContiguous'
  | 'HistoryPruned'
  | 'Closed'
  /** A commit failed to write; whether it took effect is known at the next start. */
  | 'Write'

/** Thrown by `openChainStore` and the store's methods; `code` is stable. */
export class StoreError extends ExpectedError {
  readonly code: StoreErrorCode
  constructor(code: StoreErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.name = 'StoreError'
    this.code = code
  }
}
