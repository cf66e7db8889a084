// chain_series: which headers it picks, and what it refuses.
import assert from 'node:assert/strict'
import { evenHeights } from '../../rpc/native/series.ts'
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
})
