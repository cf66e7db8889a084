// Takes the tip of an open store back by its reverse differences, at a cost that does not grow with the state. Only a devnet
// takes final blocks back. Owns: what changes, the batch. Not: a stopped node (rollback.ts), the caches (chainStore.ts).
import { mustExist } from '../base/assert.ts'
import type { SealedBlock } from '../base/protocol/header.ts'
import type { Steps } from '../state/steps.ts'
import type { StateKey } from '../state/view.ts'
import { KEYS_PER_STEP, type StoreBatch } from './commitPlan.ts'
import { LAYOUT_VERSION, META_KEY, stateKeyBytes, tipSchema } from './layout.ts'
import { fillTakenOff } from './pruning.ts'
import { type ChainStore, StoreError, type TakeBackPlan } from './types.ts'

/** Blocks deleted per step. */
const BLOCKS_PER_STEP = 64

/** Reads what going back to `height` changes. Throws StoreError HistoryPruned when its state or its F is not kept. */
export function* planTakeBack(
  store: Pick<ChainStore, 'tip' | 'blockAt' | 'certificateAt' | 'differenceAt' | 'state' | 'stateHeightMin'>,
  height: number,
): Steps<TakeBackPlan> {
  const above = mustExist(store.tip(), 'a chain to take back').height
  const target = store.blockAt(height)
  const isKept = height <= above && height >= store.stateHeightMin() && target !== undefined
  if (!isKept || (height > 0 && store.certificateAt(height) === undefined)) {
    throw new StoreError('HistoryPruned', `block ${height} cannot be the tip again: its state is not kept`)
  }
  const changes = new Map<StateKey, Uint8Array | undefined>()
  const current = new Map<StateKey, Uint8Array | undefined>()
  const blocks: SealedBlock[] = []
  let read = 0
  for (let at = height + 1; at <= above; at++) {
    blocks.push(mustExist(store.blockAt(at), 'a block above the target is held'))
    // The first block above the target that changed a key has the key's value there.
    for (const [key, prior] of store.differenceAt(at).entries()) {
      if (!changes.has(key)) {
        changes.set(key, prior)
        current.set(key, store.state.get(key))
      }
      if (++read % KEYS_PER_STEP === 0) yield
    }
  }
  return { tip: { height, hash: target.hash, header: target.header }, blocks, changes, current }
}

/** Everything as one batch: a stop in between leaves the chain as it was, or as it shall be. */
export function* fillTakeBack(batch: StoreBatch, { tip, blocks, changes }: TakeBackPlan): Steps<void> {
  let count = 0
  for (const [key, value] of changes) {
    if (value === undefined) batch.del(stateKeyBytes(key))
    else batch.put(stateKeyBytes(key), value)
    if (++count % KEYS_PER_STEP === 0) yield
  }
  for (const [i, block] of blocks.entries()) {
    fillTakenOff(batch, block.header.height, block)
    if (i % BLOCKS_PER_STEP === BLOCKS_PER_STEP - 1) yield
  }
  const { height, hash } = tip
  batch.put(META_KEY, tipSchema.encode({ layout: LAYOUT_VERSION, height, hash }))
}
