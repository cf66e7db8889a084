// Which journal segments may be dropped once a view is final. Owns: when to rotate, what each segment reaches. Not: files.
import { type JournalRecord, recordView } from '../consensus/records.ts'

interface Extent<Segment> {
  readonly segment: Segment
  /** Highest (epoch, view) under which any of its records is filed. */
  epoch: number
  view: number
}

/** Segments of one journal, oldest first; records go to the last one. The simulator's disk uses it too. */
export class SegmentExtents<Segment> {
  readonly #segmentBytes: number
  #extents: Extent<Segment>[] = []
  #bytes = 0

  constructor(segmentBytes: number) {
    this.#segmentBytes = segmentBytes
  }

  /** A segment read at the start; appending begins in the one that follows. */
  restore(segment: Segment, records: readonly JournalRecord[]): void {
    this.#extents.push({ segment, epoch: 0, view: 0 })
    for (const record of records) this.#widen(record)
  }

  /** The empty segment that appending begins with. */
  begin(segment: Segment): void {
    this.#extents.push({ segment, epoch: 0, view: 0 })
    this.#bytes = 0
  }

  note(record: JournalRecord, sizeBytes: number): void {
    this.#bytes += sizeBytes
    this.#widen(record)
  }

  #widen(record: JournalRecord): void {
    const last = this.#extents.at(-1)!
    const view = recordView(record)
    const { epoch } = record.body
    if (epoch > last.epoch) {
      last.epoch = epoch
      last.view = view
    } else if (epoch === last.epoch) last.view = Math.max(last.view, view)
  }

  get isFull(): boolean {
    return this.#bytes >= this.#segmentBytes
  }

  /** Records noted but not written yet go to the new segment, so what the old one reaches counts for both. */
  rotate(segment: Segment): void {
    const { epoch, view } = this.#extents.at(-1)!
    this.#extents.push({ segment, epoch, view })
    this.#bytes = 0
  }

  /** Takes out the segments whose records are all at or below this (epoch, view), except the last one. */
  takeOld(epoch: number, view: number): readonly Segment[] {
    const current = this.#extents.at(-1)
    const isOld = (e: Extent<Segment>): boolean =>
      e !== current && (e.epoch < epoch || (e.epoch === epoch && e.view <= view))
    const old = this.#extents.filter(isOld)
    if (old.length > 0) this.#extents = this.#extents.filter((e) => !isOld(e))
    return old.map((e) => e.segment)
  }
}
