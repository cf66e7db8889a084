// A simulated disk: appended bytes with a synced prefix, torn writes, bit flips, no space left, restored copies.
import { bytesKey, concatBytes } from '../../base/bytes.ts'
import type { Certificate, Subject } from '../../base/protocol/vote.ts'
import { decodeRecord, encodeRecord, type JournalRecord } from '../../consensus/records.ts'
import { subjectKey } from '../../consensus/subject.ts'
import { encodeFrame, FRAME_HEAD_BYTES, type Scan, scanFrames } from '../../storage/recordFile.ts'
import { SegmentExtents } from '../../storage/segmentExtents.ts'
import type { Random } from '../support/random.ts'
import { Violation } from '../support/violation.ts'

export type Damage = Scan['damage']

function entryOf(record: JournalRecord): string | undefined {
  switch (record.kind) {
    case 'intent':
      return intentEntry(record.body.subject)
    case 'block':
      return undefined
    case 'certificate':
      return certificateEntry(record.body.certificate)
    default:
      return undefined
  }
}

const intentEntry = (subject: Subject): string => `intent:${subject.epoch}:${subjectKey(subject)}`
const certificateEntry = (c: Certificate): string => `certificate:${c.subject.epoch}:${subjectKey(c.subject)}`
const blockEntry = (bytes: Uint8Array): string => `block:${bytesKey(bytes)}`

/** Small, so that segments come and go within a run. */
const SEGMENT_BYTES = 4_096

/** The view under which a record is filed: once it is final, the record may go. Written a second time: it checks the core's own. */
export function filedView(record: JournalRecord): number {
  switch (record.kind) {
    case 'block':
      return record.body.view
    case 'proposal':
      return record.body.vote.subject.view
    case 'intent':
      return record.body.subject.view
    case 'certificate':
      return record.body.certificate.subject.view
    case 'verdict':
      return 0
  }
}

interface SimSegment {
  readonly frames: Uint8Array[]
}

interface Pending {
  readonly frame: Uint8Array
  readonly entry: string | undefined
}

/**
 * Journal frames as the node writes them, in memory, in segments that the node's own rules rotate and drop, with a separate
 * index of durable records for the checks.
 */
export class SimDisk {
  /** Oldest first; the last one is written to. */
  #segments: SimSegment[] = []
  #extents = new SegmentExtents<SimSegment>(SEGMENT_BYTES)
  #unsynced: Pending[] = []
  readonly #durable = new Set<string>()
  #sizeBytes = 0
  /** Records synced so far. */
  #syncedCount = 0
  /** No space left: syncs fail; a crash may still leave part of the unsynced bytes. */
  full = false

  constructor() {
    this.#keep([])
  }

  append(record: JournalRecord): void {
    const entry = record.kind === 'block' ? blockEntry(record.body.block) : entryOf(record)
    const frame = encodeFrame(record.body.epoch, encodeRecord(record))
    this.#unsynced.push({ frame, entry })
    this.#extents.note(record, frame.length)
  }

  /** Number of records appended; `sync(mark)` covers exactly these. */
  mark(): number {
    return this.#syncedCount + this.#unsynced.length
  }

  /** False when the disk is full. */
  sync(mark: number): boolean {
    if (this.full) return false
    const count = Math.max(0, mark - this.#syncedCount)
    const current = this.#segments.at(-1)!.frames
    for (const { frame, entry } of this.#unsynced.splice(0, count)) {
      this.#syncedCount++
      current.push(frame)
      this.#sizeBytes += frame.length
      if (entry !== undefined) this.#durable.add(entry)
    }
    if (this.#extents.isFull) {
      const next: SimSegment = { frames: [] }
      this.#segments.push(next)
      this.#extents.rotate(next)
    }
    return true
  }

  #bytes(): Uint8Array {
    return concatBytes(...this.#segments.flatMap((segment) => segment.frames))
  }

  /** Keeps a random part of the unsynced bytes, possibly half a record. */
  crash(random: Random): void {
    const loose = concatBytes(...this.#unsynced.map((pending) => pending.frame))
    this.#syncedCount += this.#unsynced.length
    this.#unsynced = []
    if (loose.length === 0) return
    this.#segments.at(-1)!.frames.push(loose.slice(0, random.between(0, loose.length)))
  }

  /** Reads after a crash as the node does: keeps records before the first bad one, truncates the rest. */
  replay(): { readonly records: readonly JournalRecord[]; readonly damage: Damage } {
    const scan = scanFrames(this.#bytes(), 0)
    const records = scan.frames.map((frame) => decodeRecord(frame.payload))
    const frames = scan.frames.map((frame) => encodeFrame(frame.epoch, frame.payload))
    this.#keep(frames, records)
    this.#durable.clear()
    for (const record of records) {
      const entry = record.kind === 'block' ? blockEntry(record.body.block) : entryOf(record)
      if (entry !== undefined) this.#durable.add(entry)
    }
    return { records, damage: scan.damage }
  }

  /** One segment with these frames, which hold these records, and an empty one. */
  #keep(frames: Uint8Array[], records: readonly JournalRecord[] = []): void {
    const [old, current]: [SimSegment, SimSegment] = [{ frames }, { frames: [] }]
    this.#segments = [old, current]
    this.#extents = new SegmentExtents(SEGMENT_BYTES)
    this.#extents.restore(old, records)
    this.#extents.begin(current)
    this.#sizeBytes = frames.reduce((sum, frame) => sum + frame.length, 0)
  }

  /** Drops whole segments once their records are at or below this final (epoch, view). Throws Violation. */
  prune(epoch: number, view: number): void {
    const old = new Set(this.#extents.takeOld(epoch, view))
    for (const { frames } of old) for (const frame of frames) this.#drop(frame, { epoch, view })
    this.#segments = this.#segments.filter((segment) => !old.has(segment))
  }

  #drop(frame: Uint8Array, final: { readonly epoch: number; readonly view: number }): void {
    this.#sizeBytes -= frame.length
    const record = decodeRecord(scanFrames(frame, 0).frames[0]!.payload)
    const view = filedView(record)
    if (record.body.epoch < final.epoch || (record.body.epoch === final.epoch && view <= final.view)) return
    throw new Violation('journal', `dropped a ${record.kind} of view ${view} when ${final.view} was final`)
  }

  /** Loses the journal. */
  wipe(): void {
    this.#keep([])
    this.#unsynced = []
    this.#durable.clear()
  }

  /** A copy of the durable bytes, for `restore`. */
  copy(): Uint8Array {
    return this.#bytes()
  }

  /** Restores an earlier journal; the signer's flags stay. */
  restore(copy: Uint8Array): void {
    this.wipe()
    this.#keep([copy])
  }

  /** Flips one bit in one complete record; returns whether it was the last. Undefined without a record. */
  flipBit(random: Random): 'last' | 'middle' | undefined {
    const bytes = this.#bytes()
    const { frames } = scanFrames(bytes, 0)
    if (frames.length === 0) return undefined
    const chosen = random.between(0, frames.length - 1)
    let start = 0
    for (let i = 0; i < chosen; i++) start += FRAME_HEAD_BYTES + frames[i]!.payload.length
    const at = start + random.between(0, FRAME_HEAD_BYTES + frames[chosen]!.payload.length - 1)
    bytes[at]! ^= 1 << random.between(0, 7)
    this.#keep([bytes])
    return chosen === frames.length - 1 ? 'last' : 'middle'
  }

  hasIntent(subject: Subject): boolean {
    return this.#durable.has(intentEntry(subject))
  }

  hasCertificate(certificate: Certificate): boolean {
    return this.#durable.has(certificateEntry(certificate))
  }

  hasBlock(bytes: Uint8Array): boolean {
    return this.#durable.has(blockEntry(bytes))
  }

  get sizeBytes(): number {
    return this.#sizeBytes
  }
}
