// The series of figures: records of many sizes against the plain list of what was added.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Hash32 } from '../../base/ids.ts'
import { SeriesIndex } from '../../storage/seriesIndex.ts'
import {
  decodeBucket,
  decodeRows,
  encodeBucket,
  encodeRows,
  NONE,
  type SeriesBucket,
  type SeriesRow,
} from '../../storage/seriesRecords.ts'
import { Random } from '../support/random.ts'

const FORM = { layout: 1, figureCount: 3 }
const HASH = new Uint8Array(32) as Hash32

/** A figure that wanders far, one that is often the same, one that is sometimes unknown. */
function rowAt(height: number): SeriesRow {
  const n = BigInt(height)
  const figures = [((n * 7919n) % 1009n) << 90n, n / 40n, height % 5 === 0 ? NONE : n % 11n]
  return { height, timestampMs: 1_000_000 + height * 6_000, figures }
}

function least(values: readonly bigint[]): bigint {
  const known = values.filter((value) => value !== NONE)
  return known.length === 0 ? NONE : known.reduce((a, b) => (a < b ? a : b))
}

/** What buckets of plain rows are. */
function expected(from: number, to: number, step: number): SeriesBucket[] {
  const buckets: SeriesBucket[] = []
  for (let begin = from; begin <= to; begin = Math.floor(begin / step + 1) * step) {
    const end = Math.min(to, Math.floor(begin / step) * step + step - 1)
    const rows = Array.from({ length: end - begin + 1 }, (_, i) => rowAt(begin + i))
    const column = (i: number): bigint[] => rows.map(({ figures }) => figures[i]!)
    buckets.push({
      fromHeight: begin,
      height: end,
      fromMs: rows[0]!.timestampMs,
      timestampMs: rows.at(-1)!.timestampMs,
      least: [0, 1, 2].map((i) => least(column(i))),
      greatest: [0, 1, 2].map((i) => column(i).reduce((a, b) => (a > b ? a : b))),
      last: rows.at(-1)!.figures,
    })
  }
  return buckets
}

async function all<T>(list: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = []
  for await (const one of list) found.push(one)
  return found
}

describe('storage.seriesIndex', () => {
  let dir: string
  let index: SeriesIndex
  const open = async (): Promise<void> => {
    index = await SeriesIndex.open(join(dir, 'series'), FORM)
  }
  const reopen = async (): Promise<void> => {
    await index.close()
    await open()
  }
  const fill = async (from: number, to: number): Promise<void> => {
    for (let at = from; at <= to; at += 97) {
      const count = Math.min(97, to - at + 1)
      await index.add(Array.from({ length: count }, (_, i) => ({ ...rowAt(at + i), hash: HASH })))
    }
  }
  /** After a start, as the indexer does: what was not whole is added again. */
  const goOn = (to: number): Promise<void> => fill((index.range()?.to ?? 0) + 1, to)

  beforeEach(async () => {
    dir = mkdtempSync(join(tmpdir(), 'suanli-series-'))
    await open()
  })
  afterEach(async () => {
    await index.close()
    rmSync(dir, { recursive: true, force: true })
  })

  it('keeps every figure in its records', () => {
    const rows = Array.from({ length: 16 }, (_, i) => rowAt(i + 5))
    assert.deepEqual(decodeRows(encodeRows(rows), 3), rows)
    const figures = [NONE, 0n, (1n << 256n) - 1n]
    const bucket = { ...expected(3, 90, 1_000)[0]!, last: figures }
    assert.deepEqual(decodeBucket(encodeBucket(bucket), 3), bucket)
  })

  it('answers as the plain list would, also after it was opened again', async () => {
    const random = new Random(15)
    let newest = 2_700
    await fill(1, newest)
    for (let round = 0; round < 120; round++) {
      if (round % 40 === 39) {
        await reopen()
        newest += 333
        await goOn(newest)
      }
      const from = random.between(1, newest)
      const to = random.between(from, newest)
      const step = index.evenStep(random.between(1, 700), from)
      assert.deepEqual(await all(index.buckets({ from, to, step })), expected(from, to, step))
    }
  })

  it('takes steps whose buckets are a few records each', () => {
    for (let wanted = 1; wanted < 20_000; wanted += 13) {
      const step = index.evenStep(wanted, 1)
      assert.ok(step >= wanted && step < wanted + Math.max(16, wanted), `${step} for ${wanted}`)
      let unit = 16
      while (unit * 4 <= step) unit *= 4
      if (step >= 16) assert.ok(step % unit === 0 && step / unit <= 4, `${step} of ${unit}`)
    }
  })

  it('finds the block of a time', async () => {
    await fill(1, 500)
    const timeOf = (height: number): number => rowAt(height).timestampMs
    for (const height of [1, 2, 16, 63, 64, 255, 479, 480, 500]) {
      assert.equal(await index.heightAt(timeOf(height)), height)
      assert.equal(await index.heightAt(timeOf(height) - 1), height)
      assert.equal(await index.heightAt(timeOf(height) + 1), height + 1)
    }
    assert.equal(await index.heightAt(0), 1)
  })

  it('keeps what many blocks had together when single ones are forgotten', async () => {
    await fill(1, 1_000)
    await index.prune(700)
    assert.deepEqual(index.range(), { from: 1, rowsFrom: 640, to: 1_000 })
    assert.deepEqual(await all(index.buckets({ from: 1, to: 1_000, step: 256 })), expected(1, 1_000, 256))
    assert.equal(index.evenStep(2, 1), 64)
    // Within 64 blocks that lie together: from the next ones on.
    assert.deepEqual(await all(index.buckets({ from: 70, to: 255, step: 64 })), expected(128, 255, 64))
    assert.deepEqual(await all(index.buckets({ from: 650, to: 655, step: 1 })), expected(650, 655, 1))
    await reopen()
    await goOn(1_500)
    assert.deepEqual(await all(index.buckets({ from: 1, to: 1_500, step: 64 })), expected(1, 1_500, 64))
  })

  it('goes back to an earlier block and on from there', async () => {
    await fill(1, 600)
    for (const height of [597, 590, 400, 130, 3]) {
      await index.cut(height)
      const { to } = index.range() ?? { to: 0 }
      assert.ok(to <= height && to > height - 16, `${to} for ${height}`)
      await fill(to + 1, height + 300)
      const query = { from: 1, to: height + 300, step: 64 }
      assert.deepEqual(await all(index.buckets(query)), expected(1, height + 300, 64))
      await index.cut(height + 1)
      await goOn(height + 90)
      await reopen()
      await goOn(height + 90)
    }
  })

  it('is empty again with another layout', async () => {
    await fill(1, 100)
    await index.close()
    index = await SeriesIndex.open(join(dir, 'series'), { ...FORM, layout: 2 })
    assert.equal(index.range(), undefined)
  })
})
