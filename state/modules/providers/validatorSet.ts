// The validator set in state and its changes at epoch boundaries (CONSENSUS §4, ECONOMY §10). Not: membership.
import { assert } from '../../../base/assert.ts'
import { type Validator, type ValidatorSet, validatorSetHash } from '../../../base/protocol/validators.ts'
import type { WriteContext } from '../../context.ts'
import { eventsOf } from '../../module.ts'
import { paramsOf, tablesOf } from '../../table.ts'
import type { StateReader, StateWriter } from '../../view.ts'
import { type ProviderStatus, providersSchema } from './schema.ts'

export const providersTables = tablesOf(providersSchema)
export const providersParams = paramsOf(providersSchema)
const events = eventsOf(providersSchema)

/** The set never falls below this by a change (ECONOMY §10). */
const VALIDATORS_MIN = 4
/** Share of the set that one epoch may add or remove, as percent. */
const CHANGE_PERCENT_MAX = 30

/** Whether members of this status vote. */
export function validates(status: ProviderStatus): boolean {
  return status !== 'jailed' && status !== 'defaulted'
}

/** The set that decides the block after this state, sorted by id. */
export function validatorSet(state: StateReader): ValidatorSet {
  return { validators: providersTables.validators.get(state, {})?.set ?? [] }
}

const NO_EPOCH = { epoch: 0, firstHeight: 0, changePending: false, ending: false }

function epochOf(state: StateReader) {
  return providersTables.epoch.get(state, {}) ?? NO_EPOCH
}

/** Marks that membership and set differ, so that the next block is a boundary. */
export function markSetChange(state: StateWriter): void {
  providersTables.epoch.set(state, {}, { ...epochOf(state), changePending: true })
}

/** A new member votes from genesis, or from the next epoch on. */
export function joinValidators(ctx: WriteContext, validator: Validator): void {
  if (ctx.block.height > 0) {
    markSetChange(ctx.state)
    return
  }
  const set = [...validatorSet(ctx.state).validators, validator].sort((a, b) => a.id - b.id)
  providersTables.validators.set(ctx.state, {}, { set })
}

/**
 * Whether the block after `parent` must be a boundary: its parent's state has a pending set change, or it is the
 * epoch's last (CONSENSUS §4). `parentEndsEpoch`: the parent's header flag.
 */
export function isBoundaryNext(
  state: StateReader,
  next: { readonly height: number; readonly parentEndsEpoch: boolean },
): boolean {
  const { firstHeight, changePending } = epochOf(state)
  const first = next.parentEndsEpoch ? next.height : Math.max(firstHeight, 1)
  return changePending || next.height - first + 1 >= providersParams.get(state).epochBlocksMax
}

/** Notes the first height of a new epoch and whether this block ends it. */
export function enterEpoch(ctx: WriteContext): void {
  const { epoch, height } = ctx.block
  const record = epochOf(ctx.state)
  const firstHeight = record.epoch === epoch && record.firstHeight > 0 ? record.firstHeight : height
  const { changePending } = record
  const isLast = height - firstHeight + 1 >= providersParams.get(ctx.state).epochBlocksMax
  const ending = changePending || isLast
  if (record.epoch === epoch && record.firstHeight === firstHeight && record.ending === ending) return
  providersTables.epoch.set(ctx.state, {}, { epoch, firstHeight, changePending, ending })
}

/** In a boundary, moves the set towards the membership by at most the bounded change; what is left waits an epoch. */
export function settleSetChange(ctx: WriteContext): void {
  const record = epochOf(ctx.state)
  if (!record.ending || !record.changePending) return
  const current = validatorSet(ctx.state).validators
  const set = boundedChange(ctx.state, current)
  const settled = set.length === wantedSet(ctx.state).length && set.every((v) => isWanted(ctx.state, v.id))
  const changed = set.length !== current.length || set.some((v, i) => v.id !== current[i]!.id)
  // What the lower bound forbids must not make every block a boundary: it waits for the next change.
  providersTables.epoch.set(ctx.state, {}, { ...record, changePending: changed && !settled })
  if (!changed) return
  providersTables.validators.set(ctx.state, {}, { set })
  events.ValidatorSetChanged(ctx, {
    epoch: ctx.block.epoch + 1,
    setHash: validatorSetHash({ validators: set }),
  })
}

function isWanted(state: StateReader, id: number): boolean {
  const provider = providersTables.provider.get(state, { id })
  return provider !== undefined && validates(provider.status)
}

function wantedSet(state: StateReader): readonly Validator[] {
  const ids = providersTables.index.get(state, {})?.providers ?? []
  const wanted: Validator[] = []
  for (const id of ids) {
    const { operator, consensusKey, peerId, status } = providersTables.provider.mustGet(state, { id })
    if (validates(status)) wanted.push({ id, operator, consensusKey, peerId })
  }
  return wanted
}

function boundedChange(state: StateReader, current: readonly Validator[]): readonly Validator[] {
  const wanted = wantedSet(state)
  const joining = wanted.filter((v) => !current.some((c) => c.id === v.id))
  const leaving = current.filter((c) => !wanted.some((v) => v.id === c.id))
  let left = Math.max(1, Math.floor((current.length * CHANGE_PERCENT_MAX) / 100))
  const kept = [...current]
  // Joiners first: they make room under the lower bound.
  for (const validator of joining) {
    if (left === 0) break
    kept.push(validator)
    left--
  }
  for (const validator of leaving) {
    if (left === 0 || kept.length <= VALIDATORS_MIN) break
    kept.splice(
      kept.findIndex((v) => v.id === validator.id),
      1,
    )
    left--
  }
  assert(kept.length >= Math.min(VALIDATORS_MIN, current.length), 'the validator set keeps its lower bound')
  return kept.sort((a, b) => a.id - b.id)
}
