// The local BLS signer with its own per-view flags on disk (CONSENSUS §5). It trusts neither the core nor the journal.
// Owns: what may be signed. Not: the records (signerRecords.ts), who may open the directory (signerDir.ts).
import { type FileHandle, mkdir, open } from 'node:fs/promises'
import { concatBytes } from '../base/bytes.ts'
import type { Bls } from '../base/crypto/types.ts'
import type { Hash32 } from '../base/ids.ts'
import {
  isWellFormedSubject,
  randaoBytes,
  type Subject,
  type Vote,
  voteBytes,
} from '../base/protocol/vote.ts'
import { type FlagRefusal, OwnVotes } from '../consensus/ownVotes.ts'
import type { Signer } from '../consensus/ports.ts'
import { listSegments, removeSegment } from '../storage/segments.ts'
import {
  encodeFloor,
  encodeSigned,
  type FolderState,
  readFolder,
  SIGNER_PREFIX,
  writeState,
} from './signerRecords.ts'

const SEGMENT_BYTES = 1024 * 1024
/** Older segments are kept only for audits of signed votes; a restart needs the last one. */
const SEGMENTS_KEPT = 16

/**
 * A signer that lost its record signs again in an epoch that begins this long after the loss was noticed: it cannot
 * have voted there before. Covers the difference between this machine's clock and the chain's.
 */
export const LOSS_MARGIN_MS = 60_000

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
  /**
   * True only when this key has certainly never signed on this chain (set by `init`). Otherwise a missing or damaged
   * file means lost flags: the signer observes until the next epoch.
   */
  readonly create: boolean
  /** The record in the directory belongs to another key and does not cover this one's votes. */
  readonly isForeign?: boolean
  readonly segmentBytes?: number
  /** Wall clock, Unix milliseconds; `Date.now` unless given. */
  readonly nowMs?: () => number
  readonly onRefused?: (subject: Subject, refusal: SignRefusal) => void
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
  /** When the flags were found lost; while set, nothing is signed. */
  #lostAtMs: number | undefined
  #file: FileHandle | undefined
  #fileBytes = 0
  #sequence: number
  #unwritten: Uint8Array[] = []
  #chain: Promise<unknown> = Promise.resolve()
  #failed = false
  #isClosed = false

  private constructor(options: SignerOptions, found: FolderState, file: FileHandle | undefined) {
    this.#options = options
    this.publicKey = options.bls.publicKey(options.secretKey)
    this.#sequence = found.sequence
    this.#file = file
    if (found.kind === 'lost' || (found.kind === 'none' && !options.create)) this.#lostAtMs = this.#nowMs()
    if (found.kind !== 'found') return
    this.#epoch = found.state.epoch
    this.#votes = found.state.votes
    this.#lostAtMs = found.state.lostAtMs
    this.#fileBytes = found.bytes
  }

  /** Opens or creates the signer's directory; a damaged file is set aside and its flags count as lost. */
  static async open(options: SignerOptions): Promise<LocalSigner> {
    await mkdir(options.dir, { recursive: true, mode: 0o700 })
    const found = await readFolder(options.dir, options.genesisHash)
    if (options.isForeign === true) {
      return new LocalSigner(options, { kind: 'none', sequence: found.sequence }, undefined)
    }
    if (found.kind !== 'found') return new LocalSigner(options, found, undefined)
    options.onRecorded?.()
    return new LocalSigner(options, found, await open(found.path, 'a'))
  }

  get observing(): boolean {
    return this.#lostAtMs !== undefined
  }

  #nowMs(): number {
    return (this.#options.nowMs ?? Date.now)()
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
   * Raises the epoch: flags start empty and no older epoch can be signed. A lower epoch changes nothing: a node that is
   * behind signs nothing until it catches up with its signer. A signer that lost its record keeps observing when the
   * epoch began before the loss: a node that syncs from the start passes epochs in which it has voted.
   */
  beginEpoch(epoch: number, floorTimestampMs: number): Promise<void> {
    return this.#serial(async () => {
      if (epoch <= this.#epoch) return
      const lostAtMs = this.#lostAtMs ?? 0
      if (floorTimestampMs > lostAtMs + LOSS_MARGIN_MS) this.#lostAtMs = undefined
      this.#epoch = epoch
      this.#votes = new OwnVotes()
      this.#unwritten = []
      await this.#startSegment()
      this.#options.onRecorded?.()
    })
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
    const bytes = concatBytes(...this.#unwritten)
    this.#unwritten = []
    try {
      await this.#file.appendFile(bytes)
      await this.#file.datasync()
      this.#fileBytes += bytes.length
      if (this.#fileBytes >= (this.#options.segmentBytes ?? SEGMENT_BYTES)) await this.#startSegment()
    } catch (error) {
      // After a failed sync the disk's content is unknown: nothing more is signed by this process.
      this.#failed = true
      throw error
    }
  }

  async #startSegment(): Promise<void> {
    const { dir, genesisHash } = this.#options
    this.#sequence++
    const state = { epoch: this.#epoch, lostAtMs: this.#lostAtMs, votes: this.#votes }
    const next = await writeState(dir, { genesisHash, sequence: this.#sequence, state })
    await this.#file?.close()
    this.#file = next.file
    this.#fileBytes = next.bytes
    const old = (await listSegments(dir, SIGNER_PREFIX)).slice(0, -SEGMENTS_KEPT)
    for (const segment of old) await removeSegment(segment.path)
  }
}
