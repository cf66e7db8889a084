// ECONOMY §4: what is told from what primary sales remember. Owns: the accounts of a sale, receipts.
// Not: what changes them (series.ts, purchases.ts, receipts.ts, deliveries.ts).
import { sum } from './arithmetic.ts'
import { once } from './capacity.ts'
import { coinsOf, unitsOf } from './ledger.ts'
import type { Purchase, Sales, Series, World } from './world.ts'

export const noSales = (): Sales => ({
  series: new Map(),
  nextSeries: 1,
  purchases: new Map(),
  nextPurchase: 1,
  waiting: [],
  drawn: [],
  boughtInBlock: 0,
  over: [],
  look: { window: 0, member: Number.MAX_SAFE_INTEGER, next: 0 },
  barredUntil: new Map(),
})

/** Accounts that nobody owns. */
export const paymentOf = (purchase: number): string => `payment of purchase ${purchase}`
export const pricePaid = (series: number): string => `price paid for receipts of series ${series}`
export const seriesLock = (series: number): string => `lock of series ${series}`
export const compensationOf = (series: number): string => `compensation of series ${series}`
export const coinsDue = (series: number): string => `coins of series ${series}`

/** Numbers of the tokens that receipts are. */
const RECEIPTS_FROM = 2 ** 40
export const receiptsOf = (series: number): number => RECEIPTS_FROM + series
export const isReceipt = (asset: number): boolean => asset >= RECEIPTS_FROM

/** It sells, or owes coins. */
export const isLive = ({ state }: Series): boolean =>
  state === 'selling' || state === 'delivering' || state === 'blocked'

export const liveSeriesOf = (world: World, provider: number): readonly Series[] =>
  [...world.sales.series.values()].filter((series) => series.provider === provider && isLive(series))

/** Receipts in anybody's hands, as tokens or handed in. */
export const faceOf = (world: World, series: Series): bigint =>
  once(`receipts/${series.id}`, () => countFace(world, series))

function countFace(world: World, series: Series): bigint {
  const prefix = `${receiptsOf(series.id)}/`
  const tokens = [...world.units].filter(([key]) => key.startsWith(prefix)).map(([, amount]) => amount)
  return sum(tokens) + sum([...series.handedIn.values()].map(({ faceBase }) => faceBase))
}

/** Coins that these receipts have become, those included that their holders have taken already. */
export const cameOf = (world: World, series: Series): bigint =>
  coinsOf(world, coinsDue(series.id)) + sum([...series.handedIn.values()].map(({ takenBase }) => takenBase))

/** Receipts that wait for coins. */
export const outstandingOf = (world: World, series: Series): bigint =>
  faceOf(world, series) - cameOf(world, series)

/** §4, receipts before own mints: those of a provider that wait. */
export const promisedBy = (world: World, provider: number): bigint =>
  sum(liveSeriesOf(world, provider).map((series) => outstandingOf(world, series)))

/** After a failed series its issuer may not mint until K windows later. */
export const isBarred = (world: World, provider: number): boolean =>
  world.window <= (world.sales.barredUntil.get(provider) ?? -1)

export const lockedIn = (world: World, series: Series): bigint =>
  unitsOf(world, series.asset, seriesLock(series.id))

export const waitingFor = (world: World, series: number): readonly Purchase[] =>
  [...world.sales.purchases.values()].filter(
    (purchase) => purchase.series === series && purchase.outcome === undefined,
  )
