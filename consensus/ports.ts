// All that the consensus driver needs from the rest of the node. Owns: interfaces. Not: implementations.
import type { Address, Hash32 } from '../base/ids.ts'
import type { EpochStep } from '../base/protocol/epochStep.ts'
import type { SealedBlock } from '../base/protocol/header.ts'
import type { ReceiptProof } from '../base/protocol/receiptProof.ts'
import type { ValidatorSet } from '../base/protocol/validators.ts'
import type { Certificate, Subject, Vote } from '../base/protocol/vote.ts'
import type { JournalRecord } from './records.ts'
import type { BuildOrder, EpochStart, Misbehaviour, Sender, Target, Verdict } from './types.ts'

/** A build order completed by the driver with this node's account and signature. */
export interface BuildRequest extends BuildOrder {
  /** Operator account of this validator; goes into the header. */
  readonly proposer: Address
  /** BLS signature over `randaoBytes(genesis, epoch, height)`, 96 bytes. */
  readonly randaoReveal: Uint8Array
}

/** The durable finalized tip. */
export interface ApplicationTip {
  readonly block: SealedBlock
  /** F of `block`; absent for genesis. */
  readonly certificate: Certificate | undefined
  /** The epoch that a child of `block` belongs to (the next one when `block` is a boundary). */
  readonly epoch: EpochStart
}

/** The chain's application as consensus sees it: mempool, proposer, importer and store behind one interface. */
export interface Application {
  /** Read once, when the driver starts. */
  tip(): Promise<ApplicationTip>
  /**
   * Builds on `request.parent` (finalized, verified or built before) and keeps the overlay under the block's hash, as
   * `verify` does. Undefined when it cannot; a throw counts as undefined and is logged.
   */
  build(request: BuildRequest): Promise<SealedBlock | undefined>
  /**
   * Executes on the parent's overlay and keeps the result until finalized or abandoned: transactions, roots, gas, fees,
   * mix, setHash, endsEpoch, nextSetHash, version. Consensus itself checks epoch, view, proposer, height, parent,
   * timestamp and reveal. A throw is a bug and halts the node. Undefined: range sync has made a block of this height
   * final, so the core will hear of a higher tip and needs no verdict.
   */
  verify(block: SealedBlock, parent: SealedBlock): Promise<Verdict | undefined>
  /**
   * Commits the path, oldest first, with its certificate in one atomic batch, and drops overlays of abandoned forks.
   * Called in order, one at a time. Blocks at or below the durable tip are skipped (repeated after a crash).
   * Transactions leave the mempool here and nowhere else.
   */
  finalize(path: readonly SealedBlock[], certificate: Certificate): Promise<void>
  /** Epoch that follows `boundary`, once it is finalized. */
  epochAfter(boundary: SealedBlock): Promise<EpochStart>
  /** Proofs for the signer: what leads from `fromEpoch` towards `epoch`. */
  epochSteps(fromEpoch: number, epoch: number): Promise<readonly EpochStep[]>
  /** A transaction is includable on `parent`, or its state has work due or a pending set change. Cheap: asked often. */
  hasWork(parent: SealedBlock): boolean
  /** Called whenever `hasWork` may have changed (a transaction was admitted). Returns the unsubscriber. */
  onWork(listener: () => void): () => void
  /** Resends includable transactions to this validator of the current epoch. */
  shareTransactions(validator: number): void
  /** A stored finalized block, for peers that fetch by hash. */
  blockByHash(hash: Hash32): Promise<SealedBlock | undefined>
  /** F of the boundary that ended `epoch`; kept forever. */
  boundaryCertificate(epoch: number): Promise<Certificate | undefined>
  /**
   * Range sync: fetch by height from any peers, follow hash links back from `target`, execute, commit with
   * `certificate` (already verified). `reached` is false when it gave up; the durable tip may still have moved.
   */
  syncTo(target: SealedBlock, certificate: Certificate): Promise<{ readonly reached: boolean }>
  /** Misbehaviour with proof, for peers, the operator and the chain. */
  reportMisbehaviour(misbehaviour: Misbehaviour): void
}

/** Authenticated point-to-point delivery of consensus frames: bounded queues, no ordering or delivery promise. */
export interface ConsensusNetwork {
  /** Never blocks and never throws; a full queue drops the oldest frame. `all` includes non-validators that follow. */
  send(to: Target, bytes: Uint8Array): void
  /** One handler. `from.validator` is the index in the set given by `useValidators`, by authenticated peer id. */
  onMessage(handler: (from: Sender, bytes: Uint8Array) => void): void
  /** The set of the current epoch; called at the start and at every switch. `previous`: validators that left are still served. */
  useValidators(set: ValidatorSet, self: number | undefined, previous?: ValidatorSet): void
  /** The peer sent bytes that no correct peer sends. */
  penalise(peer: string, reason: string): void
}

/** One line of the log; `fields` are structured. */
export type Log = (
  level: 'info' | 'warn' | 'error',
  text: string,
  fields?: Readonly<Record<string, unknown>>,
) => void

/** Clocks and timers, replaceable in tests. */
export interface Clock {
  /** Unix time in milliseconds, for what people and blocks read; it may jump. */
  nowMs(): number
  /** Milliseconds since an arbitrary start, for whatever waits, repeats or limits; a whole number that never decreases. */
  monotonicMs(): number
  /** Returns the canceller. */
  after(delayMs: number, callback: () => void): () => void
}

/** Append-only records on disk; `storage/journal.ts`. */
export interface JournalStore {
  /** Every record that survived, oldest first. Read once, before the first append. */
  readonly replayed: readonly JournalRecord[]
  /** Frees the replayed records once the core has them. */
  forgetReplayed(): void
  /** Buffers a record. Its view decides when its segment may be dropped. */
  append(record: JournalRecord): void
  /** Resolves when everything appended so far is durable. Rejects on a disk error: the node must stop. */
  sync(): Promise<void>
  /** Drops whole segments whose records are all at or below this (epoch, view). */
  prune(epoch: number, view: number): Promise<void>
  /** Drops every record; absent where no chain goes back, as one does on a devnet alone. */
  clear?(): Promise<void>
  close(): Promise<void>
}

/**
 * Steps that lead on from an epoch that the signer has verified, in order: changes of the set, recoveries, and the last
 * boundary. A bounded number at a time; none when nothing leads further.
 */
export type EpochEvidence = (fromEpoch: number) => Promise<readonly EpochStep[]>

/** A signer's record is lost. Its number in a final transaction shows in which epoch the key can have voted at most. */
export interface SignerLoss {
  /** 32 random bytes, drawn when the loss was found. */
  readonly nonce: Uint8Array
  /** Resolves with a full sentence when the proof is refused; undefined when taken, or when the signer is away. */
  prove(transaction: Uint8Array, proof: ReceiptProof): Promise<string | undefined>
}

/** The key and its per-view flags: in this process (signer/localSigner.ts) or another (signer/remoteSigner.ts). */
export interface Signer {
  readonly publicKey: Uint8Array
  /** True when this epoch's flags are lost: nothing is signed until an epoch that is proven to be later than the loss. */
  readonly observing: boolean
  /** Losses that wait for a proof. */
  losses(): readonly SignerLoss[]
  /**
   * Votes of this key that peers hold. One that is genuine and not in the record means that the record is lost: an older
   * state of the machine came back. Everything signed later waits for this.
   */
  noteHeld(votes: readonly Vote[]): Promise<void>
  /** False while a signer in another process cannot be reached; absent where there is none to reach. */
  readonly isReady?: boolean
  /**
   * Starts an epoch: its flags begin empty and every older signing right is destroyed. Same or lower epoch: no effect.
   * Without evidence that leads to exactly this epoch the signer stays where it is and signs nothing in it.
   * A remote signer that is unreachable gets this call later; the node keeps following meanwhile.
   * `validators` is the epoch's set: a signer with several keys uses the one in it, which becomes `publicKey`.
   */
  beginEpoch(epoch: number, evidence: EpochEvidence, validators?: ValidatorSet): Promise<void>
  /** Subjects signed in the signer's epoch above its floor; that epoch is later than the node's when the node is behind. */
  signed(): readonly Subject[]
  /**
   * Checks its own flags (`OwnVotes.refuses`), makes them durable, signs. Subjects already signed are signed again to
   * the same bytes. Undefined when the flags forbid it; one sync for the whole list. Stays pending while a remote signer
   * is unreachable; rejects only when this node must stop.
   */
  sign(signer: number, subjects: readonly Subject[]): Promise<readonly (Vote | undefined)[]>
  /** The randao reveal; deterministic, so it needs no flag. Rejects when the signer cannot be reached now. */
  signRandao(epoch: number, height: number): Promise<Uint8Array>
  /** Nothing at or below this view is ever signed again; durable with the next signature. */
  raiseFloor(epoch: number, view: number): void
  close(): Promise<void>
}
