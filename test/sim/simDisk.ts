// A simulated disk: bytes appended, a synced prefix, crashes that tear, bits that flip, no space left, old copies restored.
import { bytesKey, concatBytes } from '../../base/bytes.ts'
import type { Certificate, Subject } from '../../base/protocol/vote.ts'
import { decodeRecord, encodeRecord, type JournalRecord } from '../../consensus/records.ts'
import { subjectKey } from '../../consensus/subject.ts'
import { encodeFrame, FRAME_HEAD_BYTES, type Scan, scanFrames } from '../../storage/recordFile.ts'
import type { Random } from '../support/random.ts'

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

interface Pending {
  readonly frame: Uint8Array
  readonly entry: string | undefined
}

/** Journal frames exactly as the node writes them, in memory, and an index of what is durable, kept apart for the checks. */
export class SimDisk {
  #synced: Uint8Array[] = []
  #unsynced: Pending[] = []
  readonly #durable = new Set<string>()
  #sizeBytes = 0
  /** Records that left the unsynced list, ever. */
  #syncedCount = 0
  /** No space left: a sync writes what still fits, perhaps half a record, and fails. */
  full = false

  append(record: JournalRecord): void {
    const entry = record.kind === 'block' ? blockEntry(record.body.block) : entryOf(record)
    this.#unsynced.push({ frame: encodeFrame(record.body.epoch, encodeRecord(record)), entry })
  }

  /** Records appended so far; `sync(mark)` covers exactly these. */
  mark(): number {
    return this.#syncedCount + this.#unsynced.length
  }

  /** False when the disk refused. */
  sync(mark: number): boolean {
    if (this.full) return false
    const count = Math.max(0, mark - this.#syncedCount)
    for (const { frame, entry } of this.#unsynced.splice(0, count)) {
      this.#syncedCount++
      this.#synced.push(frame)
      this.#sizeBytes += frame.length
      if (entry !== undefined) this.#durable.add(entry)
    }
    return true
  }

  /** Keeps an arbitrary part of what was not synced, possibly half a record. */
  crash(random: Random): void {
    const loose = concatBytes(...this.#unsynced.map((pending) => pending.frame))
    this.#syncedCount += this.#unsynced.length
    this.#unsynced = []
    if (loose.length > 0) this.#synced.push(loose.slice(0, random.between(0, loose.length)))
  }

  /** Reads after a crash as the node does: what stands before the first bad record counts, the rest is cut. */
  replay(): { readonly records: readonly JournalRecord[]; readonly damage: Damage } {
    const scan = scanFrames(concatBytes(...this.#synced), 0)
    const records = scan.frames.map((frame) => decodeRecord(frame.payload))
    this.#keep(scan.frames.map((frame) => encodeFrame(frame.epoch, frame.payload)))
    this.#durable.clear()
    for (const record of records) {
      const entry = record.kind === 'block' ? blockEntry(record.body.block) : entryOf(record)
      if (entry !== undefined) this.#durable.add(entry)
    }
    return { records, damage: scan.damage }
  }

  #keep(frames: Uint8Array[]): void {
    this.#synced = frames
    this.#sizeBytes = frames.reduce((sum, frame) => sum + frame.length, 0)
  }

  /** Drops what a commit has made useless. */
  clearIf(useless: (record: JournalRecord) => boolean): void {
    const { frames } = scanFrames(concatBytes(...this.#synced), 0)
    const kept = frames.filter((frame) => !useless(decodeRecord(frame.payload)))
    this.#keep(kept.map((frame) => encodeFrame(frame.epoch, frame.payload)))
  }

  /** A lost journal. */
  wipe(): void {
    this.#keep([])
    this.#unsynced = []
    this.#durable.clear()
  }

  /** A copy of what is durable now, for `restore`. */
  copy(): Uint8Array {
    return concatBytes(...this.#synced)
  }

  /** The journal as it was at some earlier time; the signer's flags stay as they are. */
  restore(copy: Uint8Array): void {
    this.wipe()
    this.#keep([copy])
  }

  /** Flips one bit of one whole record; says whether it was the last one. Undefined when there is no record. */
  flipBit(random: Random): 'last' | 'middle' | undefined {
    const bytes = concatBytes(...this.#synced)
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
