// Keeps the index of accounts up with the chain. Owns: what concerns an account, and the pace. Not: the entries
// (storage/accountIndex.ts), answers (rpc/native/history.ts). Nothing of the chain waits for it.
import { setImmediate, setTimeout } from 'node:timers/promises'
import { bytesKey, equalBytes } from '../base/bytes.ts'
import type { Address } from '../base/ids.ts'
import type { FinalizedBlock } from '../rpc/backend.ts'
import { decodeTransaction } from '../state/transaction.ts'
import type { AccountIndex, IndexedBlock } from '../storage/accountIndex.ts'
import type { NodeLogger } from './logging.ts'

/** Blocks and entries written together while it catches up. */
const BLOCKS_PER_BATCH = 64
const ENTRIES_PER_BATCH = 4_096
/** After a full batch: the chain goes first. */
const PAUSE_MS = 5
/** Transactions looked at in one turn. */
const PER_TURN = 128

/** What the indexer needs of the chain. */
export interface IndexedChain {
  head(): FinalizedBlock
  blockByHeight(height: number): FinalizedBlock | undefined
  blockHeightMin(): number
  onFinalized(listener: () => void): () => void
}

/** A number in a topic is no account: its first 24 bytes are zero. */
function accountOf(topic: Uint8Array): Address | undefined {
  const isAccount = topic.length === 32 && topic.subarray(0, 12).every((byte) => byte === 0)
  return isAccount && topic.subarray(12, 24).some((byte) => byte !== 0) ? topic.slice(12) : undefined
}

/** Who sent it, who was called, and whom a log names: once for each index. */
export async function touchedBy(block: FinalizedBlock, chainId: number): Promise<IndexedBlock> {
  const touched: (readonly [Address, number])[] = []
  for (let index = 0; index <= block.transactions.length; index++) {
    const transaction = block.transactions[index]
    const known = new Set<string>()
    const touch = (address: Address | undefined): void => {
      if (address === undefined || known.has(bytesKey(address))) return
      known.add(bytesKey(address))
      touched.push([address, index])
    }
    if (transaction !== undefined) {
      touch(transaction.sender)
      const decoded = decodeTransaction(transaction.raw, chainId)
      if ('transaction' in decoded) touch(decoded.transaction.to)
    }
    const logs = transaction === undefined ? block.systemLogs : block.receipts[index]!.logs
    for (const { topics } of logs) for (const topic of topics.slice(1)) touch(accountOf(topic))
    if (index % PER_TURN === PER_TURN - 1) await setImmediate()
  }
  return { height: block.header.height, hash: block.hash, touched }
}

export interface IndexerOptions {
  readonly index: AccountIndex
  readonly chain: IndexedChain
  readonly chainId: number
  readonly logger: NodeLogger
  /** After a full batch, default 5. */
  readonly pauseMs?: number
}

/** Indexes every block that the node has, from the oldest on, and then each new one, until `close`. */
export function startAccountIndexer(options: IndexerOptions): {
  /** Resolves when the index holds the tip of now. */
  caughtUp(): Promise<void>
  close(): Promise<void>
} {
  const { index, chain, chainId, logger, pauseMs = PAUSE_MS } = options
  let isClosed = false
  let hasNews = false
  let wake: () => void = () => undefined
  const stir = (): void => {
    hasNews = true
    wake()
  }
  const stopListening = chain.onFinalized(stir)

  /** Begins anew when the index is not of this chain, or blocks are missing between. */
  const begin = async (): Promise<void> => {
    const range = index.range()
    if (range === undefined) return
    const newest = chain.blockByHeight(range.to)
    if (newest !== undefined && equalBytes(newest.hash, range.hash)) return
    logger.warn(
      { from: range.from, to: range.to },
      'the index of accounts does not fit the chain: it is made again',
    )
    await index.clear()
  }

  /** The next blocks; empty when the next one is pruned. */
  const nextBatch = async (first: number): Promise<IndexedBlock[]> => {
    const blocks: IndexedBlock[] = []
    let entries = 0
    const last = Math.min(chain.head().header.height, first + BLOCKS_PER_BATCH - 1)
    for (let height = first; height <= last && entries < ENTRIES_PER_BATCH && !isClosed; height++) {
      const block = chain.blockByHeight(height)
      if (block === undefined) break
      const indexed = await touchedBy(block, chainId)
      entries += indexed.touched.length
      blocks.push(indexed)
    }
    return blocks
  }

  const goOn = async (): Promise<boolean> => {
    const heightMin = Math.max(1, chain.blockHeightMin())
    await index.prune(heightMin)
    const first = Math.max(heightMin, (index.range()?.to ?? 0) + 1)
    if (first > chain.head().header.height) return false
    // Blocks were pruned before they were indexed.
    if (index.range() !== undefined && first !== index.range()!.to + 1) await index.clear()
    const blocks = await nextBatch(first)
    if (isClosed || blocks.length === 0) return false
    await index.add(blocks)
    if (blocks.length === BLOCKS_PER_BATCH && pauseMs > 0) await setTimeout(pauseMs)
    return true
  }

  const run = async (): Promise<void> => {
    await begin()
    while (!isClosed) {
      hasNews = false
      if ((await goOn()) || hasNews) continue
      for (const done of waiting.splice(0)) done()
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
  }
  const waiting: (() => void)[] = []
  const running = run().catch((error: unknown) => {
    logger.error({ err: error }, 'the index of accounts stopped')
  })
  return {
    caughtUp: () =>
      new Promise((resolve) => {
        waiting.push(resolve)
        stir()
      }),
    async close() {
      isClosed = true
      stopListening()
      stir()
      await running
      await index.close()
    },
  }
}
