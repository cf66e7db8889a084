// The consensus journal on disk (CONSENSUS §5). Owns: appending, group commit, rotation, pruning, reading after a crash.
import { type FileHandle, mkdir } from 'node:fs/promises'
import { concatBytes } from '../base/bytes.ts'
import type { Hash32 } from '../base/ids.ts'
import type { JournalStore } from '../consensus/ports.ts'
import { decodeRecord, encodeRecord, type JournalRecord, recordView } from '../consensus/records.ts'
import { ClosedMark } from './closedMark.ts'
import { truncateDurably } from './durableFile.ts'
import { encodeFrame } from './recordFile.ts'
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

interface Segment extends SegmentFile {
  /** Highest (epoch, view) of any record in it. */
  epoch: number
  view: number
}

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
  #segments: Segment[]
  #file: FileHandle
  readonly #mark: ClosedMark
  #fileBytes: number
  #pending: Uint8Array[] = []
  #running: Promise<void> | undefined
  #queued: Promise<void> | undefined
  #failure: unknown

  private constructor(options: {
    options: Required<JournalOptions>
    replayed: readonly JournalRecord[]
    damage: 'none' | 'torn' | 'corrupt'
    segments: Segment[]
    file: FileHandle
    mark: ClosedMark
  }) {
    this.#options = options.options
    this.#replayed = options.replayed
    this.damage = options.damage
    this.#segments = options.segments
    this.#file = options.file
    this.#mark = options.mark
    this.#fileBytes = 0
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
    const segments: Segment[] = []
    let damage: 'none' | 'torn' | 'corrupt' = 'none'
    const files = await listSegments(dir, PREFIX)
    const mark = await ClosedMark.read(dir)
    if (mark.said !== undefined && mark.said !== (await segmentSizes(files))) damage = 'corrupt'
    await mark.remove()
    for (const [i, file] of files.entries()) {
      const scan = await readSegment(file.path, genesisHash)
      const records = scan.frames.map((frame) => decodeRecord(frame.payload))
      replayed.push(...records)
      const segment: Segment = { ...file, epoch: 0, view: 0 }
      for (const record of records) widen(segment, record)
      // A segment is synced before the next one starts, so a torn file before the last has lost records.
      const lost = scan.damage === 'corrupt' || (scan.damage === 'torn' && i < files.length - 1)
      if (lost) damage = 'corrupt'
      else if (scan.damage === 'torn' && damage === 'none') damage = 'torn'
      if (lost) await keepValid(options, segment, records)
      else if (scan.damage === 'torn') await truncateDurably(file.path, scan.validBytes)
      if (records.length > 0) segments.push(segment)
      else await removeSegment(file.path)
    }
    const sequence = (files.at(-1)?.sequence ?? 0) + 1
    const path = segmentPath(dir, PREFIX, sequence)
    const file = await createSegment(path, genesisHash, new Uint8Array(0))
    segments.push({ sequence, path, epoch: 0, view: 0 })
    return new Journal({ options, replayed, damage, segments, file, mark })
  }

  /** Frees the replayed records, which are needed only once. */
  forgetReplayed(): void {
    this.#replayed = []
  }

  append(record: JournalRecord): void {
    const frame = encodeFrame(record.body.epoch, encodeRecord(record))
    this.#pending.push(frame)
    this.#fileBytes += frame.length
    widen(this.#segments.at(-1)!, record)
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
      if (this.#fileBytes >= this.#options.segmentBytes) await this.#rotate()
    } catch (error) {
      this.#failure = error
      throw error
    }
  }

  async #rotate(): Promise<void> {
    // Records appended meanwhile are still pending and go to the new file, so they count for both segments.
    const sequence = this.#segments.at(-1)!.sequence + 1
    const path = segmentPath(this.#options.dir, PREFIX, sequence)
    const next = await createSegment(path, this.#options.genesisHash, new Uint8Array(0))
    await this.#file.close()
    const { epoch, view } = this.#segments.at(-1)!
    this.#file = next
    this.#fileBytes = 0
    this.#segments.push({ sequence, path, epoch, view })
  }

  async prune(epoch: number, view: number): Promise<void> {
    const current = this.#segments.at(-1)!
    const isOld = (s: Segment): boolean =>
      s !== current && (s.epoch < epoch || (s.epoch === epoch && s.view <= view))
    const old = this.#segments.filter(isOld)
    if (old.length === 0) return
    this.#segments = this.#segments.filter((s) => !isOld(s))
    for (const segment of old) await removeSegment(segment.path)
  }

  async close(): Promise<void> {
    if (this.#failure === undefined) await this.sync()
    await this.#running
    await this.#file.close()
    if (this.#failure !== undefined) return
    await this.#mark.write(await segmentSizes(await listSegments(this.#options.dir, PREFIX)))
  }
}

function widen(segment: Segment, record: JournalRecord): void {
  const view = recordView(record)
  const { epoch } = record.body
  if (epoch > segment.epoch) {
    segment.epoch = epoch
    segment.view = view
  } else if (epoch === segment.epoch) segment.view = Math.max(segment.view, view)
}

/** Sets the damaged file aside and keeps the records that could be read. */
async function keepValid(
  options: Required<JournalOptions>,
  segment: Segment,
  records: readonly JournalRecord[],
): Promise<void> {
  await setAside(segment.path)
  const body = concatBytes(...records.map((r) => encodeFrame(r.body.epoch, encodeRecord(r))))
  const file = await createSegment(segment.path, options.genesisHash, body)
  await file.close()
}
