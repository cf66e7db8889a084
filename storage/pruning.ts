// Deletes a block's body, receipts, certificate and index entries: a pruned one's, whose boundary header and F stay, or one's
// that is taken off the tip.
// Not: when to prune (node/watch/upkeep.ts), reverse differences (history.ts).
import { keccak256 } from '../base/crypto/hash.ts'
import type { SealedBlock } from '../base/protocol/header.ts'
import type { StoreBatch } from './commitPlan.ts'
import { hashKey, numberKey } from './layout.ts'

/** Blocks below the tip that are never pruned: peers slightly behind fetch them. */
export const KEEP_BLOCKS_MIN = 64

/** Adds one height's deletions to a batch; `block` is absent when an earlier run already removed it. */
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

/** Adds the deletions of a block that is taken off the tip: besides the above its difference and the boundary that it was. */
export function fillTakenOff(batch: Pick<StoreBatch, 'del'>, height: number, block: SealedBlock): void {
  fillPruned(batch, height, block)
  batch.del(numberKey('difference', height))
  batch.del(numberKey('size', height))
  if (!block.header.endsEpoch) return
  batch.del(numberKey('boundary', block.header.epoch))
  batch.del(numberKey('epochProof', block.header.epoch))
}
