// After each window looks at every member, some a block: whose time to cure is over, who was suspended too often, whose bond
// unlocks. Owns: the paths to default (ECONOMY §2, §3, §9). Not: what a default does (declare.ts).
import type { WriteContext } from '../../context.ts'
import type { StateReader } from '../../view.ts'
import { declareDefault } from './declare.ts'
import { leaveWhenUnlocked, trackTail } from './exits.ts'
import {
  cureWindows,
  getMember,
  handledTurn,
  horizonOf,
  liabilityOf,
  memberIds,
  overdue,
  suspensionOf,
} from './external.ts'
import type { DefaultCause } from './schema.ts'
import { defaultTables } from './tables.ts'

/** Where the walk stands; a turn of the members that is new begins it again once it is done. */
function watchOf(state: StateReader) {
  const known = defaultTables.watch.get(state, {})
  if (known !== undefined && known.member < known.members) return known
  const turn = handledTurn(state)
  // Genesis counts capacity before any window has ended.
  if (turn === undefined || turn.pass === (known?.pass ?? 1)) return undefined
  return { pass: turn.pass, windowIndex: turn.windowIndex, member: 0, members: memberIds(state).length }
}

/** Whether members are still to be looked at. */
export function isWatching(state: StateReader): boolean {
  return watchOf(state) !== undefined
}

/** Looks at the next members, at most so many. Returns how many, and whether coverage may have changed. */
export function watchMembers(
  ctx: WriteContext,
  countMax: number,
): { readonly count: number; readonly hasChanged: boolean } {
  const watch = watchOf(ctx.state)
  if (watch === undefined) return { count: 0, hasChanged: false }
  const members = memberIds(ctx.state)
  const until = Math.min(watch.members, watch.member + countMax)
  let hasChanged = false
  for (let member = watch.member; member < until; member++) {
    const provider = members[member]!
    noteSuspended(ctx, provider, watch.windowIndex)
    const cause = causeToDefault(ctx.state, provider)
    if (cause !== undefined) {
      declareDefault(ctx, provider, cause)
      hasChanged = true
    }
    trackTail(ctx, provider)
    if (leaveWhenUnlocked(ctx, provider)) hasChanged = true
  }
  defaultTables.watch.set(ctx.state, {}, { ...watch, member: until })
  return { count: until - watch.member, hasChanged }
}

/** Counts a window that ended with a provider suspended; those more than K windows ago are forgotten. */
function noteSuspended(ctx: WriteContext, provider: number, window: number): void {
  const { state } = ctx
  const known = defaultTables.suspended.get(state, { provider })?.windows ?? []
  const since = suspensionOf(state, provider)
  // A missing grant of the window that has just begun may have suspended it.
  const isNow = since !== undefined && since <= window
  if (known.length === 0 && !isNow) return
  const kept = known.filter((w) => w > window - horizonOf(state) && w < window)
  const windows = isNow ? [...kept, window] : kept
  if (windows.length > 0) defaultTables.suspended.set(state, { provider }, { windows })
  else defaultTables.suspended.delete(state, { provider })
}

/** In how many of the last K windows a provider was suspended. */
export function suspendedWindows(state: StateReader, provider: number): number {
  return defaultTables.suspended.get(state, { provider })?.windows.length ?? 0
}

/** Why a provider has defaulted, or undefined. Whoever owes nothing has nothing to default on. */
function causeToDefault(state: StateReader, provider: number): DefaultCause | undefined {
  if (liabilityOf(state, provider).liabilityBase === 0n) return undefined
  if (getMember(state, provider)?.status === 'defaulted') return undefined
  if (suspendedWindows(state, provider) > cureWindows(state)) return 'suspension'
  const cause = overdue(state, provider)
  if (cause === undefined) return undefined
  if (cause === 'bond' || cause === 'jail') return cause
  return 'shortfall'
}
