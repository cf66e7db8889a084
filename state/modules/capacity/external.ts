// What capacity needs from other modules: ratings of the catalogue, the oracle's anchor, and who serves.
import type { Address } from '../../../base/ids.ts'
import type { WriteContext } from '../../context.ts'
import type { ParameterContext } from '../../parameterRules.ts'
import type { StateReader, StateWriter } from '../../view.ts'
import { getRatings, lesser, type Ratings, ratingsOfPledge } from '../catalogue/classes.ts'
import { applyAnchor, getAnchor } from '../oracle/anchor.ts'
import { noteWindow } from '../oracle/clock.ts'
import { growthFactors } from '../oracle/drift.ts'
import { noteAttested } from '../oracle/observation.ts'
import { oracleParams } from '../oracle/tables.ts'
import { getProvider, providerByOperator, providerIds } from '../providers/members.ts'
import { providersSchema } from '../providers/schema.ts'
import { touchStanding } from '../providers/suspension.ts'
import { canValidate } from '../providers/validatorSet.ts'

/** Least size of the validator set by proposed parameters. */
export function validatorsMin(all: ParameterContext): number {
  return all.of(providersSchema).validatorsMin
}

/** Makes matching look again at whoever waits, as when a member may serve again. */
export function noteMoreHours(state: StateWriter): void {
  touchStanding(state)
}

/** The ratings at which a lot of this class counts now, ppm; undefined for an unknown class. */
export function classRatings(state: StateReader, classId: number): Ratings | undefined {
  return getRatings(state, classId)
}

/** The ratings at which a lot of this class is pledged in a window. */
export function pledgeRatings(state: StateReader, at: { readonly classId: number; readonly window: number }) {
  return ratingsOfPledge(state, at.classId, at.window)
}

/** The lesser of two versions of ratings, service by service. */
export function lesserRatings(a: Ratings, b: Ratings): Ratings {
  return lesser(a, b)
}

/** The rating that one SCU delivers now, ppm. */
export function anchorNow(state: StateReader): bigint {
  return getAnchor(state)
}

/** G_0 … G_K: what the largest drift of the anchor may cost, per window ahead. */
export function growthAhead(state: StateReader, horizon: number): readonly bigint[] {
  return growthFactors(oracleParams.get(state).driftPpm, horizon)
}

/** Puts the next anchor into force for the window that begins. */
export function moveAnchor(ctx: WriteContext, windowIndex: number): void {
  applyAnchor(ctx, windowIndex)
}

/** Tells the oracle which window runs: reports have their own parts of it. */
export function tellWindow(
  state: StateWriter,
  clock: { readonly windowIndex: number; readonly startedAtMs: number; readonly endsAtMs: number },
): void {
  noteWindow(state, clock)
}

/** Tells the oracle which hardware is attested: the chain publishes what it sees itself. */
export function tellAttested(
  state: StateWriter,
  change: { readonly classId: number; readonly devicesPpm: bigint },
): void {
  noteAttested(state, change)
}

/** All members, by id. */
export function memberIds(state: StateReader): readonly number[] {
  return providerIds(state)
}

/** The member that an account pledges for. */
export function memberOf(state: StateReader, operator: Address): number | undefined {
  return providerByOperator(state, operator)
}

/** Whether the status of a member lets its capacity count. */
export function isServing(state: StateReader, provider: number): boolean {
  const record = getProvider(state, provider)
  return record !== undefined && canValidate(record.status)
}

/** Least time between two blocks by proposed parameters, milliseconds. */
export function blockIntervalOf(all: ParameterContext): number {
  return all.of(providersSchema).minBlockIntervalMs
}
