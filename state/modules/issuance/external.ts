// What issuance needs from other modules: coins and locks, capacity and its windows, prices, members and their bonds.
import type { Address } from '../../../base/ids.ts'
import type { ReadContext, WriteContext } from '../../context.ts'
import type { ParameterContext } from '../../rules.ts'
import type { StateKey, StateReader } from '../../view.ts'
import {
  burnCoins,
  escrowAddress,
  getAccount,
  getSupply,
  mintCoins,
  transferCoins,
} from '../accounts/ledger.ts'
import { acceptsAsset } from '../assets/ledger.ts'
import { capacityRevision, getMeasures, getSummary } from '../capacity/book.ts'
import { type CapacitySummary, capacitySchema } from '../capacity/schema.ts'
import { capacityParams } from '../capacity/tables.ts'
import { currentWindow, providerWindowOf, windowEndedThisBlock } from '../capacity/windows.ts'
import { growthFactors } from '../oracle/drift.ts'
import { getPrice } from '../oracle/prices.ts'
import { oracleSchema } from '../oracle/schema.ts'
import { getBonds } from '../providers/bonds.ts'
import { getProvider, providerByOperator, providerIds } from '../providers/members.ts'
import { type Provider, providersSchema } from '../providers/schema.ts'
import { issuanceSchema } from './schema.ts'

/** Address of the locked coins of a provider's mints. */
export function lockAddress(provider: number): Address {
  return escrowAddress(issuanceSchema.id, provider)
}

/** All coins in existence, base units. */
export function coinSupply(state: StateReader): bigint {
  return getSupply(state)
}

/** Coins of an account, base units. */
export function coinsAt(state: StateReader, address: Address): bigint {
  return getAccount(state, address).balanceBase
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
  mintCoins(ctx, mint)
}

/** Destroys coins; false, with nothing written, when `from` has less. */
export function destroyCoins(
  ctx: WriteContext,
  burn: { readonly from: Address; readonly amountBase: bigint },
): boolean {
  return burnCoins(ctx, burn)
}

/** Pays out of a provider's lock; false, with nothing written, when it holds less. */
export function payFromLock(
  ctx: WriteContext,
  payment: { readonly provider: number; readonly to: Address; readonly amountBase: bigint },
): boolean {
  const { provider, to, amountBase } = payment
  return transferCoins(ctx, { from: lockAddress(provider), to, amountBase })
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

/** Index of the window that this block ended; undefined in other blocks. */
export function endedWindow(ctx: ReadContext): number | undefined {
  return windowEndedThisBlock(ctx)
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

/** Least size of the validator set by proposed parameters. */
export function validatorsMin(all: ParameterContext): number {
  return all.of(providersSchema).validatorsMin
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
