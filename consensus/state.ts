// Everything the core remembers within one epoch. Owns: the shape and its creation. Not: the rules that change it.
import { assert, mustExist } from '../base/assert.ts'
import { bytesKey, equalBytes } from '../base/bytes.ts'
import type { Hash32 } from '../base/ids.ts'
import type { SealedBlock } from '../base/protocol/header.ts'
import { faultyMax, indexOfKey, quorum, type Validator } from '../base/protocol/validators.ts'
import { type Certificate, leaderPermutation, type Vote, type VoteKind } from '../base/protocol/vote.ts'
import { Activity } from './activity.ts'
import { BlockPool, type HeldBlock } from './blockPool.ts'
import { CertificateStore, type CertifiedParent } from './certificateStore.ts'
import { LeaderRecord } from './leaderRecord.ts'
import { OwnVotes } from './ownVotes.ts'
import type { BlockSubject } from './subject.ts'
import { backoffSteps } from './timers.ts'
import type { ConsensusParameters, EpochStart, Output } from './types.ts'
import { VotePool } from './votePool.ts'

/** The first proposal of a view. */
export interface HeldProposal {
  /** Absent for an own proposal that is not signed yet. */
  readonly vote: Vote | undefined
  readonly subject: BlockSubject
  readonly own: boolean
  /** The timestamp as judged on arrival (CONSENSUS §4 "Timestamps"). */
  readonly timely: 'timely' | 'late'
  reveal: 'unchecked' | 'checking' | 'valid' | 'invalid'
}

/** What to do with the answer to a signature check. */
export type PendingCheck =
  /** `job`: the check was started to make a certificate, not for a single vote. */
  | { readonly kind: 'votes'; readonly votes: readonly Vote[]; readonly job: boolean }
  | {
      readonly kind: 'certificate'
      readonly certificate: Certificate
      readonly peer: string
      /** Its sender was penalised for a certificate that arrived before or with it. */
      isForgiven: boolean
    }
  | { readonly kind: 'reveal'; readonly view: number }
  /** `direct`: it came on its leader's own connection. */
  | {
      readonly kind: 'proposal'
      readonly offered: OfferedProposal
      readonly peer: string
      readonly direct: boolean
    }

/** Checks of one certificate subject: one at a time, at most one waiting candidate per peer. */
export interface CertificateJob {
  inFlight: boolean
  readonly waiting: Map<string, Certificate>
}

/** Certificates of one peer that cost, or will cost, a check. */
export interface CertificateLoad {
  inFlight: number
  waiting: number
}

/** A proposal with its own body; kept, journaled and passed on only once the signature of its vote is verified. */
export interface OfferedProposal {
  readonly vote: Vote
  readonly block: SealedBlock
  /** Wall clock: a timestamp is judged by it. */
  readonly arrivedAtMs: number
}

/** Lives as long as the node. */
export interface SharedState {
  readonly genesisHash: Hash32
  readonly parameters: ConsensusParameters
  /** Of the running epoch: a member may replace its key at a boundary. */
  consensusKey: Uint8Array | undefined
  readonly jitterSeed: number
  nextCheckId: number
  /** Wall clock minus monotonic clock at this step. */
  wallAheadMs: number
}

export interface Want {
  nextAtMs: number
  attempts: number
}

/** The index of each validator among those of another set, by its id. */
function sameMembers(validators: readonly Validator[], others: readonly Validator[]): (number | undefined)[] {
  const indexes = new Map(others.map(({ id }, index) => [id, index]))
  return validators.map(({ id }) => indexes.get(id))
}

export class EpochState {
  readonly shared: SharedState
  readonly parameters: ConsensusParameters
  readonly epoch: number
  readonly validators: readonly Validator[]
  readonly validatorCount: number
  readonly faultyMax: number
  readonly quorum: number
  /** Own index, or undefined for an observer. */
  readonly self: number | undefined
  readonly order: readonly number[]
  readonly floor: SealedBlock

  readonly certificates: CertificateStore
  readonly blocks: BlockPool
  readonly pool = new VotePool()
  readonly own = new OwnVotes()
  readonly proposals = new Map<number, HeldProposal>()
  /** The latest proposal too far ahead to keep; its justification may be about to move the view there. */
  farProposal: OfferedProposal | undefined
  activity: Activity
  readonly leaders: LeaderRecord
  /** Latest vote of each signer from its own connection, whatever its view; proves activity on demand. */
  readonly latestVotes = new Map<number, Vote>()
  /** Signers that sent an invalid signature: their votes are checked alone before they may join an aggregate. */
  readonly suspects = new Set<number>()
  /** Views in which the leader provably signed two proposals. */
  readonly equivocated = new Set<number>()
  readonly reportedMisbehaviour = new Set<string>()
  /** Votes checked singly: shares that cancel out pass in an aggregate but are not evidence. */
  readonly proofs = new WeakMap<Vote, 'checking' | 'proven' | 'disproven'>()
  /** Who is to blame for a vote that is invalid: its signer, on its own connection. */
  readonly voteSenders = new WeakMap<Vote, string>()
  readonly ownSigned = new Map<string, Vote>()

  view = 1
  enteredAtMs = 0
  enteredBy: VoteKind | 'floor' = 'floor'
  entryCertificate: Certificate | undefined
  armedAtMs: number | undefined
  /** Time until the parent's successor was due, at the arming. */
  armedWaitMs = 0
  building = false
  buildFailed = false
  sharedTransactionsIn = 0

  watchedParent: Hash32 | undefined
  workReady = false

  readonly checks = new Map<number, PendingCheck>()
  readonly jobs = new Map<string, CertificateJob>()
  /** By peer, for as long as it has any. */
  readonly certificateLoads = new Map<string, CertificateLoad>()
  readonly wants = new Map<string, Want>()
  readonly peerLimits = new Map<string, number>()

  lastFinalityMs = 0
  retransmitAtMs = 0
  retransmitCount = 0
  syncing = false
  syncAgainAtMs = 0
  ended = false
  halted = false

  out: Output[] = []
  /** Earliest moment at which a fetch, a held proposal or a need is due; rebuilt by every evaluation. */
  dueAtMs: number | undefined
  wakeAtMs: number | undefined

  /** `nowMs`, here and in every rule: the monotonic clock. */
  constructor(options: {
    shared: SharedState
    start: EpochStart
    tip: SealedBlock
    nowMs: number
    /** The epoch that this one follows, when this node ran it. */
    before?: EpochState
  }) {
    const { shared, start, tip, nowMs, before } = options
    const { validators } = start.validators
    assert(validators.length > 0, 'an epoch has validators')
    this.shared = shared
    this.parameters = shared.parameters
    this.epoch = start.epoch
    this.validators = validators
    this.validatorCount = validators.length
    this.faultyMax = faultyMax(validators.length)
    this.quorum = quorum(validators.length)
    this.self = indexOfKey(validators, shared.consensusKey)
    this.order = leaderPermutation({
      genesisHash: shared.genesisHash,
      epoch: start.epoch,
      floorMix: start.floor.header.mix,
      validatorCount: validators.length,
    })
    this.floor = start.floor
    this.certificates = new CertificateStore(start.floor.hash)
    this.blocks = new BlockPool(tip)
    this.activity = this.freshActivity(0)
    this.leaders = new LeaderRecord(this)
    if (before !== undefined)
      this.leaders.takeOver(before.leaders, sameMembers(validators, before.validators))
    this.enteredAtMs = nowMs
    this.lastFinalityMs = nowMs
  }

  freshActivity(sinceView: number): Activity {
    return new Activity({ validatorCount: this.validatorCount, quorum: this.quorum, sinceView })
  }

  /**
   * Which round of all leaders a view belongs to, counted over epochs: each starts at its floor's height, never ahead of where
   * the one before ended, so that no round is left out however short epochs are.
   */
  turnOf(view: number): number {
    return Math.floor((this.floor.header.height + view) / this.validatorCount)
  }

  /** perm_e[v mod n]. */
  leaderOf(view: number): number {
    return mustExist(this.order[view % this.validatorCount], 'leader order covers every view')
  }

  isLeader(view: number): boolean {
    return this.self !== undefined && this.leaderOf(view) === this.self
  }

  get finalizedView(): number {
    return this.certificates.finalizedView
  }

  /** k of the back-off in `view`. */
  steps(view: number): number {
    return backoffSteps(view, this.finalizedView)
  }

  /** The parent this node would propose on in the current view, when every certificate is held. */
  parent(): CertifiedParent | undefined {
    return this.certificates.parentFor(this.view)
  }

  /** Whether a block ends this epoch; the floor ended the one before. */
  isBoundary(block: SealedBlock): boolean {
    return block.header.endsEpoch && block.header.epoch === this.epoch
  }

  /** Whether F of a held boundary has ended this epoch, even while bodies or executions below it are missing; always once `ended`. */
  get isEnding(): boolean {
    const block = this.blocks.block(this.certificates.finalizedDigest)
    return block !== undefined && this.isBoundary(block)
  }

  /** Whether work is known for exactly the parent this node would propose on now (need (a)). */
  hasWork(parent: CertifiedParent | undefined = this.parent()): boolean {
    if (!this.workReady || parent === undefined || this.watchedParent === undefined) return false
    return equalBytes(this.watchedParent, parent.digest)
  }

  /** The wall clock at this step; for block timestamps only. */
  wallMs(nowMs: number): number {
    return nowMs + this.shared.wallAheadMs
  }

  /** When the wall clock will show `wallMs` if nobody sets it; everything that waits for it looks again at each step. */
  whenWall(wallMs: number): number {
    return wallMs - this.shared.wallAheadMs
  }

  /** Holds a body under a view that this node knows; undefined at or below the tip. */
  holdBody(block: SealedBlock, view: number): HeldBlock | undefined {
    return this.blocks.add(block, { view, keep: (digest) => this.certificates.certifies(digest) })
  }

  emit(output: Output): void {
    this.out.push(output)
  }

  /** Schedules another evaluation at this time or earlier. */
  due(atMs: number): void {
    if (this.dueAtMs === undefined || atMs < this.dueAtMs) this.dueAtMs = atMs
  }

  /** Registers what a signature check is for and returns its id. */
  expect(check: PendingCheck): number {
    const id = this.shared.nextCheckId++
    this.checks.set(id, check)
    return id
  }

  /** True at most once per `everyMs` for this key; the memory is bounded. */
  allow(key: string, nowMs: number, everyMs: number): boolean {
    const nextAtMs = this.peerLimits.get(key)
    if (nextAtMs !== undefined && nowMs < nextAtMs) return false
    // Re-inserted, so that the oldest is dropped: clearing all would let one peer end every other limit.
    this.peerLimits.delete(key)
    if (this.peerLimits.size >= 1024) this.peerLimits.delete(this.peerLimits.keys().next().value!)
    this.peerLimits.set(key, nowMs + everyMs)
    return true
  }

  /** Journals a body once; precedes every own vote for it. */
  journalBlock(digest: Hash32): void {
    const held = this.blocks.get(digest)
    assert(held !== undefined, 'a journaled block is held')
    if (held.journaled) return
    held.journaled = true
    this.emit({
      kind: 'journal',
      record: {
        kind: 'block',
        body: { epoch: this.epoch, view: held.filedView, block: held.block.bytes },
      },
    })
  }

  halt(reason: string): void {
    if (this.halted) return
    this.halted = true
    this.emit({ kind: 'halt', reason })
  }
}

export function wantKey(digest: Hash32): string {
  return `block:${bytesKey(digest)}`
}
