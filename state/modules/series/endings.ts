// How a series ends: all receipts are coins, or it has failed, or nothing was sold (ECONOMY §4). Not: when (sweep.ts).
import { assert, mustExist } from '../../../base/assert.ts'
import { COIN, maxBigint, minBigint, mulDivFloor } from '../../../base/units.ts'
import type { WriteContext } from '../../context.ts'
import { getSeries, isLive, liveOf, putSeries } from './books.ts'
import {
  bar,
  getMember,
  horizonOf,
  leaveToEstate,
  notePromised,
  payOut,
  priceIn,
  runningWindow,
  takeFromBond,
} from './external.ts'
import { stopSale } from './offerings.ts'
import { outstandingOf } from './pricing.ts'
import type { Series } from './schema.ts'
import type { FailReason } from './shapes.ts'
import { events } from './tables.ts'

/** How many locks of a receipt the bond adds at most. */
const LOCKS_FROM_BOND = 2n

/** Gives the issuer its lock back; of a defaulted one it belongs to the estate. */
function returnLock(ctx: WriteContext, id: number, series: Series): Series {
  const { provider, asset, lockBase } = series
  if (lockBase === 0n) return series
  const { operator, status } = mustExist(getMember(ctx.state, provider), 'a series has an issuer')
  if (status === 'defaulted') leaveToEstate(ctx, { series: id, provider, asset, amountBase: lockBase })
  else payOut(ctx, { series: id, asset, to: operator, amountBase: lockBase })
  events.LockReturned(ctx, { series: id, amountBase: lockBase, lockBase: 0n })
  return { ...series, lockBase: 0n }
}

/** Ends a series of which nothing is left: no payment, no receipt, no lock. */
export function finishIfEmpty(ctx: WriteContext, id: number): void {
  const series = mustExist(getSeries(ctx.state, id), 'the series exists')
  const { state, faceBase, waitingCount, provider } = series
  if ((state !== 'converted' && state !== 'failed') || faceBase > 0n || waitingCount > 0) return
  const { escrowBase, coinsBase, takenBase, compensationBase, lockBase } = series
  const leftBase = escrowBase + coinsBase + takenBase + compensationBase + lockBase
  assert(leftBase === 0n, 'the last holder takes all that is left')
  putSeries(ctx.state, id, { ...series, state: 'ended' })
  events.Ended(ctx, { series: id, provider })
}

/** All receipts are coins, or none was ever sold: the lock is the issuer's again. */
export function complete(ctx: WriteContext, id: number, series: Series): void {
  const { lockShortSince: _, ...rest } = returnLock(ctx, id, series)
  putSeries(ctx.state, id, { ...rest, state: 'converted' })
  finishIfEmpty(ctx, id)
}

/**
 * Units that holders of receipts without coins get from the bond besides the lock: as much as the price has risen above what
 * they paid, less the lock, and at most twice the lock.
 */
export function bondShare(
  series: Series,
  terms: { readonly priceBase: bigint; readonly outstandingBase: bigint },
): bigint {
  const worthBase = mulDivFloor(terms.outstandingBase, terms.priceBase, COIN)
  const { escrowBase, lockBase } = series
  return minBigint(maxBigint(0n, worthBase - escrowBase - lockBase), LOCKS_FROM_BOND * lockBase)
}

/** Ends a forward series that its issuer has not served: what was paid, the lock, and a share of the bond are its holders'. */
export function failSeries(ctx: WriteContext, id: number, series: Series, reason: FailReason): void {
  const { state } = ctx
  assert(isLive(series) && series.kind === 'forward' && reason !== 'none', 'a live forward series fails once')
  const { provider, asset } = series
  const outstandingBase = outstandingOf(series)
  // Nobody waits for coins: there is no one to compensate.
  const left = outstandingBase === 0n ? returnLock(ctx, id, series) : series
  const priceBase = priceIn(state, asset)?.priceBase ?? 0n
  // A defaulted provider's bond is the estate, for all whom it owes coins.
  const wantedBase = reason === 'defaulted' ? 0n : bondShare(left, { priceBase, outstandingBase })
  const addedBase = takeFromBond(ctx, { series: id, provider, asset, wantedBase })
  const compensationBase = left.lockBase + addedBase
  notePromised(state, provider, -outstandingBase)
  if (reason === 'overdue' || reason === 'lockTooSmall')
    bar(state, provider, runningWindow(state) + horizonOf(state))
  const { lockShortSince: _, ...rest } = left
  putSeries(state, id, { ...rest, state: 'failed', failReason: reason, lockBase: 0n, compensationBase })
  const refundBase = series.escrowBase
  events.SeriesFailed(ctx, { series: id, provider, reason, outstandingBase, refundBase, compensationBase })
  finishIfEmpty(ctx, id)
}

/**
 * Closes all series of a provider that defaults: buyers of receipts get what they paid and the lock, waiting purchases are
 * refunded when they are drawn, and coins that came before stay their holders'. At most `LIVE_MAX` series; a second call does
 * nothing. Default calls it before it adds up the estate: payments in escrow are never part of it.
 */
export function closeSeriesOf(ctx: WriteContext, provider: number): void {
  closeAll(ctx, provider, 'defaulted')
}

/** Closes the live series of a provider. */
export function closeAll(ctx: WriteContext, provider: number, reason: FailReason): void {
  for (const id of [...liveOf(ctx.state, provider)]) {
    const series = mustExist(getSeries(ctx.state, id), 'a listed series exists')
    closeOne(ctx, id, series, reason)
  }
}

/** Closes one: a forward series fails, a sale of coins takes no more purchases and ends when the last one is settled. */
export function closeOne(ctx: WriteContext, id: number, series: Series, reason: FailReason): void {
  if (series.kind === 'forward') failSeries(ctx, id, series, reason)
  else if (series.waitingCount === 0) complete(ctx, id, series)
  else if (!series.stopped) stopSale(ctx, id, series)
}
