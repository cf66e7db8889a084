// ECONOMY §4: offers: what a series may be, its price from window to window, stopping it, and its issuer's lock.
import { COIN, ceilDiv, floorDiv, most, P } from './arithmetic.ts'
import { isSuspendedGroup } from './coverage.ts'
import { providerOf } from './issuance.ts'
import { move, THE_CHAIN, unitsOf } from './ledger.ts'
import { isStale, quoteIn } from './prices.ts'
import { isBarred, isLive, liveSeriesOf, lockedIn, outstandingOf, receiptsOf, seriesLock } from './sales.ts'
import type { Series, World } from './world.ts'

/** Reasons to refuse, of which the chain may name any; undefined when there is none. */
export type Refusal = ReadonlySet<string> | undefined

export const refusal = (reasons: Iterable<string>): Refusal => {
  const names = new Set(reasons)
  return names.size === 0 ? undefined : names
}

const LIVE_MAX = 8
const CAP_MAX = 10n ** 12n * COIN
const PRICE_MAX = 10n ** 24n

export interface SeriesTerms {
  readonly series: 'immediate' | 'forward'
  readonly asset: number
  readonly capBase: bigint
  readonly startPriceBase: bigint
  /** 0: the same as the first one. */
  readonly endPriceBase: bigint
  /** 0: the running window. */
  readonly opensAt: number
  readonly closesAt: number
  readonly dueAt: number
}

/** What an amount costs at a price per coin; the buyer pays the rounding. */
export const costOf = (amountBase: bigint, priceBase: bigint): bigint => ceilDiv(amountBase * priceBase, COIN)

/** The price in a window: fixed, or falling from the first window to the last (Dutch), rounded up in the seller's favour. */
export function seriesPrice(series: Series, window: number): bigint {
  const { startPriceBase, endPriceBase, opensAt, closesAt } = series
  const passed = Math.min(window, closesAt) - opensAt
  if (passed <= 0) return startPriceBase
  return (
    startPriceBase - floorDiv((startPriceBase - endPriceBase) * BigInt(passed), BigInt(closesAt - opensAt))
  )
}

/** At least half of the oracle's price; of coins sold at once also what their mint locks. */
export function leastPrice(world: World, kind: Series['kind'], asset: number): bigint {
  const { priceBase, lockPriceBase } = quoteIn(world, asset)!
  const half = ceilDiv(priceBase, 2n)
  return kind === 'forward' ? half : most(half, ceilDiv(lockPriceBase * world.parameters.retainPpm, P))
}

/** `seriesPenalty` of so much of the cap, at the higher of oracle price and price paid. */
export function lockFor(
  world: World,
  series: Pick<Series, 'asset' | 'startPriceBase'>,
  capBase: bigint,
): bigint {
  const price = most(series.startPriceBase, quoteIn(world, series.asset)!.lockPriceBase)
  return ceilDiv(capBase * price * world.parameters.seriesPenaltyPpm, COIN * P)
}

/** What the lock must be now: of the whole cap until the sale is over, then of what waits for coins. */
export const lockNeeded = (world: World, series: Series): bigint =>
  lockFor(world, series, series.state === 'selling' ? series.capBase : outstandingOf(world, series))

/** Only a member in good standing sells. */
export function standingOf(world: World, id: number): readonly string[] {
  const provider = world.providers.get(id)!
  return [
    ...(provider.status === 'active' ? [] : ['ProviderNotActive']),
    ...(isSuspendedGroup(world, provider) ? ['ProviderSuspended'] : []),
    ...(isBarred(world, id) ? ['MintingBarred'] : []),
  ]
}

function wrongWindows(world: World, terms: SeriesTerms): readonly string[] {
  const { series: kind, opensAt, closesAt, dueAt } = terms
  const { saleWindowsMax, deliveryWindowsMax } = world.parameters
  const reasons: string[] = []
  if (opensAt < world.window || opensAt > world.window + saleWindowsMax) reasons.push('WindowsOutOfRange')
  if (closesAt < opensAt || closesAt >= opensAt + saleWindowsMax) reasons.push('WindowsOutOfRange')
  const isDueLate = dueAt > closesAt && dueAt <= closesAt + deliveryWindowsMax
  if (kind === 'immediate' ? dueAt !== 0 : !isDueLate) reasons.push('DueOutOfRange')
  return reasons
}

function wrongTerms(world: World, terms: SeriesTerms): readonly string[] {
  const { series: kind, asset, capBase, startPriceBase, endPriceBase } = terms
  const reasons: string[] = []
  if (capBase < world.parameters.minimumBase || capBase > CAP_MAX) reasons.push('CapOutOfRange')
  if (startPriceBase > PRICE_MAX) reasons.push('PriceOutOfRange')
  if (endPriceBase > startPriceBase) reasons.push('PriceRises')
  if (kind === 'forward' && endPriceBase !== startPriceBase) reasons.push('OnePriceOnly')
  if (endPriceBase < leastPrice(world, kind, asset)) reasons.push('PriceTooLow')
  return reasons
}

/** A provider offers coins, or receipts, of whose cap it locks a share. */
export function openSeries(world: World, sender: string, given: SeriesTerms): Refusal {
  const terms = {
    ...given,
    endPriceBase: given.endPriceBase === 0n ? given.startPriceBase : given.endPriceBase,
    opensAt: given.opensAt === 0 ? world.window : given.opensAt,
  }
  const provider = providerOf(world, sender)
  if (provider === undefined) return new Set(['NotProvider'])
  const { asset, capBase, series: kind, ...rest } = terms
  if (quoteIn(world, asset) === undefined) return new Set(['NoPrice'])
  const lockBase = kind === 'immediate' ? 0n : lockFor(world, terms, capBase)
  const reasons = refusal([
    ...(isStale(world, asset) ? ['OracleStale'] : []),
    ...standingOf(world, provider.id),
    ...(liveSeriesOf(world, provider.id).length < LIVE_MAX ? [] : ['TooManySeries']),
    ...wrongTerms(world, terms),
    ...wrongWindows(world, terms),
    ...(unitsOf(world, asset, sender) < lockBase ? ['InsufficientAsset'] : []),
  ])
  if (reasons !== undefined) return reasons
  const id = world.sales.nextSeries++
  const made = { stopped: false, state: 'selling', failReason: 'none', soldBase: 0n } as const
  const series: Series = {
    ...rest,
    ...made,
    kind,
    asset,
    capBase,
    id,
    provider: provider.id,
    handedIn: new Map(),
  }
  world.sales.series.set(id, series)
  move(world, asset, sender, seriesLock(id), lockBase)
  if (kind === 'forward') world.assets.set(receiptsOf(id), { issuer: THE_CHAIN, supplyBase: 0n })
  return undefined
}

/** A series and whether the sender issues it. */
function own(world: World, sender: string, id: number): Series | Refusal {
  const provider = providerOf(world, sender)
  if (provider === undefined) return new Set(['NotProvider'])
  const series = world.sales.series.get(id)
  if (series === undefined) return new Set(['UnknownSeries'])
  return series.provider === provider.id ? series : new Set(['NotIssuer'])
}

const isSeries = (found: Series | Refusal): found is Series => found !== undefined && 'id' in found

/** The issuer ends a sale before its time. */
export function stopSeries(world: World, sender: string, id: number): Refusal {
  const series = own(world, sender, id)
  if (!isSeries(series)) return series
  if (series.state !== 'selling' || series.stopped) return new Set(['SeriesOver'])
  series.stopped = true
  return undefined
}

/** Anyone adds to the lock. */
export function secureSeries(
  world: World,
  sender: string,
  args: { readonly series: number; readonly amountBase: bigint },
): Refusal {
  const series = world.sales.series.get(args.series)
  if (series === undefined) return new Set(['UnknownSeries'])
  const reasons = refusal([
    ...(series.kind === 'forward' ? [] : ['NotForward']),
    ...(isLive(series) ? [] : ['SeriesOver']),
    ...(args.amountBase > 0n ? [] : ['ZeroAmount']),
    ...(unitsOf(world, series.asset, sender) < args.amountBase ? ['InsufficientAsset'] : []),
  ])
  if (reasons === undefined) move(world, series.asset, sender, seriesLock(series.id), args.amountBase)
  return reasons
}

/** The issuer takes back what its lock has beyond what it must be. */
export function reclaimLock(world: World, sender: string, id: number): Refusal {
  const series = own(world, sender, id)
  if (!isSeries(series)) return series
  const isOver = !isLive(series)
  const spareBase =
    isOver || series.kind !== 'forward' ? 0n : lockedIn(world, series) - lockNeeded(world, series)
  const reasons = refusal([
    ...(isOver ? ['SeriesOver'] : []),
    ...(series.kind === 'forward' ? [] : ['NotForward']),
    ...(isStale(world, series.asset) ? ['OracleStale'] : []),
    ...(spareBase > 0n ? [] : ['NothingToReclaim']),
  ])
  if (reasons === undefined) move(world, series.asset, seriesLock(id), sender, spareBase)
  return reasons
}
