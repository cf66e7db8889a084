// Leaving (ECONOMY §9, exit): a provider stops minting, gets rid of what it owes, gives up its vote, and takes its bond back when
// the tail is over. Owns: these steps and what leaving costs. Not: notice of pledges (capacity), handing over (novation.ts).
import type { ActionArgs } from '../../../base/moduleDefinition.ts'
import { maxBigint, minBigint } from '../../../base/units.ts'
import type { ActionContext, WriteContext } from '../../context.ts'
import type { StateReader, StateWriter } from '../../view.ts'
import { COIN_ID, unitsAt } from './escrows.ts'
import {
  bondsOf,
  getMember,
  isFrozen,
  isServing,
  liabilityOf,
  liveSeries,
  markLeft,
  markRetiring,
  memberIds,
  memberOf,
  operatorOf,
  payBond,
  removeVote,
  runningWindow,
  securityNow,
  storeCoverage,
  tailWindows,
  unitsWorth,
  votersOf,
} from './external.ts'
import type { defaultSchema } from './schema.ts'
import { defaultTables, events, fail } from './tables.ts'

type Args<A extends keyof (typeof defaultSchema)['actions']> = ActionArgs<typeof defaultSchema, A>

/** Whether a member has completed its exit; one that governance removed serves on until it owes nothing. */
function hasExited(state: StateReader, provider: number): boolean {
  const member = getMember(state, provider)
  return member?.status === 'retiring' && member.removed
}

/** Whether nobody but this provider serves. */
function isLast(state: StateReader, provider: number): boolean {
  return memberIds(state).every((id) => id === provider || !isServing(state, id) || hasExited(state, id))
}

export function beginExit(ctx: ActionContext) {
  const { state, sender } = ctx
  const provider = memberOf(state, sender)
  if (provider === undefined) return fail.NotProvider({ sender })
  if (getMember(state, provider)?.status === 'retiring') return fail.AlreadyLeaving({ provider })
  if (!isServing(state, provider)) return fail.ProviderNotServing({ provider })
  const { liabilityBase } = liabilityOf(state, provider)
  if (liabilityBase > 0n && isLast(state, provider)) return fail.LastProvider({ liabilityBase })
  // After this point the action must succeed.
  markRetiring(ctx, provider)
  storeCoverage(ctx)
  events.ExitBegun(ctx, { provider, liabilityBase })
  return undefined
}

export function completeExit(ctx: ActionContext) {
  const { state, sender } = ctx
  const provider = memberOf(state, sender)
  if (provider === undefined) return fail.NotProvider({ sender })
  const member = getMember(state, provider)
  if (member?.status !== 'retiring' || member.removed)
    return fail.NotLeaving({ provider, status: member?.status ?? 'active' })
  const { liabilityBase } = liabilityOf(state, provider)
  if (liabilityBase > 0n) return fail.LiabilityLeft({ provider, liabilityBase })
  const [series] = liveSeries(state, provider)
  if (series !== undefined) return fail.SeriesLive({ provider, series })
  const { ids, minimum } = votersOf(state)
  if (ids.includes(provider) && ids.length <= minimum) return fail.TooFewValidators({ minimum })
  // After this point the action must succeed.
  removeVote(ctx, provider)
  storeCoverage(ctx)
  events.ExitCompleted(ctx, { provider })
  return undefined
}

/**
 * At a window's end: a member without vote that owes nothing has its bond locked for the tail from then on; whoever owes again,
 * because it had to assume something, waits anew.
 */
export function trackTail(ctx: WriteContext, provider: number): void {
  const { state } = ctx
  const member = getMember(state, provider)
  const isOut = member !== undefined && (member.removed || member.status === 'defaulted')
  const known = defaultTables.tail.has(state, { provider })
  // Receipts of a series that fails are paid from the bond too.
  const isOwing = liabilityOf(state, provider).liabilityBase > 0n || liveSeries(state, provider).length > 0
  if (!isOut || isOwing) {
    if (known) defaultTables.tail.delete(state, { provider })
    return
  }
  if (known) return
  const sinceWindow = runningWindow(state)
  const untilWindow = sinceWindow + tailWindows(state)
  defaultTables.tail.set(state, { provider }, { sinceWindow, untilWindow })
  events.BondUnlocks(ctx, { provider, untilWindow })
}

/**
 * Forgets the tail of a member that has just had to take liability: it waits anew, also if it owes nothing again before the
 * window ends.
 */
export function endTail(state: StateWriter, provider: number): void {
  if (defaultTables.tail.has(state, { provider })) defaultTables.tail.delete(state, { provider })
}

/** When a bond unlocks; undefined while its owner votes or owes something. */
export function unlockWindow(state: StateReader, provider: number): number | undefined {
  return defaultTables.tail.get(state, { provider })?.untilWindow
}

/** The first window in which a bond may be unlocked: before a tail has begun, were it to begin at the end of this window. */
export function unlocksFrom(state: StateReader, provider: number): number {
  return unlockWindow(state, provider) ?? runningWindow(state) + 1 + tailWindows(state)
}

/** Whether a member has left for good: its bond is unlocked. */
export function hasLeft(state: StateReader, provider: number): boolean {
  const untilWindow = unlockWindow(state, provider)
  return untilWindow !== undefined && untilWindow <= runningWindow(state)
}

/** Lets a member that serves have left when its bond is unlocked; false when it is not. */
export function leaveWhenUnlocked(ctx: WriteContext, provider: number): boolean {
  if (!hasLeft(ctx.state, provider) || !isServing(ctx.state, provider)) return false
  markLeft(ctx, provider)
  return true
}

export function withdrawBond(ctx: ActionContext, { asset, amountBase }: Args<'withdrawBond'>) {
  const { state, sender } = ctx
  const provider = memberOf(state, sender)
  if (provider === undefined) return fail.NotProvider({ sender })
  if (amountBase === 0n) return fail.ZeroAmount({})
  const { liabilityBase } = liabilityOf(state, provider)
  if (liabilityBase > 0n) return fail.LiabilityLeft({ provider, liabilityBase })
  if (!hasLeft(state, provider)) {
    return fail.BondLocked({
      provider,
      untilWindow: unlocksFrom(state, provider),
      currentWindow: runningWindow(state),
    })
  }
  if (isFrozen(state, provider)) return fail.BondFrozen({ provider })
  const bondBase = bondsOf(state, provider).find((bond) => bond.asset === asset)?.amountBase ?? 0n
  if (bondBase < amountBase) return fail.InsufficientBond({ asset, bondBase, neededBase: amountBase })
  // After this point the action must succeed.
  payBond(ctx, { provider, asset, amountBase, to: sender })
  return undefined
}

/** What leaving would cost a provider now; undefined for an unknown one. */
export function exitCostOf(state: StateReader, provider: number) {
  if (getMember(state, provider) === undefined) return undefined
  const { liabilityBase, lockedBase, bondValueBase, compensationBase } = securityNow(state, provider)
  const ownCoinsBase = minBigint(liabilityBase, unitsAt(state, operatorOf(state, provider), COIN_ID))
  const remainingBase = maxBigint(0n, liabilityBase - ownCoinsBase)
  const asset = bondsOf(state, provider).find(
    (bond) => unitsWorth(state, bond.asset, 1n) !== undefined,
  )?.asset
  const unlocksAtWindow = unlockWindow(state, provider)
  return {
    liabilityBase,
    ownCoinsBase,
    remainingBase,
    asset: asset ?? 0,
    costBase: asset === undefined ? 0n : (unitsWorth(state, asset, remainingBase) ?? 0n),
    returnedBase: bondValueBase + lockedBase + compensationBase,
    ...(unlocksAtWindow === undefined ? {} : { unlocksAtWindow }),
  }
}
