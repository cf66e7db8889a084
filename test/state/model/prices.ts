// ECONOMY §5: the prices in force, and since when one is too old. Not: who reports them (oracle.ts).
import { atLeastZero, COIN, ceilDiv, floorDiv } from './arithmetic.ts'
import type { World } from './world.ts'

/** The price that values bonds: where the chambers disagree, the lower one. */
export const bondPriceOf = (world: World, asset: number): bigint | undefined =>
  world.oracle.bondPrices.get(asset) ?? world.prices.get(asset)

/** The price that values locks: where the chambers disagree, the higher one. */
export const lockPriceOf = (world: World, asset: number): bigint | undefined =>
  world.oracle.lockPrices.get(asset) ?? world.prices.get(asset)

/** Since which window a price is too old; one of genesis ages from the first window that reporters are to report. */
export function staleSince(world: World, asset: number): number | undefined {
  const renewed = world.oracle.renewed.get(asset) ?? world.oracle.sinceWindow
  if (renewed === undefined) return undefined
  const last = renewed + world.parameters.priceFreshWindows
  return world.window > last ? last + 1 : undefined
}

/** What units are worth in coins at the last price, however old; rounded down. */
export function worthOf(world: World, asset: number, amountBase: bigint): bigint {
  if (asset === 0) return amountBase
  const price = bondPriceOf(world, asset)
  return price === undefined ? 0n : floorDiv(amountBase * COIN, price)
}

/** Units that are worth so many coins at the last price, rounded up; undefined without a price. */
export function unitsWorth(world: World, asset: number, valueBase: bigint): bigint | undefined {
  if (asset === 0) return atLeastZero(valueBase)
  const price = bondPriceOf(world, asset)
  return price === undefined ? undefined : ceilDiv(valueBase * price, COIN)
}
