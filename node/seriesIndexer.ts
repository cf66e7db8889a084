// Keeps the series up with the chain. Owns: the pace, and what happens where blocks are missing. Not: the figures
// (rpc/native/figures.ts), the records (storage/seriesIndex.ts). Nothing of the chain waits for it.
import { setTimeout } from 'node:timers/promises'
import { equalBytes } from '../base/bytes.ts'
import type { FinalizedBlock } from '../rpc/backend.ts'
import { figuresOf } from '../rpc/native/figures.ts'
import type { StateReader } from '../state/view.ts'
import type { SeriesIndex } from '../storage/seriesIndex.ts'
import type { NodeLogger } from './logging.ts'

/** Blocks added together while it catches up. */
const BLOCKS_PER_BATCH = 16
/** After a full batch: the chain goes first. */
const PAUSE_MS = 2
/** Single blocks are forgotten when this many more are pruned. */
const PRUNE_BLOCKS = 1_024

/** What the indexer needs of the chain. */
export interface SeriesChain {
  head(): FinalizedBlock
  blockByHeight(height: number): FinalizedBlock | undefined
  blockHeightMin(): number
  stateAt(height: number): { readonly state: StateReader } | undefined
  onFinalized(listener: () => void): () => void
}

export interface SeriesIndexerOptions {
  readonly index: SeriesIndex
  readonly chain: SeriesChain
  readonly logger: NodeLogger
  /** After a full batch, default 2. */
  readonly pauseMs?: number
}

export interface SeriesIndexer {
  /** Resolves when the series has the tip of now. */
  caughtUp(): Promise<void>
  /** Call once the head is an earlier block, before another block follows it. */
  cut(height: number): Promise<void>
  close(): Promise<void>
}

type Added = Parameters<SeriesIndex['add']>[0][number]

class Indexer implements SeriesIndexer {
  readonly #options: SeriesIndexerOptions
  readonly #stopListening: () => void
  /** One thing at a time. */
  #running: Promise<unknown> = Promise.resolve()
  #isRunning = false
  #hasNews = false
  #isClosed = false
  #prunedBelow = 0

  constructor(options: SeriesIndexerOptions) {
    this.#options = options
    this.#stopListening = options.chain.onFinalized(() => this.#stir())
  }

  async start(): Promise<void> {
    const { index, chain, logger } = this.#options
    const stored = index.stored()
    if (stored !== undefined) {
      const newest = chain.blockByHeight(stored.to)
      if (newest === undefined || !equalBytes(newest.hash, stored.hash)) {
        const { from, to } = stored
        logger.warn({ from, to }, 'the series of figures does not fit the chain: it is made again')
        await index.clear()
      }
    }
  }

  #stir(): void {
    this.#hasNews = true
    if (this.#isRunning || this.#isClosed) return
    this.#isRunning = true
    void this.#inOrder(() => this.#catchUp()).finally(() => {
      this.#isRunning = false
      if (this.#hasNews && !this.#isClosed) this.#stir()
    })
  }

  #inOrder<T>(act: () => Promise<T>): Promise<T | undefined> {
    const done = this.#running.then(() => (this.#isClosed ? undefined : act()))
    const told = done.catch((error: unknown) => {
      this.#isClosed = true
      this.#stopListening()
      this.#options.logger.error({ err: error }, 'the series of figures stopped')
      return undefined
    })
    this.#running = told
    return told
  }

  async #catchUp(): Promise<void> {
    const { pauseMs = PAUSE_MS } = this.#options
    this.#hasNews = false
    while (!this.#isClosed) {
      const count = await this.#goOn()
      if (count === 0) return
      if (count === BLOCKS_PER_BATCH && pauseMs > 0) await setTimeout(pauseMs)
    }
  }

  async #goOn(): Promise<number> {
    const { index, chain } = this.#options
    const heightMin = Math.max(1, chain.blockHeightMin())
    if (heightMin >= this.#prunedBelow + PRUNE_BLOCKS) {
      await index.prune(heightMin)
      this.#prunedBelow = heightMin
    }
    const known = index.range()
    const first = known === undefined ? heightMin : known.to + 1
    const last = Math.min(chain.head().header.height, first + BLOCKS_PER_BATCH - 1)
    if (first > last) return 0
    // Blocks were pruned before they were added.
    if (known !== undefined && first < heightMin) {
      await index.clear()
      return this.#goOn()
    }
    const blocks: Added[] = []
    let parent = first > heightMin ? chain.blockByHeight(first - 1)?.header : undefined
    for (let height = first; height <= last; height++) {
      const block = chain.blockByHeight(height)
      if (block === undefined) break
      const { header, hash } = block
      const state = chain.stateAt(height)?.state
      const figures = figuresOf({ block, parent, state })
      blocks.push({ height, timestampMs: header.timestampMs, hash, figures })
      parent = header
    }
    if (blocks.length > 0) await index.add(blocks)
    return blocks.length
  }

  async caughtUp(): Promise<void> {
    await this.#inOrder(() => this.#catchUp())
  }

  async cut(height: number): Promise<void> {
    await this.#inOrder(() => this.#options.index.cut(height))
    this.#stir()
  }

  begin(): void {
    this.#stir()
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#stopListening()
    await this.#running
    await this.#options.index.close()
  }
}

/** Adds every block that the node has, from the oldest on, and then each new one, until `close`. */
export async function startSeriesIndexer(options: SeriesIndexerOptions): Promise<SeriesIndexer> {
  const indexer = new Indexer(options)
  await indexer.start()
  indexer.begin()
  return indexer
}
