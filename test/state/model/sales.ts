// ECONOMY §4: what primary sales remember, and what is told from it. Owns: the shapes, the accounts of a sale, receipts.
// Not: what changes them (series.ts, purchases.ts, receipts.ts, deliveries.ts).
import { sum } from './arithmetic.ts'
import { coinsOf, unitsOf } from './ledger.ts'
import type { Drawn, World } from './world.ts'

export type SeriesState = 'selling' | 'delivering' | 'blocked' | 'converted' | 'failed' | 'ended'
export type FailReason = 'none' | 'overdue' | 'lockTooSmall' | 'suspended' | 'defaulted'

/** Receipts that a holder has handed in while the series delivers, and the coins it has taken for them. */
export interface HandedIn {
  readonly faceBase: bigint
  readonly takenBase: bigint
}

export interface Series {
  readonly id: number
  readonly provider: number
  readonly kind: 'immediate' | 'forward'
  readonly asset: number
  readonly capBase: bigint
  readonly startPriceBase: bigint
  readonly endPriceBase: bigint
  /** Windows; a stale price moves them all (docs/decisions/clocks-of-series.md). */
  opensAt: number
  closesAt: number
  /** The last window in which receipts become coins in time; 0 of an immediate series. */
  dueAt: number
  stopped: boolean
  state: SeriesState
  failReason: FailReason
  /** Coins or receipts ever sold. */
  soldBase: bigint
  /** The window in which its lock was found too small. */
  lockShortSince?: number
  readonly handedIn: Map<string, HandedIn>
}

export interface Purchase {
  readonly id: number
  readonly series: number
  readonly buyer: string
  readonly amountBase: bigint
  readonly paidBase: bigint
  readonly priceBase: bigint
  /** Undefined while it waits. `reasons`: the rules that kept something back, of which the chain names one. */
  outcome?: {
    readonly filledBase: bigint
    readonly refundedBase: bigint
    readonly reasons: ReadonlySet<string>
  }
}

export interface Sales {
  readonly series: Map<number, Series>
  nextSeries: number
  readonly purchases: Map<number, Purchase>
  nextPurchase: number
  /** Purchases that no block of another group has drawn yet, and those that one has, in their order. */
  waiting: Drawn<number>[]
  drawn: number[]
  boughtInBlock: number
  /** What is over and leaves the state `seriesTailWindows` later, in order. */
  over: { readonly kind: 'purchase' | 'series'; readonly id: number; readonly window: number }[]
  /** How far the live series have been looked at since the last recount: members by number, then their series. */
  look: { readonly window: number; readonly member: number; readonly next: number }
  /** Provider → the last window in which it may not mint, after a failed series. */
  readonly barredUntil: Map<number, number>
}

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
export function faceOf(world: World, series: Series): bigint {
  const prefix = `${receiptsOf(series.id)}/`
  const tokens = [...world.units].filter(([key]) => key.startsWith(prefix)).map(([, amount]) => amount)
  return sum(tokens) + sum([...series.handedIn.values()].map(({ faceBase }) => faceBase))
}

/** Coins that these receipts have become, those included that their holders have taken already. */
export const cameOf = (world: World, series: Series): bigint =>
  coinsOf(world, coinsDue(series.id)) +
  sum([...series.handedIn.values()].map(({ takenBase }) => takenBase))

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
