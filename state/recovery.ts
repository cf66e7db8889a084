// What a recovery file changes in state, in the first block of its epoch (docs/decisions/recovery-file.md).
// Owns: the set, the replaced keys, the members left out. Not: whether the file is acceptable (base/protocol/recoveryRules.ts).
import { equalBytes } from '../base/bytes.ts'
import type { Hash32 } from '../base/ids.ts'
import { type Recovery, recoveryHash } from '../base/protocol/recovery.ts'
import { recoverySet } from '../base/protocol/recoveryRules.ts'
import { type ValidatorSet, validatorSetHash } from '../base/protocol/validators.ts'
import type { ChainConfig } from './chain.ts'
import type { WriteContext } from './context.ts'
import { touchCapacity } from './modules/capacity/sums.ts'
import { leaveOut, replaceKeys } from './modules/providers/members.ts'
import { rememberSet } from './modules/providers/pastSets.ts'
import { events, providersTables } from './modules/providers/tables.ts'
import { validatorSet } from './modules/providers/validatorSet.ts'
import type { StateReader } from './view.ts'

/** What a child needs of its parent to find the set that decides it. */
export interface DecidedOn {
  readonly hash: Hash32
  readonly state: StateReader
}

/** The set that decides the child of a block: that of its state, or of the recovery accepted on it. */
export function decidingSet(chain: Pick<ChainConfig, 'recoveryOn'>, parent: DecidedOn): ValidatorSet {
  const recovery = chain.recoveryOn?.(parent.hash)
  return recovery === undefined ? validatorSet(parent.state) : recoverySet(recovery)
}

/** Why a recovery cannot follow this state, or undefined: it was made for another validator set. */
export function recoveryMismatch(state: StateReader, recovery: Recovery): string | undefined {
  const fits = equalBytes(validatorSetHash(recovery.previous), validatorSetHash(validatorSet(state)))
  return fits ? undefined : 'the recovery names another previous set than the state of its floor'
}

/** Hash of the recovery by which `epoch` began, from state; undefined for an epoch after a boundary. */
export function recoveryOfEpoch(state: StateReader, epoch: number): Hash32 | undefined {
  return providersTables.recovery.get(state, { epoch })?.recovery
}

/**
 * Makes the recovery's members the validator set, with their new keys. A member left out keeps its membership but is
 * jailed, so that the next change of the set does not bring back a validator without a key.
 */
export function applyRecovery(ctx: WriteContext, recovery: Recovery): void {
  const set = recoverySet(recovery)
  rememberSet(ctx, validatorSet(ctx.state).validators, recovery.epoch - 1)
  // The set changes in this very block, so this leaves no change pending.
  for (const { id } of recovery.previous.validators) {
    const next = set.validators.find((validator) => validator.id === id)
    if (next === undefined) {
      leaveOut(ctx, id)
      touchCapacity(ctx.state)
    } else replaceKeys(ctx, id, next)
  }
  providersTables.validators.set(ctx.state, {}, { set: set.validators })
  const hash = recoveryHash(recovery)
  const { epoch, floor } = recovery
  providersTables.recovery.set(ctx.state, { epoch }, { recovery: hash, floorHeight: floor.height })
  events.Recovered(ctx, {
    epoch,
    recovery: hash,
    floorHeight: floor.height,
    setHash: validatorSetHash(set),
  })
}
