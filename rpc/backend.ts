// What the RPC needs from a node. Owns: the interface and its shapes. Not: any of the answers (node/ implements it).
// In-memory facts are synchronous; whatever may touch the disk is a Promise.

import type { Json } from '../base/field.ts'
import type { Address, Hash32, TxId } from '../base/ids.ts'
import type { EpochProof } from '../base/protocol/epochProof.ts'
import type { EquivocationKind } from '../base/protocol/evidence.ts'
import type { Header } from '../base/protocol/header.ts'
import type { Receipt } from '../base/protocol/receipt.ts'
import type { ValidatorSet } from '../base/protocol/validators.ts'
import type { Certificate } from '../base/protocol/vote.ts'
import type { BlockContext, Log } from '../state/context.ts'
import type { StateKey, StateReader } from '../state/view.ts'

export interface ChainIdentity {
  readonly chainId: number
  readonly genesisHash: Hash32
  /** The genesis document in its JSON form. */
  readonly genesisJson: Json
  /** `suanli/0.1.0/linux-x64/node20`. */
  readonly clientVersion: string
}

/** An envelope as it was received; the RPC decodes it when somebody asks for its fields. */
export interface KnownTransaction {
  readonly id: TxId
  readonly raw: Uint8Array
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
  /** Logs of beginBlock and endBlock, which belong to no transaction. */
  readonly systemLogs: readonly Log[]
}

/** Why a block is final: F of the block itself or of a descendant, with the headers between. */
export interface Finality {
  /** `certificate.subject.digest` is the hash of the last of `headers`, or of the block itself when that is empty. */
  readonly certificate: Certificate
  /** Children in order from the block's child to the certified block; empty when the block itself is certified. */
  readonly headers: readonly Header[]
}

export interface StateView {
  /** The header whose post-state this is; for `pending` the highest verified block. */
  readonly header: Header
  readonly hash: Hash32
  readonly state: StateReader
  /** The context queries and simulated calls run in: that of a block on top of `header`. */
  readonly context: BlockContext
}

/** `latest` is the finalized tip; `pending` the highest verified head, without the mempool. */
export type StateSelector = 'latest' | 'pending' | number

export interface StateProof {
  /** Undefined when the proof shows absence. */
  readonly value: Uint8Array | undefined
  /** ICS-23 CommitmentProof bytes against the `stateRoot` of the height's header. */
  readonly proof: Uint8Array
}

/** Reasons for not taking a transaction; `rpc/errors.ts` guarantees the phrase that clients match for each. */
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
  'tipAboveFeeCap',
  'feeCapTooLow',
  'nonceTooLow',
  /** Further ahead than the gap queue reaches. */
  'nonceTooHigh',
  'insufficientFunds',
  'alreadyKnown',
  /** Same nonce without the +10 % on both fees. */
  'replacementUnderpriced',
  /** This account holds as many pending transactions as the pool allows. */
  'accountLimit',
  'poolFull',
  /** Retryable: the node is catching up or shutting down. */
  'notReady',
] as const
export type SubmitRejectionCode = (typeof SUBMIT_REJECTION_CODES)[number]

export interface SubmitRejection {
  readonly code: SubmitRejectionCode
  /** A sentence with the figures, e.g. `nonce too low: next nonce 5, tx nonce 3`. */
  readonly message: string
}

export type SubmitResult =
  | { readonly ok: true; readonly id: TxId }
  | { readonly ok: false; readonly rejection: SubmitRejection }

export type TransactionStatus =
  | { readonly status: 'unknown' }
  /** `executable`: the nonce is next in line; otherwise it waits for a gap or a lower base fee. */
  | { readonly status: 'pending'; readonly executable: boolean }
  | { readonly status: 'included'; readonly height: number; readonly index: number }
  | { readonly status: 'dropped'; readonly reason: string }

export interface SyncProgress {
  readonly startingHeight: number
  readonly currentHeight: number
  readonly highestHeight: number
}

/** A proof of a double vote that the chain has not judged yet. */
export interface PendingEvidence {
  readonly kind: EquivocationKind
  readonly epoch: number
  readonly view: number
  /** Ids of the members it convicts. */
  readonly providers: readonly number[]
  readonly bytes: Uint8Array
}

export interface NodeHealth {
  /** False when the node halted itself; `halted` says why. */
  readonly live: boolean
  readonly halted?: string
  /** Position in the current validator set, absent for followers. */
  readonly validatorIndex?: number
  /** Of a node with a consensus key: it signs, its record is lost, or its remote signer cannot be reached. */
  readonly signer?: 'ready' | 'observing' | 'away'
  readonly epoch: number
  readonly view: number
  readonly finalizedHeight: number
  /** Milliseconds since the finalized tip's timestamp. */
  readonly finalizedAgeMs: number
  readonly peerCount: number
  readonly mempoolCount: number
  readonly mempoolBytes: number
}

export interface Backend {
  readonly identity: ChainIdentity

  /** Lowest height above genesis whose block is held; 1 unless blocks were pruned or skipped by state sync. */
  blockHeightMin(): number
  /** The finalized tip; genesis counts. Always in memory. */
  head(): FinalizedBlock
  /** Finalized blocks only; undefined when unknown or pruned. The tip and recent blocks may answer from memory. */
  blockByHeight(height: number): Promise<FinalizedBlock | undefined> | FinalizedBlock | undefined
  blockByHash(hash: Hash32): Promise<FinalizedBlock | undefined> | FinalizedBlock | undefined
  /** Undefined for genesis, which is final by definition. */
  finalityOf(height: number): Promise<Finality | undefined>
  /** What leads from the validator set of an ended epoch to the next; undefined while it runs and where none is held. */
  epochProof(epoch: number): Promise<EpochProof | undefined> | EpochProof | undefined
  /** The validator set that signs the block at this height. */
  validatorsAt(height: number): Promise<ValidatorSet | undefined>

  /** Where a finalized transaction stands. */
  locateTransaction(
    id: TxId,
  ):
    | Promise<{ readonly height: number; readonly index: number } | undefined>
    | { readonly height: number; readonly index: number }
    | undefined
  /** From the own mempool. */
  pendingTransaction(id: TxId): KnownTransaction | undefined
  transactionStatus(id: TxId): Promise<TransactionStatus>
  /** Next nonce counting the own mempool's executable transactions. */
  pendingNonce(address: Address): number
  submit(raw: Uint8Array): Promise<SubmitResult>

  /** Undefined when that height's state is no longer (or not yet) held. */
  stateAt(selector: StateSelector): StateView | undefined
  /** Lowest height that `stateAt` serves. */
  stateHeightMin(): number
  /** Undefined when the height's tree is no longer held. */
  prove(key: StateKey, height: number): Promise<StateProof | undefined>

  /** Base fee a block proposed now would have, wei. */
  nextBaseFee(): bigint
  /** Undefined when in sync. */
  syncing(): SyncProgress | undefined
  health(): NodeHealth
  /** Proofs of double votes that wait for the chain; any account may submit them. */
  evidence(): readonly PendingEvidence[]

  /** In height order, without gaps, after the block is durable. Returns the unsubscribe function. */
  onFinalized(listener: (block: FinalizedBlock) => void): () => void
  /** Each transaction that entered the own mempool. Returns the unsubscribe function. */
  onPending(listener: (transaction: KnownTransaction) => void): () => void
}
