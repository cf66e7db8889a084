// The series follows the chain: catching up, pruned blocks, another chain, going back.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startSeriesIndexer } from '../../node/seriesIndexer.ts'
import type { FinalizedBlock } from '../../rpc/backend.ts'
import { FIGURE_COUNT, FIGURES_LAYOUT, placeOf } from '../../rpc/native/figures.ts'
import { SeriesIndex } from '../../storage/seriesIndex.ts'
import { accountOf, FakeBackend } from '../support/fakeBackend.ts'

const silentLogger = { debug() {}, info() {}, warn() {}, error: () => assert.fail('it stopped') }

/** Real blocks again and again under new heights, as the indexer reads a chain. */
class Chain {
  readonly #real: readonly FinalizedBlock[]
  readonly #listeners = new Set<() => void>()
  readonly #salt: number
  height = 0
  min = 1
  constructor(real: readonly FinalizedBlock[], salt = 0) {
    this.#real = real
    this.#salt = salt
  }
  grow(count: number): void {
    this.height += count
    for (const listener of this.#listeners) listener()
  }
  head(): FinalizedBlock {
    return this.#at(this.height)
  }
  #at(height: number): FinalizedBlock {
    const block = this.#real[height % this.#real.length]!
    const header = { ...block.header, height, view: height, timestampMs: 1_000 * height }
    const hash = block.hash.map((byte, i) => (i === 0 ? this.#salt : i === 1 ? height % 251 : byte))
    return { ...block, header, hash: hash as typeof block.hash }
  }
  blockByHeight(height: number): FinalizedBlock | undefined {
    return height < this.min || height > this.height ? undefined : this.#at(height)
  }
  blockHeightMin(): number {
    return this.min
  }
  stateAt(): undefined {
    return undefined
  }
  onFinalized(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }
}

describe('node.seriesIndexer', () => {
  let dir: string
  let real: FinalizedBlock[]
  before(async () => {
    const backend = new FakeBackend()
    backend.fund([accountOf('alice')], 5n)
    backend.fund([accountOf('bob'), accountOf('alice')], 7n)
    backend.mine()
    real = await Promise.all([1, 2, 3].map(async (height) => (await backend.blockByHeight(height))!))
  })
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'suanli-series-'))
  })
  afterEach(() => rmSync(dir, { recursive: true, force: true }))

  const start = async (chain: Chain) => {
    const index = await SeriesIndex.open(dir, { layout: FIGURES_LAYOUT, figureCount: FIGURE_COUNT })
    const indexer = await startSeriesIndexer({ index, chain, logger: silentLogger, pauseMs: 0 })
    await indexer.caughtUp()
    return { index, indexer }
  }
  const whole = async (index: SeriesIndex) => {
    const { from, to } = index.range()!
    for await (const bucket of index.buckets({ from, to, step: 2 ** 30 })) return bucket
    return assert.fail('no bucket')
  }

  it('adds the blocks there are, follows, and goes on after a start', async () => {
    const chain = new Chain(real)
    chain.grow(50)
    const first = await start(chain)
    chain.grow(1)
    chain.grow(30)
    await first.indexer.caughtUp()
    assert.deepEqual(first.index.range(), { from: 1, rowsFrom: 1, to: 81 })
    const { least, greatest, fromHeight, height } = await whole(first.index)
    assert.deepEqual([fromHeight, height], [1, 81])
    const transactions = placeOf('transactions')
    assert.deepEqual([least[transactions], greatest[transactions]], [0n, 2n])
    const feesBase = real[1]!.receipts.reduce((sum, r) => sum + BigInt(r.gasUsed) * r.effectiveGasPrice, 0n)
    assert.equal(greatest[placeOf('feesBase')], feesBase)
    assert.deepEqual(greatest[placeOf('blockTimeMs')], 1_000n)
    await first.indexer.close()
    chain.grow(3)
    const second = await start(chain)
    assert.deepEqual(second.index.range(), { from: 1, rowsFrom: 1, to: 84 })
    assert.equal((await whole(second.index)).fromHeight, 1)
    await second.indexer.close()
  })

  it('begins at the oldest block of a node that has no others, and again where some are missing between', async () => {
    const chain = new Chain(real)
    chain.min = 40
    chain.grow(60)
    const first = await start(chain)
    assert.deepEqual(first.index.range(), { from: 40, rowsFrom: 40, to: 60 })
    await first.indexer.close()
    chain.grow(100)
    chain.min = 100
    const second = await start(chain)
    assert.deepEqual(second.index.range(), { from: 100, rowsFrom: 100, to: 160 })
    await second.indexer.close()
  })

  it('keeps what it has of blocks that are pruned later', async () => {
    const chain = new Chain(real)
    chain.grow(1_500)
    const { index, indexer } = await start(chain)
    chain.min = 1_400
    chain.grow(1)
    await indexer.caughtUp()
    assert.deepEqual(index.range(), { from: 1, rowsFrom: 1_344, to: 1_501 })
    assert.equal((await whole(index)).fromHeight, 1)
    await indexer.close()
  })

  it('is made again when it is of another chain', async () => {
    const chain = new Chain(real)
    chain.grow(40)
    await (await start(chain)).indexer.close()
    const other = new Chain(real, 1)
    other.grow(35)
    const { index, indexer } = await start(other)
    assert.deepEqual(index.range(), { from: 1, rowsFrom: 1, to: 35 })
    await indexer.close()
  })

  it('goes back with the chain', async () => {
    const chain = new Chain(real)
    chain.grow(100)
    const { index, indexer } = await start(chain)
    chain.height = 42
    await indexer.cut(42)
    await indexer.caughtUp()
    assert.equal(index.range()!.to, 42)
    chain.grow(70)
    await indexer.caughtUp()
    assert.equal((await whole(index)).height, 112)
    await indexer.close()
  })
})
