// Passing transactions of the own pool on: new ones to every peer, includable ones to a leader.
import type { P2pHost } from '../../p2p/protocol.ts'
import type { TxGossip } from '../../p2p/txGossip.ts'
import { gossipOf, type Ingest } from './ingest.ts'
import type { Mempool, PoolEntry } from './mempool.ts'

/** Transactions resent to a leader at once. */
const SHARE_MAX = 1024

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

/** Resends includable transactions to a validator that leads. */
export function shareTransactions(
  host: P2pHost,
  gossip: TxGossip,
  entries: Iterable<PoolEntry>,
  validator: number,
): void {
  const peer = host.getValidatorPeer(validator)
  if (peer === undefined || peer === host.peerId) return
  const raws: Uint8Array[] = []
  for (const entry of entries) {
    raws.push(entry.transaction.raw)
    if (raws.length >= SHARE_MAX) break
  }
  if (raws.length > 0) gossip.sendTo(peer, raws)
}
