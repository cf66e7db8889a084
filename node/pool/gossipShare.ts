// Sends pooled transactions to peers: new ones to every peer, includable ones to a leader.
import type { P2pHost } from '../../p2p/protocol.ts'
import type { TxGossip } from '../../p2p/txGossip.ts'
import { gossipOf, type Ingest } from './ingest.ts'
import { LOAD_MIN, type Mempool } from './mempool.ts'
import type { PoolEntry } from './poolEntry.ts'

/** Resend at most this many at once under load: every view resends, and the leader knows most of them. */
const SHARE_MAX = 256
/**
 * Under load, the shortest time between a transaction's arrival and its resend, and between two resends: gossip has this
 * long to reach everyone.
 */
const RESEND_MS = 1_000
/** Bytes of one resend, and one transaction more: the leader hashes what every other node resends, in each view. */
export const SHARE_BYTES_MAX = 512 * 1024
/** Entries scanned per resend. */
const SCAN_MAX = 4_096

/** Gossips each transaction submitted here to every peer once. */
export function withGossip(ingest: Ingest, gossip: TxGossip, mempool: Mempool): Pick<Ingest, 'submit'> {
  return {
    async submit(raw) {
      const result = await ingest.submit(raw)
      if (result.ok) {
        const entry = mempool.get(result.id)
        if (entry !== undefined) gossip.publish(gossipOf(entry.transaction))
      }
      return result
    },
  }
}

export interface ResenderOptions {
  readonly host: Pick<P2pHost, 'getValidatorPeer' | 'peerId'>
  readonly gossip: Pick<TxGossip, 'sendTo'>
  readonly mempool: Pick<Mempool, 'size' | 'entries' | 'includableNow'>
  /** The pool's monotonic clock. */
  readonly nowMs: () => number
}

/** Resends pooled transactions to the current leader (CONSENSUS §4 "Need"). */
export class Resender {
  readonly #options: ResenderOptions
  /** When a transaction was last resent, under load. */
  readonly #sentAtMs = new WeakMap<PoolEntry, number>()
  /** Walks the pool while it changes; begins anew after the end. */
  #scan: Iterator<PoolEntry, undefined> | undefined

  constructor(options: ResenderOptions) {
    this.#options = options
  }

  share(validator: number): void {
    const { host, gossip, mempool } = this.#options
    const peer = host.getValidatorPeer(validator)
    if (peer === undefined || peer === host.peerId) return
    const isIncludable = mempool.includableNow()
    const raws = this.#allAtOnce(isIncludable) ?? this.#overdue(isIncludable)
    if (raws.length > 0) gossip.sendTo(peer, raws)
  }

  /** All that a block could include; undefined under load, or when that is too much at once. */
  #allAtOnce(isIncludable: (entry: PoolEntry) => boolean): readonly Uint8Array[] | undefined {
    const { mempool } = this.#options
    if (mempool.size >= LOAD_MIN) return undefined
    const raws: Uint8Array[] = []
    let bytes = 0
    for (const entry of mempool.entries()) {
      if (!isIncludable(entry)) continue
      const { raw } = entry.transaction
      bytes += raw.length
      if (bytes > SHARE_BYTES_MAX) return undefined
      raws.push(raw)
    }
    return raws
  }

  /** The oldest transactions that gossip and earlier resends did not get into a block. */
  #overdue(isIncludable: (entry: PoolEntry) => boolean): readonly Uint8Array[] {
    const { mempool, nowMs } = this.#options
    const now = nowMs()
    const raws: Uint8Array[] = []
    let bytes = 0
    for (
      let scanned = 0;
      scanned < SCAN_MAX && raws.length < SHARE_MAX && bytes < SHARE_BYTES_MAX;
      scanned++
    ) {
      // The scan goes on where the last one stopped, so that no number of entries hides those behind it.
      this.#scan ??= mempool.entries()[Symbol.iterator]()
      const entry = this.#scan.next().value
      // In order of arrival: the first recent one ends the scan.
      if (entry === undefined || now - entry.arrivedAtMs < RESEND_MS) {
        this.#scan = undefined
        break
      }
      if (now - (this.#sentAtMs.get(entry) ?? Number.NEGATIVE_INFINITY) < RESEND_MS) continue
      if (!isIncludable(entry)) continue
      this.#sentAtMs.set(entry, now)
      raws.push(entry.transaction.raw)
      bytes += entry.transaction.raw.length
    }
    return raws
  }
}
