// A simulated disk: bytes appended, a synced prefix, and a crash that tears what lies beyond it.
import { concatBytes } from '../../base/bytes.ts'
import { decodeRecord, encodeRecord, type JournalRecord } from '../../consensus/records.ts'
import { encodeFrame, scanFrames } from '../../node/recordFile.ts'
import type { Random } from './random.ts'

/** Journal frames exactly as the node writes them, in memory. */
export class SimDisk {
  #synced: Uint8Array = new Uint8Array(0)
  #unsynced: Uint8Array[] = []

  append(record: JournalRecord): void {
    this.#unsynced.push(encodeFrame(record.body.epoch, encodeRecord(record)))
  }

  /** Number of appended records not yet durable; a later `sync` covers exactly these. */
  mark(): number {
    return this.#unsynced.length
  }

  sync(count: number): void {
    this.#synced = concatBytes(this.#synced, ...this.#unsynced.splice(0, count))
  }

  /** Keeps an arbitrary part of what was not synced, possibly half a record. */
  crash(random: Random): void {
    const loose = concatBytes(...this.#unsynced)
    this.#unsynced = []
    this.#synced = concatBytes(this.#synced, loose.slice(0, random.between(0, loose.length)))
  }

  /** Reads after a crash: the torn tail is cut. */
  replay(): readonly JournalRecord[] {
    const scan = scanFrames(this.#synced, 0)
    if (scan.damage === 'corrupt') throw new Error('a simulated crash cannot corrupt the middle')
    this.#synced = this.#synced.slice(0, scan.validBytes)
    return scan.frames.map((frame) => decodeRecord(frame.payload))
  }

  /** Drops everything; only right after a commit made it useless. */
  clearIf(useless: (record: JournalRecord) => boolean): void {
    const kept = scanFrames(this.#synced, 0).frames.filter((frame) => !useless(decodeRecord(frame.payload)))
    this.#synced = concatBytes(...kept.map((frame) => encodeFrame(frame.epoch, frame.payload)))
  }

  /** A lost or rolled-back journal. */
  wipe(): void {
    this.#synced = new Uint8Array(0)
    this.#unsynced = []
  }

  get sizeBytes(): number {
    return this.#synced.length
  }
}
