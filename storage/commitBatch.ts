// Everything that a commit writes, as puts and deletes of one batch. Not: what changes (commitPlan.ts).
import { u32be } from '../base/bytes.ts'
import type { Steps } from '../state/steps.ts'
import type { StateReader } from '../state/view.ts'
import { type CommitPlan, KEYS_PER_STEP, type StoreBatch } from './commitPlan.ts'
import { epochProofsOf } from './epochProofs.ts'
import { fillBlockSteps } from './fillBlock.ts'
import { LAYOUT_VERSION, META_KEY, numberKey, stateKeyBytes, tipSchema } from './layout.ts'

/** Blocks are written in steps of at least this many transactions. */
const TRANSACTIONS_PER_STEP = 512

/** A step has a bounded number of keys, or of transactions. */
export function* fillCommitSteps(
  batch: StoreBatch,
  { plan, state }: { readonly plan: CommitPlan; readonly state: StateReader },
): Steps<void> {
  let count = 0
  for (const [key, value] of plan.changes) {
    if (value === undefined) batch.del(stateKeyBytes(key))
    else batch.put(stateKeyBytes(key), value)
    if (++count % KEYS_PER_STEP === 0) yield
  }
  for (const { height, difference } of plan.differences) {
    batch.put(numberKey('difference', height), difference.bytes)
    batch.put(numberKey('size', height), u32be(difference.sizeBytes))
  }
  for (const height of plan.pruned) {
    batch.del(numberKey('difference', height))
    batch.del(numberKey('size', height))
  }
  let written = 0
  for (const item of plan.blocks) {
    yield* fillBlockSteps(batch, item)
    written += item.block.transactions.length
    if (written < TRANSACTIONS_PER_STEP) continue
    written = 0
    yield
  }
  for (const { epoch, bytes } of epochProofsOf(plan.blocks, state)) {
    batch.put(numberKey('epochProof', epoch), bytes)
  }
  const { height, hash } = plan.tip
  batch.put(META_KEY, tipSchema.encode({ layout: LAYOUT_VERSION, height, hash }))
}
