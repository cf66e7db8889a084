// Queries of series: offers and quotes, purchases, holdings, and what an issuer must do next.
import { mustExist } from '../../../base/assert.ts'
import type { Infer } from '../../../base/field.ts'
import { type Address, ZERO_ADDRESS } from '../../../base/ids.ts'
import { AMOUNT_MAX, maxBigint, minBigint } from '../../../base/units.ts'
import type { ReadContext } from '../../context.ts'
import { pageDown } from '../../pages.ts'
import type { Rules } from '../../rules.ts'
import type { StateReader } from '../../view.ts'
import { getSeries, getTotals, liveOf } from './books.ts'
import { stoppedOf, timeOf, windowOf } from './clock.ts'
import { dutyOf } from './duties.ts'
import { priceIn, receiptsAddress, receiptsOf } from './external.ts'
import { buyerOf } from './history.ts'
import { isOpenAt } from './offerings.ts'
import { costOf, lockNeeded, outstandingOf, priceAt, securedCap } from './pricing.ts'
import { fitOf } from './purchases.ts'
import { isRunning, partOf, positionOf } from './receipts.ts'
import type { Purchase, Series, seriesSchema } from './schema.ts'
import {
  type holdingInfo,
  LOOK_MAX,
  PAGE_MAX,
  type purchaseInfo,
  type quoteInfo,
  type seriesInfo,
} from './shapes.ts'
import { seriesTables } from './tables.ts'

function infoOf(state: StateReader, id: number, series: Series): Infer<typeof seriesInfo> {
  const { asset, kind } = series
  const time = timeOf(state, asset)
  const oracle = priceIn(state, asset)
  const needed =
    kind === 'immediate' || oracle === undefined || !isRunning(series)
      ? 0n
      : lockNeeded(state, series, { outstandingBase: securedCap(series), oracle })
  return {
    id,
    ...series,
    opensAt: windowOf(state, asset, series.opensAt),
    closesAt: windowOf(state, asset, series.closesAt),
    dueAt: kind === 'forward' ? windowOf(state, asset, series.dueAt) : 0,
    stoppedWindows: stoppedOf(state, asset),
    priceBase: priceAt(series, time),
    isOpen: isOpenAt(series, time),
    outstandingBase: outstandingOf(series),
    lockNeededBase: needed,
    receipts: kind === 'forward' ? receiptsAddress(id) : ZERO_ADDRESS,
  }
}

function show(state: StateReader, id: number): Infer<typeof seriesInfo> | undefined {
  const series = getSeries(state, id)
  return series === undefined ? undefined : infoOf(state, id, series)
}

function quoteOf(
  state: StateReader,
  at: { readonly series: number; readonly amountBase: bigint },
): Infer<typeof quoteInfo> | undefined {
  const { series: id, amountBase } = at
  const series = getSeries(state, id)
  if (series === undefined) return undefined
  const time = timeOf(state, series.asset)
  const priceBase = priceAt(series, time)
  const costBase = minBigint(AMOUNT_MAX, costOf(amountBase, priceBase))
  const fit = isOpenAt(series, time)
    ? fitOf(state, series, { amountBase, priceBase })
    : { fitsBase: 0n, reason: 'SaleClosed' as const }
  return { series: id, amountBase, priceBase, costBase, ...fit }
}

function purchaseOf(id: number, purchase: Purchase): Infer<typeof purchaseInfo> {
  const { newer: _newer, older: _older, ...facts } = purchase
  return { id, ...facts }
}

function purchasesOf(
  { state }: ReadContext,
  { buyer, cursor, limit }: { readonly buyer: Address; readonly cursor: number; readonly limit: number },
) {
  const size = limit === 0 ? PAGE_MAX : Math.min(limit, PAGE_MAX)
  const purchases: Infer<typeof purchaseInfo>[] = []
  let id = cursor === 0 ? buyerOf(state, buyer).newest : cursor
  while (id > 0 && purchases.length < size) {
    const purchase = seriesTables.purchase.get(state, { id })
    // A cursor of a purchase that has left the state, or of somebody else's.
    if (purchase === undefined || !purchase.buyer.every((byte, i) => byte === buyer[i]))
      return { purchases, nextCursor: 0 }
    purchases.push(purchaseOf(id, purchase))
    id = purchase.older
  }
  return { purchases, nextCursor: id }
}

function holdingOf(
  state: StateReader,
  at: { readonly series: number; readonly owner: Address },
): Infer<typeof holdingInfo> | undefined {
  const series = getSeries(state, at.series)
  if (series === undefined || series.kind === 'immediate') return undefined
  const receiptsBase = receiptsOf(state, at)
  const position = positionOf(state, at)
  const faceBase = receiptsBase + position.faceBase
  const part = partOf(series, { ...position, faceBase })
  const isLeaving = !isRunning(series)
  return {
    ...at,
    receiptsBase,
    handedInBase: position.faceBase,
    coinsBase: part.coinsBase,
    refundBase: isLeaving || series.state === 'blocked' ? part.refundBase : 0n,
    compensationBase: part.compensationBase,
    outstandingBase: isLeaving ? 0n : maxBigint(0n, faceBase - part.shareBase),
  }
}

export const seriesQueries: Rules<typeof seriesSchema>['queries'] = {
  show: ({ state }, { series }) => show(state, series),
  list: ({ state }, page) => {
    const { items, nextCursor } = pageDown(page, {
      count: getTotals(state).nextSeries - 1,
      pageMax: PAGE_MAX,
      lookMax: LOOK_MAX,
      read: (index) => show(state, index + 1),
    })
    return { series: items, nextCursor }
  },
  live: ({ state }, { provider }) =>
    liveOf(state, provider).map((id) => mustExist(show(state, id), 'a listed series exists')),
  quote: ({ state }, at) => quoteOf(state, at),
  purchase: ({ state }, { id }) => {
    const purchase = seriesTables.purchase.get(state, { id })
    return purchase === undefined ? undefined : purchaseOf(id, purchase)
  },
  purchases: purchasesOf,
  holding: ({ state }, at) => holdingOf(state, at),
  status: ({ state }, { provider }) =>
    liveOf(state, provider).map((id) =>
      dutyOf(state, id, mustExist(getSeries(state, id), 'a listed series exists')),
    ),
}
