// Prices of an SCU-hour per settlement asset. Genesis sets them; reporters renew them once there are some (ECONOMY §5).
import { assert } from '../../../base/assert.ts'
import { PRICES_MAX } from '../../../base/protocol/oracleReport.ts'
import type { StateReader, StateWriter } from '../../view.ts'
import { reportedSince } from './reporters.ts'
import type { Price } from './schema.ts'
import { oracleParams, oracleTables } from './tables.ts'

/** Price of one coin's SCU-hour in base units of the asset; undefined when none was ever set. */
export function getPrice(state: StateReader, asset: number): Price | undefined {
  return oracleTables.price.get(state, { asset })
}

/** Assets whose price reporters report, ascending: the first so many that have one. */
export function pricedAssets(state: StateReader): readonly number[] {
  return oracleTables.pricedAssets.get(state, {})?.assets ?? []
}

/** Whether reports have room for another price. */
export function canReportPrice(state: StateReader): boolean {
  return pricedAssets(state).length < PRICES_MAX
}

/** Sets a price that stands until it is renewed for the first time: genesis, and governance for a new asset. */
export function setPrice(state: StateWriter, price: { asset: number; priceBase: bigint }): void {
  const { asset, priceBase } = price
  assert(priceBase > 0n, 'a price is positive')
  const known = { priceBase, bondPriceBase: priceBase, lockPriceBase: priceBase }
  oracleTables.price.set(state, { asset }, known)
  const assets = pricedAssets(state)
  // One that no report has room for is never renewed, and goes stale once there are reporters.
  if (assets.includes(asset) || assets.length === PRICES_MAX) return
  oracleTables.pricedAssets.set(state, {}, { assets: [...assets, asset].sort((a, b) => a - b) })
}

/**
 * Renews a price in a window. Where chambers disagree, the reporters' median values the bonds that there are, the higher one
 * locks and mints; from then on the price goes stale unless it is renewed again.
 */
export function renewPrice(
  state: StateWriter,
  price: { readonly asset: number; readonly window: number } & Omit<Price, 'renewedWindow'>,
): void {
  const { asset, window, priceBase, bondPriceBase, lockPriceBase } = price
  assert(bondPriceBase > 0n && bondPriceBase <= priceBase, 'bonds are valued at the price, or a lower one')
  assert(lockPriceBase >= priceBase, 'locks and mints are valued at the price, or a higher one')
  oracleTables.price.set(state, { asset }, { priceBase, bondPriceBase, lockPriceBase, renewedWindow: window })
}

/**
 * The window since which a price has been too old to mint on; undefined while it is fresh. A price of genesis ages from the
 * first window that reporters are to report; without any it stands.
 */
export function staleSince(state: StateReader, price: Price, window: number): number | undefined {
  const since = reportedSince(state)
  const renewed = price.renewedWindow ?? since
  if (renewed === undefined) return undefined
  const last = renewed + oracleParams.get(state).priceFreshWindows
  return window > last ? last + 1 : undefined
}

/** What a price is worth, in words. */
export function priceText(price: Price, stale: number | undefined): string {
  const { renewedWindow } = price
  if (stale !== undefined)
    return `stale since window ${stale}: mints, purchases, conversions and releases of bonds that rest on it are refused, redemption goes on`
  if (renewedWindow === undefined) return 'set in genesis, not renewed yet'
  const { bondPriceBase, lockPriceBase } = price
  return bondPriceBase === lockPriceBase
    ? `renewed in window ${renewedWindow}`
    : `renewed in window ${renewedWindow}, disputed: bonds are valued at ${bondPriceBase}, locks and the bonds of mints at ${lockPriceBase}`
}
