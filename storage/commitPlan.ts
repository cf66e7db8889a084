// Plans what one commit writes, before anything is written. Owns: checks and differences. Not: LevelDB.
import { assert } from '../base/assert.ts'
import { equalBytes } from '../base/bytes.ts'
import type { Steps } from '../state/steps.ts'
import type { StateKey, StateReader } from '../state/view.ts'
import type { History } from './history.ts'
import { ReverseDifference } from './reverseDifference.ts'
import { type ChainTip, type CommitBlock, StoreError } from './types.ts'

/** The part of a LevelDB batch that a commit uses. */
export interface StoreBatch {
  put(key: Uint8Array, value: Uint8Array): unknown
  del(key: Uint8Array): unknown
}

export interface CommitPlan {
  readonly blocks: readonly CommitBlock[]
  readonly tip: ChainTip
  /** Net effect of all blocks on the flat state. */
  readonly changes: ReadonlyMap<StateKey, Uint8Array | undefined>
  /** Current values of those keys. */
  readonly priors: ReadonlyMap<StateKey, Uint8Array | undefined>
  /** One per block except genesis, which has no prior state. */
  readonly differences: readonly { readonly height: number; readonly difference: ReverseDifference }[]
  /** Heights whose differences are deleted. */
  readonly pruned: readonly number[]
}

/** Keys planned or written per step, 2 to 3 ms. */
export const KEYS_PER_STEP = 512

/** In steps, because one commit may hold 64 full blocks. Throws StoreError NotContiguous when the blocks do not continue the tip. */
export function* planCommit(options: {
  blocks: readonly CommitBlock[]
  tip: ChainTip | undefined
  state: StateReader
  history: History
}): Steps<CommitPlan> {
  const { blocks, state } = options
  assert(blocks.length > 0, 'a commit of at least one block')
  const changes = new Map<StateKey, Uint8Array | undefined>()
  const priors = new Map<StateKey, Uint8Array | undefined>()
  const differences: { height: number; difference: ReverseDifference }[] = []
  let tip = options.tip
  let count = 0
  for (const { block, changes: own, receipts, senders } of blocks) {
    const { height } = block.header
    checkContinues(tip, block.header)
    assert(receipts.length === block.transactions.length, 'one receipt per transaction')
    assert(senders.length === block.transactions.length, 'one sender per transaction')
    const before = new Map<StateKey, Uint8Array | undefined>()
    for (const [key, value] of own) {
      assert(value === undefined || value.length > 0, 'stored values are never empty')
      const prior = changes.has(key) ? changes.get(key) : state.get(key)
      before.set(key, prior)
      if (!priors.has(key)) priors.set(key, prior)
      changes.set(key, value)
      if (++count % KEYS_PER_STEP === 0) yield
    }
    if (before.size >= KEYS_PER_STEP) yield
    if (height > 0) differences.push({ height, difference: ReverseDifference.encode(before) })
    tip = { height, hash: block.hash, header: block.header }
  }
  const pruned = options.history.prunedBy(differences.map(({ difference }) => difference.sizeBytes))
  return { blocks, tip: tip!, changes, priors, differences, pruned }
}

function checkContinues(tip: ChainTip | undefined, header: CommitBlock['block']['header']): void {
  const expected = tip === undefined ? 0 : tip.height + 1
  if (header.height !== expected) {
    throw new StoreError('NotContiguous', `block ${header.height} cannot follow: expected height ${expected}`)
  }
  if (tip !== undefined && !equalBytes(header.parentHash, tip.hash)) {
    throw new StoreError('NotContiguous', `block ${header.height} is not a child of the stored tip`)
  }
}
