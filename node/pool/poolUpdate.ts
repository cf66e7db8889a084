// What a final block does to the pool: its transactions leave, and its senders' queues are looked at again.
import { bytesKey } from '../../base/bytes.ts'
import type { Address, TxId } from '../../base/ids.ts'
import type { FinalizedEvent } from '../chain/importerTypes.ts'
import type { Mempool } from './mempool.ts'
import type { SenderCache } from './senderCache.ts'

/** Applies one finalized block to the pool. */
export function updatePool(mempool: Mempool, senders: Pick<SenderCache, 'get'>, event: FinalizedEvent): void {
  const { block, senders: signers } = event.executed
  const hashes: TxId[] = []
  const touched = new Map<string, Address>()
  block.transactions.forEach((raw, i) => {
    // Executed blocks were prepared or built from the pool; whatever else it may be, the pool does not hold it.
    const known = senders.get(raw)
    if (known !== undefined) hashes.push(known.transaction.hash)
    touched.set(bytesKey(signers[i]!), signers[i]!)
  })
  mempool.onIncluded(hashes)
  mempool.onFinalized(touched.values())
}
