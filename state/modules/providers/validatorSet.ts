// The validator set in state and its changes at epoch boundaries (CONSENSUS §4, ECONOMY §10). Not: membership.
import { assert } from '../../../base/assert.ts'
import { equalBytes } from '../../../base/bytes.ts'
import { type Validator, type ValidatorSet, validatorSetHash } from '../../../base/protocol/validators.ts'
import type { WriteContext } from '../../context.ts'
import type { StateReader, StateWriter } from '../../view.ts'
import { faultsWaiting } from './faultQueue.ts'
import { rememberSet } from './pastSets.ts'
import type { ProviderStatus } from './schema.ts'
import { events, providersParams, providersTables } from './tables.ts'

/** Share of the set that one epoch may change, as percent. */
const CHANGE_PERCENT_MAX = 30

/** Whether members of this status serve and count. */
export function canValidate(status: ProviderStatus): boolean {
  return status !== 'jailed' && status !== 'defaulted' && status !== 'left'
}

/** Whether a member belongs in the validator set: not removed, jailed, defaulted or gone. */
export function hasVote(provider: { readonly status: ProviderStatus; readonly removed: boolean }): boolean {
  return !provider.removed && canValidate(provider.status)
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
  const set = sorted([...validatorSet(ctx.state).validators, validator])
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

/** A pending change of the set needs a boundary, and faults that wait a block. */
export function hasWork(
  state: StateReader,
  next: { readonly height: number; readonly parentEndsEpoch: boolean },
): boolean {
  return (epochOf(state).changePending && isBoundaryNext(state, next)) || faultsWaiting(state) > 0
}

/** Records the first height of a new epoch and whether this block ends it. */
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

/** In a boundary, moves the set towards the membership by at most the bounded change; the rest waits an epoch. */
export function settleSetChange(ctx: WriteContext): void {
  const record = epochOf(ctx.state)
  if (!record.ending || !record.changePending) return
  const current = validatorSet(ctx.state).validators
  const wanted = wantedSet(ctx.state)
  const set = boundedChange(current, wanted, providersParams.get(ctx.state).validatorsMin)
  const changed = changesBetween(current, set) > 0
  const settled = changesBetween(set, wanted) === 0
  // A change that the lower bound forbids waits for the next one: it must not make every block a boundary.
  providersTables.epoch.set(ctx.state, {}, { ...record, changePending: changed && !settled })
  if (!changed) return
  rememberSet(ctx, current, ctx.block.epoch)
  providersTables.validators.set(ctx.state, {}, { set })
  events.ValidatorSetChanged(ctx, {
    epoch: ctx.block.epoch + 1,
    setHash: validatorSetHash({ validators: set }),
  })
}

/** Most seats that one boundary may change in a set of this size. */
export function changesMax(validatorCount: number): number {
  return Math.max(1, Math.floor((validatorCount * CHANGE_PERCENT_MAX) / 100))
}

/** Seats that differ: one for each that joined, left or has another key or peer id. */
export function changesBetween(from: readonly Validator[], to: readonly Validator[]): number {
  const left = from.filter((v) => !to.some((other) => other.id === v.id)).length
  return left + to.filter((v) => !from.some((other) => isSameSeat(other, v))).length
}

/** Why a step from one set to the next breaks a rule of ECONOMY §10, or undefined. */
export function checkSetStep(
  from: readonly Validator[],
  to: readonly Validator[],
  validatorsMin: number,
): string | undefined {
  const floor = Math.min(validatorsMin, from.length)
  if (to.length < floor) return `the validator set falls to ${to.length}`
  const changes = changesBetween(from, to)
  return changes <= changesMax(from.length)
    ? undefined
    : `${changes} of ${from.length} validators change at once`
}

function isSameSeat(a: Validator, b: Validator): boolean {
  return a.id === b.id && equalBytes(a.consensusKey, b.consensusKey) && equalBytes(a.peerId, b.peerId)
}

function sorted(validators: readonly Validator[]): readonly Validator[] {
  return [...validators].sort((a, b) => a.id - b.id)
}

function wantedSet(state: StateReader): readonly Validator[] {
  const ids = providersTables.index.get(state, {})?.providers ?? []
  const wanted: Validator[] = []
  for (const id of ids) {
    const provider = providersTables.provider.mustGet(state, { id })
    const { operator, consensusKey, peerId } = provider
    if (hasVote(provider)) wanted.push({ id, operator, consensusKey, peerId })
  }
  return wanted
}

/**
 * The next set. A seat that joins, leaves or changes its key counts once towards the bound: each is one signer that may
 * be missing after the boundary. Members without a vote leave first, then members join, then keys change.
 */
function boundedChange(
  current: readonly Validator[],
  wanted: readonly Validator[],
  validatorsMin: number,
): readonly Validator[] {
  let room = changesMax(current.length)
  const kept = [...current]
  const removeLeavers = (): void => {
    const leaving = kept.filter((v) => !wanted.some((other) => other.id === v.id))
    for (const validator of leaving) {
      if (room === 0 || kept.length <= validatorsMin) return
      kept.splice(kept.indexOf(validator), 1)
      room--
    }
  }
  removeLeavers()
  for (const validator of wanted) {
    if (room === 0 || current.some((v) => v.id === validator.id)) continue
    kept.push(validator)
    room--
  }
  // Joiners may have made room under the lower bound.
  removeLeavers()
  for (const validator of wanted) {
    const at = kept.findIndex((v) => v.id === validator.id)
    if (room === 0 || at < 0 || isSameSeat(kept[at]!, validator)) continue
    kept[at] = validator
    room--
  }
  assert(checkSetStep(current, kept, validatorsMin) === undefined, 'the validator set keeps its bounds')
  return sorted(kept)
}
