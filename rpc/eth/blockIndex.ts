// Data derived once per block for eth_ answers: decoded envelopes, log indices, bloom.
import { assert } from '../../base/assert.ts'
import { decodeTransaction, type Transaction } from '../../state/transaction.ts'
import type { FinalizedBlock } from '../backend.ts'
import { addLogs, BLOOM_BYTES } from './bloom.ts'

/** Decodes an envelope that execution or the mempool has already decoded. */
export function mustDecode(raw: Uint8Array, chainId: number): Transaction {
  const decoded = decodeTransaction(raw, chainId)
  assert('transaction' in decoded, 'a known transaction decodes')
  return decoded.transaction
}

export class BlockIndex {
  readonly #block: FinalizedBlock
  readonly #chainId: number
  readonly #transactions: (Transaction | undefined)[]
  /** First log index per transaction; the last element is that of the system logs. */
  readonly #firstLogs: number[] = []
  #bloom: Uint8Array | undefined

  constructor(block: FinalizedBlock, chainId: number) {
    assert(block.receipts.length === block.transactions.length, 'a receipt for every transaction')
    this.#block = block
    this.#chainId = chainId
    this.#transactions = new Array(block.transactions.length)
    let logs = 0
    for (const receipt of block.receipts) {
      this.#firstLogs.push(logs)
      logs += receipt.logs.length
    }
    this.#firstLogs.push(logs)
  }

  transaction(index: number): Transaction {
    const known = this.#transactions[index]
    if (known !== undefined) return known
    const decoded = mustDecode(this.#block.transactions[index]!.raw, this.#chainId)
    this.#transactions[index] = decoded
    return decoded
  }

  firstLog(index: number): number {
    return this.#firstLogs[index]!
  }

  /** Over all logs, including the system logs. */
  bloom(): Uint8Array {
    if (this.#bloom !== undefined) return this.#bloom
    const bloom = new Uint8Array(BLOOM_BYTES)
    for (const receipt of this.#block.receipts) addLogs(bloom, receipt.logs)
    addLogs(bloom, this.#block.systemLogs)
    this.#bloom = bloom
    return bloom
  }
}

/** Caches each index as long as its block object lives. */
export class BlockIndexes {
  readonly #chainId: number
  readonly #known = new WeakMap<FinalizedBlock, BlockIndex>()

  constructor(chainId: number) {
    this.#chainId = chainId
  }

  of(block: FinalizedBlock): BlockIndex {
    const known = this.#known.get(block)
    if (known !== undefined) return known
    const index = new BlockIndex(block, this.#chainId)
    this.#known.set(block, index)
    return index
  }
}
