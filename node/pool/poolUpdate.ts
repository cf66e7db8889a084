// Updates the pool after a final block: removes its transactions and rechecks the queues of touched accounts.
import { bytesKey } from '../../base/bytes.ts'
import type { Address } from '../../base/ids.ts'
import type { FinalizedEvent } from '../chain/importerTypes.ts'
import type { Mempool } from './mempool.ts'

/** Applies one finalized block to the pool. */
export function updatePool(mempool: Mempool, event: FinalizedEvent): void {
  const { ids, senders } = event.executed
  mempool.onIncluded(ids)
  mempool.onFinalized(new Map<string, Address>(senders.map((sender) => [bytesKey(sender), sender])).values())
}
