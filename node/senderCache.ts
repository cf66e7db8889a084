// Decoded transactions with their senders, by hash: recovered once per node, from pool to block.
// Owns: the bounded cache in front of the sender pool. Not: admission (mempool.ts).
import { bytesKey } from '../base/bytes.ts'
import { keccak256 } from '../base/crypto/hash.ts'
import type { Address, TxId } from '../base/ids.ts'
import { type DecodedTransaction, decodeTransaction, type Transaction } from '../state/transaction.ts'
import type { SenderPool } from './senderPool.ts'

export interface KnownSender {
  readonly transaction: Transaction
  readonly sender: Address
}

/** Several full blocks beyond what the pool holds. */
const ENTRIES_MAX = 8_192

export class SenderCache {
  readonly #chainId: number
  readonly #senders: SenderPool
  readonly #pooled: (hash: TxId) => KnownSender | undefined
  readonly #entries = new Map<string, KnownSender>()

  constructor(options: {
    chainId: number
    senders: SenderPool
    /** What the mempool holds; looked up first. */
    pooled: (hash: TxId) => KnownSender | undefined
  }) {
    this.#chainId = options.chainId
    this.#senders = options.senders
    this.#pooled = options.pooled
  }

  /** The decoded transaction and its sender, when either is known already. */
  get(hash: TxId): KnownSender | undefined {
    return this.#pooled(hash) ?? this.#entries.get(bytesKey(hash))
  }

  /** Remembers a sender beyond its stay in the pool. */
  remember(known: KnownSender): void {
    const key = bytesKey(known.transaction.hash)
    this.#entries.delete(key)
    this.#entries.set(key, known)
    if (this.#entries.size > ENTRIES_MAX) this.#entries.delete(this.#entries.keys().next().value!)
  }

  /** For `executeBlock`: a decoded envelope from memory, or decoded now. */
  decode(raw: Uint8Array): DecodedTransaction {
    const known = this.get(keccak256(raw) as Uint8Array)
    return known === undefined ? decodeTransaction(raw, this.#chainId) : { transaction: known.transaction }
  }

  /** Hash and, where known, sender of envelopes that were executed before. */
  *namesOf(
    raws: readonly Uint8Array[],
  ): Iterable<{ readonly hash: TxId; readonly sender: Address | undefined }> {
    for (const raw of raws) {
      const hash: TxId = keccak256(raw) as Uint8Array
      yield { hash, sender: this.get(hash)?.sender }
    }
  }

  /** Decodes and recovers what is not known yet; what is malformed or unsigned stays unknown and fails execution. */
  async prepare(raws: readonly Uint8Array[]): Promise<void> {
    const missing: Transaction[] = []
    for (const raw of raws) {
      const hash: TxId = keccak256(raw) as Uint8Array
      const known = this.get(hash)
      if (known !== undefined) {
        // The pool may drop it while the block is being executed.
        this.remember(known)
        continue
      }
      const decoded = decodeTransaction(raw, this.#chainId)
      if ('transaction' in decoded) missing.push(decoded.transaction)
    }
    if (missing.length === 0) return
    const senders = await this.#senders.recover(missing, { urgent: true })
    senders.forEach((sender, i) => {
      if (sender !== undefined) this.remember({ transaction: missing[i]!, sender })
    })
  }
}
