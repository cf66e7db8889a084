// Cursors of the bounded work at the ends of blocks: how far each walk has got.
import type { StateReader, StateWriter } from '../../view.ts'
import type { Cursors } from './schema.ts'
import { redemptionTables } from './tables.ts'

const FRESH: Cursors = {
  window: 0,
  passWindow: 0,
  recount: 0,
  standing: 0,
  pass: 0,
  wakeFrom: 0,
  grownSet: 0,
  grownFilter: 0,
  grownGroup: 0,
  obligedSequence: 0,
  obligeFrom: 0,
  markHead: 0,
  markTail: 0,
  settleHead: 0,
  settleTail: 0,
  expiredWindow: 0,
  sweptWindow: 0,
  sweepAfterMs: 0,
  grantedWindow: 0,
  grantAt: 0,
  grantAssignment: 0,
  penalisedWindow: 0,
  penalisedFailure: 0,
  penalisedVictim: 0,
  excusedWindow: 0,
  fullMs: 0,
  overbookedFor: 0,
  overbookedWindow: 0,
  overbookedRecount: 0,
  overbookedBelow: 0,
  overbookedNumber: 0,
  recalls: [],
  recallWindow: 0,
  recallEntry: 0,
  countedIndex: 0,
  countedGroup: 0,
  countedHours: 0n,
  unbookFor: 0,
  unbookBelow: 0,
  unbookNumber: 0,
  closedHead: 0,
  closedTail: 0,
}

export function getCursors(state: StateReader): Cursors {
  return redemptionTables.cursors.get(state, {}) ?? FRESH
}

export function updateCursors(state: StateWriter, change: Partial<Cursors>): void {
  redemptionTables.cursors.set(state, {}, { ...getCursors(state), ...change })
}

/** The steps that one walk may still take in this block. */
export interface Budget {
  left: number
}

/** Takes a step; false, without one, when none is left. */
export function takeStep(budget: Budget): boolean {
  if (budget.left <= 0) return false
  budget.left--
  return true
}
