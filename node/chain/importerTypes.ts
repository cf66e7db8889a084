// What the driver, the proposer and the RPC see of the importer. Owns: the interface. Not: its working (importer.ts).
import { ExpectedError } from '../../base/errors.ts'
import type { Hash32 } from '../../base/ids.ts'
import type { Header, SealedBlock } from '../../base/protocol/header.ts'
import type { Certificate } from '../../base/protocol/vote.ts'
import type { ExecutedBlock, ExecuteOptions, ParentView } from '../../state/execute.ts'
import type { StateChanges, StateKey, StateReader } from '../../state/view.ts'

/** What execution says about a block. `valid` and `invalid` are final; the others may change later. */
export type ImportResult =
  | { readonly kind: 'valid' }
  /** Every honest node says so: nullify. */
  | { readonly kind: 'invalid'; readonly code: string; readonly detail: string }
  /** A root in the header differs from this node's own (CONSENSUS §4): nullify before N, halt once N is held. */
  | { readonly kind: 'mismatch'; readonly code: string; readonly detail: string }
  /** The parent has not been executed here yet; fetch it, then ask again. */
  | { readonly kind: 'unknownParent' }
  /** At or below the finalized height and not on the finalized path. */
  | { readonly kind: 'stale' }
  /** Too many unfinalized blocks are held; ask again after something was finalized. */
  | { readonly kind: 'busy' }

/** After it is durable, in height order, without gaps. */
export interface FinalizedEvent {
  readonly height: number
  readonly hash: Hash32
  readonly executed: ExecutedBlock
  /** F of exactly this block, when held. */
  readonly certificate?: Certificate
}

/** An executed block as readers use it. */
export interface HeadView {
  readonly header: Header
  readonly hash: Hash32
  readonly state: StateReader
}

export interface Importer {
  /** Highest finalized block; its state is consistent at any moment, also while a commit is being written. */
  head(): HeadView
  /** Highest executed block (then the highest view); the finalized head when nothing lies above it. */
  pendingHead(): HeadView
  /** What a child of `hash` executes on: the finalized head or an executed block above it. Use it within one turn. */
  parentView(hash: Hash32): ParentView | undefined
  /** An executed block above the finalized head. */
  executed(hash: Hash32): ExecutedBlock | undefined
  /** Executes once per block and node; the same hash answers from memory. */
  execute(block: SealedBlock): Promise<ImportResult>
  /** Takes a block that this node built itself, without executing it again; its tree is the importer's from here on. */
  adopt(executed: ExecutedBlock): ImportResult
  /**
   * Commits blocks that are final, ascending to the certified one; all above the head must be executed and valid,
   * what is durable already is skipped. `certificate` is F of the last one (absent for a range that a later F covers).
   * Calls run one after another. Throws ImporterError NotExecuted or NotConnected, StoreError Write.
   */
  finalize(path: readonly Hash32[], certificate?: Certificate): Promise<void>
  /** In order, after durability. A listener's throw stops the node. Returns the unsubscribe function. */
  onFinalized(listener: (event: FinalizedEvent) => void): () => void
  /** Post-state of a recent finalized height; undefined when pruned. */
  stateAt(height: number): StateReader | undefined
  /** ICS-23 bytes against the state root of a finalized height; undefined when its tree is no longer held. */
  prove(
    key: StateKey,
    height: number,
  ): { readonly value: Uint8Array | undefined; readonly proof: Uint8Array } | undefined
  /** As `prove` for every height whose state is held; takes time in proportion to the distance from a held tree. */
  provePast(
    key: StateKey,
    height: number,
  ): Promise<{ readonly value: Uint8Array | undefined; readonly proof: Uint8Array } | undefined>
  /** Lowest height that `prove` serves. */
  proofHeightMin(): number
  unfinalizedCount(): number
  /** Waits for running commits and writes `tree.cache`; the store stays open. */
  close(): Promise<void>
}

/** Chain, senders and envelopes as `executeBlock` takes them. */
export interface ImporterOptions extends ExecuteOptions {
  /** Awaited before execution, e.g. to recover senders in worker threads. */
  readonly prepare?: (block: SealedBlock) => Promise<void>
  /** Height 0 as genesis/ makes it; committed when the store is empty, compared with the stored one otherwise. */
  readonly genesis: GenesisBlock
  /** Told what went wrong without endangering the chain, e.g. `tree.cache` not written. */
  readonly onWarning?: (message: string, error: unknown) => void
  /** Told of each block whose body is its header's and which execution refuses; what that means consensus decides. */
  readonly onRefused?: (
    block: SealedBlock,
    refusal: { readonly kind: string; readonly detail: string },
  ) => void
}

export interface GenesisBlock {
  readonly block: SealedBlock
  /** The whole state of height 0; its tree root is the header's. */
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
