// A pooled transaction, and what it may cost and pays. Not: queues (accountQueue.ts), rules (mempool.ts).
import type { Address } from '../../base/ids.ts'
import type { Lane, PerLane } from '../../base/lanes.ts'
import { minBigint } from '../../base/units.ts'
import type { Transaction } from '../../state/transaction.ts'

export interface PoolEntry {
  readonly transaction: Transaction
  readonly sender: Address
  /** `bytesKey` of the sender. */
  readonly senderKey: string
  /** Whose base fee it pays. */
  readonly lane: Lane
  /** Arrival order, for ties. */
  readonly sequence: number
  readonly arrivedAtMs: number
}

/** The most the sender can lose by this transaction. */
export function transactionCost(transaction: Transaction): bigint {
  return BigInt(transaction.gasLimit) * transaction.maxFeePerGas + transaction.valueBase
}

/** What the proposer gets per gas at these base fees; negative below the base fee. */
export function effectiveTip(
  { transaction, lane }: Pick<PoolEntry, 'transaction' | 'lane'>,
  baseFees: PerLane<bigint>,
): bigint {
  return minBigint(transaction.maxFeePerGas - baseFees[lane], transaction.maxPriorityFeePerGas)
}
