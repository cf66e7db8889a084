// Figures of every block, and of 64, 256, 1,024, … blocks together: what charts are drawn from. It can be thrown away and made
// again from the blocks. Owns: its LevelDB, its keys, reading a range. Not: the figures (rpc/native/figures.ts), the records
// (seriesRecords.ts), when it is written (node/seriesIndexer.ts).
import { rm } from 'node:fs/promises'
import { Level } from 'level'
import { assert } from '../base/assert.ts'
import { concatBytes, readU64be, u32be, u64be } from '../base/bytes.ts'
import type { Hash32 } from '../base/ids.ts'
import {
  bucketOf,
  decodeBucket,
  decodeRows,
  decodeRowsTogether,
  encodeBucket,
  encodeRows,
  Joining,
  joined,
  type SeriesBucket,
  type SeriesRow,
} from './seriesRecords.ts'

/** Blocks whose figures lie in one record. */
export const ROWS_PER_RECORD = 16
/** Each level has records of this many of the level below. */
const GROWTH = 4
/** The highest has records of 2^26 blocks. */
const LEVELS = 12
/** Records read together. */
const BATCH = 128
/** The same of records of single blocks. */
const ROW_BATCH = 16

const RECORD = 0x62
const RANGE_KEY = Uint8Array.of(0x6d)

/** Blocks of one record of a level. */
const blocksOf = (level: number): number => ROWS_PER_RECORD * GROWTH ** level

export interface SeriesRange {
  /** Lowest height, and the lowest that is known block by block; below that, by 64 blocks. */
  readonly from: number
  readonly rowsFrom: number
  readonly to: number
}

export interface BucketsQuery {
  readonly from: number
  readonly to: number
  /** Buckets end below multiples of this many blocks, and at `to`. */
  readonly step: number
}

/** The least number of blocks, at least `step`, that is a few whole records: what a bucket of that size costs is bounded. */
function evenStep(step: number): number {
  if (step < ROWS_PER_RECORD) return Math.max(1, Math.ceil(step))
  let unit = ROWS_PER_RECORD
  while (unit * GROWTH <= step) unit *= GROWTH
  return Math.ceil(step / unit) * unit
}

type Batch = ReturnType<Level<Uint8Array, Uint8Array>['batch']>

export class SeriesIndex {
  readonly #database: Level<Uint8Array, Uint8Array>
  readonly #layout: number
  readonly #figureCount: number
  #stored: (SeriesRange & { readonly hash: Hash32 }) | undefined
  /** Blocks after the last whole record. */
  #rows: SeriesRow[] = []
  /** What each level's next record has so far, of whole records of the level below. */
  #open: (SeriesBucket | undefined)[] = []

  private constructor(
    database: Level<Uint8Array, Uint8Array>,
    form: { readonly layout: number; readonly figureCount: number },
  ) {
    this.#database = database
    this.#layout = form.layout
    this.#figureCount = form.figureCount
  }

  /** Opens or creates the index in `dir`; a damaged one, or one of another `layout` (1 to 255), is replaced by an empty one. */
  static async open(
    dir: string,
    form: { readonly layout: number; readonly figureCount: number },
  ): Promise<SeriesIndex> {
    const create = async (): Promise<SeriesIndex> => {
      const options = { keyEncoding: 'view', valueEncoding: 'view' } as const
      const database = new Level<Uint8Array, Uint8Array>(dir, {
        ...options,
        cacheSize: 2 * 1024 * 1024,
        writeBufferSize: 512 * 1024,
      })
      await database.open()
      return new SeriesIndex(database, form)
    }
    const index = await create().catch(async (error: unknown) => {
      // In use by another process: that is not damage.
      if ((error as { cause?: { code?: string } }).cause?.code === 'LEVEL_LOCKED') throw error
      await rm(dir, { recursive: true, force: true })
      return create()
    })
    await index.#readRange()
    return index
  }

  async #readRange(): Promise<void> {
    const stored = await this.#database.get(RANGE_KEY)
    if (stored === undefined) return
    if (stored.length !== 57 || stored[0] !== this.#layout) {
      await this.clear()
      return
    }
    const bytes = Uint8Array.from(stored)
    const [from, rowsFrom, to] = [readU64be(bytes, 1), readU64be(bytes, 9), readU64be(bytes, 17)]
    this.#stored = { from, rowsFrom, to, hash: bytes.slice(25) }
    await this.#reopen()
  }

  /** What is on disk: whole records, up to the block of this hash. */
  stored(): { readonly from: number; readonly to: number; readonly hash: Hash32 } | undefined {
    return this.#stored
  }

  /** What it can tell of; undefined while it knows no block. */
  range(): SeriesRange | undefined {
    const to = this.#rows.at(-1)?.height ?? this.#stored?.to
    if (to === undefined) return undefined
    const first = this.#rows[0]?.height ?? 0
    const { from, rowsFrom } = this.#stored ?? { from: first, rowsFrom: first }
    return { from, rowsFrom, to }
  }

  /** The number of blocks of a bucket, at least `step`, whose cost is bounded; 64 or more where single blocks are gone. */
  evenStep(step: number, from: number): number {
    const areRowsGone = from < (this.range()?.rowsFrom ?? 0)
    return evenStep(areRowsGone ? Math.max(step, blocksOf(1)) : step)
  }

  /** Adds blocks that follow, or begin it: only whole records are written, in one batch. */
  async add(blocks: readonly (SeriesRow & { readonly hash: Hash32 })[]): Promise<void> {
    const batch = this.#database.batch()
    let stored = this.#stored
    const open = [...this.#open]
    let rows = [...this.#rows]
    for (const { hash, ...row } of blocks) {
      const next = (rows.at(-1)?.height ?? stored?.to ?? row.height - 1) + 1
      assert(row.height === next, 'the series has no gaps')
      assert(row.figures.length === this.#figureCount, 'every figure has a place')
      rows.push(row)
      if ((row.height + 1) % ROWS_PER_RECORD !== 0) continue
      const { height: from } = rows[0]!
      this.#seal(batch, { rows, open })
      stored = { from: stored?.from ?? from, rowsFrom: stored?.rowsFrom ?? from, to: row.height, hash }
      rows = []
    }
    if (stored !== undefined && stored !== this.#stored) {
      this.#putRange(batch, stored)
      // Not synced: what a power loss takes is made again.
      await batch.write()
    } else await batch.close()
    this.#stored = stored
    this.#open = open
    this.#rows = rows
  }

  #seal(
    batch: Batch,
    { rows, open }: { readonly rows: readonly SeriesRow[]; readonly open: (SeriesBucket | undefined)[] },
  ): void {
    batch.put(keyOf(0, rows[0]!.height), encodeRows(rows))
    let whole = mergedRows(rows)
    for (let level = 1; level < LEVELS; level++) {
      whole = joined(open[level], whole)
      open[level] = whole
      if ((whole.height + 1) % blocksOf(level) !== 0) return
      batch.put(keyOf(level, whole.height), encodeBucket(whole))
      open[level] = undefined
    }
  }

  #putRange(batch: Batch, stored: SeriesRange & { readonly hash: Hash32 }): void {
    const { from, rowsFrom, to, hash } = stored
    batch.put(
      RANGE_KEY,
      concatBytes(Uint8Array.of(this.#layout), u64be(from), u64be(rowsFrom), u64be(to), hash),
    )
  }

  /** Reads again what each level's next record has so far. */
  async #reopen(): Promise<void> {
    this.#rows = []
    this.#open = []
    const stored = this.#stored
    if (stored === undefined) return
    for (let level = 1; level < LEVELS; level++) {
      const begin = Math.floor((stored.to + 1) / blocksOf(level)) * blocksOf(level)
      const from = Math.max(begin, stored.from)
      // Whole records of the level below, of which the next one here is not whole yet.
      const below = Math.floor((stored.to + 1) / blocksOf(level - 1)) * blocksOf(level - 1)
      let whole: SeriesBucket | undefined
      for (let at = from; at < below; at = Math.floor(at / blocksOf(level - 1) + 1) * blocksOf(level - 1)) {
        const [found] = await this.#records(level - 1, { from: at, count: 1 })
        assert(found !== undefined, 'a record that was written')
        whole = joined(whole, found)
      }
      this.#open[level] = whole
    }
  }

  /** Records of a level from the one with block `from` on, each as one bucket. */
  async #records(
    level: number,
    { from, count }: { readonly from: number; readonly count: number },
  ): Promise<readonly SeriesBucket[]> {
    const values = await this.#values(level, { from, count })
    return values.map((bytes) =>
      level === 0 ? decodeRowsTogether(bytes, this.#figureCount) : decodeBucket(bytes, this.#figureCount),
    )
  }

  async #values(
    level: number,
    { from, count }: { readonly from: number; readonly count: number },
  ): Promise<readonly Uint8Array[]> {
    const gte = keyOf(level, from)
    if (count > 1) {
      const lt = Uint8Array.of(RECORD, level + 1)
      return this.#database.values({ gte, lt, limit: count }).all()
    }
    const value = this.#database.getSync(gte)
    return value === undefined ? [] : [value]
  }

  /** From the record with a block on, of `count` records at most. */
  async #rowsFrom(height: number, count = 1): Promise<readonly SeriesRow[]> {
    const first = this.#rows[0]
    if (first !== undefined && height >= first.height) return this.#rows
    const values = await this.#values(0, { from: height, count })
    return values.flatMap((bytes) => decodeRows(bytes, this.#figureCount))
  }

  /**
   * The figures between two heights that `range` has, oldest first. Where single blocks are gone, the first bucket begins
   * at, or ends below, the next multiple of 64. Ends early where it was cut meanwhile.
   */
  async *buckets({ from, to, step }: BucketsQuery): AsyncGenerator<SeriesBucket> {
    let current: Joining | undefined
    for await (const pieces of this.#pieces({ from, to, step })) {
      for (const piece of pieces) {
        if (current === undefined) current = new Joining(piece)
        else current.add(piece)
        if ((piece.height + 1) % step !== 0) continue
        yield current.bucket()
        current = undefined
      }
    }
    if (current !== undefined) yield current.bucket()
  }

  /** The largest records that fit into the range and its steps. */
  async *#pieces({ from, to, step }: BucketsQuery): AsyncGenerator<readonly SeriesBucket[]> {
    const range = this.range()
    if (range === undefined) return
    let at = Math.max(from, range.from)
    if (at < range.rowsFrom && at !== range.from) at = Math.ceil(at / blocksOf(1)) * blocksOf(1)
    const last = Math.min(to, range.to)
    while (at <= last) {
      const level = this.#levelAt(at, { last, step, first: range.from })
      const pieces =
        level < 0
          ? await this.#singles({ at, last, step })
          : await this.#records(level, { from: at, count: this.#countAt(at, { level, last, step }) })
      const end = pieces.at(-1)
      // Cut, or cleared, while it was read.
      if (end === undefined || pieces[0]!.fromHeight !== at || end.height > last) return
      yield pieces
      at = end.height + 1
    }
  }

  async #singles(query: {
    readonly at: number
    readonly last: number
    readonly step: number
  }): Promise<readonly SeriesBucket[]> {
    const { at, last, step } = query
    const size = blocksOf(0)
    const rows = await this.#rowsFrom(
      at,
      step < size ? Math.min(ROW_BATCH, Math.ceil((last - at + 1) / size)) : 1,
    )
    return rows.filter(({ height }) => height >= at && height <= last).map(bucketOf)
  }

  /** Records of a level from a height on: up to where larger ones go on, or to the last whole one. */
  #countAt(
    at: number,
    { level, last, step }: { readonly level: number; readonly last: number; readonly step: number },
  ): number {
    const size = blocksOf(level)
    const larger = size * GROWTH
    const whole = Math.min(this.#stored?.to ?? -1, last) + 1
    const end = step % larger === 0 ? Math.min(whole, Math.ceil((at + 1) / larger) * larger) : whole
    return Math.min(BATCH, Math.max(1, Math.floor(end / size) - Math.floor(at / size)))
  }

  /** The highest level that has a whole record which begins at a height and goes beyond neither `last` nor a step; −1: rows. */
  #levelAt(
    at: number,
    { last, step, first }: { readonly last: number; readonly step: number; readonly first: number },
  ): number {
    const whole = Math.min(last, this.#stored?.to ?? -1)
    for (let level = LEVELS - 1; level >= 0; level--) {
      const size = blocksOf(level)
      const begins = at % size === 0 || at === first
      const end = Math.floor(at / size) * size + size - 1
      if (begins && end <= whole && step % size === 0) return level
    }
    return -1
  }

  /** The lowest height with a timestamp at or after `timeMs`; one above the newest when there is none. */
  async heightAt(timeMs: number): Promise<number> {
    const range = this.range()
    if (range === undefined) return 0
    let [low, high] = [range.from, range.to + 1]
    while (low < high) {
      const middle = Math.floor((low + high) / 2)
      const found = await this.#around(middle, range)
      if (found === undefined) return range.to + 1
      if (found.timestampMs < timeMs) low = found.height + 1
      else if (found.fromMs >= timeMs) high = found.fromHeight
      else return await this.#within(found, timeMs)
    }
    return low
  }

  /** The smallest record with a block. */
  async #around(height: number, { rowsFrom }: SeriesRange): Promise<SeriesBucket | undefined> {
    const rows = height >= rowsFrom ? await this.#rowsFrom(height) : []
    if (rows.length > 0) return mergedRows(rows)
    const [found] = await this.#records(1, { from: height, count: 1 })
    return found
  }

  async #within({ fromHeight }: SeriesBucket, timeMs: number): Promise<number> {
    const rows = await this.#rowsFrom(fromHeight)
    return rows.find(({ timestampMs }) => timestampMs >= timeMs)?.height ?? fromHeight
  }

  /** Forgets single blocks below `height`, in whole records; what many blocks had together stays. */
  async prune(height: number): Promise<void> {
    const stored = this.#stored
    const rowsFrom = Math.min(height - (height % blocksOf(1)), stored?.to ?? 0)
    if (stored === undefined || rowsFrom <= stored.rowsFrom) return
    // Records that the next level still lacks are needed when this is opened again.
    const kept = Math.min(rowsFrom, Math.floor((stored.to + 1) / blocksOf(1)) * blocksOf(1))
    if (kept <= stored.rowsFrom) return
    await this.#database.clear({ gte: Uint8Array.of(RECORD, 0), lt: keyOf(0, kept) })
    const next = { ...stored, rowsFrom: kept }
    const batch = this.#database.batch()
    this.#putRange(batch, next)
    await batch.write()
    this.#stored = next
  }

  /** Forgets the blocks above `height`, and some up to it: `range` says from where to add them again. */
  async cut(height: number): Promise<void> {
    const stored = this.#stored
    const last = this.#rows.at(-1)?.height ?? stored?.to ?? 0
    if (last <= height) return
    this.#rows = this.#rows.filter((row) => row.height <= height)
    if (stored === undefined || stored.to <= height) return
    const to = Math.floor((height + 1) / ROWS_PER_RECORD) * ROWS_PER_RECORD - 1
    const record = to < Math.max(stored.from, stored.rowsFrom) ? undefined : to
    if (record === undefined) {
      await this.clear()
      return
    }
    for (let level = 0; level < LEVELS; level++) {
      await this.#database.clear({ gte: keyOf(level, to + 1), lt: Uint8Array.of(RECORD, level + 1) })
    }
    // The hash is of a block that is gone: the next whole record brings another.
    const next = { ...stored, to, hash: new Uint8Array(32) as Hash32 }
    const batch = this.#database.batch()
    this.#putRange(batch, next)
    await batch.write()
    this.#stored = next
    await this.#reopen()
  }

  async clear(): Promise<void> {
    this.#stored = undefined
    this.#rows = []
    this.#open = []
    await this.#database.clear()
  }

  async close(): Promise<void> {
    await this.#database.close()
  }
}

function mergedRows(rows: readonly SeriesRow[]): SeriesBucket {
  const [first, ...more] = rows
  assert(first !== undefined, 'at least one row')
  const all = new Joining(bucketOf(first))
  for (const row of more) all.add(bucketOf(row))
  return all.bucket()
}

/** Of the record of a level that has a block. */
function keyOf(level: number, height: number): Uint8Array {
  return concatBytes(Uint8Array.of(RECORD, level), u32be(Math.floor(height / blocksOf(level))))
}
