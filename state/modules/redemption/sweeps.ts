// Bounded work at the end of blocks that walks the books: ended windows, reservations of suspended providers, and the
// reservations of later places that these un-book. Owns: the cursors. Not: what closing an assignment does (assignments.ts).
import { assert } from '../../../base/assert.ts'
import type { WriteContext } from '../../context.ts'
import type { StateReader, StateWriter } from '../../view.ts'
import { closeAssignment } from './assignments.ts'
import { putQueued } from './coins.ts'
import { getCursors, updateCursors } from './cursors.ts'
import { isFaultQueueFull, reportUndelivered } from './external.ts'
import { nextDeadline } from './queue.ts'
import type { AssignmentKey, Cursors } from './schema.ts'
import { events, redemptionParams, redemptionTables } from './tables.ts'

/** A position in the books. */
type Cursor = Cursors['swept']

const atWindow = (window: number): Cursor => ({ window, provider: 0, entry: 0 })

function providersOf(state: StateReader, window: number): readonly number[] {
  return redemptionTables.windowBooks.get(state, { window })?.providers ?? []
}

/** Whether books are still being walked: meanwhile nothing is assigned, so that no earlier place is overtaken. */
export function sweepsPending(cursors: Cursors): boolean {
  return cursors.swept.window < cursors.window || cursors.recalls.length > 0 || cursors.unbookAbove > 0
}

/** Returns what ended windows left undelivered; one step per entry or book. */
export function sweepEnded(ctx: WriteContext, stepsMax: number): void {
  for (let steps = 0; steps < stepsMax; steps++) {
    const { swept, window: current } = getCursors(ctx.state)
    if (swept.window >= current || isFaultQueueFull(ctx.state)) return
    updateCursors(ctx.state, { swept: sweepStep(ctx, swept) })
  }
}

function sweepStep(ctx: WriteContext, at: Cursor): Cursor {
  const { state } = ctx
  const { window } = at
  const provider = providersOf(state, window)[at.provider]
  if (provider === undefined) {
    redemptionTables.windowBooks.delete(state, { window })
    return atWindow(window + 1)
  }
  const { count } = redemptionTables.book.mustGet(state, { provider, window })
  if (at.entry === count) {
    endBook(ctx, provider, window)
    return { window, provider: at.provider + 1, entry: 0 }
  }
  const entry = { provider, window, index: at.entry }
  const key = redemptionTables.booked.mustGet(state, entry)
  const assignment = redemptionTables.assignment.get(state, key)
  if (assignment !== undefined) {
    // With a grant posted and no voucher it is unknown who failed: no fault (ECONOMY §6).
    const atFault = assignment.grantedAtMs === 0 || assignment.grantLate
    const { owner } = redemptionTables.redemption.mustGet(state, { id: key.id })
    const amountBase = assignment.amountBase - assignment.voucheredBase
    if (atFault && amountBase > 0n) reportUndelivered(ctx, { provider, victim: owner, amountBase })
    closeAssignment(ctx, key, { reason: atFault ? 'grantMissing' : 'windowEnded', atFault })
    if (atFault) comesFirst(state, key.id)
  }
  redemptionTables.booked.delete(state, entry)
  return { ...at, entry: at.entry + 1 }
}

/** Deletes a book of an ended window; suspends the provider for coins undelivered through its own fault. */
function endBook(ctx: WriteContext, provider: number, window: number): void {
  const { state } = ctx
  const { openCount, openBase, faultBase } = redemptionTables.book.mustGet(state, { provider, window })
  assert(openCount === 0 && openBase === 0n, 'an ended book has no open assignment')
  redemptionTables.book.delete(state, { provider, window })
  if (faultBase === 0n) return
  if (redemptionTables.suspension.has(state, { provider })) return
  const cursors = getCursors(state)
  redemptionTables.suspension.set(state, { provider }, { sinceWindow: cursors.window })
  updateCursors(state, { recalls: [...cursors.recalls, provider] })
  if (cursors.recalls.length === 0) updateCursors(state, { recalled: atWindow(cursors.window) })
  events.Suspended(ctx, { provider, window })
}

/** Returns the reservations of suspended providers, except what is being delivered in the running window. */
export function recallSuspended(ctx: WriteContext, stepsMax: number): void {
  const { state } = ctx
  const { assignAhead } = redemptionParams.get(state)
  for (let steps = 0; steps < stepsMax; steps++) {
    const { recalls, recalled, window: current } = getCursors(state)
    const provider = recalls[0]
    if (provider === undefined) return
    // A window may have ended meanwhile; sweepEnded has returned what it left undelivered.
    const at = recalled.window < current ? atWindow(current) : recalled
    if (at.window > current + assignAhead) {
      updateCursors(state, { recalls: recalls.slice(1), recalled: atWindow(current) })
      continue
    }
    const book = redemptionTables.book.get(state, { provider, window: at.window })
    if (book === undefined || at.entry === book.count) {
      updateCursors(state, { recalled: atWindow(at.window + 1) })
      continue
    }
    const key = redemptionTables.booked.mustGet(state, { provider, window: at.window, index: at.entry })
    recall(ctx, key, current)
    updateCursors(state, { recalled: { ...at, entry: at.entry + 1 } })
  }
}

function recall(ctx: WriteContext, key: AssignmentKey, current: number): void {
  const { state } = ctx
  const assignment = redemptionTables.assignment.get(state, key)
  if (assignment === undefined) return
  const underWay = assignment.grantedAtMs > 0 || assignment.voucheredBase > 0n
  if (assignment.window <= current && underWay) return
  closeAssignment(ctx, key, { reason: 'suspended', atFault: false })
  comesFirst(state, key.id)
}

/** Coins returned through a provider's fault come before later places, whose reservations ahead are un-booked. */
function comesFirst(state: StateWriter, id: number): void {
  const { sequence, queuedBase } = redemptionTables.redemption.mustGet(state, { id })
  if (queuedBase === 0n) return
  const { unbookAbove } = getCursors(state)
  const least = unbookAbove === 0 ? sequence : Math.min(unbookAbove, sequence)
  updateCursors(state, { unbookAbove: least, unbooked: atWindow(0) })
}

/** Un-books reservations of later places in windows not begun, so that returned places come first again. */
export function unbookLater(ctx: WriteContext, stepsMax: number): void {
  const { state } = ctx
  const { assignAhead } = redemptionParams.get(state)
  for (let steps = 0; steps < stepsMax; steps++) {
    const { swept, recalls, unbookAbove, unbooked, window: current } = getCursors(state)
    if (swept.window < current || recalls.length > 0 || unbookAbove === 0) return
    const at = unbooked.window <= current ? atWindow(current + 1) : unbooked
    if (at.window > current + assignAhead) {
      updateCursors(state, { unbookAbove: 0, unbooked: atWindow(0) })
      return
    }
    updateCursors(state, { unbooked: unbookStep(ctx, at, unbookAbove) })
  }
}

function unbookStep(ctx: WriteContext, at: Cursor, above: number): Cursor {
  const { state } = ctx
  const { window } = at
  const provider = providersOf(state, window)[at.provider]
  if (provider === undefined) return atWindow(window + 1)
  if (at.entry === redemptionTables.book.mustGet(state, { provider, window }).count)
    return { window, provider: at.provider + 1, entry: 0 }
  const key = redemptionTables.booked.mustGet(state, { provider, window, index: at.entry })
  if (redemptionTables.assignment.has(state, key)) {
    const { sequence } = redemptionTables.redemption.mustGet(state, { id: key.id })
    if (sequence > above) closeAssignment(ctx, key, { reason: 'unbooked', atFault: false })
  }
  return { ...at, entry: at.entry + 1 }
}

/** Refunds requests whose last window has begun. */
export function expireRequests(ctx: WriteContext, stepsMax: number): void {
  for (let steps = 0; steps < stepsMax; steps++) {
    const { expiredWindow, window: current } = getCursors(ctx.state)
    if (expiredWindow > current) return
    const sequence = nextDeadline(ctx.state, expiredWindow)
    if (sequence === undefined) {
      updateCursors(ctx.state, { expiredWindow: expiredWindow + 1 })
      continue
    }
    const { id } = redemptionTables.place.mustGet(ctx.state, { sequence })
    putQueued(ctx, id, redemptionTables.redemption.mustGet(ctx.state, { id }))
  }
}
