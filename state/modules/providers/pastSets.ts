// Validator sets of past epochs, kept in state so that evidence from them still convicts. Bounded in time and number.
import { assert } from '../../../base/assert.ts'
import type { Validator, ValidatorSet } from '../../../base/protocol/validators.ts'
import type { ReadContext, WriteContext } from '../../context.ts'
import type { StateReader } from '../../view.ts'
import { PAST_SETS_MAX } from './schema.ts'
import { providersParams, providersTables } from './tables.ts'

const NO_HISTORY = { firstEpoch: 0, past: [] }

function historyOf(state: StateReader) {
  return providersTables.setHistory.get(state, {}) ?? NO_HISTORY
}

/** Called before the set changes: `set` was in force until `lastEpoch`. At most once per block. */
export function rememberSet(ctx: WriteContext, set: readonly Validator[], lastEpoch: number): void {
  const { timestampMs } = ctx.block
  const { firstEpoch, past } = historyOf(ctx.state)
  assert(firstEpoch <= lastEpoch + 1, 'epochs of sets do not overlap')
  const { evidenceWindowMs } = providersParams.get(ctx.state)
  // A recovery may replace a set before it signed anything.
  const ended = firstEpoch > lastEpoch ? [] : [{ firstEpoch, lastEpoch, endedMs: timestampMs }]
  const kept = [...past, ...ended]
    .filter((entry) => timestampMs - entry.endedMs <= evidenceWindowMs)
    .slice(-PAST_SETS_MAX)
  const keptFrom = kept[0]?.firstEpoch ?? Infinity
  for (const entry of past) {
    if (entry.firstEpoch < keptFrom)
      providersTables.pastSet.delete(ctx.state, { firstEpoch: entry.firstEpoch })
  }
  if (ended.length > 0) providersTables.pastSet.set(ctx.state, { firstEpoch }, { set })
  providersTables.setHistory.set(ctx.state, {}, { firstEpoch: lastEpoch + 1, past: kept })
}

/**
 * The set that signs in an epoch: the running one, or one that ended at most `evidenceWindowMs` ago.
 * Undefined for epochs that have not begun or ended too long ago.
 */
export function validatorSetOfEpoch(ctx: ReadContext, epoch: number): ValidatorSet | undefined {
  const { firstEpoch, past } = historyOf(ctx.state)
  if (epoch > Math.max(ctx.block.epoch, firstEpoch)) return undefined
  if (epoch >= firstEpoch) return { validators: providersTables.validators.get(ctx.state, {})?.set ?? [] }
  const entry = past.find((known) => known.firstEpoch <= epoch && epoch <= known.lastEpoch)
  if (entry === undefined) return undefined
  if (ctx.block.timestampMs - entry.endedMs > providersParams.get(ctx.state).evidenceWindowMs)
    return undefined
  return {
    validators: providersTables.pastSet.mustGet(ctx.state, { firstEpoch: entry.firstEpoch }).set,
  }
}

/** The set of the epoch before `epoch` when it differs; validators that left may still need the boundary. */
export function previousSet(state: StateReader, epoch: number): ValidatorSet | undefined {
  const entry = historyOf(state).past.find(({ lastEpoch }) => lastEpoch === epoch - 1)
  if (entry === undefined) return undefined
  return { validators: providersTables.pastSet.mustGet(state, { firstEpoch: entry.firstEpoch }).set }
}
