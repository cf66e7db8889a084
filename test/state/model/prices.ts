// ECONOMY §5: the prices in force, since when one is too old, and when it is given up (docs/decisions/prices-that-are-given-up.md).
// Not: who reports them (oracle.ts).
import { atLeastZero, COIN, ceilDiv, floorDiv } from './arithmetic.ts'
import type { Quote, World } from './world.ts'

/** The price that values bonds that there are: where the chambers disagree, the reporters'. */
export const bondPriceOf = (world: World, asset: number): bigint | undefined =>
  world.oracle.bondPrices.get(asset) ?? world.prices.get(asset)

/** The price that values locks, and bonds on which a mint rests: where the chambers disagree, the higher one. */
export const lockPriceOf = (world: World, asset: number): bigint | undefined =>
  world.oracle.lockPrices.get(asset) ?? world.prices.get(asset)

/** All three; undefined without a price. */
export function quoteIn(world: World, asset: number): Omit<Quote, 'renewedWindow'> | undefined {
  const priceBase = world.prices.get(asset)
  if (priceBase === undefined) return undefined
  return {
    priceBase,
    bondPriceBase: bondPriceOf(world, asset)!,
    lockPriceBase: lockPriceOf(world, asset)!,
  }
}

/** One that is renewed in a window, or that stands as one of genesis does. */
export function setQuote(world: World, asset: number, quote: Quote): void {
  const { oracle } = world
  world.prices.set(asset, quote.priceBase)
  oracle.bondPrices.set(asset, quote.bondPriceBase)
  oracle.lockPrices.set(asset, quote.lockPriceBase)
  if (quote.renewedWindow === undefined) oracle.renewed.delete(asset)
  else oracle.renewed.set(asset, quote.renewedWindow)
}

/** Since which window a price is too old; one of genesis ages from the first window that reporters are to report. */
export function staleSince(world: World, asset: number): number | undefined {
  const renewed = world.oracle.renewed.get(asset) ?? world.oracle.sinceWindow
  if (renewed === undefined) return undefined
  const last = renewed + world.parameters.priceFreshWindows
  return world.window > last ? last + 1 : undefined
}

export const isStale = (world: World, asset: number): boolean => staleSince(world, asset) !== undefined

/** Whether a price has been too old for K windows: no series waits for it any more. */
export function isLongStale(world: World, asset: number): boolean {
  const since = staleSince(world, asset)
  return since !== undefined && world.window >= since + world.parameters.horizonWindows
}

/** Whether no bond waits for a price any more: another one is fresh, in whose asset a bond can be made good. */
export const isGivenUp = (world: World, asset: number): boolean =>
  isLongStale(world, asset) && [...world.prices.keys()].some((other) => !isStale(world, other))

/** What units are worth in coins at the last price, however old; rounded down. */
export function worthOf(world: World, asset: number, amountBase: bigint): bigint {
  if (asset === 0) return amountBase
  const price = bondPriceOf(world, asset)
  return price === undefined ? 0n : floorDiv(amountBase * COIN, price)
}

/** What units are worth as a bond that comes with liability: nothing once their price is given up. */
export const securingWorth = (world: World, asset: number, amountBase: bigint): bigint =>
  asset !== 0 && isGivenUp(world, asset) ? 0n : worthOf(world, asset, amountBase)

/** Units that are worth so many coins at the last price, rounded up; undefined without a price. */
export function unitsWorth(world: World, asset: number, valueBase: bigint): bigint | undefined {
  if (asset === 0) return atLeastZero(valueBase)
  const price = bondPriceOf(world, asset)
  return price === undefined ? undefined : ceilDiv(valueBase * price, COIN)
}
