// Convictions: the epochs in which a member was convicted, each once. Not: proving it (submission.ts).
import type { WriteContext } from '../../context.ts'
import type { StateReader } from '../../view.ts'
import { CONVICTIONS_MAX } from './schema.ts'
import { evidenceTables } from './tables.ts'

const NO_CONVICTIONS = { fromEpoch: 0, epochs: [] }

export function convictionsOf(state: StateReader, provider: number) {
  return evidenceTables.convictions.get(state, { provider }) ?? NO_CONVICTIONS
}

/** Whether evidence from this epoch has no further effect on a member. */
export function isConvicted(state: StateReader, provider: number, epoch: number): boolean {
  const { fromEpoch, epochs } = convictionsOf(state, provider)
  return epoch < fromEpoch || epochs.includes(epoch)
}

/** Records an epoch; beyond the bound it drops the oldest, and evidence from before the kept ones is too old. */
export function remember(ctx: WriteContext, provider: number, epoch: number): void {
  const { fromEpoch, epochs } = convictionsOf(ctx.state, provider)
  const all = [...epochs, epoch].sort((a, b) => a - b)
  const kept = all.slice(-CONVICTIONS_MAX)
  const from = kept.length < all.length ? kept[0]! : fromEpoch
  evidenceTables.convictions.set(ctx.state, { provider }, { fromEpoch: from, epochs: kept })
}
