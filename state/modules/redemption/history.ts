// Which redemptions of an account are in the state, and when ended ones leave it; receipts keep their history.
// Not: when a redemption ends (coins.ts).
import { assert } from '../../../base/assert.ts'
import type { Address } from '../../../base/ids.ts'
import type { StateReader, StateWriter } from '../../view.ts'
import { type Budget, getCursors, takeStep, updateCursors } from './cursors.ts'
import { runningWindow } from './external.ts'
import { isOpen } from './redemptions.ts'
import type { Redemption } from './schema.ts'
import { redemptionParams, redemptionTables } from './tables.ts'

const NO_OWNER = { openCount: 0, count: 0, newest: 0 }

export function ownerOf(state: StateReader, owner: Address) {
  return redemptionTables.owner.get(state, { owner }) ?? NO_OWNER
}

function setNeighbour(state: StateWriter, id: number, change: Partial<Redemption>): void {
  if (id === 0) return
  const redemption = redemptionTables.redemption.mustGet(state, { id })
  redemptionTables.redemption.set(state, { id }, { ...redemption, ...change })
}

/** Lists a new redemption as the newest of its owner. Returns the next older one; 0: none. */
export function enterHistory(state: StateWriter, id: number, owner: Address): number {
  const known = ownerOf(state, owner)
  setNeighbour(state, known.newest, { newer: id })
  redemptionTables.owner.set(
    state,
    { owner },
    { openCount: known.openCount + 1, count: known.count + 1, newest: id },
  )
  return known.newest
}

function removeEnded(state: StateWriter, id: number): void {
  const redemption = redemptionTables.redemption.mustGet(state, { id })
  assert(!isOpen(redemption), 'only an ended redemption leaves the state')
  const { newer, older, owner } = redemption
  setNeighbour(state, newer, { older })
  setNeighbour(state, older, { newer })
  redemptionTables.redemption.delete(state, { id })
  const known = redemptionTables.owner.mustGet(state, { owner })
  const count = known.count - 1
  if (count === 0) redemptionTables.owner.delete(state, { owner })
  else
    redemptionTables.owner.set(
      state,
      { owner },
      { ...known, count, newest: known.newest === id ? older : known.newest },
    )
}

/** Removes redemptions that ended `tailWindows` ago. */
export function removeHistory(state: StateWriter, budget: Budget): void {
  const { tailWindows } = redemptionParams.get(state)
  const current = runningWindow(state)
  for (;;) {
    const { closedHead, closedTail } = getCursors(state)
    if (closedHead === closedTail) return
    const { id, window } = redemptionTables.closed.mustGet(state, { index: closedHead })
    if (window + tailWindows > current || !takeStep(budget, 'remove')) return
    redemptionTables.closed.delete(state, { index: closedHead })
    updateCursors(state, { closedHead: closedHead + 1 })
    removeEnded(state, id)
  }
}
