// Purchases: the escrow of a payment, and its settlement in the drawn order of a later block (ECONOMY §4, §8).
// Owns: what fits of a purchase, and what becomes of the money. Not: the list of a buyer (history.ts), receipts afterwards.
import { mustExist } from '../../../base/assert.ts'
import type { ActionArgs } from '../../../base/moduleDefinition.ts'
import { minBigint } from '../../../base/units.ts'
import type { ActionContext, WriteContext } from '../../context.ts'
import { drawnOrderOf } from '../../drawnOrder.ts'
import type { StateReader } from '../../view.ts'
import { getSeries, getTotals, noteClosed, putSeries, updateTotals } from './books.ts'
import { timeOf } from './clock.ts'
import { finishIfEmpty } from './endings.ts'
import {
  getMember,
  hasLockRoom,
  isCounting,
  isSuspended,
  issueFor,
  issueReceipts,
  lockedShare,
  notePromised,
  payIn,
  payOut,
  priceIn,
  promisedBy,
  roomFor,
  runningWindow,
  storeCoverage,
} from './external.ts'
import { enterBuyer } from './history.ts'
import { isOpenAt, notOpen, paymentRefusal } from './offerings.ts'
import { costOf, leastPrice, priceAt } from './pricing.ts'
import type { Purchase, Series, seriesSchema } from './schema.ts'
import { REFUND_REASONS, type RefundReason } from './shapes.ts'
import { type Budget, hasLeft, spendAct, takeAct } from './steps.ts'
import { events, fail, seriesParams, seriesTables } from './tables.ts'

type Args<A extends keyof (typeof seriesSchema)['actions']> = ActionArgs<typeof seriesSchema, A>

const drawn = drawnOrderOf(seriesTables)

/** The entries of the draw are those that its cursors say. */
export const recountDraw = drawn.recount

/** Purchases that are not settled yet. */
export function purchasesWaiting(state: StateReader): number {
  return drawn.waiting(state)
}

export function buy(ctx: ActionContext, { series: id, amountBase, payMaxBase }: Args<'buy'>) {
  const { state, sender } = ctx
  const series = getSeries(state, id)
  if (series === undefined) return fail.UnknownSeries({ series: id })
  const time = timeOf(state, series.asset)
  if (!isOpenAt(series, time)) return notOpen(state, id, series)
  const { minimumBase, waitingMax } = seriesParams.get(state)
  if (amountBase < minimumBase) return fail.BelowMinimum({ amountBase, minimumBase })
  const leftBase = series.capBase - series.soldBase
  if (amountBase > leftBase) return fail.CapReached({ amountBase, leftBase })
  const { asset } = series
  const stale = mustExist(priceIn(state, asset), 'a series was opened at a price').staleSince
  if (stale !== undefined) return fail.OracleStale({ asset, since: stale })
  const priceBase = priceAt(series, time)
  const paidBase = costOf(amountBase, priceBase)
  if (paidBase > payMaxBase) return fail.PriceAboveLimit({ costBase: paidBase, payMaxBase })
  const { fitsBase, reason } = fitOf(state, series, { amountBase, priceBase })
  if (fitsBase === 0n && !isCounting(state)) return fail.NothingFits({ reason })
  const waiting = drawn.waiting(state)
  if (waiting >= waitingMax) return fail.TooManyWaiting({ waiting, maximum: waitingMax })
  const refused = payIn(ctx, { series: id, asset, from: sender, amountBase: paidBase })
  if (refused !== undefined) return paymentRefusal(refused, asset)
  // After this point the action must succeed.
  admit(ctx, { id, series, amountBase, paidBase, priceBase })
  return undefined
}

/** Enters a purchase whose payment is in escrow. */
function admit(
  ctx: ActionContext,
  bought: Pick<Purchase, 'amountBase' | 'paidBase' | 'priceBase'> & {
    readonly id: number
    readonly series: Series
  },
): void {
  const { state, block, sender: buyer } = ctx
  const { id, series, amountBase, paidBase, priceBase } = bought
  const purchase = getTotals(state).nextPurchase
  updateTotals(state, { nextPurchase: purchase + 1 })
  seriesTables.purchase.set(
    state,
    { id: purchase },
    {
      series: id,
      buyer,
      amountBase,
      paidBase,
      priceBase,
      state: 'waiting',
      reason: 'none',
      filledBase: 0n,
      refundedBase: 0n,
      boughtAtMs: block.timestampMs,
      newer: 0,
      older: enterBuyer(state, purchase, buyer),
    },
  )
  putSeries(state, id, {
    ...series,
    waitingBase: series.waitingBase + paidBase,
    waitingCount: series.waitingCount + 1,
    receivedBase: series.receivedBase + paidBase,
  })
  drawn.add(ctx, { purchase })
  events.Bought(ctx, { purchase, series: id, buyer, amountBase, paidBase, priceBase })
}

interface Fit {
  readonly fitsBase: bigint
  /** Why not all of it. */
  readonly reason: RefundReason
}

const nothing = (reason: RefundReason): Fit => ({ fitsBase: 0n, reason })

/** What of an amount a series can fill now: the price and the cap, then the rules of what it sells. */
export function fitOf(
  state: StateReader,
  series: Series,
  wanted: { readonly amountBase: bigint; readonly priceBase: bigint },
): Fit {
  const { kind, asset, provider } = series
  if (series.state !== 'selling') return nothing('SaleClosed')
  const oracle = mustExist(priceIn(state, asset), 'a series was opened at a price')
  if (oracle.staleSince !== undefined) return nothing('OracleStale')
  if (wanted.priceBase < leastPrice(state, kind, oracle)) return nothing('PriceTooLow')
  const leftBase = series.capBase - series.soldBase
  const capped = minBigint(wanted.amountBase, leftBase)
  const { blocked, roomBase, binding } =
    kind === 'immediate' ? coinRoom(state, provider, asset) : receiptRoom(state, provider)
  if (blocked !== undefined) return nothing(blocked)
  const fitsBase = minBigint(capped, roomBase)
  const { minimumBase } = seriesParams.get(state)
  const reason = fitsBase < capped ? binding : fitsBase < wanted.amountBase ? 'CapReached' : 'none'
  // A rest that nobody could have bought is not worth a mint.
  return fitsBase < minBigint(wanted.amountBase, minimumBase) ? nothing(reason) : { fitsBase, reason }
}

interface Room {
  readonly blocked?: RefundReason
  readonly roomBase: bigint
  readonly binding: RefundReason
}

/** What the mint rule leaves for buyers of coins. */
function coinRoom(state: StateReader, provider: number, asset: number): Room {
  if (!hasLockRoom(state, { provider, asset })) return { blocked: 'LocksFull', roomBase: 0n, binding: 'none' }
  const { blocked, roomBase, binding } = roomFor(state, provider, 'own')
  const reason = REFUND_REASONS.find((name) => name === blocked)
  if (blocked === undefined) return { roomBase, binding }
  // A recount is waited for before anything is settled; a quote during one says what it finds next.
  return reason === undefined ? { roomBase, binding } : { blocked: reason, roomBase: 0n, binding: 'none' }
}

/** Receipts are bounded by the cap alone, but only a provider in good standing sells any. */
function receiptRoom(state: StateReader, provider: number): Room {
  const room = (blocked: RefundReason): Room => ({ blocked, roomBase: 0n, binding: 'none' })
  if (getMember(state, provider)?.status !== 'active') return room('ProviderNotActive')
  if (isSuspended(state, provider)) return room('ProviderSuspended')
  const { barredUntil } = promisedBy(state, provider)
  if (barredUntil > 0 && barredUntil >= runningWindow(state)) return room('MintingBarred')
  return { roomBase: 2n ** 128n, binding: 'none' }
}

/** Settles purchases in their drawn order; none while a recount keeps everybody from minting. */
export function settlePurchases(ctx: WriteContext, budget: Budget): void {
  drawn.drain(
    ctx,
    () => hasLeft(budget) && !isCounting(ctx.state),
    (_, { purchase }) => {
      takeAct(budget, 'settle')
      if (settle(ctx, purchase)) spendAct(budget, 'mint')
    },
  )
}

/** Fills or refunds a purchase. Returns whether it has minted coins. */
function settle(ctx: WriteContext, id: number): boolean {
  const { state } = ctx
  const purchase = seriesTables.purchase.mustGet(state, { id })
  const series = mustExist(getSeries(state, purchase.series), 'a series outlives its purchases')
  const { amountBase, priceBase, paidBase, buyer } = purchase
  const { fitsBase: filledBase, reason } = fitOf(state, series, purchase)
  const costBase = costOf(filledBase, priceBase)
  const refundedBase = paidBase - costBase
  const waiting = {
    ...series,
    waitingBase: series.waitingBase - paidBase,
    waitingCount: series.waitingCount - 1,
    refundedBase: series.refundedBase + refundedBase,
    soldBase: series.soldBase + filledBase,
  }
  const part = { id: purchase.series, filledBase, costBase, purchase }
  if (filledBase === 0n) putSeries(state, purchase.series, waiting)
  else if (series.kind === 'immediate') deliverCoins(ctx, waiting, part)
  else deliverReceipts(ctx, waiting, part)
  payOut(ctx, { series: purchase.series, asset: series.asset, to: buyer, amountBase: refundedBase })
  const outcome = filledBase === 0n ? 'refunded' : filledBase < amountBase ? 'partly' : 'filled'
  seriesTables.purchase.set(state, { id }, { ...purchase, state: outcome, reason, filledBase, refundedBase })
  noteClosed(state, { purchase: id, series: 0 })
  events.Settled(ctx, { purchase: id, series: purchase.series, buyer, filledBase, refundedBase, reason })
  finishIfEmpty(ctx, purchase.series)
  return filledBase > 0n && series.kind === 'immediate'
}

interface Part {
  readonly id: number
  readonly filledBase: bigint
  readonly costBase: bigint
  readonly purchase: Purchase
}

/** Mints coins to the buyer; what the mint rule retains of the price is locked, the rest is the issuer's. */
function deliverCoins(ctx: WriteContext, series: Series, part: Part): void {
  const { state } = ctx
  const { id, filledBase, costBase, purchase } = part
  const { provider, asset } = series
  const { lockPriceBase } = mustExist(priceIn(state, asset), 'the price was checked')
  const { operator } = mustExist(getMember(state, provider), 'a series has an issuer')
  const terms = { amountBase: filledBase, proceedsBase: costBase, lockPriceBase }
  const share = lockedShare(state, terms)
  // The least price covers the lock but for its rounding.
  const lockedBase = minBigint(share.lockedBase, costBase)
  putSeries(state, id, { ...series, releasedBase: series.releasedBase + costBase })
  issueFor(ctx, {
    series: id,
    provider,
    to: purchase.buyer,
    amountBase: filledBase,
    asset,
    proceedsBase: costBase,
    lockedBase,
    floorBase: minBigint(share.floorBase, lockedBase),
    payee: operator,
  })
  storeCoverage(ctx)
}

/** Gives the buyer receipts; the price stays in escrow until they are coins. */
function deliverReceipts(ctx: WriteContext, series: Series, part: Part): void {
  const { id, filledBase, costBase, purchase } = part
  putSeries(ctx.state, id, {
    ...series,
    escrowBase: series.escrowBase + costBase,
    faceBase: series.faceBase + filledBase,
  })
  notePromised(ctx.state, series.provider, filledBase)
  issueReceipts(ctx, { series: id, to: purchase.buyer, amountBase: filledBase })
}
