// Suspension after delivery faults (ECONOMY §2, §6): who is suspended, since when, and the faults that count towards it.
// Not: what a fault is and what returns (redemption), what suspension means for coverage (issuance).
import { assert } from '../../../base/assert.ts'
import type { WriteContext } from '../../context.ts'
import type { StateReader, StateWriter } from '../../view.ts'
import { groupOf } from './groups.ts'
import { changedMembers, events, providersTables } from './tables.ts'

/** Whether a member itself is suspended: it gets no assignments and cannot mint until it resumes. */
export function isSuspended(state: StateReader, provider: number): boolean {
  return providersTables.suspension.has(state, { provider })
}

/** Whether any member of a provider's legal group is suspended: then the whole group is. */
export function isGroupSuspended(state: StateReader, provider: number): boolean {
  return providersTables.suspendedGroup.has(state, { group: groupOf(state, provider) })
}

/** Whether a legal group, named by its lowest id, has a suspended member. */
export function hasSuspendedMember(state: StateReader, group: number): boolean {
  return providersTables.suspendedGroup.has(state, { group })
}

/** The window in which a member was suspended; undefined when it is not. */
export function suspendedSince(state: StateReader, provider: number): number | undefined {
  return providersTables.suspension.get(state, { provider })?.sinceWindow
}

/** Increases whenever a member is suspended, resumes, or gains or loses the right to serve: caches compare it. */
export function standingRevision(state: StateReader): number {
  return providersTables.standing.get(state, {})?.revision ?? 0
}

/** Marks that some member's standing has changed. */
export function touchStanding(state: StateWriter): void {
  providersTables.standing.set(state, {}, { revision: standingRevision(state) + 1 })
}

function countInGroup(state: StateWriter, provider: number, change: 1 | -1): void {
  const at = { group: groupOf(state, provider) }
  const count = (providersTables.suspendedGroup.get(state, at)?.count ?? 0) + change
  assert(count >= 0, 'a group covers its suspended members')
  if (count === 0) providersTables.suspendedGroup.delete(state, at)
  else providersTables.suspendedGroup.set(state, at, { count })
  touchStanding(state)
  changedMembers.add(state, provider)
}

/** Suspends a member from a window on. Asserts that it is not suspended. */
export function suspendProvider(ctx: WriteContext, provider: number, window: number): void {
  assert(!isSuspended(ctx.state, provider), 'a member is suspended once')
  providersTables.suspension.set(ctx.state, { provider }, { sinceWindow: window })
  countInGroup(ctx.state, provider, 1)
  events.ProviderSuspended(ctx, { provider, window })
}

/** Ends a suspension. Asserts that there is one; the caller has checked that the member may resume. */
export function resumeProvider(ctx: WriteContext, provider: number): void {
  assert(isSuspended(ctx.state, provider), 'only a suspended member resumes')
  providersTables.suspension.delete(ctx.state, { provider })
  countInGroup(ctx.state, provider, -1)
  events.ProviderResumed(ctx, { provider })
}

/**
 * Records that a member is at fault in a window and tells whether it is its first fault within `horizon` windows.
 * Asserts that windows do not go back.
 */
export function isFirstFault(
  state: StateWriter,
  at: { readonly provider: number; readonly window: number; readonly horizon: number },
): boolean {
  const { provider, window, horizon } = at
  const last = providersTables.lastFault.get(state, { provider })?.window
  assert(last === undefined || last <= window, 'faults come in the order of windows')
  providersTables.lastFault.set(state, { provider }, { window })
  return last === undefined || window - last >= horizon
}

/** Counts a penalty that could not be taken, because the bond is frozen; the member cannot resume before it is paid. */
export function markUnpaid(state: StateWriter, provider: number, valueBase: bigint): void {
  const known = providersTables.unpaid.get(state, { provider })?.valueBase ?? 0n
  providersTables.unpaid.set(state, { provider }, { valueBase: known + valueBase })
}

/** Forgets what a member had not paid: it has now been taken, as far as the bond reached. */
export function clearUnpaid(state: StateWriter, provider: number): void {
  if (providersTables.unpaid.has(state, { provider })) providersTables.unpaid.delete(state, { provider })
}

/** Penalties that a member has not paid, valued in coins, base units. */
export function unpaidPenalties(state: StateReader, provider: number): bigint {
  return providersTables.unpaid.get(state, { provider })?.valueBase ?? 0n
}
