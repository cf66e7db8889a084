// Lot groups that an audit or a cut of ratings has left with fewer hours than are booked: reservations return to their
// places, from the latest down, until the rest fits (ECONOMY §6). Not: which groups these are (capacity).
import type { WriteContext } from '../../context.ts'
import type { StateReader } from '../../view.ts'
import { closeAssignment } from './assignments.ts'
import { holderBelow } from './books.ts'
import { type Budget, takeStep } from './cursors.ts'
import { lotGroup, overbookedGroup, overbookedIn, runningWindow } from './external.ts'
import { noteReturned } from './returned.ts'
import type { AssignmentKey } from './schema.ts'
import { redemptionTables } from './tables.ts'

/** Beyond every place. */
const PLACES_END = 2 ** 40

/** Returns reservations of overbooked groups in windows not begun; one step per assignment looked at. */
export function returnOverbooked(ctx: WriteContext, budget: Budget): void {
  const { state } = ctx
  for (;;) {
    const id = overbookedGroup(ctx, budget.left)
    if (id === undefined || !takeStep(budget)) return
    const window = overbookedIn(state, id, runningWindow(state) + 1)
    // Hours of the running window are being delivered or have perished; what is short of them is the provider's fault.
    if (window === undefined) return
    const at = latestOf(state, { id, window }, budget)
    if (at === undefined) return
    const { sequence } = redemptionTables.assignment.mustGet(state, at)
    closeAssignment(ctx, at, 'overbooked', { to: 'place' })
    noteReturned(state, sequence)
  }
}

/** The assignment of a lot group in a window whose place is the latest; undefined when the steps ran out. */
function latestOf(
  state: StateReader,
  { id, window }: { readonly id: number; readonly window: number },
  budget: Budget,
): AssignmentKey | undefined {
  if (lotGroup(state, id) === undefined) return undefined
  for (let below = PLACES_END; ; ) {
    const sequence = holderBelow(state, window, below)
    if (sequence === undefined) return undefined
    const held = redemptionTables.held.mustGet(state, { window, sequence })
    for (let n = held.last; n !== 0; ) {
      if (!takeStep(budget)) return undefined
      const at = { id: held.id, assignment: n }
      const { group, previous } = redemptionTables.assignment.mustGet(state, at)
      if (group === id) return at
      n = previous
    }
    below = sequence
  }
}
