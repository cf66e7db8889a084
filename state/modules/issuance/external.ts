// What issuance needs from other modules: coins and locks, capacity and its windows, prices, members and their bonds.
import { assert, mustExist } from '../../../base/assert.ts'
import { type Address, ZERO_ADDRESS } from '../../../base/ids.ts'
import type { WalkName } from '../../../base/moduleDefinition.ts'
import type { Walk } from '../../blockWork.ts'
import type { DebitRefused, WriteContext } from '../../context.ts'
import { COIN_ASSET, type Escrow, escrowsOf, ledger } from '../../ledger.ts'
import type { ParameterContext } from '../../parameterRules.ts'
import type { StateReader, StateWriter } from '../../view.ts'
import { acceptsAsset } from '../assets/ledger.ts'
import { shareIncome } from '../backing/income.ts'
import { atRisk, holdUnbonding, poolAddressOf, takeLoss } from '../backing/pools.ts'
import { type CapacitySums, capacitySchema } from '../capacity/schema.ts'
import { type CapacitySummary, countedSums, getCount, getMeasures, getSummary } from '../capacity/sums.ts'
import { capacityParams, changedSums } from '../capacity/tables.ts'
import { openEconomyWalk } from '../capacity/walks.ts'
import { currentWindow } from '../capacity/windows.ts'
import { growthFactors } from '../oracle/drift.ts'
import { getPrice, pricedAssets, staleSince } from '../oracle/prices.ts'
import { oracleSchema, type Price } from '../oracle/schema.ts'
import { getBonds } from '../providers/bonds.ts'
import { type Delivery, deliveryOf, isServed as isDeliveryServed } from '../providers/delivery.ts'
import { faultRoom, postFault } from '../providers/faultQueue.ts'
import { groupOf } from '../providers/groups.ts'
import { getProvider, providerByOperator, providerIds, setProviderStatus } from '../providers/members.ts'
import { FAULT_KINDS, type Provider, type ProviderStatus } from '../providers/schema.ts'
import {
  hasSuspendedMember,
  isGroupSuspended,
  isSuspended,
  unpaidPenalties,
} from '../providers/suspension.ts'
import { changedMembers, providersTables } from '../providers/tables.ts'
import { issuanceSchema } from './schema.ts'

/** Opens one of this module's walks in a block. */
export function openWalk(ctx: WriteContext, name: WalkName<typeof issuanceSchema>): Walk {
  return openEconomyWalk(ctx, issuanceSchema, name)
}

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

/** Units of an asset in the locks of a provider. */
export function unitsLocked(
  state: StateReader,
  at: { readonly provider: number; readonly asset: number },
): bigint {
  return ledger.balanceOf(state, { asset: at.asset, owner: lockAddress(at.provider) })
}

/** Moves units of an escrow into a provider's lock. Asserts that the escrow holds them. */
export function lockUnits(
  ctx: WriteContext,
  lock: {
    readonly provider: number
    readonly asset: number
    readonly from: Escrow
    readonly amountBase: bigint
  },
): void {
  payOutUnits(ctx, { ...lock, to: lockAddress(lock.provider) })
}

/** Pays units out of a provider's lock. Asserts that the lock holds them. */
export function payLockedUnits(
  ctx: WriteContext,
  payment: {
    readonly provider: number
    readonly asset: number
    readonly to: Address
    readonly amountBase: bigint
  },
): void {
  payOutUnits(ctx, { ...payment, from: lockAddress(payment.provider) })
}

/** Pays units out of an escrow; nothing for zero. Asserts that it holds them. */
export function payOutUnits(
  ctx: WriteContext,
  payment: {
    readonly asset: number
    readonly from: Escrow
    readonly to: Address
    readonly amountBase: bigint
  },
): void {
  const { asset, from, to, amountBase } = payment
  if (amountBase > 0n) ledger.release(ctx, { asset, from, to, amountBase })
}

/**
 * Pays a provider what sales bring it, out of an escrow of the chain, less its backers' share. Asserts that the escrow holds it.
 */
export function payIncome(
  ctx: WriteContext,
  payment: {
    readonly provider: number
    readonly asset: number
    readonly from: Escrow
    readonly to: Address
    readonly amountBase: bigint
  },
): void {
  const { provider, ...income } = payment
  const sharedBase = shareIncome(ctx, { provider, ...income })
  payOutUnits(ctx, { ...income, amountBase: income.amountBase - sharedBase })
}

/** Coins that others have put behind a provider and that a default burns. */
export function backingAtRisk(state: StateReader, provider: number): bigint {
  const { backedBase, unbondingBase } = atRisk(state, provider)
  return backedBase + unbondingBase
}

/** Takes a loss off the books of a provider's pool. Returns where its coins are, for the caller to burn. */
export function takeBacking(ctx: WriteContext, provider: number, lossBase: bigint): Address {
  takeLoss(ctx, provider, lossBase)
  return poolAddressOf(provider)
}

/** Keeps the coins of a provider's backers at risk while it is at fault, those on their way out too. */
export function holdBackers(ctx: WriteContext, provider: number, isHeld: boolean): void {
  holdUnbonding(ctx, provider, isHeld)
}

/** Whether a member itself is suspended, and not only another of its legal group. */
export function isSuspendedAlone(state: StateReader, provider: number): boolean {
  return isSuspended(state, provider)
}

/** Moves coins from one provider's lock to another's. Asserts that the first holds them. */
export function payIntoLock(
  ctx: WriteContext,
  payment: { readonly from: number; readonly to: number; readonly amountBase: bigint },
): void {
  const { from, to, amountBase } = payment
  if (amountBase > 0n) payFromLock(ctx, { provider: from, to: lockAddress(to), amountBase })
}

/** Address of the compensation that a provider received for assumed liability. */
export function compensationAddress(provider: number): Escrow {
  return escrowsOf(issuanceSchema).compensations(provider)
}

/** Pays out of a provider's compensation. Asserts that it holds that. */
export function payCompensation(
  ctx: WriteContext,
  payment: {
    readonly provider: number
    readonly asset: number
    readonly to: Address
    readonly amountBase: bigint
  },
): void {
  payOutUnits(ctx, { ...payment, from: compensationAddress(payment.provider) })
}

/** Units of an asset in a provider's compensation. */
export function compensationUnits(
  state: StateReader,
  at: { readonly provider: number; readonly asset: number },
): bigint {
  return ledger.balanceOf(state, { asset: at.asset, owner: compensationAddress(at.provider) })
}

/** The account of a member. */
export function ownerOf(state: StateReader, provider: number): Address {
  return mustExist(getProvider(state, provider), 'the member exists').operator
}

/** C of a provider, up to each quarter point, and its notice. */
export function capacityOf(state: StateReader, provider: number): CapacitySummary {
  return getSummary(state, provider)
}

/** The last complete recount of capacity: its number, its window, and the block that began it. */
export function lastRecount(state: StateReader): {
  readonly pass: number
  readonly windowIndex: number
  readonly sinceHeight: number
  readonly anchorMoved: boolean
  readonly parametersChanged: boolean
} {
  return getCount(state)
}

/** The recount of capacity under way, and how many members it has counted, in their order; undefined while there is none. */
export function recountAhead(
  state: StateReader,
): { readonly pass: number; readonly members: number } | undefined {
  const { next } = getCount(state)
  return next === undefined ? undefined : { pass: next.pass, members: next.member }
}

/** C, C* and R of a provider by a recount, complete or under way. */
export function sumsAt(
  state: StateReader,
  at: { readonly provider: number; readonly pass: number },
): CapacitySums {
  return countedSums(state, at)
}

/** The block that began the recount under way; undefined while there is none. */
export function recountSince(state: StateReader): number | undefined {
  return getCount(state).next?.sinceHeight
}

/** Providers whose capacity, status or suspension has changed since coverage last took note. */
export function changedOutside(state: StateReader): readonly number[] {
  return [...changedSums.list(state), ...changedMembers.list(state)]
}

/** Takes note of these changes. */
export function clearChangedOutside(state: StateWriter): void {
  changedSums.clear(state)
  changedMembers.clear(state)
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

/** Number of largest groups that may fall silent at once. */
export function coverNOf(state: StateReader): number {
  return capacityParams.get(state).coverN
}

/** Prices of a coin in base units of an asset, and since when they are too old to mint on; undefined without a price. */
export function priceIn(
  state: StateReader,
  asset: number,
): (Price & { readonly staleSince: number | undefined }) | undefined {
  const price = getPrice(state, asset)
  if (price === undefined) return undefined
  return { ...price, staleSince: staleSince(state, price, currentWindow(state)) }
}

/**
 * Whether nobody waits any more for a price: it has been stale for K windows, while another one is fresh, in which a bond could
 * have been made good.
 */
export function isGivenUp(state: StateReader, since: number | undefined): boolean {
  const window = currentWindow(state)
  if (since === undefined || window < since + horizonOf(state)) return false
  return pricedAssets(state).some((asset) => {
    const price = priceIn(state, asset)
    return price !== undefined && price.staleSince === undefined
  })
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

/** The legal group of a member, named by the lowest id in it. */
export function legalGroupOf(state: StateReader, provider: number): number {
  return groupOf(state, provider)
}

/** Whether a member of a legal group is suspended: then the whole group is. */
export function isSuspendedGroup(state: StateReader, group: number): boolean {
  return hasSuspendedMember(state, group)
}

/** Whether a member is suspended: itself, or any other of its legal group. */
export function isSuspendedMember(state: StateReader, provider: number): boolean {
  return isGroupSuspended(state, provider)
}

/**
 * Whether a member owes a penalty, or has been at fault since a block. At most one read for each kind of fault; delivery
 * faults are counted by their window (`deliveredIn`), since the next one's are found while a recount takes its blocks. An
 * absence is no open fault: its penalty is taken in the block that finds it, before or after the member's turn.
 */
export function isAtFault(state: StateReader, provider: number, sinceHeight: number): boolean {
  if (unpaidPenalties(state, provider) > 0n) return true
  return FAULT_KINDS.some((kind) => {
    if (kind === 'delivery' || kind === 'absence') return false
    const tally = providersTables.fault.get(state, { provider, kind })
    return tally !== undefined && tally.lastHeight > sinceHeight
  })
}

/** What a member granted, what of it clients signed for, and what it left undelivered in a window. */
export function deliveredIn(
  state: StateReader,
  at: { readonly provider: number; readonly window: number },
): Delivery {
  return deliveryOf(state, at)
}

/** Whether clients signed for enough of what a member granted. */
export function isServed(delivery: Delivery): boolean {
  return isDeliveryServed(delivery)
}

/** Changes a member's status. */
export function setStatus(ctx: WriteContext, provider: number, status: ProviderStatus): void {
  setProviderStatus(ctx, provider, status)
}

/**
 * Posts coverage that a member lost by a haircut or by withdrawing (ECONOMY §9): nobody in particular lost by it. False, with
 * nothing written, while the queue of faults is full.
 */
export function reportLostCoverage(ctx: WriteContext, provider: number, amountBase: bigint): boolean {
  if (faultRoom(ctx.state) === 0) return false
  const cause = 'coverage'
  postFault(ctx, { module: issuanceSchema.id, provider, victim: ZERO_ADDRESS, amountBase, cause })
  return true
}
