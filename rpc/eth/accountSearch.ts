// An account's transactions, found by reading blocks: there is no index. Owns: the search and its limits.
import { equalBytes } from '../../base/bytes.ts'
import type { Address } from '../../base/ids.ts'
import type { Log } from '../../state/context.ts'
import { addressTopic } from '../../state/transferLog.ts'
import type { Backend } from '../backend.ts'
import { limitExceeded } from '../errors.ts'
import { TimeSlice } from '../timeSlice.ts'
import type { BlockIndex, BlockIndexes } from './blockIndex.ts'
import type { Located } from './blocks.ts'
import { checkHeld } from './resolve.ts'

/** Transactions that a page may ask for; the last block of a page is never split. */
export const PAGE_MAX = 100
/** Blocks read for one page. */
const BLOCKS_MAX = 10_000

export interface FoundPage {
  /** Newest first. */
  readonly places: readonly Located[]
  /** Whether nothing newer exists. */
  readonly firstPage: boolean
  /** Whether nothing older exists. */
  readonly lastPage: boolean
}

/** Whether a transaction comes from, goes to, or has a log that names the account. */
function touches(
  { block, index }: Located,
  blockIndex: BlockIndex,
  account: { readonly address: Address; readonly topic: Uint8Array },
): boolean {
  if (equalBytes(block.transactions[index]!.sender, account.address)) return true
  if (equalBytes(blockIndex.transaction(index).to, account.address)) return true
  const names = (log: Log): boolean =>
    equalBytes(log.address, account.address) || log.topics.some((topic) => equalBytes(topic, account.topic))
  return block.receipts[index]!.logs.some(names)
}

export class AccountSearch {
  readonly #backend: Backend
  readonly #indexes: BlockIndexes

  constructor(backend: Backend, indexes: BlockIndexes) {
    this.#backend = backend
    this.#indexes = indexes
  }

  /** Below `height`; 0 = from the head. */
  async before(address: Address, height: number, pageSize: number): Promise<FoundPage> {
    const head = this.#backend.head().header.height
    const newest = height === 0 ? head : Math.min(height - 1, head)
    const oldest = Math.max(1, this.#backend.blockHeightMin())
    const { places, isWhole } = await this.#search(address, { from: newest, to: oldest, step: -1, pageSize })
    return { places, firstPage: newest === head, lastPage: isWhole }
  }

  /** Above `height`; 0 = from the first block. */
  async after(address: Address, height: number, pageSize: number): Promise<FoundPage> {
    const head = this.#backend.head().header.height
    const oldest = Math.max(1, this.#backend.blockHeightMin(), height + 1)
    const { places, isWhole } = await this.#search(address, { from: oldest, to: head, step: 1, pageSize })
    return { places: places.toReversed(), firstPage: isWhole, lastPage: height === 0 }
  }

  async #search(
    address: Address,
    range: { readonly from: number; readonly to: number; readonly step: 1 | -1; readonly pageSize: number },
  ): Promise<{ readonly places: Located[]; readonly isWhole: boolean }> {
    const { from, to, step, pageSize } = range
    const account = { address, topic: addressTopic(address) }
    const slice = new TimeSlice()
    const places: Located[] = []
    for (let height = from; (to - height) * step >= 0; height += step) {
      if (places.length >= pageSize) return { places, isWhole: false }
      const isTooMuch = Math.abs(height - from) >= BLOCKS_MAX || !(await slice.next())
      if (isTooMuch && height !== from) return this.#part(places, { from, next: height })
      checkHeld(this.#backend, height)
      const block = await this.#backend.blockByHeight(height)
      if (block === undefined) continue
      const blockIndex = this.#indexes.of(block)
      const own = block.transactions.flatMap((_, index): Located[] =>
        touches({ block, index }, blockIndex, account) ? [{ block, index }] : [],
      )
      // In the direction of the search.
      places.push(...(step === 1 ? own : own.toReversed()))
    }
    return { places, isWhole: true }
  }

  /** A search that ended early: what it found, from which a client continues; with nothing found it could not. */
  #part(places: Located[], { from, next }: { readonly from: number; readonly next: number }) {
    if (places.length > 0) return { places, isWhole: false }
    throw limitExceeded(
      `no transaction of the account between blocks ${from} and ${next}: continue with ${next}`,
    )
  }
}
