// The core's whole interface: inputs, outputs and configuration (CONSENSUS §3).
import type { Hash32 } from '../base/ids.ts'
import type { SealedBlock } from '../base/protocol/header.ts'
import type { ValidatorSet } from '../base/protocol/validators.ts'
import type { Certificate, Subject, Vote } from '../base/protocol/vote.ts'
import type { ConsensusMessage } from './messages.ts'
import type { JournalRecord } from './records.ts'

/** Durations of one chain, all in milliseconds. Every validator must use the same values. */
export interface ConsensusParameters {
  /** Assumed bound on one network hop (Δ). */
  readonly deltaMs: number
  /** Minimum distance between block timestamps; may be 0. */
  readonly minBlockIntervalMs: number
  /** An idle chain makes an empty block this long after its parent. */
  readonly heartbeatMs: number
  /** Tolerated clock difference. */
  readonly precisionMs: number
  /** Oldest acceptable timestamp of a fresh proposal; at least buildMs + 2Δ. */
  readonly messageDelayMs: number
  /** Budget for building a block. */
  readonly buildMs: number
  /** Budget for verifying a block. */
  readonly verifyMs: number
}

/** Everything fixed for an epoch. `floor` is its view 0: the boundary before it, genesis, or a recovery's floor. */
export interface EpochStart {
  readonly epoch: number
  readonly validators: ValidatorSet
  readonly floor: SealedBlock
  /** The previous epoch's set when it differs: hosts keep serving validators that left. Unused by the core. */
  readonly previous?: ValidatorSet
}

/** What a core starts from; own votes are the union of the journal's and the signer's. */
export interface CoreStart {
  readonly genesisHash: Hash32
  readonly parameters: ConsensusParameters
  /** Consensus public key of this node (48 bytes) in the epoch it starts in, or undefined for an observer. */
  readonly consensusKey: Uint8Array | undefined
  readonly epoch: EpochStart
  /** The durable finalized tip; equals the floor's block at an epoch's start. */
  readonly tip: SealedBlock
  /** F of the tip; absent exactly when the tip is the floor. */
  readonly tipCertificate?: Certificate
  /** Replayed records, oldest first, any epoch. */
  readonly journal: readonly JournalRecord[]
  /** Subjects the signer has signed in this epoch, above its floor. */
  readonly signed: readonly Subject[]
  /** Spreads retransmissions; any number that differs between nodes. */
  readonly jitterSeed: number
}

/** What execution says about a block on its parent. `mismatch`: valid inputs, but roots other than the header's. */
export type Verdict = 'valid' | 'invalid' | 'mismatch'

/** Who sent a message: an opaque peer name and, when it is a validator of the current epoch, its index. */
export interface Sender {
  readonly peer: string
  readonly validator: number | undefined
}

/** Whom to send to. `all` = every connected peer that speaks the consensus protocol, never oneself. */
export type Target =
  | { readonly kind: 'all' }
  | { readonly kind: 'validator'; readonly index: number }
  | { readonly kind: 'peer'; readonly peer: string }

/** One signature over one message by all of `signers` (indexes of the current epoch). */
export interface SignatureCheck {
  readonly signers: readonly number[]
  readonly message: Uint8Array
  readonly signature: Uint8Array
}

/** The moment of a step. Timers and limits run on the first, block timestamps on the second, which may jump. */
export interface Now {
  /** From an arbitrary start; a whole number that never decreases. */
  readonly monotonicMs: number
  /** Unix time. */
  readonly wallMs: number
}

export type Input =
  | { readonly kind: 'tick' }
  | { readonly kind: 'message'; readonly from: Sender; readonly message: ConsensusMessage }
  /** Answer to `checkVotes`: the signers whose vote is valid and, if any, the aggregate of exactly those. */
  | {
      readonly kind: 'votesChecked'
      readonly id: number
      readonly valid: readonly number[]
      readonly signature: Uint8Array | undefined
    }
  /** Answer to `checkSignatures`, one flag per item. */
  | { readonly kind: 'signaturesChecked'; readonly id: number; readonly valid: readonly boolean[] }
  /** Answer to `build`; undefined when the application could not. */
  | {
      readonly kind: 'built'
      readonly epoch: number
      readonly view: number
      readonly block: SealedBlock | undefined
    }
  /** Answer to `verify`. */
  | { readonly kind: 'verdict'; readonly digest: Hash32; readonly verdict: Verdict }
  /** Whether a block on `parent` has something to do (need (a) and (f)); sent after `watch` and at each change. */
  | { readonly kind: 'work'; readonly parent: Hash32; readonly ready: boolean }
  /** Answer to `sign`. */
  | { readonly kind: 'signed'; readonly vote: Vote }
  /** Answer to `sign`: the signer's own flags forbid it. */
  | { readonly kind: 'refused'; readonly subject: Subject }
  /** The application holds everything up to `tip` durably (after `sync`). */
  | { readonly kind: 'imported'; readonly tip: SealedBlock; readonly certificate: Certificate }
  /** `sync` gave up; the core asks again later. */
  | { readonly kind: 'syncFailed' }
  /** The boundary is imported and the next epoch begins. */
  | {
      readonly kind: 'epochStarted'
      readonly start: EpochStart
      /** Own key from this epoch on, when a member has replaced it; without it the key stays. */
      readonly consensusKey?: Uint8Array
    }

/** What the application is asked to build. */
export interface BuildOrder {
  readonly epoch: number
  readonly view: number
  readonly parent: SealedBlock
  /** max(now, parent.t + minBlockInterval). */
  readonly timestampMs: number
  /** How often the block budget is halved (0 = full budget). */
  readonly halvings: number
  /** No transactions at all. */
  readonly emptyOnly: boolean
}

/**
 * The basis of evidence: two votes of one signer that no honest validator makes (CONSENSUS §6), or two certificates that
 * cannot both exist.
 */
export type Misbehaviour =
  | { readonly kind: 'votes'; readonly first: Vote; readonly second: Vote }
  | { readonly kind: 'certificates'; readonly first: Certificate; readonly second: Certificate }

/**
 * Effects, in the order in which the host must perform them. A `journal` record must be durable before any `sign`,
 * `send` or `finalized` that follows it; everything else may be done at once.
 */
export type Output =
  | { readonly kind: 'journal'; readonly record: JournalRecord }
  | { readonly kind: 'sign'; readonly subject: Subject }
  | { readonly kind: 'send'; readonly to: Target; readonly message: ConsensusMessage }
  /** Aggregate and check once; only if that fails check singly. All votes share `subject`. */
  | {
      readonly kind: 'checkVotes'
      readonly id: number
      readonly epoch: number
      readonly message: Uint8Array
      readonly votes: readonly Vote[]
    }
  | {
      readonly kind: 'checkSignatures'
      readonly id: number
      readonly epoch: number
      readonly checks: readonly SignatureCheck[]
    }
  | { readonly kind: 'build'; readonly order: BuildOrder }
  /** Execute on the parent's overlay; asked once per block and only after the parent was valid. */
  | { readonly kind: 'verify'; readonly block: SealedBlock; readonly parent: SealedBlock }
  /** Answer now and at each change with `work` for this parent. Replaces the previous watch. */
  | { readonly kind: 'watch'; readonly parent: SealedBlock }
  /** Resend includable transactions to this validator. */
  | { readonly kind: 'shareTransactions'; readonly leader: number }
  /** Serve ancestors of a block that the core does not hold, from the store. */
  | { readonly kind: 'serveBlocks'; readonly to: Target; readonly hash: Hash32; readonly countMax: number }
  /** Serve F of the boundary that ended `epoch`, from the store. */
  | { readonly kind: 'serveBoundary'; readonly to: Target; readonly epoch: number }
  /** Oldest first, each verified; `certificate` is an F of the last. */
  | {
      readonly kind: 'finalized'
      readonly blocks: readonly SealedBlock[]
      readonly certificate: Certificate
    }
  /** A verified F is more than 64 blocks ahead: fetch the range by height up to this block, then `imported`. */
  | { readonly kind: 'sync'; readonly block: SealedBlock; readonly certificate: Certificate }
  /** `boundary` was finalized: import it, then answer `epochStarted`. */
  | { readonly kind: 'epochEnded'; readonly boundary: SealedBlock; readonly certificate: Certificate }
  /** Votes at or below this view of the epoch can never be needed again. */
  | { readonly kind: 'floor'; readonly epoch: number; readonly view: number }
  | { readonly kind: 'misbehaviour'; readonly misbehaviour: Misbehaviour }
  /** The peer sent what no correct peer sends. */
  | { readonly kind: 'penalise'; readonly peer: string; readonly reason: string }
  /** Safety is in doubt: stop voting, keep everything, wake an operator. */
  | { readonly kind: 'halt'; readonly reason: string }
  /** Call `step` with `tick` no later than this; replaces the previous wake-up; undefined = none. */
  | { readonly kind: 'wake'; readonly atMs: number | undefined }

/** Figures for status pages and metrics. */
export interface CoreStatus {
  readonly epoch: number
  readonly view: number
  readonly leader: number
  readonly self: number | undefined
  readonly validatorCount: number
  readonly finalizedView: number
  readonly finalizedHeight: number
  readonly needed: boolean
  readonly halted: boolean
}
