// The local BLS signer with its own per-view flags on disk (CONSENSUS §5). It trusts neither the core nor the journal.
// Owns: what may be signed. Not: the records (signerRecords.ts), who may open the directory (signerDir.ts).
import { randomBytes } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import type { Bls } from '../base/crypto/types.ts'
import type { Hash32 } from '../base/ids.ts'
import { type EpochStep, followStep } from '../base/protocol/epochStep.ts'
import { type TrustedSet, trustedSet } from '../base/protocol/finalityProof.ts'
import type { ReceiptProof } from '../base/protocol/receiptProof.ts'
import type { ValidatorSet } from '../base/protocol/validators.ts'
import {
  isWellFormedSubject,
  randaoBytes,
  type Subject,
  type Vote,
  voteBytes,
} from '../base/protocol/vote.ts'
import { type FlagRefusal, OwnVotes } from '../consensus/ownVotes.ts'
import type { EpochEvidence, Signer, SignerLoss } from '../consensus/ports.ts'
import { type FolderState, readFolder, SignerFile, setLostAside } from './signerFile.ts'
import { encodeFloor, encodeSigned, type FlagState } from './signerRecords.ts'
import {
  LOSS_NONCE_BYTES,
  type Loss,
  lossIn,
  observesIn,
  proveLoss,
  type TrustRecord,
  trustOf,
} from './signerTrust.ts'

const SEGMENT_BYTES = 1024 * 1024
/** Answers of one walk to an epoch; each leads further. */
const WALK_ANSWERS_MAX = 4_096
/** Signatures checked in one answer of a peer that claims votes of this key; a liar costs no more. */
const HELD_CHECKS_MAX = 8

/** Why a vote is not signed: the flags of its view, or the signer's own state. */
export type SignRefusal = FlagRefusal | 'otherEpoch' | 'malformed' | 'observing' | 'stopped'

/**
 * Refusals not logged one by one: the node is briefly behind its signer, or already knows that the record is lost. All
 * others mean that the node asked for a contradiction.
 */
export const QUIET_REFUSALS: ReadonlySet<SignRefusal> = new Set(['belowFloor', 'otherEpoch', 'observing'])

export interface SignerOptions {
  readonly dir: string
  readonly genesisHash: Hash32
  readonly secretKey: Uint8Array
  readonly bls: Bls
  /** The set of epoch 0: from here proofs lead to every later epoch. */
  readonly genesisSet: ValidatorSet
  /**
   * True only when this key has certainly never signed on this chain (set by `init`). Otherwise a missing or damaged
   * file means lost flags: the signer observes until an epoch that is proven to be later than the loss.
   */
  readonly create: boolean
  /** The record in the directory belongs to another key and does not cover this one's votes. */
  readonly isForeign?: boolean
  readonly segmentBytes?: number
  readonly onRefused?: (subject: Subject, refusal: SignRefusal) => void
  /** An epoch was asked for that nothing proves; `reason` is a full sentence. */
  readonly onUnproven?: (epoch: number, reason: string) => void
  /** Called when the record is found lost; `reason` says what is wrong with it. */
  readonly onLost?: (reason: string) => void
  /** Called when a record of this epoch exists: from now on its loss must be noticed. */
  readonly onRecorded?: () => void
  /** Called once, after the last write. */
  readonly onClosed?: () => Promise<void>
}

export class LocalSigner implements Signer {
  readonly publicKey: Uint8Array
  readonly #options: SignerOptions
  #epoch = -1
  #votes = new OwnVotes()
  /** Set while the record is lost; then nothing is signed in this epoch. */
  #loss: Loss | undefined
  #trusted: TrustedSet
  /** Durable with the next record; undefined while it is genesis's. */
  #trustRecord: TrustRecord | undefined
  #file: SignerFile | undefined
  /** Where a new file begins. */
  readonly #sequence: number
  #unwritten: Uint8Array[] = []
  #chain: Promise<unknown> = Promise.resolve()
  #failed = false
  #isClosed = false

  private constructor(options: SignerOptions, found: FolderState) {
    this.#options = options
    this.publicKey = options.bls.publicKey(options.secretKey)
    this.#sequence = found.sequence
    const { genesisHash, genesisSet: set } = options
    this.#trusted = trustedSet({ genesisHash, epoch: 0, height: 0, set })
    if (found.kind === 'none') return
    const state = found.kind === 'found' ? found.state : found.rest
    this.#epoch = state.epoch
    this.#trust(state.trusted)
    if (found.kind !== 'found') return
    this.#votes = state.votes
    this.#loss = lossIn(state.loss, state.epoch)
  }

  /** Opens or creates the signer's directory; a damaged file is set aside and its flags count as lost. */
  static async open(options: SignerOptions): Promise<LocalSigner> {
    const { dir, genesisHash, create } = options
    const owner = { genesisHash, publicKey: options.bls.publicKey(options.secretKey) }
    await mkdir(dir, { recursive: true, mode: 0o700 })
    const read = await readFolder(dir, owner)
    const found = isUnused(read, options) ? ({ kind: 'none', sequence: read.sequence } as const) : read
    const signer = new LocalSigner(options, found)
    if (found.kind === 'found') signer.#file = await SignerFile.resume(dir, owner, found)
    else if (found.kind === 'lost' || !create) {
      await setLostAside(found)
      await signer.#lose(found.kind === 'lost' ? found.reason : 'there is no record of this key')
    }
    if (signer.#file !== undefined) options.onRecorded?.()
    return signer
  }

  get observing(): boolean {
    return this.#loss !== undefined
  }

  /** The losses that a proof would end; `prove` resolves with a full sentence when the proof is refused. */
  losses(): readonly SignerLoss[] {
    const loss = this.#loss
    if (loss === undefined || loss.resumeAfter !== undefined) return []
    const { nonce } = loss
    return [{ nonce, prove: (transaction, proof) => this.proveLoss(transaction, proof) }]
  }

  /** The highest epoch whose set is proven. */
  get trustedEpoch(): number {
    return this.#trusted.epoch
  }

  /** The epoch whose votes are signed; −1 before the first. */
  get epoch(): number {
    return this.#epoch
  }

  /** Nothing at or below this view is signed again. */
  get floor(): number {
    return this.#votes.floor
  }

  /** A write failed: this process signs nothing more. */
  get failed(): boolean {
    return this.#failed
  }

  /**
   * Raises the epoch once the evidence proves that it has begun: flags start empty and no older epoch can be signed. A
   * lower epoch changes nothing: a node that is behind signs nothing until it catches up with its signer.
   */
  beginEpoch(epoch: number, evidence: EpochEvidence): Promise<void> {
    return this.#serial(async () => {
      if (epoch <= this.#epoch || this.#isClosed) return
      const refusal = await this.#walk(epoch, evidence)
      if (refusal !== undefined) this.#options.onUnproven?.(epoch, refusal)
      else await this.#begin(epoch)
    })
  }

  /** Begins an epoch that earlier steps have proven; false when they have not. */
  beginProven(epoch: number): Promise<boolean> {
    return this.#serial(async () => {
      if (epoch <= this.#epoch || this.#isClosed) return true
      if (epoch !== this.#trusted.epoch) return false
      await this.#begin(epoch)
      return true
    })
  }

  /** Verifies one step towards a later epoch; resolves with a full sentence when it is refused. */
  follow(step: EpochStep): Promise<string | undefined> {
    return this.#serial(async () => this.#follow(step))
  }

  #follow(step: EpochStep): string | undefined {
    const { bls } = this.#options
    const result = followStep(this.#trusted, step, { ownKey: this.publicKey, bls })
    if (!result.ok) return result.reason
    const { epoch, height, set } = result.value
    this.#trusted = result.value
    this.#trustRecord = { epoch, height, set }
    return undefined
  }

  /** Follows the evidence to `epoch`; why it does not lead there. */
  async #walk(epoch: number, evidence: EpochEvidence): Promise<string | undefined> {
    for (let answers = 0; this.#trusted.epoch < epoch && answers < WALK_ANSWERS_MAX; answers++) {
      const steps = await evidence(this.#trusted.epoch)
      if (steps.length === 0) return `no proof leads on from epoch ${this.#trusted.epoch}`
      for (const step of steps) {
        const refusal = this.#follow(step)
        if (refusal !== undefined) return refusal
      }
    }
    if (this.#trusted.epoch === epoch) return undefined
    return `the proofs lead to epoch ${this.#trusted.epoch}`
  }

  async #begin(epoch: number): Promise<void> {
    this.#loss = lossIn(this.#loss, epoch)
    this.#epoch = epoch
    this.#votes = new OwnVotes()
    this.#unwritten = []
    await this.#startSegment()
    this.#options.onRecorded?.()
  }

  /** Ends a loss in the epoch after the one that the proof shows. */
  proveLoss(transaction: Uint8Array, proof: ReceiptProof): Promise<string | undefined> {
    return this.#serial(async () => {
      const loss = this.#loss
      if (loss === undefined || loss.resumeAfter !== undefined || this.#isClosed) return undefined
      const proven = proveLoss(this.#trusted, loss, { transaction, proof }, this.#options.bls)
      if (!proven.ok) return proven.reason
      this.#loss = lossIn(proven.loss, this.#epoch)
      await this.#startSegment()
      return undefined
    })
  }

  /** Draws a new number at once, so that a block that shows it is younger than those votes. */
  noteHeld(votes: readonly Vote[]): Promise<void> {
    return this.#serial(async () => {
      if (this.#isClosed || this.losses().length > 0) return
      const unknown = votes.filter(({ subject }) => this.#isUnknown(subject)).slice(0, HELD_CHECKS_MAX)
      const found = unknown.find((vote) => this.#isOwn(vote))
      if (found === undefined) return
      const { kind, epoch, view } = found.subject
      await this.#lose(`a peer holds its ${kind} vote in view ${view} of epoch ${epoch}, which is not in it`)
    })
  }

  #isUnknown(subject: Subject): boolean {
    if (!isWellFormedSubject(subject) || subject.epoch < this.#epoch) return false
    // Votes before a proven loss are expected to turn up.
    if (observesIn(this.#loss, subject.epoch)) return false
    if (subject.epoch > this.#epoch) return true
    return subject.view > this.#votes.floor && !this.#votes.has(subject)
  }

  #isOwn({ subject, signature }: Vote): boolean {
    const { bls, genesisHash } = this.#options
    return bls.verify(this.publicKey, voteBytes(genesisHash, subject), signature)
  }

  async #lose(reason: string): Promise<void> {
    const nonce = new Uint8Array(randomBytes(LOSS_NONCE_BYTES))
    this.#loss = { nonce, resumeAfter: undefined }
    this.#epoch = Math.max(0, this.#epoch)
    this.#votes = new OwnVotes()
    this.#unwritten = []
    await this.#startSegment()
    this.#options.onLost?.(reason)
  }

  #trust(record: TrustRecord | undefined): void {
    if (record === undefined) return
    this.#trusted = trustOf(this.#options.genesisHash, record)
    this.#trustRecord = record
  }

  signed(): readonly Subject[] {
    return this.#votes.subjects()
  }

  raiseFloor(epoch: number, view: number): void {
    if (epoch !== this.#epoch || view <= this.#votes.floor) return
    this.#votes.raiseFloor(view)
    this.#unwritten = [encodeFloor(epoch, view)]
  }

  async sign(signer: number, subjects: readonly Subject[]): Promise<readonly (Vote | undefined)[]> {
    const decided = await this.decide(signer, subjects)
    return decided.map((vote) => (typeof vote === 'string' ? undefined : vote))
  }

  /** Like `sign`, with a reason in place of each refused vote. */
  decide(signer: number, subjects: readonly Subject[]): Promise<readonly (Vote | SignRefusal)[]> {
    return this.#serial(async () => {
      const refusals = subjects.map((subject) => this.#accept(subject))
      await this.#flush()
      return subjects.map((subject, i) => refusals[i] ?? this.#vote(signer, subject))
    })
  }

  /** Checks and records one subject; undefined when it may be signed once the records are durable. */
  #accept(subject: Subject): SignRefusal | undefined {
    const refusal = this.#refusal(subject)
    if (refusal !== undefined) this.#options.onRefused?.(subject, refusal)
    else if (!this.#votes.has(subject)) {
      this.#votes.record(subject)
      this.#unwritten.push(encodeSigned(subject))
    }
    return refusal
  }

  #refusal(subject: Subject): SignRefusal | undefined {
    if (this.observing) return 'observing'
    // Without a file votes cannot be recorded, so none may be signed.
    if (this.#failed || this.#file === undefined) return 'stopped'
    if (subject.epoch !== this.#epoch) return 'otherEpoch'
    if (!isWellFormedSubject(subject)) return 'malformed'
    return this.#votes.refuses(subject)
  }

  #vote(signer: number, subject: Subject): Vote {
    const { bls, secretKey, genesisHash } = this.#options
    return { subject, signer, signature: bls.sign(secretKey, voteBytes(genesisHash, subject)) }
  }

  async signRandao(epoch: number, height: number): Promise<Uint8Array> {
    const { bls, secretKey, genesisHash } = this.#options
    return bls.sign(secretKey, randaoBytes(genesisHash, epoch, height))
  }

  close(): Promise<void> {
    return this.#serial(async () => {
      if (this.#isClosed) return
      this.#isClosed = true
      try {
        if (!this.#failed) await this.#flush()
        await this.#file?.close()
      } finally {
        this.#file = undefined
        await this.#options.onClosed?.()
      }
    })
  }

  #serial<T>(work: () => Promise<T>): Promise<T> {
    const next = this.#chain.then(work)
    this.#chain = next.catch(() => undefined)
    return next
  }

  async #flush(): Promise<void> {
    if (this.#unwritten.length === 0 || this.#file === undefined) return
    const records = this.#unwritten
    this.#unwritten = []
    try {
      await this.#file.append(records)
      if (this.#file.bytes >= (this.#options.segmentBytes ?? SEGMENT_BYTES)) await this.#startSegment()
    } catch (error) {
      // After a failed sync the disk's content is unknown: nothing more is signed by this process.
      this.#failed = true
      throw error
    }
  }

  async #startSegment(): Promise<void> {
    const { dir, genesisHash } = this.#options
    const { publicKey } = this
    const state: FlagState = {
      epoch: this.#epoch,
      loss: this.#loss,
      trusted: this.#trustRecord,
      votes: this.#votes,
    }
    if (this.#file !== undefined) return this.#file.rotate(state)
    this.#file = await SignerFile.start(dir, { genesisHash, publicKey }, { sequence: this.#sequence, state })
  }
}

/** Nothing in the folder binds this key: another key's record, or a first start that ended before its mark was written. */
function isUnused(found: FolderState, { isForeign, create }: SignerOptions): boolean {
  if (isForeign === true) return true
  return found.kind === 'lost' && found.isUnmarked && create
}
