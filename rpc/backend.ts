// What the RPC needs from a node. Owns: the interface and its shapes. Not: the implementation (node/).
// Data in memory is synchronous; anything that may read the disk is a Promise.

import type { Json } from '../base/field.ts'
import type { Address, Hash32, TxId } from '../base/ids.ts'
import type { Lane, PerLane } from '../base/lanes.ts'
import type { EpochProof } from '../base/protocol/epochProof.ts'
import type { EquivocationKind } from '../base/protocol/evidence.ts'
import type { Header } from '../base/protocol/header.ts'
import type { Receipt } from '../base/protocol/receipt.ts'
import type { ValidatorSet } from '../base/protocol/validators.ts'
import type { Certificate } from '../base/protocol/vote.ts'
import type { BlockContext, Log } from '../state/context.ts'
import type { Transaction } from '../state/transaction.ts'
import type { StateKey, StateReader } from '../state/view.ts'

export interface ChainIdentity {
  readonly chainId: number
  readonly genesisHash: Hash32
  /** The genesis document in its JSON form. */
  readonly genesisJson: Json
  /** `suanli/0.1.0/linux-x64/node20`. */
  readonly clientVersion: string
}

/** An envelope as received; the RPC decodes it on demand. */
export interface KnownTransaction {
  readonly id: TxId
  readonly raw: Uint8Array
  readonly sender: Address
}

/** A transaction in the mempool, decoded. */
export interface PooledTransaction {
  readonly transaction: Transaction
  readonly sender: Address
}

/** A block on the finalized path. `receipts[i]` belongs to `transactions[i]`. */
export interface FinalizedBlock {
  readonly header: Header
  readonly hash: Hash32
  /** Size of the canonical bytes. */
  readonly sizeBytes: number
  readonly transactions: readonly KnownTransaction[]
  readonly receipts: readonly Receipt[]
  /** Logs of beginBlock and endBlock, outside any transaction. */
  readonly systemLogs: readonly Log[]
}

/** Why a block is final: F of the block itself or of a descendant, with the headers between. */
export interface Finality {
  /** `certificate.subject.digest` is the hash of the last of `headers`, or of the block itself when `headers` is empty. */
  readonly certificate: Certificate
  /** Descendants in order, from the block's child to the certified block; empty when the block itself is certified. */
  readonly headers: readonly Header[]
}

export interface StateView {
  /** The header whose post-state this is; for `pending`, of the highest verified block. */
  readonly header: Header
  readonly hash: Hash32
  readonly state: StateReader
  /** Context for queries and simulated calls: a block on top of `header`. */
  readonly context: BlockContext
}

/** `latest` is the finalized tip; `pending` is the highest verified head, without the mempool. */
export type StateSelector = 'latest' | 'pending' | number

export interface StateProof {
  /** Undefined for a proof of absence. */
  readonly value: Uint8Array | undefined
  /** ICS-23 CommitmentProof bytes against the `stateRoot` of the height's header. */
  readonly proof: Uint8Array
}

/** Why a transaction is rejected; `rpc/errors.ts` guarantees the phrase that clients match for each code. */
export const SUBMIT_REJECTION_CODES = [
  /** Not a canonical envelope: RLP, field sizes, low s. */
  'malformed',
  /** Types 3 and 4, or unknown. */
  'typeNotSupported',
  /** A legacy transaction without a chain id. */
  'unprotected',
  /** `to` is absent. */
  'creation',
  'wrongChainId',
  'oversized',
  'invalidSignature',
  'intrinsicGasTooLow',
  'exceedsBlockGasLimit',
  /** A batch whose calls are in different lanes. */
  'mixedLanes',
  'tipAboveFeeCap',
  'feeCapTooLow',
  'nonceTooLow',
  /** Beyond the gap queue. */
  'nonceTooHigh',
  'insufficientFunds',
  'alreadyKnown',
  /** Same nonce, but less than +10 % on both fees. */
  'replacementUnderpriced',
  /** The account has reached its limit of pending transactions. */
  'accountLimit',
  'poolFull',
  /** Retryable: the node is catching up or shutting down. */
  'notReady',
] as const
export type SubmitRejectionCode = (typeof SUBMIT_REJECTION_CODES)[number]

export interface SubmitRejection {
  readonly code: SubmitRejectionCode
  /** A sentence with the values, e.g. `nonce too low: next nonce 5, tx nonce 3`. */
  readonly message: string
}

export type SubmitResult =
  | { readonly ok: true; readonly id: TxId }
  | { readonly ok: false; readonly rejection: SubmitRejection }

export type TransactionStatus =
  | { readonly status: 'unknown' }
  /** `executable`: otherwise it waits for `missingNonce` of its sender or a lower base fee. */
  | {
      readonly status: 'pending'
      readonly executable: boolean
      readonly missingNonce?: number
      readonly lane: Lane
      /** Of its lane in the next block. */
      readonly baseFeePerGas: bigint
    }
  | { readonly status: 'included'; readonly height: number; readonly index: number }
  | { readonly status: 'dropped'; readonly reason: string }

export interface SyncProgress {
  readonly startingHeight: number
  readonly currentHeight: number
  readonly highestHeight: number
}

/** A proof of a double vote that is not on chain yet. */
export interface PendingEvidence {
  readonly kind: EquivocationKind
  readonly epoch: number
  readonly view: number
  /** Ids of the convicted members. */
  readonly providers: readonly number[]
  readonly bytes: Uint8Array
}

export interface NodeHealth {
  /** False when the node halted itself (`halted` says why), while none of its peers is connected, and while it catches up. */
  readonly live: boolean
  readonly halted?: string
  /** Index in the current validator set; absent for followers. */
  readonly validatorIndex?: number
  /** With a consensus key: it signs; it signs nothing, as its record is lost or the node catches up; or it is unreachable. */
  readonly signer?: 'ready' | 'observing' | 'away'
  readonly epoch: number
  readonly view: number
  readonly finalizedHeight: number
  /** Milliseconds since the finalized tip's timestamp. */
  readonly finalizedAgeMs: number
  /** An idle chain makes a block this often: a tip much older means that finality stands still. */
  readonly heartbeatMs: number
  readonly peerCount: number
  readonly mempoolCount: number
  readonly mempoolBytes: number
  /** Longest turn of the event loop and mean delay of a timer in the last minute, milliseconds. */
  readonly loopLagMaxMs: number
  readonly loopLagMeanMs: number
}

/** A transaction's place; its index is the number of transactions for what the block itself does. */
export interface AccountPlace {
  readonly height: number
  readonly index: number
}

/** Which transactions concern an account. */
export interface AccountIndexReader {
  /** The heights that it knows, without gaps; undefined while it knows none. */
  range(): { readonly from: number; readonly to: number } | undefined
  /** Places below `before` and not below `fromHeight`, newest first; `before` of the answer continues, when there is more. */
  places(query: {
    readonly address: Address
    readonly before: AccountPlace
    readonly fromHeight: number
    readonly countMax: number
  }): Promise<{ readonly places: readonly AccountPlace[]; readonly before: AccountPlace | undefined }>
}

/** Figures of consecutive blocks, in the order of FIGURE_NAMES (rpc/native/figures.ts); −1 for what is not known. */
export interface SeriesBucket {
  readonly fromHeight: number
  readonly height: number
  /** Of block `height`. */
  readonly timestampMs: number
  readonly least: readonly bigint[]
  readonly greatest: readonly bigint[]
  readonly last: readonly bigint[]
}

/** What a node keeps for charts, also of blocks that it has pruned. */
export interface SeriesReader {
  /** The heights that it knows, without gaps; undefined while it knows none. */
  range(): { readonly from: number; readonly to: number } | undefined
  /** The number of blocks of a bucket, at least `step`, whose cost is bounded, for buckets from height `from` on. */
  evenStep(step: number, from: number): number
  /** Oldest first, each up to a multiple of `step`, the last up to `to`. */
  buckets(query: {
    readonly from: number
    readonly to: number
    readonly step: number
  }): AsyncIterable<SeriesBucket>
  /** The lowest height with a timestamp at or after `timeMs`; one above the newest when there is none. */
  heightAt(timeMs: number): Promise<number>
}

export interface Backend {
  readonly identity: ChainIdentity
  /** Absent on nodes that keep none. */
  readonly accountIndex?: AccountIndexReader
  /** Absent where no node runs. */
  readonly series?: SeriesReader

  /** Lowest height above genesis with a stored block; 1 unless blocks were pruned or skipped by state sync. */
  blockHeightMin(): number
  /** The finalized tip, possibly genesis. Always in memory. */
  head(): FinalizedBlock
  /** Finalized blocks only; undefined when unknown or pruned. The tip and recent blocks may come from memory. */
  blockByHeight(height: number): Promise<FinalizedBlock | undefined> | FinalizedBlock | undefined
  blockByHash(hash: Hash32): Promise<FinalizedBlock | undefined> | FinalizedBlock | undefined
  /** Undefined for genesis, which is final by definition. */
  finalityOf(height: number): Promise<Finality | undefined>
  /** Proves the step from an epoch's validator set to the next; undefined while the epoch runs or when none is stored. */
  epochProof(epoch: number): Promise<EpochProof | undefined> | EpochProof | undefined
  /** The validator set that signs the block at this height. */
  validatorsAt(height: number): Promise<ValidatorSet | undefined>

  /** Height and index of a finalized transaction. */
  locateTransaction(
    id: TxId,
  ):
    | Promise<{ readonly height: number; readonly index: number } | undefined>
    | { readonly height: number; readonly index: number }
    | undefined
  /** From this node's mempool. */
  pendingTransaction(id: TxId): KnownTransaction | undefined
  /** This node's mempool in order of arrival, or the part of one account in any order. */
  pooledTransactions(sender?: Address): Iterable<PooledTransaction>
  transactionStatus(id: TxId): Promise<TransactionStatus>
  /** Next nonce, including this node's executable pending transactions. */
  pendingNonce(address: Address): number
  submit(raw: Uint8Array): Promise<SubmitResult>

  /** Undefined when the state at that height is pruned or does not exist yet. */
  stateAt(selector: StateSelector): StateView | undefined
  /** Lowest height that `stateAt` serves. */
  stateHeightMin(): number
  /** Undefined when the tree at that height is pruned. */
  prove(key: StateKey, height: number): Promise<StateProof | undefined>

  /** Base fee of a block proposed now, wei. */
  nextBaseFees(): PerLane<bigint>
  /** Undefined when in sync. */
  syncing(): SyncProgress | undefined
  health(): NodeHealth
  /** Proofs of double votes not on chain yet; any account may submit them. */
  evidence(): readonly PendingEvidence[]

  /** In height order, without gaps, after the block is durable. Returns the unsubscribe function. */
  onFinalized(listener: (block: FinalizedBlock) => void): () => void
  /** Each transaction that enters this node's mempool. Returns the unsubscribe function. */
  onPending(listener: (transaction: KnownTransaction) => void): () => void
}
