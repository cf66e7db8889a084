// What goes when an old block is pruned: body, receipts, certificate and the indexes that lead to it.
// Not: when (node/watch/upkeep.ts), reverse differences (history.ts), boundary headers and their F, which stay.
import { keccak256 } from '../base/crypto/hash.ts'
import type { SealedBlock } from '../base/protocol/header.ts'
import type { StoreBatch } from './commitPlan.ts'
import { hashKey, numberKey } from './layout.ts'

/** Blocks below the tip that always stay: peers a little behind fetch them. */
export const KEEP_BLOCKS_MIN = 64

/** Adds the deletions of one height to a batch; `block` is absent when an earlier run removed it already. */
export function fillPruned(
  batch: Pick<StoreBatch, 'del'>,
  height: number,
  block: SealedBlock | undefined,
): void {
  batch.del(numberKey('block', height))
  batch.del(numberKey('receipts', height))
  batch.del(numberKey('certificate', height))
  if (block === undefined) return
  batch.del(hashKey('hash', block.hash))
  for (const raw of block.transactions) batch.del(hashKey('transaction', keccak256(raw)))
}
