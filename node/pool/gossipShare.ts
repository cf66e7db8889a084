// Passing transactions of the own pool on: new ones to every peer, includable ones to a leader.
import type { P2pHost } from '../../p2p/protocol.ts'
import type { TxGossip } from '../../p2p/txGossip.ts'
import { gossipOf, type Ingest } from './ingest.ts'
import { LOAD_MIN, type Mempool, type PoolEntry } from './mempool.ts'

/** Transactions resent at once under load, when every view resends: a leader would drown in what it knows. */
const SHARE_MAX = 256
/**
 * Under load, the shortest time between arrival and resending, and between two resendings, of one transaction: so long
 * gossip has to bring it everywhere.
 */
const RESEND_MS = 1_000
/** Entries looked at for one share. */
const SCAN_MAX = 4_096

/** Submissions that enter here go to every peer once. */
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
  readonly nowMs: () => number
}

/** Resends pooled transactions to a validator that leads (CONSENSUS §4 "Need"). */
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

  /** The longest waiting that gossip and earlier resendings did not bring into a block. */
  #overdue(): readonly Uint8Array[] {
    const { mempool, nowMs } = this.#options
    const now = nowMs()
    const raws: Uint8Array[] = []
    let scanned = 0
    for (const entry of mempool.entries()) {
      // In order of arrival: the first young one ends the scan.
      if (now - entry.arrivedAtMs < RESEND_MS || ++scanned > SCAN_MAX) break
      if (now - (this.#sentAtMs.get(entry) ?? Number.NEGATIVE_INFINITY) < RESEND_MS) continue
      this.#sentAtMs.set(entry, now)
      raws.push(entry.transaction.raw)
      if (raws.length >= SHARE_MAX) break
    }
    return raws
  }
}
