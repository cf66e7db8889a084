// Assignments: capacity of one provider in one window reserved for one redemption, and the books that list them.
// Owns: opening and closing. Not: who is chosen (matching.ts), when they are swept (sweeps.ts), vouchers (vouchers.ts).
import { assert } from '../../../base/assert.ts'
import type { WriteContext } from '../../context.ts'
import type { StateWriter } from '../../view.ts'
import { putQueued, putRedemption, settleDelivered } from './coins.ts'
import { lookAgain } from './cursors.ts'
import { bookBacking, releaseBacking } from './external.ts'
import type { Assignment, AssignmentKey, Book, Redemption } from './schema.ts'
import { type CloseReason, OPEN_WINDOWS_MAX } from './shapes.ts'
import { events, redemptionTables } from './tables.ts'

const NO_BOOK: Book = { count: 0, openCount: 0, openBase: 0n, faultBase: 0n }

/** Opens an assignment of a queued redemption; asserts that capacity has the hours free. Returns the redemption as stored. */
export function openAssignment(
  ctx: WriteContext,
  id: number,
  terms: Pick<
    Assignment,
    | 'provider'
    | 'group'
    | 'window'
    | 'amountBase'
    | 'anchor'
    | 'classId'
    | 'rating'
    | 'bonusPpm'
    | 'bookedHours'
  >,
): Redemption {
  const redemption = redemptionTables.redemption.mustGet(ctx.state, { id })
  const { amountBase, provider, window } = terms
  assert(amountBase > 0n && amountBase <= redemption.queuedBase, 'only what is queued is assigned')
  const at = { id, assignment: redemption.nextAssignment }
  const assignment: Assignment = {
    ...terms,
    voucheredBase: 0n,
    settledBase: 0n,
    grantedAtMs: 0,
    grantLate: false,
    settlePending: false,
  }
  bookBacking(ctx, assignment)
  redemptionTables.assignment.set(ctx.state, at, assignment)
  enterBook(ctx.state, at, assignment)
  const after: Redemption = {
    ...redemption,
    nextAssignment: at.assignment + 1,
    queuedBase: redemption.queuedBase - amountBase,
    assignedBase: redemption.assignedBase + amountBase,
    open: countOpen(redemption.open, window, 1),
  }
  putRedemption(ctx, id, after)
  const { anchor, classId, bonusPpm } = terms
  events.Assigned(ctx, { ...at, provider, window, amountBase, anchor, classId, bonusPpm })
  return after
}

function countOpen(open: Redemption['open'], window: number, change: 1 | -1): Redemption['open'] {
  const count = (open.find((entry) => entry.window === window)?.count ?? 0) + change
  assert(count >= 0, 'a closed assignment was open')
  const others = open.filter((entry) => entry.window !== window)
  if (count === 0) return others
  assert(others.length < OPEN_WINDOWS_MAX, 'open windows of a redemption within the bound')
  return [...others, { window, count }].sort((a, b) => a.window - b.window)
}

function enterBook(state: StateWriter, at: AssignmentKey, assignment: Assignment): void {
  const { provider, window, amountBase } = assignment
  const book = redemptionTables.book.get(state, { provider, window })
  if (book === undefined) {
    const providers = redemptionTables.windowBooks.get(state, { window })?.providers ?? []
    redemptionTables.windowBooks.set(state, { window }, { providers: [...providers, provider] })
  }
  const { count, openCount, openBase, faultBase } = book ?? NO_BOOK
  redemptionTables.booked.set(state, { provider, window, index: count }, at)
  redemptionTables.book.set(
    state,
    { provider, window },
    { count: count + 1, openCount: openCount + 1, openBase: openBase + amountBase, faultBase },
  )
}

function changeBook(
  state: StateWriter,
  assignment: Assignment,
  change: { readonly closed: number; readonly lessBase: bigint; readonly faultBase: bigint },
): void {
  const key = { provider: assignment.provider, window: assignment.window }
  const book = redemptionTables.book.mustGet(state, key)
  const after = {
    count: book.count,
    openCount: book.openCount - change.closed,
    openBase: book.openBase - change.lessBase,
    faultBase: book.faultBase + change.faultBase,
  }
  assert(after.openCount >= 0 && after.openBase >= 0n, 'a book covers what leaves it')
  redemptionTables.book.set(state, key, after)
}

/** Settles the unsettled part of an assignment's voucher, if any; closes the assignment when delivered in full. */
export function settleAssignment(ctx: WriteContext, at: AssignmentKey): void {
  const before = redemptionTables.assignment.mustGet(ctx.state, at)
  const amountBase = before.voucheredBase - before.settledBase
  if (amountBase === 0n) return
  const redemption = redemptionTables.redemption.mustGet(ctx.state, { id: at.id })
  const settled = settleDelivered(ctx, at, before, redemption)
  const done = settled.assignment.settledBase === before.amountBase
  changeBook(ctx.state, before, { closed: done ? 1 : 0, lessBase: amountBase, faultBase: 0n })
  if (!done) {
    redemptionTables.assignment.set(ctx.state, at, { ...settled.assignment, settlePending: false })
    putRedemption(ctx, at.id, settled.redemption)
    return
  }
  forget(ctx, at, before)
  putRedemption(ctx, at.id, {
    ...settled.redemption,
    open: countOpen(settled.redemption.open, before.window, -1),
  })
  events.Closed(ctx, { ...at, provider: before.provider, reason: 'delivered', returnedBase: 0n })
}

function forget(ctx: WriteContext, at: AssignmentKey, assignment: Assignment): void {
  redemptionTables.assignment.delete(ctx.state, at)
  if (assignment.grantedAtMs > 0) redemptionTables.grant.delete(ctx.state, at)
}

/**
 * Closes an assignment: settles its voucher, returns the rest to its place in the queue, frees hours not yet begun.
 * `atFault` counts the returned coins against the provider.
 */
export function closeAssignment(
  ctx: WriteContext,
  at: AssignmentKey,
  close: { readonly reason: CloseReason; readonly atFault: boolean },
): void {
  settleAssignment(ctx, at)
  const assignment = redemptionTables.assignment.get(ctx.state, at)
  if (assignment === undefined) return
  const returnedBase = assignment.amountBase - assignment.settledBase
  assert(returnedBase > 0n, 'an open assignment has something left')
  releaseBacking(ctx, assignment, returnedBase)
  forget(ctx, at, assignment)
  changeBook(ctx.state, assignment, {
    closed: 1,
    lessBase: returnedBase,
    faultBase: close.atFault ? returnedBase : 0n,
  })
  const redemption = redemptionTables.redemption.mustGet(ctx.state, { id: at.id })
  events.Closed(ctx, { ...at, provider: assignment.provider, reason: close.reason, returnedBase })
  putQueued(ctx, at.id, {
    ...redemption,
    queuedBase: redemption.queuedBase + returnedBase,
    assignedBase: redemption.assignedBase - returnedBase,
    open: countOpen(redemption.open, assignment.window, -1),
  })
  // Freed hours may serve any request, starting with the first in the queue.
  if (close.reason === 'suspended' || close.reason === 'unbooked') lookAgain(ctx.state, 0)
}
