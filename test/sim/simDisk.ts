// A simulated disk: appended bytes with a synced prefix, torn writes, bit flips, no space left, restored copies.
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

/** Journal frames as the node writes them, in memory, with a separate index of durable records for the checks. */
export class SimDisk {
  #synced: Uint8Array[] = []
  #unsynced: Pending[] = []
  readonly #durable = new Set<string>()
  #sizeBytes = 0
  /** Records synced so far. */
  #syncedCount = 0
  /** No space left: syncs fail; a crash may still leave part of the unsynced bytes. */
  full = false

  append(record: JournalRecord): void {
    const entry = record.kind === 'block' ? blockEntry(record.body.block) : entryOf(record)
    this.#unsynced.push({ frame: encodeFrame(record.body.epoch, encodeRecord(record)), entry })
  }

  /** Number of records appended; `sync(mark)` covers exactly these. */
  mark(): number {
    return this.#syncedCount + this.#unsynced.length
  }

  /** False when the disk is full. */
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

  /** Keeps a random part of the unsynced bytes, possibly half a record. */
  crash(random: Random): void {
    const loose = concatBytes(...this.#unsynced.map((pending) => pending.frame))
    this.#syncedCount += this.#unsynced.length
    this.#unsynced = []
    if (loose.length > 0) this.#synced.push(loose.slice(0, random.between(0, loose.length)))
  }

  /** Reads after a crash as the node does: keeps records before the first bad one, truncates the rest. */
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

  /** Drops records that a commit made useless. */
  clearIf(useless: (record: JournalRecord) => boolean): void {
    const { frames } = scanFrames(concatBytes(...this.#synced), 0)
    const kept = frames.filter((frame) => !useless(decodeRecord(frame.payload)))
    this.#keep(kept.map((frame) => encodeFrame(frame.epoch, frame.payload)))
  }

  /** Loses the journal. */
  wipe(): void {
    this.#keep([])
    this.#unsynced = []
    this.#durable.clear()
  }

  /** A copy of the durable bytes, for `restore`. */
  copy(): Uint8Array {
    return concatBytes(...this.#synced)
  }

  /** Restores an earlier journal; the signer's flags stay. */
  restore(copy: Uint8Array): void {
    this.wipe()
    this.#keep([copy])
  }

  /** Flips one bit in one complete record; returns whether it was the last. Undefined without a record. */
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
