// What issuance needs from other modules: coins and locks, capacity and its windows, prices, members and their bonds.
import { assert } from '../../../base/assert.ts'
import type { Address } from '../../../base/ids.ts'
import type { DebitRefused, WriteContext } from '../../context.ts'
import { COIN_ASSET, type Escrow, escrowsOf, ledger } from '../../ledger.ts'
import type { ParameterContext } from '../../parameterRules.ts'
import type { StateKey, StateReader } from '../../view.ts'
import { acceptsAsset } from '../assets/ledger.ts'
import { capacityRevision, getMeasures, getSummary } from '../capacity/book.ts'
import { type CapacitySummary, capacitySchema } from '../capacity/schema.ts'
import { capacityParams } from '../capacity/tables.ts'
import { currentWindow, providerWindowOf } from '../capacity/windows.ts'
import { growthFactors } from '../oracle/drift.ts'
import { getPrice } from '../oracle/prices.ts'
import { oracleSchema } from '../oracle/schema.ts'
import { getBonds } from '../providers/bonds.ts'
import { getProvider, providerByOperator, providerIds } from '../providers/members.ts'
import type { Provider } from '../providers/schema.ts'
import { issuanceSchema } from './schema.ts'

/** Address of the locked coins of a provider's mints. */
export function lockAddress(provider: number): Escrow {
  return escrowsOf(issuanceSchema).locks(provider)
}

/** All coins in existence, base units. */
export function coinSupply(state: StateReader): bigint {
  return ledger.supplyOf(state, COIN_ASSET)
}

/** Coins of an account, base units. */
export function coinsAt(state: StateReader, address: Address): bigint {
  return ledger.balanceOf(state, { asset: COIN_ASSET, owner: address })
}

/** Whether new coins may go to an address: nobody could move them from a system address. */
export function mayReceive(to: Address): boolean {
  return acceptsAsset(to)
}

/** Creates coins; the liability behind them rises by the same amount. */
export function createCoins(
  ctx: WriteContext,
  mint: { readonly to: Address; readonly amountBase: bigint },
): void {
  ledger.mint(ctx, { asset: COIN_ASSET, ...mint })
}

/** Why an account may not burn coins now, whatever it holds, or undefined. */
export function refuseBurn(
  ctx: WriteContext,
  burn: { readonly from: Address; readonly amountBase: bigint },
): DebitRefused | undefined {
  return ledger.refuseDebit(ctx, { asset: COIN_ASSET, ...burn })
}

/** Destroys coins of an escrow, or of an account whose debit was checked. Asserts that `from` holds them. */
export function destroyCoins(
  ctx: WriteContext,
  burn: { readonly from: Address; readonly amountBase: bigint },
): void {
  const refusal = ledger.burn(ctx, { asset: COIN_ASSET, ...burn })
  assert(refusal === undefined, 'the coins to burn are held')
}

/** Pays out of a provider's lock. Asserts that the lock holds it. */
export function payFromLock(
  ctx: WriteContext,
  payment: { readonly provider: number; readonly to: Address; readonly amountBase: bigint },
): void {
  const { provider, to, amountBase } = payment
  ledger.release(ctx, { asset: COIN_ASSET, from: lockAddress(provider), to, amountBase })
}

/** C of a provider, up to each quarter point, and its notice. */
export function capacityOf(state: StateReader, provider: number): CapacitySummary {
  return getSummary(state, provider)
}

/** Increases with every change of any provider's capacity. */
export function capacityVersion(state: StateReader): number {
  return capacityRevision(state)
}

/** K: windows over which capacity is counted and locks are released. */
export function horizonOf(state: StateReader): number {
  return capacityParams.get(state).horizonWindows
}

/** K and the windows ahead that the front-load rule checks. */
export function frontLoadPoints(state: StateReader): {
  readonly horizon: number
  readonly quarters: readonly number[]
} {
  return getMeasures(state)
}

/** Index of the running window. */
export function runningWindow(state: StateReader): number {
  return currentWindow(state)
}

/** Provider and window in the key of a reservation. */
export function reservedAt(key: StateKey): { readonly provider: number; readonly windowIndex: number } {
  return providerWindowOf(key)
}

/** G_K of proposed parameters, ppm, and K. */
export function growthOver(all: ParameterContext): {
  readonly growthPpm: bigint
  readonly horizonWindows: number
} {
  const { horizonWindows } = all.of(capacitySchema)
  const growth = growthFactors(all.of(oracleSchema).driftPpm, horizonWindows)
  return { growthPpm: growth[horizonWindows]!, horizonWindows }
}

/** Price of a coin in base units of an asset; undefined when there is none. */
export function priceIn(state: StateReader, asset: number): bigint | undefined {
  return getPrice(state, asset)
}

/** All bonds of a provider. */
export function bondsOf(
  state: StateReader,
  provider: number,
): readonly { readonly asset: number; readonly amountBase: bigint }[] {
  return getBonds(state, provider)
}

/** All members, by id. */
export function memberIds(state: StateReader): readonly number[] {
  return providerIds(state)
}

/** The member that an account mints for. */
export function memberOf(state: StateReader, operator: Address): number | undefined {
  return providerByOperator(state, operator)
}

/** A member with its status and legal group. */
export function getMember(state: StateReader, provider: number): Provider | undefined {
  return getProvider(state, provider)
}
