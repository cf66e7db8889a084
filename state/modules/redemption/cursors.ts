// Cursors of the bounded work at the ends of blocks: how far each walk has got.
import type { StateReader, StateWriter } from '../../view.ts'
import type { Cursors } from './schema.ts'
import { redemptionTables } from './tables.ts'

const AT_START = { window: 0, provider: 0, entry: 0 }

const FRESH: Cursors = {
  window: 0,
  passSequence: 0,
  capacityRevision: 0,
  obligedSequence: 0,
  markHead: 0,
  markTail: 0,
  settleHead: 0,
  settleTail: 0,
  expiredWindow: 0,
  swept: AT_START,
  recalls: [],
  recalled: AT_START,
  unbookAbove: 0,
  unbooked: AT_START,
}

export function getCursors(state: StateReader): Cursors {
  return redemptionTables.cursors.get(state, {}) ?? FRESH
}

export function updateCursors(state: StateWriter, change: Partial<Cursors>): void {
  redemptionTables.cursors.set(state, {}, { ...getCursors(state), ...change })
}

/** Makes the pass over the queue revisit places from `sequence` on. */
export function lookAgain(state: StateWriter, sequence: number): void {
  if (getCursors(state).passSequence > sequence) updateCursors(state, { passSequence: sequence })
}
