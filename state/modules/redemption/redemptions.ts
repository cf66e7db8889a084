// Reading redemptions and the sums over all of them. Not: how their coins move (coins.ts).
import type { Reserve } from '../../../base/protocol/header.ts'
import type { StateReader, StateWriter } from '../../view.ts'
import type { Redemption, Totals } from './schema.ts'
import type { RedemptionState } from './shapes.ts'
import { redemptionTables } from './tables.ts'

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

export function getTotals(state: StateReader): Totals {
  return redemptionTables.totals.get(state, {}) ?? NO_TOTALS
}

export function updateTotals(state: StateWriter, change: Partial<Totals>): void {
  redemptionTables.totals.set(state, {}, { ...getTotals(state), ...change })
}

export function getRedemption(state: StateReader, id: number): Redemption | undefined {
  return redemptionTables.redemption.get(state, { id })
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

/** Coins locked in redemption, base units. */
export function lockedInRedemption(state: StateReader): bigint {
  const { queuedBase, assignedBase } = getTotals(state)
  return queuedBase + assignedBase
}

/** This module's part of the header's reserve (ECONOMY §11). */
export function reserve(state: StateReader): Partial<Reserve> {
  return { lockedInRedemptionBase: lockedInRedemption(state) }
}
