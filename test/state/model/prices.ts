// ECONOMY §5: what the oracle says a coin costs in an asset, and when that is too old. Not: how it is found.
import type { Quote, World } from './world.ts'

/** Undefined without a price. */
export function quoteIn(world: World, asset: number): Quote | undefined {
  const known = world.quotes.get(asset)
  if (known !== undefined) return known
  const price = world.prices.get(asset)
  return price === undefined
    ? undefined
    : { priceBase: price, bondPriceBase: price, lockPriceBase: price, renewedWindow: undefined }
}

export function setQuote(world: World, asset: number, quote: Quote): void {
  world.quotes.set(asset, quote)
  world.prices.set(asset, quote.bondPriceBase)
}

/** A price older than `priceFresh` windows is stale. */
export function isStale(world: World, asset: number): boolean {
  const renewed = quoteIn(world, asset)?.renewedWindow
  return renewed !== undefined && world.window > renewed + world.parameters.priceFreshWindows
}
