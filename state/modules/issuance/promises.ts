// What primary sales lay on a provider's minting (ECONOMY §4): receipts that come before its own mints, and the time after a
// failed series in which it may not mint. Not: the series themselves.
import { assert } from '../../../base/assert.ts'
import type { StateReader, StateWriter } from '../../view.ts'
import { issuanceTables } from './tables.ts'

const NOTHING = { promisedBase: 0n, barredUntil: 0 }

/** Receipts sold that wait for coins, and the last window in which the provider may not mint; 0: none. */
export function promisesOf(
  state: StateReader,
  provider: number,
): { readonly promisedBase: bigint; readonly barredUntil: number } {
  return issuanceTables.promise.get(state, { provider }) ?? NOTHING
}

function put(state: StateWriter, provider: number, promise: ReturnType<typeof promisesOf>): void {
  if (promise.promisedBase > 0n || promise.barredUntil > 0)
    issuanceTables.promise.set(state, { provider }, promise)
  else if (issuanceTables.promise.has(state, { provider })) issuanceTables.promise.delete(state, { provider })
}

/** Counts receipts that were sold, or, below zero, that got their coins or were refunded. */
export function changePromised(state: StateWriter, provider: number, changeBase: bigint): void {
  const known = promisesOf(state, provider)
  const promisedBase = known.promisedBase + changeBase
  assert(promisedBase >= 0n, 'no more receipts are served than were sold')
  put(state, provider, { ...known, promisedBase })
}

/** Bars a provider from minting through a window; receipts that it has sold still get their coins. */
export function barMinting(state: StateWriter, provider: number, untilWindow: number): void {
  const known = promisesOf(state, provider)
  if (untilWindow > known.barredUntil) put(state, provider, { ...known, barredUntil: untilWindow })
}
