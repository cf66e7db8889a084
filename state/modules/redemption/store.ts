// The typed tables, parameters and singletons of redemption, shared by its files. Owns: no rules.
import type { InferFields } from '../../../base/field.ts'
import { eventsOf, failuresOf } from '../../rules.ts'
import { paramsOf, tablesOf } from '../../table.ts'
import type { StateReader, StateWriter } from '../../view.ts'
import { escrowAddress } from '../accounts/ledger.ts'
import { redemptionSchema } from './schema.ts'
import type { RedemptionState } from './shapes.ts'

export const tables = tablesOf(redemptionSchema)
export const redemptionParams = paramsOf(redemptionSchema)
export const fail = failuresOf(redemptionSchema)
export const events = eventsOf(redemptionSchema)

type Records = (typeof redemptionSchema)['records']
export type Redemption = InferFields<Records['redemption']['value']>
export type Assignment = InferFields<Records['assignment']['value']>
export type AssignmentKey = InferFields<Records['assignment']['key']>
export type Listing = InferFields<Records['listing']['value']>
export type Engine = InferFields<Records['engine']['value']>
export type Totals = InferFields<Records['totals']['value']>
export type Book = InferFields<Records['book']['value']>

/** The ledger account that holds all coins locked in redemption. */
export const REDEMPTION_ESCROW = escrowAddress(redemptionSchema.id, 0)

const NO_TOTALS: Totals = {
  nextId: 1,
  nextSequence: 1,
  openCount: 0,
  queuedCount: 0,
  requestedBase: 0n,
  queuedBase: 0n,
  assignedBase: 0n,
  burnedBase: 0n,
  transferredBase: 0n,
  refundedBase: 0n,
}

const AT_START = { window: 0, provider: 0, entry: 0 }

const FRESH_ENGINE: Engine = {
  window: 0,
  passSequence: 0,
  capacityRevision: 0,
  obligedSequence: 0,
  markHead: 0,
  markTail: 0,
  intakeCount: 0,
  settleHead: 0,
  settleTail: 0,
  expiredWindow: 0,
  swept: AT_START,
  recalls: [],
  recalled: AT_START,
  unbookAbove: 0,
  unbooked: AT_START,
}

export function getTotals(state: StateReader): Totals {
  return tables.totals.get(state, {}) ?? NO_TOTALS
}

export function updateTotals(state: StateWriter, change: Partial<Totals>): void {
  tables.totals.set(state, {}, { ...getTotals(state), ...change })
}

export function getEngine(state: StateReader): Engine {
  return tables.engine.get(state, {}) ?? FRESH_ENGINE
}

export function updateEngine(state: StateWriter, change: Partial<Engine>): void {
  tables.engine.set(state, {}, { ...getEngine(state), ...change })
}

/** Makes the pass over the queue look again at places from `sequence` on. */
export function lookAgain(state: StateWriter, sequence: number): void {
  if (getEngine(state).passSequence > sequence) updateEngine(state, { passSequence: sequence })
}

export function getRedemption(state: StateReader, id: number): Redemption | undefined {
  return tables.redemption.get(state, { id })
}

/** Whether coins are still queued or reserved. */
export function isOpen(redemption: Redemption): boolean {
  return redemption.endReason === 'none'
}

/** The one state a redemption is in (ECONOMY §6), seen in a window. */
export function stateOf(redemption: Redemption, window: number): RedemptionState {
  switch (redemption.endReason) {
    case 'none': {
      const first = redemption.open[0]
      if (first === undefined) return 'queued'
      return first.window <= window ? 'active' : 'assigned'
    }
    case 'cancelledByOwner':
      return 'cancelled'
    case 'startByPassed':
    case 'finishByPassed':
      return 'expired'
    default:
      return 'settled'
  }
}

/** Coins locked in redemption, base units: `reserve.lockedInRedemptionBase` of the header (ECONOMY §11). */
export function lockedInRedemption(state: StateReader): bigint {
  const { queuedBase, assignedBase } = getTotals(state)
  return queuedBase + assignedBase
}
