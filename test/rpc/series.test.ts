// chain_series: which headers it picks, and what it refuses.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Hash32 } from '../../base/ids.ts'
import { chainSeries, createClient, httpTransport } from '../../client/client.ts'
import { FIGURE_COUNT, FIGURE_NAMES, FIGURES_LAYOUT, figuresOf } from '../../rpc/native/figures.ts'
import { evenHeights } from '../../rpc/native/series.ts'
import { SeriesIndex } from '../../storage/seriesIndex.ts'
import { accountOf } from '../support/fakeBackend.ts'
import { type Loose, type Served, serve } from '../support/rpcHarness.ts'

const BLOCKS = 20

describe('rpc.series', () => {
  let served: Served
  before(async () => {
    served = await serve()
    served.backend.fund([accountOf('alice')], 5n)
    while (served.backend.head().header.height < BLOCKS) served.backend.mine()
  })
  after(() => served.rpc.close())
  const series = (...params: Loose[]): Promise<Loose> => served.call('chain_series', params)

  it('takes both ends, and no more points than asked for', () => {
    assert.deepEqual(evenHeights(3, 3, 10), [3])
    assert.deepEqual(evenHeights(1, 5, 10), [1, 2, 3, 4, 5])
    assert.deepEqual(evenHeights(1, 10, 4), [1, 4, 7, 10])
    for (const [first, last, count] of [
      [1, 1_000, 7],
      [5, 6, 2],
      [0, 999_999, 1_000],
    ] as const) {
      const heights = evenHeights(first, last, count)
      assert.ok(heights.length <= count, `${heights.length} of ${count}`)
      assert.deepEqual([heights[0], heights.at(-1)], [first, last])
      assert.equal(new Set(heights).size, heights.length)
    }
  })

  it('gives the figures of the headers', async () => {
    const { points } = await series(1, 'latest', 5)
    assert.deepEqual(
      points.map(({ height }: Loose) => height),
      [1, 6, 11, 16, 20],
    )
    for (const { height, ...figures } of points) {
      const header = await served.call('chain_header', [height])
      for (const [name, value] of Object.entries(figures))
        assert.deepEqual(value, (header as Loose).fields[name], name)
    }
  })

  it('begins at the oldest block held for earliest, and names it when another is gone', async () => {
    served.backend.lowestBlock = 4
    served.backend.heightMin = 4
    const { points } = await series('earliest', 'latest')
    assert.deepEqual([points[0].height, points.at(-1).height, points.length], [4, BLOCKS, BLOCKS - 3])
    await assert.rejects(series(2, 'latest'), /block 2 is not held: this node has blocks from 4 on/)
  })

  it('refuses what makes no sense', async () => {
    await assert.rejects(series(9, 5), /fromBlock 9 is above toBlock 5/)
    for (const points of [0, 1, 1_001])
      await assert.rejects(series(4, 'latest', points), /expected 2 to 1000/)
    await assert.rejects(series(4, 99), /block 99 is above the latest, \d+/)
  })

  it('says so where no figures are kept', async () => {
    await assert.rejects(series(4, 'latest', 5, ['gasUsed']), /this node keeps no series of figures/)
    await assert.rejects(
      served.call('chain_series', { fromMs: 5, toBlock: 'latest' }),
      /this node keeps no series of figures/,
    )
  })

  describe('with figures', () => {
    const LONG = 300
    let dir: string
    let index: SeriesIndex
    /** Block 5 has much gas; every seventh follows two views without a block. */
    const blockAt = (height: number): Loose => {
      const block = served.backend.head()
      const view = height + 2 * Math.floor(height / 7)
      const header = { ...block.header, height, view, epoch: 0, timestampMs: 1_000 * height }
      return { ...block, header: { ...header, gasUsed: height === 5 ? 9_000 : 100 + (height % 3) } }
    }
    before(async () => {
      dir = mkdtempSync(join(tmpdir(), 'suanli-series-'))
      index = await SeriesIndex.open(dir, { layout: FIGURES_LAYOUT, figureCount: FIGURE_COUNT })
      for (let height = 1; height <= LONG; height++) {
        const block = blockAt(height)
        const parent = height === 1 ? undefined : blockAt(height - 1).header
        const figures = figuresOf({ block, parent, state: undefined })
        await index.add([
          { height, timestampMs: 1_000 * height, hash: new Uint8Array(32) as Hash32, figures },
        ])
      }
      served.backend.series = index
    })
    after(async () => {
      delete served.backend.series
      await index.close()
      rmSync(dir, { recursive: true, force: true })
    })
    // The backend's own blocks end before the series does: heights that it lacks are asked for by time.
    const between = (fromMs: number, toMs: number, points: number, ...figures: string[]): Promise<Loose> =>
      served.call('chain_series', { fromMs, toMs, points, figures })

    it('shows peaks, however few the points are', async () => {
      const { points } = await between(1_000, 20_000, 2, 'gasUsed', 'skippedViews')
      assert.deepEqual(points, [
        {
          fromHeight: 1,
          height: BLOCKS,
          timestampMs: 1_000 * BLOCKS,
          figures: { gasUsed: [100, 9_000, 102], skippedViews: [0, 2, 0] },
        },
      ])
    })

    it('gives each block by itself where there is room, with null for what is unknown', async () => {
      const { points } = await between(0, 4_500, 10, 'gasUsed', 'blockTimeMs', 'priceBase', 'supplyBase')
      assert.deepEqual(
        points.map(({ fromHeight, height, timestampMs }: Loose) => [fromHeight, height, timestampMs]),
        [1, 2, 3, 4].map((height) => [height, height, 1_000 * height]),
      )
      assert.deepEqual(points[0].figures.blockTimeMs, [null, null, null])
      assert.deepEqual(points[3].figures.blockTimeMs, [1_000, 1_000, 1_000])
      assert.deepEqual(points[3].figures.priceBase, [null, null, null])
      assert.match(points[3].figures.supplyBase[2], /^[0-9]+$/)
    })

    it('never has more points than asked for, and leaves out no block', async () => {
      for (const count of [2, 3, 7, 19, 20, 100]) {
        for (const from of [1, 2, 13]) {
          const { points } = await between(1_000 * from, 20_000, count, ...FIGURE_NAMES)
          assert.ok(points.length <= count, `${points.length} of ${count}`)
          assert.deepEqual([points[0].fromHeight, points.at(-1).height], [from, BLOCKS])
          for (let i = 1; i < points.length; i++) assert.equal(points[i].fromHeight, points[i - 1].height + 1)
        }
      }
    })

    it('takes blocks as well as times', async () => {
      const { points } = await series('earliest', 'latest', 3, ['gasUsed'])
      assert.deepEqual([points[0].fromHeight, points.at(-1).height], [1, BLOCKS])
      const mixed = await served.call('chain_series', { fromMs: 12_000, toBlock: 14, figures: ['gasUsed'] })
      assert.deepEqual(
        (mixed as Loose).points.map(({ height }: Loose) => height),
        [12, 13, 14],
      )
    })

    it('comes to the client with its types', async () => {
      const client = createClient(httpTransport(served.rpc.url))
      const options = { fromMs: 0, toMs: 20_000, points: 2 }
      const [point] = await chainSeries(client, ['gasUsed', 'priceBase'], options)
      assert.deepEqual(point, {
        fromHeight: 1,
        height: BLOCKS,
        timestampMs: 1_000 * BLOCKS,
        figures: {
          gasUsed: { least: 100n, greatest: 9_000n, last: 102n },
          priceBase: { least: undefined, greatest: undefined, last: undefined },
        },
      })
      assert.equal((await chainSeries(client, ['gasUsed'])).length, BLOCKS)
    })

    it('refuses names that are none, and times with no block between', async () => {
      await assert.rejects(between(1, 9_000, 5, 'profit'), /no figure "profit": choose of supplyBase, /)
      await assert.rejects(between(1, 9_000, 5, 'gasUsed', 'gasUsed'), /different names of figures/)
      await assert.rejects(between(1, 9_000, 5), /expected 1 to \d+ different names/)
      await assert.rejects(between(9_100, 9_200, 5, 'gasUsed'), /no block has a time between/)
      await assert.rejects(between(500_000, 600_000, 5, 'gasUsed'), /no block has a time between/)
    })
  })
})
