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
  readonly mempool: Pick<Mempool, 'size' | 'entries'>
  /** The pool's monotonic clock. */
  readonly nowMs: () => number
}

/** Resends pooled transactions to the current leader (CONSENSUS §4 "Need"). */
export class Resender {
  readonly #options: ResenderOptions
  /** When a transaction was last resent, under load. */
  readonly #sentAtMs = new WeakMap<PoolEntry, number>()

  constructor(options: ResenderOptions) {
    this.#options = options
  }

  share(validator: number): void {
    const { host, gossip, mempool } = this.#options
    const peer = host.getValidatorPeer(validator)
    if (peer === undefined || peer === host.peerId) return
    const raws =
      mempool.size < LOAD_MIN
        ? Array.from(mempool.entries(), (entry) => entry.transaction.raw)
        : this.#overdue()
    if (raws.length > 0) gossip.sendTo(peer, raws)
  }

  /** The oldest transactions that gossip and earlier resends did not get into a block. */
  #overdue(): readonly Uint8Array[] {
    const { mempool, nowMs } = this.#options
    const now = nowMs()
    const raws: Uint8Array[] = []
    let scanned = 0
    for (const entry of mempool.entries()) {
      // In order of arrival: the first recent one ends the scan.
      if (now - entry.arrivedAtMs < RESEND_MS || ++scanned > SCAN_MAX) break
      if (now - (this.#sentAtMs.get(entry) ?? Number.NEGATIVE_INFINITY) < RESEND_MS) continue
      this.#sentAtMs.set(entry, now)
      raws.push(entry.transaction.raw)
      if (raws.length >= SHARE_MAX) break
    }
    return raws
  }
}
