// Missing grants: what has no access when its window begins returns to its place, as do the reservations of suspended
// providers and all that a provider held that has defaulted (ECONOMY §6, §9). Owns: these two walks. Not: the judgement
// (faults.ts).
import type { WriteContext } from '../../context.ts'
import type { StateReader, StateWriter } from '../../view.ts'
import { closeAssignment } from './assignments.ts'
import { firstHeld, type HeldAt } from './books.ts'
import { type Budget, getCursors, spendSteps, takeStep, updateCursors } from './cursors.ts'
import { hasDefaulted, hasLeft, isFaultQueueFull, isOwnSuspended, runningWindow } from './external.ts'
import { blame, isAtFault } from './faults.ts'
import { noteReturned } from './returned.ts'
import type { Assignment } from './schema.ts'
import { OPEN_WINDOWS_MAX } from './shapes.ts'
import { redemptionTables } from './tables.ts'

/** Returns what was not granted before its window began; one step per assignment of that window. */
export function returnMissing(ctx: WriteContext, budget: Budget): void {
  const { state } = ctx
  for (;;) {
    const { grantedWindow: window } = getCursors(state)
    if (window > runningWindow(state)) return
    const at = nextToCheck(state, window)
    if (at === undefined) {
      updateCursors(state, { grantedWindow: window + 1, grantAt: 0, grantAssignment: 0 })
      continue
    }
    // With a full queue of faults the walk waits, so that none is lost.
    if (isFaultQueueFull(state) || !takeStep(budget)) return
    const assignment = redemptionTables.assignment.mustGet(state, at)
    const isLast = assignment.next === 0
    updateCursors(state, {
      grantAt: isLast ? at.sequence + 1 : at.sequence,
      grantAssignment: assignment.next,
    })
    if (assignment.grantedAtMs > 0) continue
    spendSteps(budget, 'close')
    returnUngranted(ctx, at, assignment)
  }
}

/** Where the walk goes on; from the start of the place if the assignment it was to visit has closed meanwhile. */
function nextToCheck(state: StateReader, window: number): HeldAt | undefined {
  const { grantAt, grantAssignment } = getCursors(state)
  const first = firstHeld(state, window, grantAt)
  if (first === undefined || first.sequence > grantAt || grantAssignment === 0) return first
  const isOpen = redemptionTables.assignment.has(state, { id: first.id, assignment: grantAssignment })
  return isOpen ? { ...first, assignment: grantAssignment } : first
}

function returnUngranted(ctx: WriteContext, at: HeldAt, assignment: Assignment): void {
  const { state } = ctx
  const { provider, window } = assignment
  const isExcused = getCursors(state).excusedWindow === window
  // What a suspension is still returning, or what somebody held who has left, is no further fault.
  const isSuspended = isOwnSuspended(state, provider) && !isAtFault(state, { provider, window })
  const isRecalled = isSuspended || hasLeft(state, provider)
  const excuse = isRecalled ? 'suspended' : isExcused ? 'laneFull' : 'grantMissing'
  const reason = hasDefaulted(state, provider) ? 'defaulted' : excuse
  const { owner } = redemptionTables.redemption.mustGet(state, { id: at.id })
  const amountBase = closeAssignment(ctx, at, reason, { to: 'place' })
  if (amountBase > 0n && reason === 'grantMissing') blame(ctx, { provider, window, owner, amountBase })
  noteReturned(state, assignment.sequence)
}

/**
 * Lets the next blocks return what a provider holds: all of it, in the running window too, when it has defaulted; what it has not
 * granted in windows to come when it has left.
 */
export function recallDefaulted(state: StateWriter, provider: number): void {
  const { recalls } = getCursors(state)
  const isUnderWay = recalls[0] === provider
  // A recall for its suspension has left what it had granted: it begins anew.
  if (isUnderWay) updateCursors(state, { recallWindow: 0, recallEntry: 0 })
  else if (!recalls.includes(provider)) updateCursors(state, { recalls: [...recalls, provider] })
}

/**
 * Returns the reservations of suspended groups in windows not begun, but for what they have granted; of a provider that has
 * defaulted everything, from the running window on.
 */
export function recallSuspended(ctx: WriteContext, budget: Budget): void {
  const { state } = ctx
  const current = runningWindow(state)
  for (;;) {
    const { recalls, recallWindow, recallEntry } = getCursors(state)
    const provider = recalls[0]
    if (provider === undefined) return
    // A window may have begun meanwhile: returnMissing has returned what it had.
    const first = hasDefaulted(state, provider) ? current : current + 1
    const isBehind = recallWindow < first
    const window = isBehind ? first : recallWindow
    const entry = isBehind ? 0 : recallEntry
    if (window > current + OPEN_WINDOWS_MAX) {
      updateCursors(state, { recalls: recalls.slice(1), recallWindow: 0, recallEntry: 0 })
      continue
    }
    const count = redemptionTables.book.get(state, { provider, window })?.count ?? 0
    if (entry >= count) {
      updateCursors(state, { recallWindow: window + 1, recallEntry: 0 })
      continue
    }
    if (!takeStep(budget, 'close')) return
    updateCursors(state, { recallWindow: window, recallEntry: entry + 1 })
    recallEntryAt(ctx, { provider, window, index: entry })
  }
}

function recallEntryAt(
  ctx: WriteContext,
  entry: { readonly provider: number; readonly window: number; readonly index: number },
): void {
  const { state } = ctx
  const at = redemptionTables.booked.get(state, entry)
  if (at === undefined) return
  const { grantedAtMs, sequence } = redemptionTables.assignment.mustGet(state, at)
  const isDefaulted = hasDefaulted(state, entry.provider)
  if (grantedAtMs > 0 && !isDefaulted) return
  closeAssignment(ctx, at, isDefaulted ? 'defaulted' : 'suspended', { to: 'place' })
  noteReturned(state, sequence)
}

/** Whether either walk has something left to do. */
export function grantsPending(state: StateReader): boolean {
  const { grantedWindow, recalls } = getCursors(state)
  return grantedWindow <= runningWindow(state) || recalls.length > 0
}
