// Batched transaction gossip. Owns: batching, the seen-cache, recipients. Not: validity (the mempool).
import { bytesKey } from '../base/bytes.ts'
import { keccak256 } from '../base/crypto/hash.ts'
import type { TxId } from '../base/ids.ts'
import { TX_BYTES_MAX } from '../base/protocol/limits.ts'
import { RecentMap } from '../base/recentMap.ts'
import { message, t } from '../base/schema.ts'
import { type AllowanceRules, Allowances } from './allowances.ts'
import { GOSSIP_BATCH_BYTES_MAX, GOSSIP_BATCH_TXS_MAX, GOSSIP_QUEUE_BYTES_MAX } from './limits.ts'
import type { P2pHost, PeerKey, ProtocolPort } from './protocol.ts'
import { MONOTONIC, type Timers } from './timers.ts'

export const GOSSIP_PROTOCOL = '/suanli/transactions/1'
const BATCH_DELAY_MS = 10
/**
 * Transactions that a peer may have checked, a second and at once: a decoding and a signature each, 80 µs in all. A peer that
 * sends more is read more slowly.
 */
const RULES: AllowanceRules = {
  member: { perSecond: 8_000, burst: 16_384 },
  peer: { perSecond: 1_000, burst: 4_096 },
  address: { perSecond: 1_000, burst: 4_096 },
  strangers: { perSecond: 2_000, burst: 8_192 },
}
/** What each in a batch costs, known or not: its hash, which takes longer the longer it is. */
const HASH_COST = 1 / 16
const HASH_COST_PER_BYTE = 1 / 8_192
/** What one costs besides that was checked and did not enter the pool: honest peers check before they forward. */
const REFUSED_COST = 3
const SEEN_MAX = 65_536
/** A transaction's tag and length inside a batch. */
const ENTRY_OVERHEAD_BYTES = 8
const FRAME_OVERHEAD_BYTES = 16

const batchSchema = message('TransactionBatch', {
  /** Sent to one peer on purpose: delivered even if seen before. */
  resent: t.bool,
  transactions: t.list(t.view(TX_BYTES_MAX), GOSSIP_BATCH_TXS_MAX),
})

export interface GossipTx {
  /** The envelope's original bytes; a received one is a view of its batch: copy it to keep it. */
  readonly raw: Uint8Array
  /** keccak-256 of `raw`. */
  readonly id: TxId
}

/** How many were decoded and had their signatures checked, and how many of them did not enter the pool. */
export interface CheckedBatch {
  readonly checked: number
  readonly refused: number
  /** Not looked at, since something before them was malformed: taken when another peer sends them. Absent: none. */
  readonly dropped?: readonly GossipTx[]
}

export interface TxGossipOptions {
  /** Whether this node is in the current validator set; if so, it does not relay transactions from validators. */
  isValidator(): boolean
  /**
   * Transactions not seen before, one call per batch. Reading from the peer pauses while the returned promise is pending, and
   * longer when it has used up its allowance.
   */
  onTransactions(peer: PeerKey, transactions: readonly GossipTx[]): Promise<CheckedBatch>
  /** Minimum time between batches, ms; the first after a pause is sent at once. Default 10. */
  readonly batchDelayMs?: number
  /** Remembered transaction ids. Default 65,536. */
  readonly seenMax?: number
  /** Default: the process's monotonic one. */
  readonly clock?: Timers
}

export interface TxGossip {
  /** Sends a transaction submitted to this node (RPC) to every peer, once. */
  publish(transaction: GossipTx): void
  /** Relays a transaction from `from`, once admitted to the mempool, to peers that `from` may not reach. */
  relay(transaction: GossipTx, from: PeerKey): void
  /** Sends to one peer even what was sent before, e.g. pending transactions to the leader (CONSENSUS §4 need). */
  sendTo(peer: PeerKey, transactions: readonly Uint8Array[]): boolean
  /** Drops the pending batch and its timer. */
  close(): void
}

/** Adds transaction gossip to a host that has not started. */
export function createTxGossip(host: P2pHost, options: TxGossipOptions): TxGossip {
  return new Gossip(host, options)
}

interface Pending {
  readonly raw: Uint8Array
  /** Set on a relayed transaction: the peer to skip, and whether only validators need it. */
  readonly relayed?: { readonly from: PeerKey; readonly validatorsOnly: boolean }
}

class Gossip implements TxGossip {
  readonly #host: P2pHost
  readonly #options: TxGossipOptions
  readonly #port: ProtocolPort
  readonly #seen: RecentMap<true>
  readonly #delayMs: number
  readonly #allowances: Allowances
  #pending: Pending[] = []
  #pendingBytes = 0
  readonly #clock: Timers
  #cancelTimer: (() => void) | undefined
  #sentAtMs = 0
  #closed = false

  constructor(host: P2pHost, options: TxGossipOptions) {
    this.#host = host
    this.#options = options
    this.#delayMs = options.batchDelayMs ?? BATCH_DELAY_MS
    this.#clock = options.clock ?? MONOTONIC
    this.#seen = new RecentMap(options.seenMax ?? SEEN_MAX)
    this.#allowances = new Allowances(host, RULES, () => this.#clock.monotonicMs())
    this.#port = host.register(
      {
        id: GOSSIP_PROTOCOL,
        frameBytesMax: GOSSIP_BATCH_BYTES_MAX,
        queueBytesMax: GOSSIP_QUEUE_BYTES_MAX,
        overflow: 'refuse',
        consensusOnly: false,
      },
      { onFrame: (peer, frame) => this.#onFrame(peer, frame) },
    )
  }

  publish(transaction: GossipTx): void {
    this.#seen.set(bytesKey(transaction.id), true)
    this.#enqueue({ raw: transaction.raw })
  }

  relay(transaction: GossipTx, from: PeerKey): void {
    const validator = this.#options.isValidator()
    // Validators send their clients' transactions to all validators themselves.
    if (validator && this.#host.getValidatorIndex(from) !== undefined) return
    this.#enqueue({ raw: transaction.raw, relayed: { from, validatorsOnly: validator } })
  }

  sendTo(peer: PeerKey, transactions: readonly Uint8Array[]): boolean {
    let sent = true
    for (const frame of encodeBatches(transactions, true)) sent = this.#port.send(peer, frame) && sent
    return sent
  }

  close(): void {
    this.#closed = true
    this.#cancelTimer?.()
    this.#pending = []
  }

  #enqueue(pending: Pending): void {
    if (this.#closed || pending.raw.length === 0 || pending.raw.length > TX_BYTES_MAX) return
    const cost = pending.raw.length + ENTRY_OVERHEAD_BYTES
    const full = this.#pending.length >= GOSSIP_BATCH_TXS_MAX
    if (full || this.#pendingBytes + cost > GOSSIP_BATCH_BYTES_MAX - FRAME_OVERHEAD_BYTES) this.#flush()
    this.#pending.push(pending)
    this.#pendingBytes += cost
    if (this.#cancelTimer !== undefined) return
    const sinceMs = this.#clock.monotonicMs() - this.#sentAtMs
    // After a pause, wait only for transactions of the same tick.
    this.#cancelTimer = this.#clock.after(Math.max(0, this.#delayMs - sinceMs), () => this.#flush())
  }

  #flush(): void {
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
    const batch = this.#pending
    this.#pending = []
    this.#pendingBytes = 0
    if (batch.length === 0) return
    this.#sentAtMs = this.#clock.monotonicMs()
    const published = batch.every((pending) => pending.relayed === undefined)
    const shared = published ? encodeBatches(batch.map(rawOf), false) : undefined
    for (const peer of this.#port.peers()) {
      for (const frame of shared ?? this.#encodeFor(peer, batch)) this.#port.send(peer, frame)
    }
  }

  #encodeFor(peer: PeerKey, batch: readonly Pending[]): readonly Uint8Array[] {
    const isValidator = this.#host.getValidatorIndex(peer) !== undefined
    const concerned = batch.filter(({ relayed }) => {
      if (relayed === undefined) return true
      return relayed.from !== peer && (isValidator || !relayed.validatorsOnly)
    })
    return encodeBatches(concerned.map(rawOf), false)
  }

  #onFrame(peer: PeerKey, frame: Uint8Array): void | Promise<void> {
    const batch = batchSchema.decode(frame)
    const fresh: GossipTx[] = []
    let bytes = 0
    for (const raw of batch.transactions) {
      bytes += raw.length
      const id: TxId = keccak256(raw) as Uint8Array
      const key = bytesKey(id)
      const unseen = !this.#seen.has(key)
      if (unseen) this.#seen.set(key, true)
      if (unseen || batch.resent) fresh.push({ raw, id })
    }
    this.#allowances.charge(peer, HASH_COST * batch.transactions.length + HASH_COST_PER_BYTE * bytes)
    if (fresh.length > 0) return this.#check(peer, fresh)
    return this.#earned(peer)
  }

  async #check(peer: PeerKey, fresh: readonly GossipTx[]): Promise<void> {
    const { checked, refused, dropped } = await this.#options.onTransactions(peer, fresh)
    for (const { id } of dropped ?? []) this.#seen.delete(bytesKey(id))
    this.#allowances.charge(peer, checked + REFUSED_COST * refused)
    await this.#earned(peer)
  }

  /** Resolves when the peer has credit again; undefined when it has. */
  #earned(peer: PeerKey): Promise<void> | undefined {
    const waitMs = Math.ceil(this.#allowances.waitMs(peer))
    if (waitMs === 0) return undefined
    return new Promise((resolve) => void this.#clock.after(waitMs, resolve))
  }
}

function rawOf(pending: Pending): Uint8Array {
  return pending.raw
}

/** As few frames as the limits allow; none without transactions. `resent`: sent to one peer on purpose. */
export function encodeBatches(transactions: readonly Uint8Array[], resent: boolean): readonly Uint8Array[] {
  const frames: Uint8Array[] = []
  let group: Uint8Array[] = []
  let size = FRAME_OVERHEAD_BYTES
  const finish = (): void => {
    if (group.length > 0) frames.push(batchSchema.encode({ resent, transactions: group }))
    group = []
    size = FRAME_OVERHEAD_BYTES
  }
  for (const raw of transactions) {
    const cost = raw.length + ENTRY_OVERHEAD_BYTES
    if (group.length >= GOSSIP_BATCH_TXS_MAX || size + cost > GOSSIP_BATCH_BYTES_MAX) finish()
    group.push(raw)
    size += cost
  }
  finish()
  return frames
}
