// How the coins of a redemption move: into escrow, back to the owner, burned or paid. Owns: the redemption record and
// the sums over all of them, which change only through `putRedemption`. Not: assignments (assignments.ts).
import { assert } from '../../../base/assert.ts'
import { minBigint, mulDivFloor, PPM } from '../../../base/units.ts'
import { spendWork } from '../../blockWork.ts'
import type { WriteContext } from '../../context.ts'
import type { StateWriter } from '../../view.ts'
import { canBeServed } from './candidates.ts'
import { ACT_STEPS, getCursors, updateCursors } from './cursors.ts'
import {
  burnDelivered,
  GUARANTEE_FUND,
  payEarned,
  payFromEscrow,
  releaseDelivered,
  runningWindow,
  tellDelivered,
} from './external.ts'
import { moveInQueue } from './queue.ts'
import {
  getRedemption,
  getTotals,
  hasDelivered,
  isConstrained,
  isCrumb,
  isOpen,
  lastWindowOf,
  stateOf,
  updateTotals,
} from './redemptions.ts'
import type { Assignment, AssignmentKey, Redemption } from './schema.ts'
import type { EndReason } from './shapes.ts'
import { moveBySize } from './sizes.ts'
import { events, redemptionParams, redemptionTables } from './tables.ts'

function endReasonOf(redemption: Redemption): EndReason {
  if (redemption.queuedBase + redemption.assignedBase > 0n) return 'none'
  const { refundReason } = redemption
  if (refundReason === 'none') return hasDelivered(redemption) ? 'delivered' : 'forfeited'
  if (!hasDelivered(redemption)) return refundReason
  if (refundReason === 'tooSmall') return 'delivered'
  return refundReason === 'startByPassed' || refundReason === 'finishByPassed'
    ? 'remainderExpired'
    : 'remainderCancelled'
}

function accountedFor(redemption: Redemption): bigint {
  const { queuedBase, assignedBase, burnedBase, transferredBase, refundedBase, feesBase } = redemption
  return queuedBase + assignedBase + burnedBase + transferredBase + refundedBase + feesBase
}

function checkSums(redemption: Redemption): void {
  const { queuedBase, assignedBase, places, sequence } = redemption
  assert(
    redemption.amountBase === accountedFor(redemption),
    'locked = burned + transferred + refunded + fees + open',
  )
  assert(queuedBase >= 0n && assignedBase >= 0n, 'no part of a redemption is negative')
  assert(assignedBase > 0n === redemption.open.length > 0, 'reserved coins are in open assignments')
  const placedBase = places.reduce((sum, place) => sum + place.queuedBase, 0n)
  assert(sequence === 0 ? places.length === 0 : placedBase === queuedBase, 'queued coins are at places')
}

/** Writes a redemption, and with it its end, its places in the queue, the sums and the owner's count. */
export function putRedemption(ctx: WriteContext, id: number, changed: Redemption): Redemption {
  const { state } = ctx
  const before = getRedemption(state, id)
  assert(before === undefined || isOpen(before), 'an ended redemption does not change')
  const ending: Redemption = { ...changed, endReason: endReasonOf(changed) }
  checkSums(ending)
  const after: Redemption = { ...ending, bucket: moveInQueue(state, id, before, ending) }
  moveBySize(state, id, before, after)
  redemptionTables.redemption.set(state, { id }, after)
  addToTotals(state, before, after)
  if (!isOpen(after)) end(ctx, id, after)
  return after
}

/** It stays in the state until `tailWindows` later (history.ts). */
function end(ctx: WriteContext, id: number, redemption: Redemption): void {
  const { state } = ctx
  const owner = redemptionTables.owner.mustGet(state, { owner: redemption.owner })
  assert(owner.openCount > 0, 'the owner had the redemption open')
  redemptionTables.owner.set(state, { owner: redemption.owner }, { ...owner, openCount: owner.openCount - 1 })
  const window = runningWindow(state)
  const { closedTail } = getCursors(state)
  redemptionTables.closed.set(state, { index: closedTail }, { id, window })
  updateCursors(state, { closedTail: closedTail + 1 })
  events.Ended(ctx, { id, state: stateOf(redemption, window), reason: redemption.endReason })
}

function addToTotals(state: StateWriter, before: Redemption | undefined, after: Redemption): void {
  const totals = getTotals(state)
  const opened = (isOpen(after) ? 1 : 0) - (before === undefined ? 0 : 1)
  const waits = (r: Redemption | undefined): number => (r !== undefined && r.queuedBase > 0n ? 1 : 0)
  updateTotals(state, {
    openCount: totals.openCount + opened,
    constrainedCount: totals.constrainedCount + (isConstrained(after) ? opened : 0),
    queuedCount: totals.queuedCount + waits(after) - waits(before),
    requestedBase: totals.requestedBase + after.amountBase - (before?.amountBase ?? 0n),
    queuedBase: totals.queuedBase + after.queuedBase - (before?.queuedBase ?? 0n),
    assignedBase: totals.assignedBase + after.assignedBase - (before?.assignedBase ?? 0n),
    burnedBase: totals.burnedBase + after.burnedBase - (before?.burnedBase ?? 0n),
    transferredBase: totals.transferredBase + after.transferredBase - (before?.transferredBase ?? 0n),
    refundedBase: totals.refundedBase + after.refundedBase - (before?.refundedBase ?? 0n),
    feesBase: totals.feesBase + after.feesBase - (before?.feesBase ?? 0n),
  })
}

/** The no-show fee on coins, rounded down: the client gains. */
export function noShowFee(ctx: WriteContext, amountBase: bigint): bigint {
  return mulDivFloor(amountBase, redemptionParams.get(ctx.state).noShowPpm, PPM)
}

/** Pays a no-show fee out of escrow to the guarantee fund. The caller takes it from the redemption's open coins. */
export function payNoShow(ctx: WriteContext, id: number, feeBase: bigint): void {
  if (feeBase === 0n) return
  payFromEscrow(ctx, { to: GUARANTEE_FUND, amountBase: feeBase })
  events.NoShow(ctx, { id, feeBase })
}

/** The fee still due on rejected coins, at most `openBase`; the caller takes it and forgets the rejection. */
export function rejectionFee(ctx: WriteContext, redemption: Redemption, openBase: bigint): bigint {
  return minBigint(openBase, noShowFee(ctx, redemption.rejectedBase))
}

/** Pays the queued part back to the owner, less what is due on rejected coins. The caller stores the returned redemption. */
function refundQueued(
  ctx: WriteContext,
  at: { readonly id: number; readonly reason: EndReason },
  redemption: Redemption,
): Redemption {
  const { queuedBase } = redemption
  assert(queuedBase > 0n, 'something is queued')
  const feeBase = rejectionFee(ctx, redemption, queuedBase)
  const amountBase = queuedBase - feeBase
  payNoShow(ctx, at.id, feeBase)
  payFromEscrow(ctx, { to: redemption.owner, amountBase })
  events.Refunded(ctx, { id: at.id, amountBase, reason: at.reason })
  return {
    ...redemption,
    queuedBase: 0n,
    places: [],
    refundedBase: redemption.refundedBase + amountBase,
    feesBase: redemption.feesBase + feeBase,
    rejectedBase: 0n,
    refundReason: at.reason,
  }
}

/** Refunds the queued part at the owner's request, or for a larger request's sake. */
export function cancelQueued(
  ctx: WriteContext,
  at: { readonly id: number; readonly reason: 'cancelledByOwner' | 'displaced' },
  redemption: Redemption,
): void {
  putRedemption(ctx, at.id, refundQueued(ctx, at, redemption))
}

/** Why nothing will serve the queued part of a redemption, or undefined. */
function hopelessOf(ctx: WriteContext, redemption: Redemption): EndReason | undefined {
  const { state } = ctx
  const { queuedBase, assignedBase, finishBy, excluded } = redemption
  if (queuedBase === 0n) return undefined
  const lastWindow = lastWindowOf(redemption)
  if (lastWindow !== 0 && lastWindow <= runningWindow(state))
    return lastWindow === finishBy ? 'finishByPassed' : 'startByPassed'
  // Whoever signs for all but one unit could otherwise hold its place, and oblige a provider, for nothing.
  if (assignedBase === 0n && isCrumb(state, queuedBase)) return 'tooSmall'
  // Without a last window it would sleep in the table for ever.
  if (lastWindow !== 0 || excluded.length === 0) return undefined
  const { isServed, members, groups } = canBeServed(state, redemption)
  spendWork(ctx, members * ACT_STEPS.rank + groups * ACT_STEPS.look)
  return isServed ? undefined : 'allRejected'
}

/** Stores a redemption with a queued part, or refunds that part when nothing will serve it. */
export function putQueued(ctx: WriteContext, id: number, redemption: Redemption): void {
  const reason = hopelessOf(ctx, redemption)
  putRedemption(ctx, id, reason === undefined ? redemption : refundQueued(ctx, { id, reason }, redemption))
}

/**
 * Settles the latest voucher beyond what is already settled: burns up to the deliverer's liability and pays it the rest
 * (ECONOMY §6). Returns both updated records; the caller stores them.
 */
export function settleDelivered(
  ctx: WriteContext,
  at: AssignmentKey,
  assignment: Assignment,
  redemption: Redemption,
): { assignment: Assignment; redemption: Redemption } {
  const { provider } = assignment
  const amountBase = assignment.voucheredBase - assignment.settledBase
  assert(amountBase > 0n && assignment.voucheredBase <= assignment.amountBase, 'a voucher is left to settle')
  const burnedBase = burnDelivered(ctx, provider, amountBase)
  const transferredBase = amountBase - burnedBase
  assert(transferredBase >= 0n, 'no more is burned than was delivered')
  payEarned(ctx, provider, transferredBase)
  releaseDelivered(ctx, assignment, amountBase)
  tellDelivered(ctx.state, { classId: assignment.classId, amountBase })
  events.Settled(ctx, { ...at, provider, burnedBase, transferredBase })
  const settled: Redemption = {
    ...redemption,
    assignedBase: redemption.assignedBase - amountBase,
    burnedBase: redemption.burnedBase + burnedBase,
    transferredBase: redemption.transferredBase + transferredBase,
    voucheredWindow: assignment.window,
  }
  // Who has taken as much elsewhere as it rejected owes no fee on the rejection.
  const elsewhereBase = settled.burnedBase + settled.transferredBase - settled.rejectedVoucheredBase
  assert(elsewhereBase >= 0n, 'what was vouchered before a rejection is settled')
  const isWaived = settled.rejectedBase <= elsewhereBase
  return {
    assignment: { ...assignment, settledBase: assignment.voucheredBase },
    redemption: { ...settled, rejectedBase: isWaived ? 0n : settled.rejectedBase },
  }
}
