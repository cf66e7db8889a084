// What redemption needs from other modules: coins and escrow, capacity and its windows, liabilities, ratings, members.
import { assert, mustExist } from '../../../base/assert.ts'
import type { Address } from '../../../base/ids.ts'
import type { DebitRefused, WriteContext } from '../../context.ts'
import { COIN_ASSET, escrowsOf, ledger } from '../../ledger.ts'
import type { ParameterContext } from '../../parameterRules.ts'
import type { StateReader } from '../../view.ts'
import {
  capacityRevision,
  freeCoins,
  freeHours,
  getWindow,
  reserveHours,
  unreserveHours,
} from '../capacity/book.ts'
import { getLot, lotIdsOf } from '../capacity/lots.ts'
import { coinsOfHours, hoursOfCoins } from '../capacity/rating.ts'
import { capacitySchema, type Lot } from '../capacity/schema.ts'
import { capacityParams } from '../capacity/tables.ts'
import { blocksPerWindow, currentWindow } from '../capacity/windows.ts'
import { getClass, getRatings } from '../catalogue/classes.ts'
import type { Service } from '../catalogue/schema.ts'
import { liabilityBurn, reserveCoins, unreserveCoins, windowSnapshot } from '../issuance/ledger.ts'
import { issuanceTables } from '../issuance/tables.ts'
import { getAnchor } from '../oracle/anchor.ts'
import { faultRoom, postFault } from '../providers/faultQueue.ts'
import { getProvider, providerByOperator, providerIds } from '../providers/members.ts'
import { providersSchema } from '../providers/schema.ts'
import { canValidate } from '../providers/validatorSet.ts'
import { type Assignment, redemptionSchema } from './schema.ts'

interface ProviderWindow {
  readonly provider: number
  readonly windowIndex: number
}

/** The ledger account that holds all coins locked in redemption. */
export const REDEMPTION_ESCROW = escrowsOf(redemptionSchema).locked(0)

/** Coins of an account, base units. */
export function coinsAt(state: StateReader, address: Address): bigint {
  return ledger.balanceOf(state, { asset: COIN_ASSET, owner: address })
}

/** Why an account may not lock coins now, whatever it holds, or undefined. */
export function refuseLock(
  ctx: WriteContext,
  payment: { readonly from: Address; readonly amountBase: bigint },
): DebitRefused | undefined {
  return ledger.refuseDebit(ctx, { asset: COIN_ASSET, ...payment })
}

/** Takes coins into escrow. Asserts that the debit was checked. */
export function lockCoins(
  ctx: WriteContext,
  payment: { readonly from: Address; readonly amountBase: bigint },
): void {
  const refusal = ledger.move(ctx, { asset: COIN_ASSET, ...payment, to: REDEMPTION_ESCROW })
  assert(refusal === undefined, 'the debit was checked')
}

/** Pays out of escrow to any account. Asserts that the escrow holds it. */
export function payFromEscrow(
  ctx: WriteContext,
  payment: { readonly to: Address; readonly amountBase: bigint },
): void {
  ledger.release(ctx, { asset: COIN_ASSET, ...payment, from: REDEMPTION_ESCROW })
}

/** K of proposed parameters, the blocks of one window, and the lots that all members together may hold. */
export function windowRoom(all: ParameterContext): {
  readonly horizonWindows: number
  readonly blocks: number
  readonly lotsMax: number
} {
  const { windowMs, horizonWindows, lotsPerProviderMax } = all.of(capacitySchema)
  const { minBlockIntervalMs } = all.of(providersSchema)
  const blocks = blocksPerWindow(windowMs, minBlockIntervalMs)
  return { horizonWindows, blocks, lotsMax: all.providerCount * lotsPerProviderMax }
}

/** Index of the running window. */
export function runningWindow(state: StateReader): number {
  return currentWindow(state)
}

/** Length of a window, milliseconds. */
export function windowLengthMs(state: StateReader): number {
  return capacityParams.get(state).windowMs
}

/** K: windows ahead over which capacity is counted. */
export function horizonOf(state: StateReader): number {
  return capacityParams.get(state).horizonWindows
}

/** The rating that one SCU delivers now, ppm. */
export function anchorNow(state: StateReader): bigint {
  return getAnchor(state)
}

/** Coins that rated hours deliver at an anchor, rounded down. */
export function coinsAtPar(hours: bigint, anchor: bigint): bigint {
  return coinsOfHours(hours, anchor)
}

/** Rated hours that deliver coins at an anchor, rounded up. */
export function hoursAtPar(amountBase: bigint, anchor: bigint): bigint {
  return hoursOfCoins(amountBase, anchor)
}

/** Increases with every change of any provider's capacity. */
export function capacityVersion(state: StateReader): number {
  return capacityRevision(state)
}

/** Rated hours that can still be booked. */
export function freeHoursIn(state: StateReader, at: ProviderWindow): bigint {
  return freeHours(state, at)
}

/** Coins that can still be booked at the anchor in force. */
export function freeCoinsIn(state: StateReader, at: ProviderWindow): bigint {
  return freeCoins(state, at)
}

/** Rated hours that capacity has booked. */
export function bookedHoursIn(state: StateReader, at: ProviderWindow): bigint {
  return getWindow(state, at).reservedHours
}

/** Coins that issuance counts as reserved. */
export function reservedCoinsIn(state: StateReader, at: ProviderWindow): bigint {
  return issuanceTables.reservation.get(state, at)?.reservedBase ?? 0n
}

/** Books the hours of an assignment in capacity, and its coins in issuance. */
export function bookBacking(ctx: WriteContext, assignment: Assignment): void {
  const { provider, window: windowIndex, amountBase, bookedHours: hours } = assignment
  reserveHours(ctx, { provider, windowIndex, hours })
  reserveCoins(ctx, { provider, windowIndex, amountBase })
}

/** Takes delivered or returned coins out of R; those of an ended window have already left it (ECONOMY §3). */
export function releaseCoins(ctx: WriteContext, assignment: Assignment, amountBase: bigint): void {
  const { provider, window: windowIndex } = assignment
  if (windowIndex >= runningWindow(ctx.state)) unreserveCoins(ctx, { provider, windowIndex, amountBase })
}

/** Frees the hours of an assignment whose window has not begun; after that they have perished. */
export function releaseHours(ctx: WriteContext, assignment: Assignment): void {
  const { provider, window: windowIndex, bookedHours: hours } = assignment
  if (windowIndex > runningWindow(ctx.state)) unreserveHours(ctx, { provider, windowIndex, hours })
}

/** Burns escrowed coins up to the deliverer's liability, which falls with them; returns how many. */
export function burnDelivered(ctx: WriteContext, provider: number, amountBase: bigint): bigint {
  return liabilityBurn(ctx, { provider, from: REDEMPTION_ESCROW, amountBase })
}

/** L and C of a provider when the running window began. */
export function shareOf(
  state: StateReader,
  provider: number,
): { readonly liabilityBase: bigint; readonly capacityBase: bigint } {
  return windowSnapshot(state, provider)
}

/** Lots of a provider, by id. */
export function lotsOf(state: StateReader, provider: number): readonly Lot[] {
  return lotIdsOf(state, provider).map((id) => mustExist(getLot(state, id), 'a listed lot exists'))
}

/** Catalogue name of a class; undefined when it is unknown. */
export function classNameOf(state: StateReader, classId: number): string | undefined {
  return getClass(state, classId)?.slug
}

/** Rating of a class for a service, ppm; 0 when the class is unknown. */
export function ratingOf(state: StateReader, classId: number, service: Service): bigint {
  return getRatings(state, classId)?.[service] ?? 0n
}

/** All members, by id. */
export function memberIds(state: StateReader): readonly number[] {
  return providerIds(state)
}

export function isMember(state: StateReader, provider: number): boolean {
  return getProvider(state, provider) !== undefined
}

/** The member that an account acts for. */
export function memberOf(state: StateReader, operator: Address): number | undefined {
  return providerByOperator(state, operator)
}

/** The account that a provider signs with and is paid to. */
export function operatorOf(state: StateReader, provider: number): Address {
  return mustExist(getProvider(state, provider), 'an assigned provider exists').operator
}

/** Whether the status of a member lets it serve. */
export function isServing(state: StateReader, provider: number): boolean {
  return canValidate(mustExist(getProvider(state, provider), 'a listed provider exists').status)
}

/** Whether no fault may be found now: the walk that would find it continues in a later block. */
export function isFaultQueueFull(state: StateReader): boolean {
  return faultRoom(state) === 0
}

/** Posts what a provider left undelivered to a client through its own fault. Asserts that there is room. */
export function reportUndelivered(
  ctx: WriteContext,
  fault: { readonly provider: number; readonly victim: Address; readonly amountBase: bigint },
): void {
  postFault(ctx, { module: redemptionSchema.id, ...fault, cause: 'delivery' })
}
