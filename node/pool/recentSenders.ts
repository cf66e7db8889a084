// Decoded transactions with their senders, so that each is recovered once from pool to block.
// Owns: lookups for the envelopes of blocks in memory. Not: admission (mempool.ts), recovery (senderPool.ts).
import { setImmediate } from 'node:timers/promises'
import { keccak256 } from '../../base/crypto/hash.ts'
import type { Address, TxId } from '../../base/ids.ts'
import {
  type DecodedTransaction,
  decodeTransaction,
  recoverSender,
  type Transaction,
} from '../../state/transaction.ts'
import type { RecoverOne } from './recoverer.ts'
import type { SenderPool } from './senderPool.ts'

/** Envelopes decoded per turn of the event loop: about 3 ms. */
const DECODED_PER_TURN = 256

export interface KnownSender {
  readonly transaction: Transaction
  readonly sender: Address
}

export class RecentSenders {
  readonly #chainId: number
  readonly #senders: SenderPool
  readonly #pooled: (hash: TxId) => KnownSender | undefined
  readonly #recoverOne: RecoverOne
  // Keyed by a block's own objects: entries live as long as the block, and a lookup needs no hash.
  readonly #byRaw = new WeakMap<Uint8Array, KnownSender>()
  readonly #senderOf = new WeakMap<Transaction, Address>()

  constructor(options: {
    chainId: number
    senders: SenderPool
    /** Looks a transaction up in the mempool. */
    pooled: (hash: TxId) => KnownSender | undefined
    /** Default: whose signature it has. */
    recoverOne?: RecoverOne
  }) {
    this.#recoverOne = options.recoverOne ?? recoverSender
    this.#chainId = options.chainId
    this.#senders = options.senders
    this.#pooled = options.pooled
  }

  #remember(raw: Uint8Array, known: KnownSender): void {
    this.#byRaw.set(raw, known)
    this.#senderOf.set(known.transaction, known.sender)
  }

  /** The decoded transaction and its sender, if this envelope was prepared or is in the pool. */
  get(raw: Uint8Array): KnownSender | undefined {
    const known = this.#byRaw.get(raw)
    if (known !== undefined) return known
    const pooled = this.#pooled(keccak256(raw) as Uint8Array)
    if (pooled !== undefined) this.#remember(raw, pooled)
    return pooled
  }

  /** For `executeBlock`: a decoded envelope from memory, or decoded now. */
  decode(raw: Uint8Array): DecodedTransaction {
    const known = this.get(raw)
    return known === undefined ? decodeTransaction(raw, this.#chainId) : { transaction: known.transaction }
  }

  /** For `executeBlock`: the sender from memory, or recovered now; undefined when the signature is invalid. */
  senderOf(transaction: Transaction): Address | undefined {
    return this.#senderOf.get(transaction) ?? this.#recoverOne(transaction)
  }

  /** Decodes and recovers unknown envelopes; malformed or unsigned ones stay unknown and fail execution. */
  async prepare(raws: readonly Uint8Array[]): Promise<void> {
    const missing: { readonly raw: Uint8Array; readonly transaction: Transaction }[] = []
    for (const [i, raw] of raws.entries()) {
      // A full block of unknown envelopes takes longer than a turn should.
      if (i % DECODED_PER_TURN === DECODED_PER_TURN - 1) await setImmediate()
      if (this.get(raw) !== undefined) continue
      const decoded = decodeTransaction(raw, this.#chainId)
      if ('transaction' in decoded) missing.push({ raw, transaction: decoded.transaction })
    }
    if (missing.length === 0) return
    const senders = await this.#senders.recover(
      missing.map((item) => item.transaction),
      { urgent: true },
    )
    senders.forEach((sender, i) => {
      const { raw, transaction } = missing[i]!
      if (sender !== undefined) this.#remember(raw, { transaction, sender })
    })
  }
}
