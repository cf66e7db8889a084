// The end of a window for each member: what its lock releases, its snapshot, its bond, and whether it must cure. A fixed
// number of members a block, after the recount of capacity, and in later blocks before all else. Not: the recount itself (capacity), locks (locks.ts).
import { mustExist } from '../../../base/assert.ts'
import { spendWork } from '../../blockWork.ts'
import type { WriteContext } from '../../context.ts'
import type { StateReader } from '../../view.ts'
import { releaseCompensation } from './compensations.ts'
import { cureOf, trackCure } from './cures.ts'
import {
  deliveredIn,
  getMember,
  holdBackers,
  isAtFault,
  isServed,
  isSuspendedAlone,
  isSuspendedMember,
  lastRecount,
  memberIds,
  openWalk,
  ownerOf,
  payFromLock,
} from './external.ts'
import { getLiability, markBondShort, setLiability, takeSnapshot } from './ledger.ts'
import { isBondShort } from './limits.ts'
import { dropLock, releaseDue } from './locks.ts'
import { releaseAllProceeds, releaseProceeds } from './proceeds.ts'
import type { Turn } from './schema.ts'
import { events, issuanceTables } from './tables.ts'

/**
 * Measured steps of one member. A turn that goes on has half of a block's budget, and a recount, of 480 steps a member or
 * more, at most half of the rest: so it ends before the next recount does.
 */
const MEMBER_STEPS = 800

/**
 * Whether a window was good for a member: active, not suspended, no open fault, and what it granted was served: at least half
 * of it signed for, or too little left unsigned to tell anything.
 */
function isGoodWindow(ctx: WriteContext, provider: number, turn: Turn): boolean {
  const { state } = ctx
  const delivered = deliveredIn(state, { provider, window: turn.windowIndex })
  const { status } = mustExist(getMember(state, provider), 'a listed member exists')
  return (
    isServed(delivered) &&
    // The tally gets a missing grant only after this, at the end of the block that found it.
    delivered.faultBase === 0n &&
    status === 'active' &&
    !isSuspendedMember(state, provider) &&
    !isAtFault(state, provider, turn.beganAtHeight)
  )
}

/** Pays what a window's end releases of a lock; of a defaulted member nothing: its lock belongs to the estate. */
function releaseLock(ctx: WriteContext, provider: number, isGood: boolean): void {
  const liability = getLiability(ctx.state, provider)
  const { operator, status } = mustExist(getMember(ctx.state, provider), 'a lock belongs to a member')
  if (liability.lockedBase === 0n || status === 'defaulted') return
  const { amountBase, after } = releaseDue(ctx.state, provider, { liability, isGood })
  setLiability(ctx.state, provider, after)
  if (amountBase === 0n) return
  payFromLock(ctx, { provider, to: operator, amountBase })
  events.LockReleased(ctx, { provider, amountBase, lockedBase: after.lockedBase })
}

/**
 * Releases what a window frees whose vouchers came after its end, because the service lane was full (ECONOMY §6). Redemption
 * calls it when a voucher makes them enough, which they were not at the member's turn: so a window releases once.
 */
export function releaseLate(
  ctx: WriteContext,
  at: { readonly provider: number; readonly window: number },
): void {
  const { provider, window } = at
  const turn = issuanceTables.turn.get(ctx.state, {})
  // A turn still to come sees the voucher itself.
  if (
    turn === undefined ||
    turn.windowIndex !== window ||
    turn.member <= memberIds(ctx.state).indexOf(provider)
  )
    return
  if (!isGoodWindow(ctx, provider, turn)) return
  releaseLock(ctx, provider, true)
  releaseProceeds(ctx, provider, true)
}

/**
 * Whether a member is leaving and owes nothing: its locks secure nothing any more. No window of it would be good again, and
 * what is left of them would stay for ever.
 */
function hasNothingToSecure(state: StateReader, provider: number): boolean {
  if (getLiability(state, provider).liabilityBase > 0n) return false
  const { status, removed } = mustExist(getMember(state, provider), 'a listed member exists')
  return status === 'retiring' || removed
}

/** Pays all that is locked of a member's coins. At most K releases to come go with it. */
function releaseWhole(ctx: WriteContext, provider: number): void {
  const liability = getLiability(ctx.state, provider)
  const { lockedBase: amountBase } = liability
  if (amountBase === 0n) return
  setLiability(ctx.state, provider, dropLock(ctx.state, provider, liability))
  payFromLock(ctx, { provider, to: ownerOf(ctx.state, provider), amountBase })
  events.LockReleased(ctx, { provider, amountBase, lockedBase: 0n })
}

/** Whether what a member owes may default by what it is at fault for now: it must cure, or it is suspended. */
function mayDefault(state: StateReader, provider: number): boolean {
  if (getLiability(state, provider).liabilityBase === 0n) return false
  return cureOf(state, provider) !== undefined || isSuspendedAlone(state, provider)
}

function handleMember(ctx: WriteContext, provider: number, turn: Turn): void {
  if (hasNothingToSecure(ctx.state, provider)) {
    releaseWhole(ctx, provider)
    releaseAllProceeds(ctx, provider)
  } else {
    const isGood = isGoodWindow(ctx, provider, turn)
    releaseLock(ctx, provider, isGood)
    releaseProceeds(ctx, provider, isGood)
  }
  releaseCompensation(ctx, provider, ownerOf(ctx.state, provider))
  takeSnapshot(ctx, provider)
  const short = isBondShort(ctx.state, provider)
  const since = getLiability(ctx.state, provider).bondShortSince
  if (short !== undefined)
    markBondShort(ctx.state, provider, short ? (since ?? lastRecount(ctx.state).windowIndex) : undefined)
  trackCure(ctx, provider)
  holdBackers(ctx, provider, mayDefault(ctx.state, provider))
}

/** Handles the next members of a turn that has begun in an earlier block. */
export function continueTurn(ctx: WriteContext): void {
  const known = issuanceTables.turn.get(ctx.state, {})
  if (known !== undefined && known.member < known.members) handleSome(ctx, known)
}

/** Begins the members' turn when a recount is complete. */
export function beginTurn(ctx: WriteContext): void {
  const { state } = ctx
  const { pass, sinceHeight, windowIndex } = lastRecount(state)
  const known = issuanceTables.turn.get(state, {})
  if (known?.pass === pass || (known === undefined && pass === 0)) return
  // None is left by now; were one, it must not lose its release.
  if (known !== undefined && known.member < known.members) {
    spendWork(ctx, (known.members - known.member) * MEMBER_STEPS)
    handleWhile(ctx, known, () => true)
  }
  const members = memberIds(state).length
  // Genesis counts capacity too, but no window has ended by then.
  const member = windowIndex === 0 ? members : 0
  const turn = {
    pass,
    windowIndex: Math.max(0, windowIndex - 1),
    member,
    members,
    endedAtHeight: sinceHeight,
    beganAtHeight: known?.endedAtHeight ?? 0,
  }
  handleSome(ctx, turn)
}

/** The recount after which every member's window has been handled, and the window that ended before it; undefined while some have not. */
export function handledWindow(
  state: StateReader,
): { readonly pass: number; readonly windowIndex: number } | undefined {
  const turn = issuanceTables.turn.get(state, {})
  return turn === undefined || turn.member < turn.members ? undefined : turn
}

/** Number of the recount after which the snapshots of all members were last taken. */
export function snapshotsOf(state: StateReader): number {
  const turn = issuanceTables.turn.get(state, {})
  // Genesis takes each as it mints.
  if (turn === undefined) return lastRecount(state).pass
  return turn.member < turn.members ? turn.pass - 1 : turn.pass
}

/** Handles as many as the block's steps allow; a turn that has just begun is stored even without any. */
function handleSome(ctx: WriteContext, turn: Turn): void {
  const walk = openWalk(ctx, 'members')
  // What a member's assets cost besides is counted as they are paid.
  handleWhile(ctx, turn, () => walk.take(MEMBER_STEPS))
}

function handleWhile(ctx: WriteContext, turn: Turn, mayGoOn: () => boolean): void {
  const members = memberIds(ctx.state)
  let { member } = turn
  for (; member < turn.members && mayGoOn(); member++) handleMember(ctx, members[member]!, turn)
  issuanceTables.turn.set(ctx.state, {}, { ...turn, member })
}
