// Lot groups that an audit or a cut of ratings has left with fewer hours than are booked: reservations return to their
// places, from the latest down, until the rest fits (ECONOMY §6). Not: which groups these are (capacity).
import type { WriteContext } from '../../context.ts'
import type { StateReader, StateWriter } from '../../view.ts'
import { closeAssignment } from './assignments.ts'
import { holderBelow } from './books.ts'
import { type Budget, getCursors, spendSteps, takeStep, updateCursors } from './cursors.ts'
import { lotGroup, overbookedGroup, overbookedIn, recountInForce, runningWindow } from './external.ts'
import { noteReturned } from './returned.ts'
import type { AssignmentKey } from './schema.ts'
import { redemptionTables } from './tables.ts'

/** Beyond every place. */
const PLACES_END = 2 ** 40

/** Returns reservations of overbooked groups in windows not begun; one step per assignment looked at. */
export function returnOverbooked(ctx: WriteContext, budget: Budget): void {
  const { state } = ctx
  for (;;) {
    const id = overbookedGroup(ctx, () => takeStep(budget))
    if (id === undefined || !takeStep(budget)) return
    const window = overbookedIn(state, id, runningWindow(state) + 1)
    // Its window has just begun, and the recount has not come to it yet.
    if (window === undefined) return
    const at = latestOf(state, { id, window }, budget)
    if (at === undefined) return
    const { sequence } = redemptionTables.assignment.mustGet(state, at)
    spendSteps(budget, 'close')
    closeAssignment(ctx, at, 'overbooked', { to: 'place' })
    noteReturned(state, sequence)
  }
}

/**
 * The assignment of a lot group in a window whose place is the latest; undefined when the steps ran out. It goes on where it
 * stopped: an overbooked group gets no new ones, so that what was passed need not be looked at again before the next recount.
 */
function latestOf(
  state: StateWriter,
  { id, window }: { readonly id: number; readonly window: number },
  budget: Budget,
): AssignmentKey | undefined {
  if (lotGroup(state, id) === undefined) return undefined
  let { below, number } = startOf(state, { id, window })
  for (;;) {
    const sequence = holderBelow(state, window, below)
    if (sequence === undefined) return undefined
    const held = redemptionTables.held.mustGet(state, { window, sequence })
    for (let n = goesOnAt(state, { id: held.id, window, sequence, number }) ?? held.last; n !== 0; ) {
      if (!takeStep(budget)) {
        updateCursors(state, { overbookedBelow: sequence + 1, overbookedNumber: n })
        return undefined
      }
      const at = { id: held.id, assignment: n }
      const { group, previous } = redemptionTables.assignment.mustGet(state, at)
      if (group === id) {
        // It closes: the search goes on with the one before it, or below this place.
        updateCursors(state, {
          overbookedBelow: previous === 0 ? sequence : sequence + 1,
          overbookedNumber: previous,
        })
        return at
      }
      n = previous
    }
    below = sequence
    number = 0
  }
}

/** The assignment of a place to go on with; undefined when it has closed, or belongs to another place or window. */
function goesOnAt(
  state: StateReader,
  at: { readonly id: number; readonly window: number; readonly sequence: number; readonly number: number },
): number | undefined {
  const { id, window, sequence, number } = at
  const known = redemptionTables.assignment.get(state, { id, assignment: number })
  return known?.window === window && known.sequence === sequence ? number : undefined
}

/** Where the search goes on, or begins. */
function startOf(
  state: StateWriter,
  { id, window }: { readonly id: number; readonly window: number },
): { readonly below: number; readonly number: number } {
  const recount = recountInForce(state)
  const { overbookedFor, overbookedWindow, overbookedRecount, overbookedBelow, overbookedNumber } =
    getCursors(state)
  if (overbookedFor === id && overbookedWindow === window && overbookedRecount === recount)
    return { below: overbookedBelow, number: overbookedNumber }
  updateCursors(state, {
    overbookedFor: id,
    overbookedWindow: window,
    overbookedRecount: recount,
    overbookedBelow: PLACES_END,
    overbookedNumber: 0,
  })
  return { below: PLACES_END, number: 0 }
}
