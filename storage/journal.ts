// The consensus journal on disk (CONSENSUS §5). Owns: appending, group commit, rotation, pruning, reading after a crash.
import { type FileHandle, mkdir } from 'node:fs/promises'
import { concatBytes } from '../base/bytes.ts'
import type { Hash32 } from '../base/ids.ts'
import type { JournalStore } from '../consensus/ports.ts'
import { decodeRecord, encodeRecord, type JournalRecord } from '../consensus/records.ts'
import { ClosedMark } from './closedMark.ts'
import { truncateDurably } from './durableFile.ts'
import { encodeFrame } from './recordFile.ts'
import { SegmentExtents } from './segmentExtents.ts'
import {
  createSegment,
  listSegments,
  readSegment,
  removeSegment,
  type SegmentFile,
  segmentPath,
  segmentSizes,
  setAside,
} from './segments.ts'

const PREFIX = 'journal'
const SEGMENT_BYTES = 8 * 1024 * 1024

export interface JournalOptions {
  readonly dir: string
  readonly genesisHash: Hash32
  readonly segmentBytes?: number
}

/** An open journal; `damage` is what opening found. */
export class Journal implements JournalStore {
  readonly damage: 'none' | 'torn' | 'corrupt'
  #replayed: readonly JournalRecord[]
  readonly #options: Required<JournalOptions>
  readonly #segments: SegmentExtents<SegmentFile>
  #sequence: number
  #file: FileHandle
  readonly #mark: ClosedMark
  #pending: Uint8Array[] = []
  #running: Promise<void> | undefined
  #queued: Promise<void> | undefined
  #failure: unknown

  private constructor(options: {
    options: Required<JournalOptions>
    replayed: readonly JournalRecord[]
    damage: 'none' | 'torn' | 'corrupt'
    segments: SegmentExtents<SegmentFile>
    sequence: number
    file: FileHandle
    mark: ClosedMark
  }) {
    this.#options = options.options
    this.#replayed = options.replayed
    this.damage = options.damage
    this.#segments = options.segments
    this.#sequence = options.sequence
    this.#file = options.file
    this.#mark = options.mark
  }

  get replayed(): readonly JournalRecord[] {
    return this.#replayed
  }

  /** Reads the records, sets damaged files aside, and starts a new segment. Throws SegmentError on a foreign file. */
  static async open(given: JournalOptions): Promise<Journal> {
    const options = { segmentBytes: SEGMENT_BYTES, ...given }
    const { dir, genesisHash } = options
    await mkdir(dir, { recursive: true })
    const replayed: JournalRecord[] = []
    const segments = new SegmentExtents<SegmentFile>(options.segmentBytes)
    let damage: 'none' | 'torn' | 'corrupt' = 'none'
    const files = await listSegments(dir, PREFIX)
    const mark = await ClosedMark.read(dir)
    if (mark.said !== undefined && mark.said !== (await segmentSizes(files))) damage = 'corrupt'
    await mark.remove()
    for (const [i, file] of files.entries()) {
      const scan = await readSegment(file.path, genesisHash)
      const records = scan.frames.map((frame) => decodeRecord(frame.payload))
      replayed.push(...records)
      // A segment is synced before the next one starts, so a torn file before the last has lost records.
      const lost = scan.damage === 'corrupt' || (scan.damage === 'torn' && i < files.length - 1)
      if (lost) damage = 'corrupt'
      else if (scan.damage === 'torn' && damage === 'none') damage = 'torn'
      if (lost) await keepValid(options, file, records)
      else if (scan.damage === 'torn') await truncateDurably(file.path, scan.validBytes)
      if (records.length > 0) segments.restore(file, records)
      else await removeSegment(file.path)
    }
    const sequence = (files.at(-1)?.sequence ?? 0) + 1
    const path = segmentPath(dir, PREFIX, sequence)
    const file = await createSegment(path, genesisHash, new Uint8Array(0))
    segments.begin({ sequence, path })
    return new Journal({ options, replayed, damage, segments, sequence, file, mark })
  }

  /** Frees the replayed records, which are needed only once. */
  forgetReplayed(): void {
    this.#replayed = []
  }

  append(record: JournalRecord): void {
    const frame = encodeFrame(record.body.epoch, encodeRecord(record))
    this.#pending.push(frame)
    this.#segments.note(record, frame.length)
  }

  /** Callers that arrive while a sync runs share the next one. */
  sync(): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure)
    if (this.#running === undefined) {
      this.#running = this.#write().finally(() => {
        this.#running = undefined
      })
      return this.#running
    }
    this.#queued ??= this.#running.then(() => {
      this.#queued = undefined
      return this.sync()
    })
    return this.#queued
  }

  async #write(): Promise<void> {
    const pending = this.#pending
    if (pending.length === 0) return
    this.#pending = []
    try {
      await this.#file.appendFile(concatBytes(...pending))
      await this.#file.datasync()
      if (this.#segments.isFull) await this.#rotate()
    } catch (error) {
      this.#failure = error
      throw error
    }
  }

  async #rotate(): Promise<void> {
    const sequence = this.#sequence + 1
    const path = segmentPath(this.#options.dir, PREFIX, sequence)
    const next = await createSegment(path, this.#options.genesisHash, new Uint8Array(0))
    await this.#file.close()
    this.#file = next
    this.#sequence = sequence
    this.#segments.rotate({ sequence, path })
  }

  async prune(epoch: number, view: number): Promise<void> {
    for (const segment of this.#segments.takeOld(epoch, view)) await removeSegment(segment.path)
  }

  /** Drops every record, written or not: for a chain that goes back. A new segment begins before the old ones go. */
  async clear(): Promise<void> {
    this.#pending = []
    await this.#running
    await this.#rotate()
    for (const segment of this.#segments.takeOld(Infinity, Infinity)) await removeSegment(segment.path)
  }

  async close(): Promise<void> {
    if (this.#failure === undefined) await this.sync()
    await this.#running
    await this.#file.close()
    if (this.#failure !== undefined) return
    await this.#mark.write(await segmentSizes(await listSegments(this.#options.dir, PREFIX)))
  }
}

/** Sets the damaged file aside and keeps the records that could be read. */
async function keepValid(
  options: Required<JournalOptions>,
  segment: SegmentFile,
  records: readonly JournalRecord[],
): Promise<void> {
  await setAside(segment.path)
  const body = concatBytes(...records.map((r) => encodeFrame(r.body.epoch, encodeRecord(r))))
  const file = await createSegment(segment.path, options.genesisHash, body)
  await file.close()
}
