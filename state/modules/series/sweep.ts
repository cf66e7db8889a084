// The look at each live series after a window's recount: sales that are over end, receipts become coins, locks must be what
// they must be, and what is overdue fails (ECONOMY §4). A cursor over the members; each look is a step.
import { mustExist } from '../../../base/assert.ts'
import type { WriteContext } from '../../context.ts'
import type { StateReader } from '../../view.ts'
import { getSeries, liveOf, putSeries } from './books.ts'
import { timeOf } from './clock.ts'
import { convert, outlookOf } from './conversion.ts'
import { closeOne, complete, failSeries } from './endings.ts'
import {
  getMember,
  horizonOf,
  isCounting,
  isSuspended,
  memberIds,
  priceIn,
  runningWindow,
} from './external.ts'
import { lockNeeded, outstandingOf, securedCap } from './pricing.ts'
import type { Series } from './schema.ts'
import { type Budget, spendAct, takeAct } from './steps.ts'
import { events, seriesParams, seriesTables } from './tables.ts'

/** Nothing is live in genesis: the first sweep is that of window 1. */
const NOT_BEGUN = { window: 0, member: Number.MAX_SAFE_INTEGER, next: 0 }

/** Whether the live series are still to be looked at in the running window, and can be. */
export function isSweepDue(state: StateReader): boolean {
  if (isCounting(state)) return false
  const { window, member } = seriesTables.sweep.get(state, {}) ?? NOT_BEGUN
  return window < runningWindow(state) || member < memberIds(state).length
}

/** Looks at as many series as the block's steps allow. A sweep that is not done goes on in the next block, or window. */
export function sweep(ctx: WriteContext, budget: Budget): void {
  const { state } = ctx
  if (!isSweepDue(state)) return
  const members = memberIds(state)
  const known = seriesTables.sweep.get(state, {}) ?? NOT_BEGUN
  let { window, member, next } = known
  if (member >= members.length) {
    window = runningWindow(state)
    member = 0
    next = 0
  }
  while (member < members.length) {
    const provider = members[member]!
    const id = liveOf(state, provider).find((live) => live >= next)
    if (id === undefined) {
      if (!takeAct(budget, 'member')) break
      member++
      next = 0
      continue
    }
    if (!takeAct(budget, 'look')) break
    look(ctx, id, budget)
    next = id + 1
  }
  seriesTables.sweep.set(state, {}, { window, member, next })
}

function look(ctx: WriteContext, id: number, budget: Budget): void {
  const { state } = ctx
  const series = mustExist(getSeries(state, id), 'a listed series exists')
  const { provider, asset } = series
  const isDefaulted = getMember(state, provider)?.status === 'defaulted'
  if (isDefaulted || isSuspended(state, provider)) {
    spendAct(budget, 'close')
    closeOne(ctx, id, series, isDefaulted ? 'defaulted' : 'suspended')
    return
  }
  // While the price is stale its clock stands still, and nothing falls due.
  const { staleSince } = mustExist(priceIn(state, asset), 'a series was opened at a price')
  if (staleSince !== undefined) {
    if (runningWindow(state) >= staleSince + horizonOf(state)) giveUp(ctx, id, series, budget)
    return
  }
  const time = timeOf(state, asset)
  const isOver = series.state !== 'selling' || isSaleOver(state, series, time)
  if (isOver && (series.kind === 'immediate' || series.faceBase === 0n)) {
    spendAct(budget, 'close')
    if (series.state === 'selling') events.SaleEnded(ctx, { series: id, soldBase: series.soldBase })
    complete(ctx, id, series)
    return
  }
  if (isOver) deliver(ctx, { id, series: endSale(ctx, id, series), time }, budget)
  else if (series.kind === 'forward') keepLock(ctx, id, series)
}

/**
 * A price that has been stale for K windows may never come back: coins are sold no more, and of receipts whoever wants has the
 * money back. Should it come back, those who stayed are served.
 */
function giveUp(ctx: WriteContext, id: number, series: Series, budget: Budget): void {
  if (series.waitingCount > 0 || series.state === 'blocked') return
  spendAct(budget, 'close')
  const ended = endSale(ctx, id, series)
  if (series.kind === 'immediate' || series.faceBase === 0n) {
    complete(ctx, id, ended)
    return
  }
  putSeries(ctx.state, id, { ...ended, state: 'blocked' })
  events.DeliveryBlocked(ctx, { series: id, reason: 'OracleStale' })
}

/** Nobody can buy any more, and all purchases are settled. */
function isSaleOver(state: StateReader, series: Series, time: number): boolean {
  if (series.waitingCount > 0) return false
  const { minimumBase } = seriesParams.get(state)
  return series.stopped || time > series.closesAt || series.capBase - series.soldBase < minimumBase
}

function endSale(ctx: WriteContext, id: number, series: Series): Series {
  if (series.state !== 'selling') return series
  const after: Series = { ...series, state: 'delivering' }
  putSeries(ctx.state, id, after)
  events.SaleEnded(ctx, { series: id, soldBase: series.soldBase })
  return after
}

/** Turns receipts into coins as far as the mint rule allows; then judges what is overdue, and the lock. */
function deliver(
  ctx: WriteContext,
  at: { readonly id: number; readonly series: Series; readonly time: number },
  budget: Budget,
): void {
  const { state } = ctx
  const { id, time } = at
  const { amountBase, reason, isExcused } = outlookOf(state, id, at.series)
  let { series } = at
  if (amountBase > 0n) {
    spendAct(budget, 'convert')
    series = convert(ctx, id, series, amountBase)
  }
  if (outstandingOf(series) === 0n) {
    complete(ctx, id, series)
    return
  }
  if (time > series.dueAt && !isExcused) {
    spendAct(budget, 'close')
    failSeries(ctx, id, series, 'overdue')
    return
  }
  const next = time > series.dueAt ? 'blocked' : 'delivering'
  if (next === 'blocked' && series.state !== 'blocked') events.DeliveryBlocked(ctx, { series: id, reason })
  if (next !== series.state) {
    series = { ...series, state: next }
    putSeries(state, id, series)
  }
  keepLock(ctx, id, series)
}

/** A lock that is below what it must be has until the end of this window; then the series fails. */
function keepLock(ctx: WriteContext, id: number, series: Series): void {
  const { state } = ctx
  const { asset, lockBase, lockShortSince } = series
  const oracle = mustExist(priceIn(state, asset), 'the price is fresh')
  const neededBase = lockNeeded(state, series, { outstandingBase: securedCap(series), oracle })
  const { lockShortSince: _, ...rest } = series
  if (lockBase >= neededBase) {
    if (lockShortSince !== undefined) putSeries(state, id, rest)
    return
  }
  if (lockShortSince !== undefined) {
    failSeries(ctx, id, series, 'lockTooSmall')
    return
  }
  const untilWindow = runningWindow(state)
  putSeries(state, id, { ...rest, lockShortSince: untilWindow })
  events.LockFellShort(ctx, { series: id, lockBase, neededBase, untilWindow })
}
