// The importer's interface for the driver, the proposer and the RPC. Not: the implementation (importer.ts).
import { ExpectedError } from '../../base/errors.ts'
import type { Hash32 } from '../../base/ids.ts'
import type { Header, SealedBlock } from '../../base/protocol/header.ts'
import type { Certificate } from '../../base/protocol/vote.ts'
import type {
  BlockTemplate,
  BuiltBlock,
  ExecutedBlock,
  ExecuteOptions,
  ParentView,
} from '../../state/execute.ts'
import type { StateChanges, StateKey, StateReader } from '../../state/view.ts'
import type { StateComparison } from '../../storage/stateCompare.ts'

/** Result of executing a block. `valid` and `invalid` are permanent; the others may change later. */
export type ImportResult =
  | { readonly kind: 'valid' }
  /** Every honest node agrees: nullify. */
  | { readonly kind: 'invalid'; readonly code: string; readonly detail: string }
  /** A root in the header differs from this node's own (CONSENSUS §4): nullify before N, halt once N is held. */
  | { readonly kind: 'mismatch'; readonly code: string; readonly detail: string }
  /** The parent has not been executed here yet; fetch it, then retry. */
  | { readonly kind: 'unknownParent' }
  /** At or below the finalized height and not on the finalized path. */
  | { readonly kind: 'stale' }
  /** The rules have a version there that this build does not execute: another build goes on from here. */
  | { readonly kind: 'unsupported' }
  /** Too many unfinalized blocks; retry once something is finalized. */
  | { readonly kind: 'busy' }

/** Emitted once the block is durable, in height order, without gaps. */
export interface FinalizedEvent {
  readonly height: number
  readonly hash: Hash32
  readonly executed: ExecutedBlock
  /** F of exactly this block, if held. */
  readonly certificate?: Certificate
}

/** An executed block as readers use it. */
export interface HeadView {
  readonly header: Header
  readonly hash: Hash32
  readonly state: StateReader
}

export interface Importer {
  /** Highest finalized block; its state is always consistent, also while a commit is being written. */
  head(): HeadView
  /** Highest executed block (then the highest view); the finalized head when nothing is above it. */
  pendingHead(): HeadView
  /** What a child of `hash` executes on: the finalized head or an executed block above it. Valid for one turn only. */
  parentView(hash: Hash32): ParentView | undefined
  /** An executed block above the finalized head. */
  executed(hash: Hash32): ExecutedBlock | undefined
  /** Executes each block once, one after another, a large one over several turns; repeated calls return the cached result. */
  execute(block: SealedBlock): Promise<ImportResult>
  /** Builds a child of `parent` and adds it; undefined when the parent is not available, or not any more. */
  build(parent: Hash32, template: BlockTemplate): Promise<BuiltBlock | undefined>
  /** Adds a block this node built, without executing it again; the importer takes over its tree. */
  adopt(executed: ExecutedBlock): ImportResult
  /**
   * Commits final blocks, ascending to the certified one; blocks above the head must be executed and valid, durable
   * ones are skipped. `certificate` is F of the last one (absent for a range that a later F covers). Calls run one
   * after another. Throws ImporterError NotExecuted or NotConnected, StoreError Write.
   */
  finalize(path: readonly Hash32[], certificate?: Certificate): Promise<void>
  /** Called in order, once durable. A listener that throws stops the node. Returns the unsubscribe function. */
  onFinalized(listener: (event: FinalizedEvent) => void): () => void
  /** Post-state of a recent finalized height; undefined when pruned. */
  stateAt(height: number): StateReader | undefined
  /** ICS-23 proof bytes against the state root of a finalized height; undefined when its tree is gone. */
  prove(
    key: StateKey,
    height: number,
  ): { readonly value: Uint8Array | undefined; readonly proof: Uint8Array } | undefined
  /** Like `prove`, for every height whose state is kept; the cost grows with the distance from the nearest tree. */
  provePast(
    key: StateKey,
    height: number,
  ): Promise<{ readonly value: Uint8Array | undefined; readonly proof: Uint8Array } | undefined>
  /** Lowest height that `prove` serves. */
  proofHeightMin(): number
  unfinalizedCount(): number
  /** Compares the stored state with the head's tree; call it before the first commit. See `ChainStore.compareState`. */
  compareState(signal: AbortSignal): Promise<StateComparison | undefined>
  /**
   * On a devnet alone, while consensus is stopped: makes an earlier final block the head again and drops all above it. Throws
   * StoreError HistoryPruned or Corrupt and then changes nothing.
   */
  takeBack(height: number): Promise<void>
  /** Waits for running commits and writes `tree.cache`; the store stays open. */
  close(): Promise<void>
}

/** Chain, senders and envelopes as `executeBlock` takes them. */
export interface ImporterOptions extends ExecuteOptions {
  /** Awaited before execution, e.g. to recover senders in worker threads. */
  readonly prepare?: (block: SealedBlock) => Promise<void>
  /** Height 0 from genesis/; committed to an empty store, otherwise compared with the stored block. */
  readonly genesis: GenesisBlock
  /** Reports failures that do not endanger the chain, e.g. `tree.cache` not written. */
  readonly onWarning?: (message: string, error: unknown) => void
  /** Reports each block that matches its header but fails execution; consensus decides what follows. */
  readonly onRefused?: (
    block: SealedBlock,
    refusal: { readonly kind: string; readonly detail: string },
  ) => void
}

export interface GenesisBlock {
  readonly block: SealedBlock
  /** The whole state of height 0; its root is in the header. */
  readonly changes: StateChanges
}

/** `code` is stable. */
export class ImporterError extends ExpectedError {
  readonly code: 'NotExecuted' | 'NotConnected' | 'GenesisMismatch'
  constructor(code: ImporterError['code'], message: string) {
    super(message)
    this.name = 'ImporterError'
    this.code = code
  }
}
