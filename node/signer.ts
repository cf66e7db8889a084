// The local BLS signer with its own per-view flags on disk (CONSENSUS §5). It trusts nobody: not the core, not the journal.
import { type FileHandle, mkdir, open } from 'node:fs/promises'
import { assert } from '../base/assert.ts'
import { concatBytes } from '../base/bytes.ts'
import type { Bls } from '../base/crypto/types.ts'
import type { Hash32 } from '../base/ids.ts'
import {
  isWellFormedSubject,
  randaoBytes,
  type Subject,
  subjectSchema,
  type Vote,
  voteBytes,
} from '../base/protocol/vote.ts'
import { message, t } from '../base/schema.ts'
import { OwnVotes } from '../consensus/ownVotes.ts'
import type { Signer } from './ports.ts'
import { encodeFrame, type Frame } from './recordFile.ts'
import { createSegment, listSegments, readSegment, removeSegment, segmentPath, setAside } from './segments.ts'

export const SIGNER_PREFIX = 'signer'
const SEGMENT_BYTES = 1024 * 1024
/** Older segments are kept only to audit what was signed; restarting needs the last one. */
const SEGMENTS_KEPT = 16

/** First byte of a payload. */
export const SIGNER_RECORDS = { epoch: 1, floor: 2, signed: 3, observe: 4 } as const

const viewSchema = message('SignerFloor', { view: t.u64 })

export interface SignerOptions {
  readonly dir: string
  readonly genesisHash: Hash32
  readonly secretKey: Uint8Array
  readonly bls: Bls
  /**
   * True only when this key has certainly never signed on this chain (set by `init`). Otherwise a missing or damaged file
   * means that flags are lost: the signer observes until the next epoch.
   */
  readonly create: boolean
  readonly segmentBytes?: number
}

/** What a signer's folder says about the current epoch. */
interface Restored {
  epoch: number
  readonly votes: OwnVotes
  observesEpoch: number | undefined
}

export class LocalSigner implements Signer {
  readonly publicKey: Uint8Array
  readonly #options: SignerOptions
  #epoch: number
  #votes: OwnVotes
  /** The flags of this epoch are lost; nothing is signed in it. */
  #observesEpoch: number | undefined
  /** Flags are lost and the epoch is not known yet. */
  #lost: boolean
  #file: FileHandle | undefined
  #fileBytes = 0
  #sequence: number
  #unwritten: Uint8Array[] = []
  #chain: Promise<unknown> = Promise.resolve()
  #failed = false

  private constructor(
    options: SignerOptions,
    found: {
      restored: Restored
      lost: boolean
      sequence: number
      file: FileHandle | undefined
      bytes: number
    },
  ) {
    this.#options = options
    this.publicKey = options.bls.publicKey(options.secretKey)
    this.#epoch = found.restored.epoch
    this.#votes = found.restored.votes
    this.#observesEpoch = found.restored.observesEpoch
    this.#lost = found.lost
    this.#sequence = found.sequence
    this.#file = found.file
    this.#fileBytes = found.bytes
  }

  /** Opens or creates the signer's folder; a damaged file is set aside and its flags count as lost. */
  static async open(options: SignerOptions): Promise<LocalSigner> {
    const { dir, genesisHash } = options
    await mkdir(dir, { recursive: true, mode: 0o700 })
    const last = (await listSegments(dir, SIGNER_PREFIX)).at(-1)
    const empty: Restored = { epoch: -1, votes: new OwnVotes(), observesEpoch: undefined }
    if (last === undefined) {
      return new LocalSigner(options, {
        restored: empty,
        lost: !options.create,
        sequence: 0,
        file: undefined,
        bytes: 0,
      })
    }
    const scan = await readSegment(last.path, genesisHash)
    if (scan.damage === 'corrupt' || scan.frames.length === 0) {
      await setAside(last.path)
      return new LocalSigner(options, {
        restored: empty,
        lost: true,
        sequence: last.sequence,
        file: undefined,
        bytes: 0,
      })
    }
    const file = await open(last.path, 'r+')
    // A torn record was never synced, so nothing was signed for it.
    if (scan.damage === 'torn') {
      await file.truncate(scan.validBytes)
      await file.sync()
    }
    await file.close()
    const appending = await open(last.path, 'a')
    const restored = restore(scan.frames)
    const { sequence } = last
    return new LocalSigner(options, {
      restored,
      lost: false,
      sequence,
      file: appending,
      bytes: scan.validBytes,
    })
  }

  /** Whether this epoch's flags are lost, so that nothing is signed until the next. */
  get observing(): boolean {
    return this.#lost || (this.#observesEpoch !== undefined && this.#observesEpoch === this.#epoch)
  }

  /** Raises the epoch: flags begin empty and every older right is gone. A lower epoch is refused with a throw. */
  beginEpoch(epoch: number): Promise<void> {
    return this.#serial(async () => {
      if (epoch === this.#epoch && !this.#lost) return
      assert(epoch > this.#epoch || this.#lost, `the signer is in epoch ${this.#epoch}, not ${epoch}`)
      if (this.#lost) this.#observesEpoch = epoch
      this.#lost = false
      this.#epoch = epoch
      this.#votes = new OwnVotes()
      this.#unwritten = []
      await this.#startSegment()
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

  sign(signer: number, subjects: readonly Subject[]): Promise<readonly (Vote | undefined)[]> {
    return this.#serial(async () => {
      const allowed = subjects.map((subject) => this.#accept(subject))
      await this.#flush()
      return subjects.map((subject, i) => (allowed[i] === true ? this.#vote(signer, subject) : undefined))
    })
  }

  /** Checks and records one subject; true when it may be signed once the records are durable. */
  #accept(subject: Subject): boolean {
    // Without a file nothing can be recorded, so nothing may be signed.
    if (this.observing || this.#failed || this.#file === undefined) return false
    if (subject.epoch !== this.#epoch || !isWellFormedSubject(subject)) return false
    if (this.#votes.refuses(subject) !== undefined) return false
    if (this.#votes.has(subject)) return true
    this.#votes.record(subject)
    this.#unwritten.push(encodeSigned(subject))
    return true
  }

  #vote(signer: number, subject: Subject): Vote {
    const { bls, secretKey, genesisHash } = this.#options
    return { subject, signer, signature: bls.sign(secretKey, voteBytes(genesisHash, subject)) }
  }

  async signRandao(epoch: number, height: number): Promise<Uint8Array> {
    const { bls, secretKey, genesisHash } = this.#options
    return bls.sign(secretKey, randaoBytes(genesisHash, epoch, height))
  }

  async close(): Promise<void> {
    await this.#serial(async () => {
      if (!this.#failed) await this.#flush()
      await this.#file?.close()
      this.#file = undefined
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

  /** Begins a file with everything a restart needs: epoch, floor and every flag above it. */
  async #startSegment(): Promise<void> {
    const { dir, genesisHash } = this.#options
    const parts = [encodeFrame(this.#epoch, new Uint8Array([SIGNER_RECORDS.epoch]))]
    if (this.#observesEpoch === this.#epoch) {
      parts.push(encodeFrame(this.#epoch, new Uint8Array([SIGNER_RECORDS.observe])))
    }
    if (this.#votes.floor > 0) parts.push(encodeFloor(this.#epoch, this.#votes.floor))
    for (const subject of this.#votes.subjects()) parts.push(encodeSigned(subject))
    const body = concatBytes(...parts)
    this.#sequence++
    const next = await createSegment(segmentPath(dir, SIGNER_PREFIX, this.#sequence), genesisHash, body)
    await this.#file?.close()
    this.#file = next
    this.#fileBytes = body.length
    const old = (await listSegments(dir, SIGNER_PREFIX)).slice(0, -SEGMENTS_KEPT)
    for (const segment of old) await removeSegment(segment.path)
  }
}

function encodeFloor(epoch: number, view: number): Uint8Array {
  return encodeFrame(epoch, concatBytes(new Uint8Array([SIGNER_RECORDS.floor]), viewSchema.encode({ view })))
}

function encodeSigned(subject: Subject): Uint8Array {
  const payload = concatBytes(new Uint8Array([SIGNER_RECORDS.signed]), subjectSchema.encode(subject))
  return encodeFrame(subject.epoch, payload)
}

/** The subject of a `signed` record; undefined for any other. Throws SchemaError when malformed. */
export function signedSubject(frame: Frame): Subject | undefined {
  if (frame.payload[0] !== SIGNER_RECORDS.signed) return undefined
  return subjectSchema.decode(frame.payload.subarray(1))
}

function restore(frames: readonly Frame[]): Restored {
  const epoch = Math.max(...frames.map((frame) => frame.epoch))
  const restored: Restored = { epoch, votes: new OwnVotes(), observesEpoch: undefined }
  for (const frame of frames) {
    if (frame.epoch !== epoch) continue
    const kind = frame.payload[0]
    if (kind === SIGNER_RECORDS.observe) restored.observesEpoch = epoch
    else if (kind === SIGNER_RECORDS.floor) {
      restored.votes.raiseFloor(viewSchema.decode(frame.payload.subarray(1)).view)
    } else {
      const subject = signedSubject(frame)
      if (subject !== undefined) restored.votes.adopt(subject)
    }
  }
  return restored
}
