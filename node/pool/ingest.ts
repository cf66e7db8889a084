// Admits transactions to the pool: decode, recover the sender, add.
// Owns: micro-batching of signatures, mapping of rejections. Not: pool rules (mempool.ts), JSON-RPC (rpc/).
import type { TxId } from '../../base/ids.ts'
import type { GossipTx } from '../../p2p/txGossip.ts'
import type { SubmitRejection, SubmitResult } from '../../rpc/backend.ts'
import { envelopeRejection } from '../../rpc/errors.ts'
import { decodeTransaction, type Transaction } from '../../state/transaction.ts'
import type { Mempool } from './mempool.ts'
import type { SenderPool } from './senderPool.ts'

const INVALID_SIGNATURE: SubmitRejection = { code: 'invalidSignature', message: 'invalid signature' }
const BUSY: SubmitRejection = { code: 'notReady', message: 'too many signatures are waiting, try again' }

/** Gossiped transactions decoded at once. */
const RECEIVE_SLICE = 64

interface Waiting {
  readonly transaction: Transaction
  readonly done: (result: SubmitResult) => void
}

export interface IngestOptions {
  readonly chainId: number
  readonly mempool: Mempool
  readonly senders: SenderPool
  /** Called for each admitted transaction, before its submitter gets an answer. */
  readonly onAdmitted: (transaction: Transaction) => void
}

export class Ingest {
  readonly #options: IngestOptions
  #waiting: Waiting[] = []
  #isScheduled = false

  constructor(options: IngestOptions) {
    this.#options = options
  }

  /** Admits a client's envelope. Signatures submitted in one turn of the event loop are recovered together. */
  submit(raw: Uint8Array): Promise<SubmitResult> {
    const decoded = decodeTransaction(raw, this.#options.chainId)
    if ('failure' in decoded) {
      return Promise.resolve({ ok: false, rejection: envelopeRejection(decoded.failure) })
    }
    const { transaction } = decoded
    if (this.#options.mempool.has(transaction.hash)) {
      return Promise.resolve({ ok: false, rejection: { code: 'alreadyKnown', message: 'already known' } })
    }
    return new Promise((done) => {
      this.#waiting.push({ transaction, done })
      if (this.#isScheduled) return
      this.#isScheduled = true
      setImmediate(() => void this.#flush())
    })
  }

  async #flush(): Promise<void> {
    const batch = this.#waiting
    this.#waiting = []
    this.#isScheduled = false
    const answer = (item: Waiting, rejection: SubmitRejection | undefined): void => {
      item.done(rejection === undefined ? { ok: true, id: item.transaction.hash } : { ok: false, rejection })
    }
    let senders: readonly (Uint8Array | undefined)[]
    try {
      senders = await this.#options.senders.recover(batch.map((item) => item.transaction))
    } catch {
      for (const item of batch) answer(item, BUSY)
      return
    }
    batch.forEach((item, i) => {
      const sender = senders[i]
      if (sender === undefined) {
        answer(item, INVALID_SIGNATURE)
        return
      }
      const rejection = this.#options.mempool.add(item.transaction, sender)
      if (rejection === undefined) this.#options.onAdmitted(item.transaction)
      answer(item, rejection)
    })
  }

  /**
   * Admits a peer's transactions; returns those that entered the pool, how many had to be checked for that, how many of these
   * were malformed, and the rest. No honest peer forwards a malformed one: what follows the slice with the first is dropped
   * unchecked.
   */
  async receive(transactions: readonly GossipTx[]): Promise<{
    readonly admitted: readonly GossipTx[]
    readonly checked: number
    readonly malformed: number
    readonly dropped: readonly GossipTx[]
  }> {
    const admitted: GossipTx[] = []
    let checked = 0
    let malformed = 0
    let at = 0
    for (; at < transactions.length && malformed === 0; at += RECEIVE_SLICE) {
      const slice = transactions
        .slice(at, at + RECEIVE_SLICE)
        .filter(({ id }) => !this.#options.mempool.has(id))
      checked += slice.length
      malformed += await this.#receiveSlice(slice, admitted)
    }
    return { admitted, checked, malformed, dropped: transactions.slice(at) }
  }

  async #receiveSlice(transactions: readonly GossipTx[], admitted: GossipTx[]): Promise<number> {
    const { mempool, chainId, senders: pool } = this.#options
    const known: { readonly gossip: GossipTx; readonly transaction: Transaction }[] = []
    let malformed = 0
    for (const gossip of transactions) {
      const decoded = decodeTransaction(gossip.raw, chainId, gossip.id)
      if ('transaction' in decoded) known.push({ gossip, transaction: decoded.transaction })
      else malformed++
    }
    if (known.length === 0) return malformed
    const senders = await pool.recover(
      known.map((item) => item.transaction),
      { patient: true },
    )
    known.forEach(({ gossip, transaction }, i) => {
      const sender = senders[i]
      if (sender === undefined) malformed++
      else if (mempool.add(transaction, sender) === undefined) {
        admitted.push(gossip)
        this.#options.onAdmitted(transaction)
      }
    })
    return malformed
  }
}

/** Hash and bytes of a pooled transaction, for gossip. */
export function gossipOf(transaction: Transaction): GossipTx & { readonly id: TxId } {
  return { raw: transaction.raw, id: transaction.hash }
}
