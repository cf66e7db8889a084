// Assignments: capacity of one lot group in one window reserved for a part of a redemption.
// Owns: opening and closing. Not: who is chosen (matching.ts), the books (books.ts), vouchers (vouchers.ts).
import { assert } from '../../../base/assert.ts'
import { minBigint } from '../../../base/units.ts'
import type { WriteContext } from '../../context.ts'
import type { StateWriter } from '../../view.ts'
import { enterBooks, leaveBooks, lowerBook } from './books.ts'
import { noShowFee, payNoShow, putQueued, putRedemption, rejectionFee, settleDelivered } from './coins.ts'
import { moveCounted } from './crowding.ts'
import { bookBacking, noteDelivery, returnBacking, runningWindow } from './external.ts'
import { noteGrowth } from './growth.ts'
import { addAtPlace, addAtTail, placeToReturn, takeFromPlace } from './places.ts'
import type { Assignment, AssignmentKey, Redemption } from './schema.ts'
import { type CloseReason, OPEN_WINDOWS_MAX } from './shapes.ts'
import { events, redemptionTables } from './tables.ts'

/** Opens an assignment of coins that wait at a place; asserts that the lot group has the hours free. */
export function openAssignment(
  ctx: WriteContext,
  id: number,
  terms: Pick<
    Assignment,
    | 'provider'
    | 'group'
    | 'window'
    | 'sequence'
    | 'amountBase'
    | 'anchor'
    | 'classId'
    | 'rating'
    | 'bonusPpm'
    | 'bookedHours'
  >,
): void {
  const redemption = redemptionTables.redemption.mustGet(ctx.state, { id })
  const { amountBase, provider, group, window, sequence } = terms
  const at = { id, assignment: redemption.nextAssignment }
  const fresh = { voucheredBase: 0n, settledBase: 0n, grantedAtMs: 0, settlePending: false }
  bookBacking(ctx, terms)
  const assignment = enterBooks(ctx.state, at, { ...terms, ...fresh })
  redemptionTables.assignment.set(ctx.state, at, assignment)
  const taken = takeFromPlace(redemption, { sequence, queuedBase: amountBase })
  putRedemption(ctx, id, {
    ...taken,
    nextAssignment: at.assignment + 1,
    assignedBase: redemption.assignedBase + amountBase,
    open: countOpen(redemption.open, window, 1),
  })
  const { anchor, classId, bonusPpm } = terms
  events.Assigned(ctx, { ...at, provider, group, window, amountBase, anchor, classId, bonusPpm })
}

function countOpen(open: Redemption['open'], window: number, change: 1 | -1): Redemption['open'] {
  const count = (open.find((entry) => entry.window === window)?.count ?? 0) + change
  assert(count >= 0, 'a closed assignment was open')
  const others = open.filter((entry) => entry.window !== window)
  if (count === 0) return others
  assert(others.length < OPEN_WINDOWS_MAX, 'open windows of a redemption within the bound')
  return [...others, { window, count }].sort((a, b) => a.window - b.window)
}

/** Settles the unsettled part of an assignment's voucher, if any; closes the assignment when delivered in full. */
export function settleAssignment(ctx: WriteContext, at: AssignmentKey): void {
  const before = redemptionTables.assignment.mustGet(ctx.state, at)
  const amountBase = before.voucheredBase - before.settledBase
  if (amountBase === 0n) return
  const redemption = redemptionTables.redemption.mustGet(ctx.state, { id: at.id })
  const settled = settleDelivered(ctx, at, before, redemption)
  if (settled.assignment.settledBase < before.amountBase) {
    lowerBook(ctx.state, before, amountBase)
    redemptionTables.assignment.set(ctx.state, at, { ...settled.assignment, settlePending: false })
    putRedemption(ctx, at.id, settled.redemption)
    return
  }
  forget(ctx, at, before, amountBase)
  putRedemption(ctx, at.id, {
    ...settled.redemption,
    open: countOpen(settled.redemption.open, before.window, -1),
  })
  const { provider, sequence } = before
  events.Closed(ctx, { ...at, provider, reason: 'delivered', returnedBase: 0n, sequence })
}

function forget(ctx: WriteContext, at: AssignmentKey, assignment: Assignment, leftBase: bigint): void {
  leaveBooks(ctx.state, at, assignment, leftBase)
  redemptionTables.assignment.delete(ctx.state, at)
  if (assignment.grantedAtMs > 0) redemptionTables.grant.delete(ctx.state, at)
}

/** Where the coins of a closed assignment go. */
export type Return =
  | { readonly to: 'place' }
  /** `charged`: less the no-show fee. */
  | { readonly to: 'tail'; readonly charged: boolean }

/**
 * Closes an assignment: settles its voucher, returns the rest to the queue, frees hours not yet begun. Returns how many
 * coins came back, the fee included.
 */
export function closeAssignment(
  ctx: WriteContext,
  at: AssignmentKey,
  reason: CloseReason,
  goes: Return,
): bigint {
  settleAssignment(ctx, at)
  const assignment = redemptionTables.assignment.get(ctx.state, at)
  if (assignment === undefined) return 0n
  const returnedBase = assignment.amountBase - assignment.settledBase
  assert(returnedBase > 0n, 'an open assignment has something left')
  returnBacking(ctx, assignment, returnedBase)
  noteFreed(ctx, assignment)
  takeBackGrant(ctx.state, assignment)
  forget(ctx, at, assignment, returnedBase)
  const redemption = redemptionTables.redemption.mustGet(ctx.state, { id: at.id })
  const closed: Redemption = {
    ...redemption,
    assignedBase: redemption.assignedBase - returnedBase,
    open: countOpen(redemption.open, assignment.window, -1),
  }
  const back =
    goes.to === 'tail'
      ? toTail(ctx, at.id, closed, { assignment, returnedBase, charged: goes.charged })
      : toPlace(closed, assignment.sequence, returnedBase)
  const { provider } = assignment
  events.Closed(ctx, { ...at, provider, reason, returnedBase, sequence: back.sequence })
  putQueued(ctx, at.id, back.redemption)
  return returnedBase
}

/** Hours of a window that has begun have perished; others may serve whoever waits for them. */
function noteFreed({ state }: WriteContext, { group, window, bookedHours }: Assignment): void {
  if (window <= runningWindow(state)) return
  noteGrowth(state, group)
  moveCounted(state, { group, window }, bookedHours)
}

/** A grant that is given up before its window begins, for others' sake, is none that could have been signed for. */
function takeBackGrant(state: StateWriter, assignment: Assignment): void {
  const { provider, window, grantedAtMs, amountBase } = assignment
  if (grantedAtMs > 0 && window > runningWindow(state))
    noteDelivery(state, { provider, window }, { grantedBase: -amountBase })
}

interface Returned {
  readonly redemption: Redemption
  /** The place; 0 when fees took everything. */
  readonly sequence: number
}

function toPlace(redemption: Redemption, original: number, queuedBase: bigint): Returned {
  const sequence = placeToReturn(redemption, original)
  return { redemption: addAtPlace(redemption, { sequence, queuedBase }), sequence }
}

function toTail(
  ctx: WriteContext,
  id: number,
  redemption: Redemption,
  close: {
    readonly assignment: Assignment
    readonly returnedBase: bigint
    readonly charged: boolean
  },
): Returned {
  const { assignment, returnedBase, charged } = close
  let feeBase = charged ? minBigint(returnedBase, noShowFee(ctx, returnedBase)) : 0n
  let { rejectedBase } = redemption
  // A window without any signature: whoever rejected as well pays for that now.
  if (charged && rejectedBase > 0n && redemption.voucheredWindow !== assignment.window) {
    feeBase += rejectionFee(ctx, redemption, returnedBase - feeBase)
    rejectedBase = 0n
  }
  payNoShow(ctx, id, feeBase)
  const left: Redemption = { ...redemption, feesBase: redemption.feesBase + feeBase, rejectedBase }
  const amountBase = returnedBase - feeBase
  if (amountBase === 0n) return { redemption: left, sequence: 0 }
  const queued = addAtTail(ctx.state, left, amountBase)
  return { redemption: queued, sequence: queued.places.at(-1)!.sequence }
}
