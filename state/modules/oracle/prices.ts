// Prices of an SCU-hour per settlement asset, set in genesis.
import { assert } from '../../../base/assert.ts'
import type { StateReader, StateWriter } from '../../view.ts'
import { oracleTables } from './tables.ts'

/** Price of one coin's SCU-hour in base units of the asset; undefined when none was ever set. */
export function getPrice(state: StateReader, asset: number): bigint | undefined {
  return oracleTables.price.get(state, { asset })?.priceBase
}

/** Sets the price of one coin's SCU-hour in base units of the asset. */
export function setPrice(state: StateWriter, price: { asset: number; priceBase: bigint }): void {
  assert(price.priceBase > 0n, 'a price is positive')
  oracleTables.price.set(state, { asset: price.asset }, { priceBase: price.priceBase })
}
