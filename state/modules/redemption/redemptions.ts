// Reading redemptions and the sums over all of them. Not: how their coins move (coins.ts).
import type { Reserve } from '../../../base/protocol/header.ts'
import type { StateReader, StateWriter } from '../../view.ts'
import type { Redemption, Totals } from './schema.ts'
import type { RedemptionState } from './shapes.ts'
import { redemptionParams, redemptionTables } from './tables.ts'

const NO_TOTALS: Totals = {
  nextId: 1,
  nextSequence: 1,
  nextFilter: 1,
  nextBucket: 1,
  openCount: 0,
  constrainedCount: 0,
  queuedCount: 0,
  requestedBase: 0n,
  queuedBase: 0n,
  matchableBase: 0n,
  assignedBase: 0n,
  burnedBase: 0n,
  transferredBase: 0n,
  refundedBase: 0n,
  feesBase: 0n,
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

/** Whether a request names what may serve it, or until when. */
export function isConstrained(
  request: Pick<Redemption, 'provider' | 'ratingMin' | 'region' | 'startBy' | 'finishBy'>,
): boolean {
  const { provider, ratingMin, region, startBy, finishBy } = request
  return provider !== 0 || ratingMin > 0n || region !== '' || startBy !== 0 || finishBy !== 0
}

/** Whether anything of a redemption was ever delivered. */
export function hasDelivered(redemption: Pick<Redemption, 'burnedBase' | 'transferredBase'>): boolean {
  return redemption.burnedBase + redemption.transferredBase > 0n
}

/** The last window in which more of a request may be reserved; 0: no limit. Start-by counts until delivery is under way. */
export function lastWindowOf(redemption: Redemption): number {
  const { startBy, finishBy, open } = redemption
  if (startBy === 0 || open.length > 0 || hasDelivered(redemption)) return finishBy
  return finishBy === 0 ? startBy : Math.min(startBy, finishBy)
}

/** The one state a redemption shows (ECONOMY §6), seen in a window: active, else assigned, else queued, of its parts. */
export function stateOf(redemption: Redemption, window: number): RedemptionState {
  switch (redemption.endReason) {
    case 'none': {
      const first = redemption.open[0]
      if (first === undefined) return 'queued'
      return first.window <= window ? 'active' : 'assigned'
    }
    case 'cancelledByOwner':
    case 'displaced':
    case 'allRejected':
      return 'cancelled'
    case 'startByPassed':
    case 'finishByPassed':
    case 'forfeited':
    case 'tooSmall':
      return 'expired'
    default:
      return 'settled'
  }
}

/** What is less than this part of the least amount is not worth a grant: the whole of a balance, or the rest of a request. */
export const SMALL_PART = 10n

/** Whether coins are too few to be served for themselves. */
export function isCrumb(state: StateReader, amountBase: bigint): boolean {
  return amountBase * SMALL_PART < redemptionParams.get(state).minimumBase
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
