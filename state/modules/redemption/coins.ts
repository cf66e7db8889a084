// How the coins of a redemption move: into escrow, back to the owner, burned or paid. Owns: the redemption record and
// the sums over all of them, which change only through `putRedemption`. Not: assignments (assignments.ts).
import { assert } from '../../../base/assert.ts'
import type { WriteContext } from '../../context.ts'
import type { StateWriter } from '../../view.ts'
import { lookAgain } from './cursors.ts'
import { burnDelivered, operatorOf, payFromEscrow, releaseCoins, runningWindow } from './external.ts'
import { lastWindowOf, moveInQueue } from './queue.ts'
import { getRedemption, getTotals, isOpen, stateOf, updateTotals } from './redemptions.ts'
import type { Assignment, AssignmentKey, Redemption } from './schema.ts'
import type { EndReason } from './shapes.ts'
import { events, redemptionTables } from './tables.ts'

function endReasonOf(redemption: Redemption): EndReason {
  if (redemption.queuedBase + redemption.assignedBase > 0n) return 'none'
  const { refundReason, burnedBase, transferredBase } = redemption
  if (refundReason === 'none') return 'delivered'
  if (burnedBase + transferredBase === 0n) return refundReason
  return refundReason === 'cancelledByOwner' ? 'remainderCancelled' : 'remainderExpired'
}

function checkSums(redemption: Redemption): void {
  const { amountBase, queuedBase, assignedBase, burnedBase, transferredBase, refundedBase } = redemption
  assert(
    amountBase === queuedBase + assignedBase + burnedBase + transferredBase + refundedBase,
    'locked = burned + transferred + refunded + open',
  )
  assert(queuedBase >= 0n && assignedBase >= 0n, 'no part of a redemption is negative')
  assert(assignedBase > 0n === redemption.open.length > 0, 'reserved coins are in open assignments')
}

/** Writes a redemption, and with it its end, its place in the queue, the sums and the owner's count. */
export function putRedemption(ctx: WriteContext, id: number, changed: Redemption): void {
  const { state } = ctx
  const before = getRedemption(state, id)
  assert(before === undefined || isOpen(before), 'an ended redemption does not change')
  const after: Redemption = { ...changed, endReason: endReasonOf(changed) }
  checkSums(after)
  moveInQueue(state, before, after)
  redemptionTables.redemption.set(state, { id }, after)
  addToTotals(state, before, after)
  if (isOpen(after)) return
  const owner = redemptionTables.owner.mustGet(state, { owner: after.owner })
  assert(owner.openCount > 0, 'the owner had the redemption open')
  redemptionTables.owner.set(state, { owner: after.owner }, { ...owner, openCount: owner.openCount - 1 })
  events.Ended(ctx, {
    id,
    state: stateOf(after, runningWindow(state)),
    reason: after.endReason,
  })
}

function addToTotals(state: StateWriter, before: Redemption | undefined, after: Redemption): void {
  const totals = getTotals(state)
  const waits = (r: Redemption | undefined): number => (r !== undefined && r.queuedBase > 0n ? 1 : 0)
  updateTotals(state, {
    openCount: totals.openCount + (isOpen(after) ? 1 : 0) - (before === undefined ? 0 : 1),
    queuedCount: totals.queuedCount + waits(after) - waits(before),
    requestedBase: totals.requestedBase + after.amountBase - (before?.amountBase ?? 0n),
    queuedBase: totals.queuedBase + after.queuedBase - (before?.queuedBase ?? 0n),
    assignedBase: totals.assignedBase + after.assignedBase - (before?.assignedBase ?? 0n),
    burnedBase: totals.burnedBase + after.burnedBase - (before?.burnedBase ?? 0n),
    transferredBase: totals.transferredBase + after.transferredBase - (before?.transferredBase ?? 0n),
    refundedBase: totals.refundedBase + after.refundedBase - (before?.refundedBase ?? 0n),
  })
}

/** Pays the queued part back to the owner. The caller stores the returned redemption. */
function refundQueued(
  ctx: WriteContext,
  at: { readonly id: number; readonly reason: EndReason },
  redemption: Redemption,
): Redemption {
  const amountBase = redemption.queuedBase
  assert(amountBase > 0n, 'something is queued')
  payFromEscrow(ctx, { to: redemption.owner, amountBase })
  events.Refunded(ctx, { id: at.id, amountBase, reason: at.reason })
  return {
    ...redemption,
    queuedBase: 0n,
    refundedBase: redemption.refundedBase + amountBase,
    refundReason: at.reason,
  }
}

/** Refunds the queued part at the owner's request. */
export function cancelQueued(ctx: WriteContext, id: number, redemption: Redemption): void {
  putRedemption(ctx, id, refundQueued(ctx, { id, reason: 'cancelledByOwner' }, redemption))
}

/** Stores a redemption with a queued part, or refunds that part when no window is left to serve it. */
export function putQueued(ctx: WriteContext, id: number, redemption: Redemption): void {
  const lastWindow = lastWindowOf(redemption)
  if (redemption.queuedBase > 0n && lastWindow !== 0 && lastWindow <= runningWindow(ctx.state)) {
    const reason = lastWindow === redemption.finishBy ? 'finishByPassed' : 'startByPassed'
    putRedemption(ctx, id, refundQueued(ctx, { id, reason }, redemption))
    return
  }
  putRedemption(ctx, id, redemption)
  if (redemption.queuedBase > 0n && redemption.sequence !== 0) lookAgain(ctx.state, redemption.sequence)
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
  const to = operatorOf(ctx.state, provider)
  payFromEscrow(ctx, { to, amountBase: transferredBase })
  releaseCoins(ctx, assignment, amountBase)
  events.Settled(ctx, { ...at, provider, burnedBase, transferredBase })
  return {
    assignment: { ...assignment, settledBase: assignment.voucheredBase },
    redemption: {
      ...redemption,
      assignedBase: redemption.assignedBase - amountBase,
      burnedBase: redemption.burnedBase + burnedBase,
      transferredBase: redemption.transferredBase + transferredBase,
    },
  }
}
