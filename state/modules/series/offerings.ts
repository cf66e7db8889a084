// Opening a series, ending its sale before its time, and its issuer's lock. Not: purchases, delivery.
import { assert } from '../../../base/assert.ts'
import type { ActionArgs } from '../../../base/moduleDefinition.ts'
import { AMOUNT_MAX, minBigint } from '../../../base/units.ts'
import type { ActionContext, WriteContext } from '../../context.ts'
import type { StateReader } from '../../view.ts'
import { getSeries, getTotals, isLive, liveOf, putSeries, updateTotals } from './books.ts'
import { hasClockRoom, stoppedOf, windowOf } from './clock.ts'
import {
  getMember,
  hasLockRoom,
  isSuspended,
  memberOf,
  openReceipts,
  payIn,
  payOut,
  priceIn,
  promisedBy,
  runningWindow,
} from './external.ts'
import { CAP_MAX, leastPrice, lockNeeded, PRICE_MAX, type SalePrices, securedCap } from './pricing.ts'
import type { Series, seriesSchema } from './schema.ts'
import { LIVE_MAX, SERIES_ASSETS_MAX } from './shapes.ts'
import { events, fail, seriesParams, seriesTables } from './tables.ts'

type Args<A extends keyof (typeof seriesSchema)['actions']> = ActionArgs<typeof seriesSchema, A>

/** Why a provider may not open a series at all now, or undefined. */
function checkIssuer(state: StateReader, provider: number, asset: number) {
  if (getMember(state, provider)?.status !== 'active') return fail.ProviderNotActive({ provider })
  if (isSuspended(state, provider)) return fail.ProviderSuspended({ provider })
  const { barredUntil } = promisedBy(state, provider)
  if (barredUntil > 0 && barredUntil >= runningWindow(state))
    return fail.MintingBarred({ provider, untilWindow: barredUntil })
  if (liveOf(state, provider).length >= LIVE_MAX) return fail.TooManySeries({ provider, maximum: LIVE_MAX })
  if (!hasClockRoom(state, asset)) return fail.TooManyAssets({ maximum: SERIES_ASSETS_MAX })
  return hasLockRoom(state, { provider, asset }) ? undefined : fail.LocksFull({ provider, asset })
}

/** Why cap and prices of an offer are refused, or undefined. */
function checkTerms(state: StateReader, args: Args<'open'>, oracle: SalePrices) {
  const { kind, capBase, startPriceBase, endPriceBase } = args
  const { minimumBase } = seriesParams.get(state)
  if (capBase < minimumBase || capBase > CAP_MAX)
    return fail.CapOutOfRange({ capBase, minimumBase, maximumBase: CAP_MAX })
  if (endPriceBase > startPriceBase) return fail.PriceRises({ startPriceBase, endPriceBase })
  if (kind === 'forward' && endPriceBase !== startPriceBase)
    return fail.OnePriceOnly({ startPriceBase, endPriceBase })
  if (startPriceBase > PRICE_MAX)
    return fail.PriceOutOfRange({ priceBase: startPriceBase, maximumBase: PRICE_MAX })
  const leastBase = leastPrice(state, kind, oracle)
  return endPriceBase < leastBase ? fail.PriceTooLow({ priceBase: endPriceBase, leastBase }) : undefined
}

/** Why the windows of an offer are refused, or undefined. */
function checkTimes(state: StateReader, args: Args<'open'>) {
  const { kind, opensAt, closesAt, dueAt } = args
  const { saleWindowsMax, deliveryWindowsMax } = seriesParams.get(state)
  const earliest = runningWindow(state)
  const latestOpening = earliest + saleWindowsMax
  if (opensAt < earliest || opensAt > latestOpening)
    return fail.WindowsOutOfRange({ opensAt, closesAt, earliest, latest: latestOpening })
  const latest = opensAt + saleWindowsMax - 1
  if (closesAt < opensAt || closesAt > latest)
    return fail.WindowsOutOfRange({ opensAt, closesAt, earliest: opensAt, latest })
  if (kind === 'immediate')
    return dueAt === 0 ? undefined : fail.DueOutOfRange({ dueAt, earliest: 0, latest: 0 })
  const due = { earliest: closesAt + 1, latest: closesAt + deliveryWindowsMax }
  return dueAt < due.earliest || dueAt > due.latest ? fail.DueOutOfRange({ dueAt, ...due }) : undefined
}

export function open(ctx: ActionContext, given: Args<'open'>) {
  const { state, sender } = ctx
  const args = {
    ...given,
    endPriceBase: given.endPriceBase === 0n ? given.startPriceBase : given.endPriceBase,
    opensAt: given.opensAt === 0 ? runningWindow(state) : given.opensAt,
  }
  const provider = memberOf(state, sender)
  if (provider === undefined) return fail.NotProvider({ sender })
  const { asset, kind, capBase } = args
  const oracle = priceIn(state, asset)
  if (oracle === undefined) return fail.NoPrice({ asset })
  const stale = oracle.staleSince
  if (stale !== undefined) return fail.OracleStale({ asset, since: stale })
  const refusal =
    checkIssuer(state, provider, asset) ?? checkTerms(state, args, oracle) ?? checkTimes(state, args)
  if (refusal !== undefined) return refusal
  const id = getTotals(state).nextSeries
  const lockBase = kind === 'immediate' ? 0n : lockNeeded(state, args, { outstandingBase: capBase, oracle })
  if (lockBase > 0n) {
    const refused = payIn(ctx, { series: id, asset, from: sender, amountBase: lockBase })
    if (refused !== undefined) return paymentRefusal(refused, asset)
  }
  // After this point the action must succeed.
  updateTotals(state, { nextSeries: id + 1 })
  putSeries(state, id, newSeries(state, { ...args, provider, lockBase }))
  if (kind === 'forward') openReceipts(ctx, id)
  const { startPriceBase } = args
  events.Opened(ctx, { series: id, provider, kind, asset, capBase, startPriceBase, lockBase })
  return undefined
}

/** The failure of a payment that was refused. */
export function paymentRefusal(refusal: NonNullable<ReturnType<typeof payIn>>, asset: number) {
  if (refusal.code === 'DebitRefused') return refusal
  assert(refusal.code === 'InsufficientFunds', 'an asset with a price is registered')
  const { balanceBase, neededBase } = refusal
  return fail.InsufficientAsset({ asset, balanceBase, neededBase: minBigint(neededBase, AMOUNT_MAX) })
}

function newSeries(
  state: StateReader,
  terms: Args<'open'> & { readonly provider: number; readonly lockBase: bigint },
): Series {
  const { opensAt, closesAt, dueAt, kind, asset, ...rest } = terms
  const stopped = stoppedOf(state, asset)
  return {
    ...rest,
    kind,
    asset,
    state: 'selling',
    opensAt: opensAt - stopped,
    closesAt: closesAt - stopped,
    dueAt: kind === 'forward' ? dueAt - stopped : 0,
    stopped: false,
    soldBase: 0n,
    waitingBase: 0n,
    waitingCount: 0,
    receivedBase: 0n,
    escrowBase: 0n,
    releasedBase: 0n,
    refundedBase: 0n,
    compensationBase: 0n,
    faceBase: 0n,
    coinsBase: 0n,
    takenBase: 0n,
    failReason: 'none',
  }
}

/** A series that the sender issues and that is live, or the failure. */
function findOwn(ctx: ActionContext, id: number) {
  const provider = memberOf(ctx.state, ctx.sender)
  if (provider === undefined) return { failure: fail.NotProvider({ sender: ctx.sender }) }
  const series = getSeries(ctx.state, id)
  if (series === undefined) return { failure: fail.UnknownSeries({ series: id }) }
  if (series.provider !== provider)
    return { failure: fail.NotIssuer({ series: id, provider: series.provider }) }
  return isLive(series) ? { series } : { failure: fail.SeriesOver({ series: id, state: series.state }) }
}

export function stop(ctx: ActionContext, { series: id }: Args<'stop'>) {
  const found = findOwn(ctx, id)
  if ('failure' in found) return found.failure
  const { series } = found
  if (series.state !== 'selling' || series.stopped)
    return fail.SeriesOver({ series: id, state: series.state })
  // After this point the action must succeed.
  stopSale(ctx, id, series)
  return undefined
}

/** No purchase is accepted any more; those that were are settled. */
export function stopSale(ctx: WriteContext, id: number, series: Series): void {
  seriesTables.series.set(ctx.state, { id }, { ...series, stopped: true })
  events.SaleStopped(ctx, { series: id })
}

export function secure(ctx: ActionContext, { series: id, amountBase }: Args<'secure'>) {
  const series = getSeries(ctx.state, id)
  if (series === undefined) return fail.UnknownSeries({ series: id })
  if (series.kind !== 'forward') return fail.NotForward({ series: id })
  if (!isLive(series)) return fail.SeriesOver({ series: id, state: series.state })
  if (amountBase === 0n) return fail.ZeroAmount({})
  const { asset } = series
  const refused = payIn(ctx, { series: id, asset, from: ctx.sender, amountBase })
  if (refused !== undefined) return paymentRefusal(refused, asset)
  // After this point the action must succeed: no balance exceeds the asset's supply.
  const lockBase = series.lockBase + amountBase
  putSeries(ctx.state, id, { ...series, lockBase })
  events.LockAdded(ctx, { series: id, amountBase, lockBase })
  return undefined
}

export function reclaim(ctx: ActionContext, { series: id }: Args<'reclaim'>) {
  const found = findOwn(ctx, id)
  if ('failure' in found) return found.failure
  const { series } = found
  if (series.kind !== 'forward') return fail.NotForward({ series: id })
  const { asset, lockBase } = series
  const oracle = priceIn(ctx.state, asset)
  assert(oracle !== undefined, 'a series was opened at a price')
  if (oracle.staleSince !== undefined) return fail.OracleStale({ asset, since: oracle.staleSince })
  const neededBase = lockNeeded(ctx.state, series, { outstandingBase: securedCap(series), oracle })
  if (lockBase <= neededBase) return fail.NothingToReclaim({ lockBase, neededBase })
  // After this point the action must succeed.
  putSeries(ctx.state, id, { ...series, lockBase: neededBase })
  const amountBase = lockBase - neededBase
  payOut(ctx, { series: id, asset, to: ctx.sender, amountBase })
  events.LockReturned(ctx, { series: id, amountBase, lockBase: neededBase })
  return undefined
}

/** Whether a series accepts purchases at a time of its clock. */
export function isOpenAt(series: Series, time: number): boolean {
  return series.state === 'selling' && !series.stopped && series.opensAt <= time && time <= series.closesAt
}

/** The failure of a purchase that comes too early or too late. */
export function notOpen(state: StateReader, id: number, series: Series) {
  const { asset } = series
  return fail.SaleNotOpen({
    series: id,
    opensAt: windowOf(state, asset, series.opensAt),
    closesAt: windowOf(state, asset, series.closesAt),
    window: runningWindow(state),
  })
}
