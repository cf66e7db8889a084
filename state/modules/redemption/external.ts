// What redemption needs from other modules: coins and escrow, capacity and its windows, liabilities, ratings, members.
import { assert, mustExist } from '../../../base/assert.ts'
import type { Address } from '../../../base/ids.ts'
import type { WalkName } from '../../../base/moduleDefinition.ts'
import { COIN, minBigint, mulDivFloor } from '../../../base/units.ts'
import type { Walk } from '../../blockWork.ts'
import type { DebitRefused, WriteContext } from '../../context.ts'
import { COIN_ASSET, escrowsOf, ledger } from '../../ledger.ts'
import type { ParameterContext } from '../../parameterRules.ts'
import type { StateReader, StateWriter } from '../../view.ts'
import { GUARANTEE_FUND_ADDRESS } from '../accounts/ledger.ts'
import { shareIncome } from '../backing/income.ts'
import { bookHours, bookingAt, hoursLeft, releaseCoins, returnHours } from '../capacity/book.ts'
import { coinsOfGroup, getGroup, groupIdsOf, hoursOfGroup, offers, ratedHours } from '../capacity/groups.ts'
import { standingOf } from '../capacity/measures.ts'
import { isRatingOffered } from '../capacity/offers.ts'
import { nextOverbooked, overbookedWindow } from '../capacity/overbooked.ts'
import { coinsOfHours } from '../capacity/rating.ts'
import { capacitySchema, type LotGroup } from '../capacity/schema.ts'
import { countedAnchor, getCount, getMeasures } from '../capacity/sums.ts'
import { capacityParams } from '../capacity/tables.ts'
import { openEconomyWalk } from '../capacity/walks.ts'
import { blocksPerWindow, getClock } from '../capacity/windows.ts'
import { classIds, getClass, getRatings } from '../catalogue/classes.ts'
import type { Service } from '../catalogue/schema.ts'
import { liabilityBurn, windowSnapshot } from '../issuance/ledger.ts'
import { settleCoverage } from '../issuance/settle.ts'
import { releaseLate, snapshotsOf } from '../issuance/turn.ts'
import { noteDelivered } from '../oracle/observation.ts'
import { getPrice } from '../oracle/prices.ts'
import { getBonds } from '../providers/bonds.ts'
import {
  countDelivery,
  type Delivery,
  deliveryOf,
  forgetDelivery,
  isServed as isDeliveryServed,
} from '../providers/delivery.ts'
import { faultRoom, postFault } from '../providers/faultQueue.ts'
import { groupOf } from '../providers/groups.ts'
import { getProvider, providerByOperator, providerIds } from '../providers/members.ts'
import { canSlash, payPenalty, takeBond } from '../providers/penalties.ts'
import { providersSchema } from '../providers/schema.ts'
import {
  isFirstFault,
  isGroupSuspended,
  isSuspended,
  markUnpaid,
  resumeProvider,
  standingRevision,
  suspendedSince,
  suspendProvider,
  unpaidPenalties,
} from '../providers/suspension.ts'
import { canValidate } from '../providers/validatorSet.ts'
import { type Assignment, redemptionSchema } from './schema.ts'

interface ProviderWindow {
  readonly provider: number
  readonly window: number
}

interface GroupWindow {
  readonly group: number
  readonly windowIndex: number
}

/** The ledger account that holds all coins locked in redemption. */
export const REDEMPTION_ESCROW = escrowsOf(redemptionSchema).locked(0)

/** Opens one of this module's walks in a block. */
export function openWalk(ctx: WriteContext, name: WalkName<typeof redemptionSchema>): Walk {
  return openEconomyWalk(ctx, redemptionSchema, name)
}

/** The account of the guarantee fund: no-show fees go there. */
export const GUARANTEE_FUND: Address = GUARANTEE_FUND_ADDRESS

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

/** Pays a provider coins that it earned by delivering, out of escrow, less its backers' share. */
export function payEarned(ctx: WriteContext, provider: number, amountBase: bigint): void {
  const earned = { asset: COIN_ASSET, from: REDEMPTION_ESCROW, amountBase }
  const sharedBase = shareIncome(ctx, { provider, ...earned })
  payFromEscrow(ctx, { to: operatorOf(ctx.state, provider), amountBase: amountBase - sharedBase })
}

/** Tells the oracle on which hardware coins were delivered: the chain publishes what it sees itself. */
export function tellDelivered(
  state: StateWriter,
  delivery: { readonly classId: number; readonly amountBase: bigint },
): void {
  noteDelivered(state, delivery)
}

/** Index of the running window. */
export function runningWindow(state: StateReader): number {
  return getClock(state).windowIndex
}

/** Time at which the running window began, milliseconds. */
export function windowStartMs(state: StateReader): number {
  return getClock(state).startedAtMs
}

/** A quarter of a window, milliseconds, rounded up. */
export function quarterWindowMs(state: StateReader): number {
  return Math.ceil(capacityParams.get(state).windowMs / 4)
}

/** Whether a time is in the last quarter of the running window: too late to grant access to the next one. */
export function isLastQuarter(state: StateReader, atMs: number): boolean {
  return atMs >= getClock(state).endsAtMs - quarterWindowMs(state)
}

/** K: windows ahead over which capacity is counted. */
export function horizonOf(state: StateReader): number {
  return capacityParams.get(state).horizonWindows
}

/** Legal groups that may fall silent at once. */
export function coverOf(state: StateReader): number {
  return capacityParams.get(state).coverN
}

/** Number of the recount of capacity that is in force, its members' snapshots taken: the ranking that a pass goes by. */
export function recountInForce(state: StateReader): number {
  return snapshotsOf(state)
}

/** Whether all members' snapshots are of one recount, the last. */
export function areSnapshotsTaken(state: StateReader): boolean {
  return snapshotsOf(state) === getCount(state).pass
}

/** The rating that one SCU delivers by the last complete recount, ppm: what reservations are made at (ECONOMY §3). */
export function anchorNow(state: StateReader): bigint {
  return countedAnchor(state)
}

/** Coins that hours of a lot group deliver of a service at par at an anchor, rounded down. */
export function coinsAtPar(
  group: LotGroup,
  hours: { readonly service: Service; readonly hours: bigint; readonly anchor: bigint },
): bigint {
  return coinsOfGroup(group, hours)
}

/** Coins that rated hours of any lot groups deliver at an anchor, rounded down. */
export function coinsOf(hours: bigint, anchor: bigint): bigint {
  return coinsOfHours(hours, anchor)
}

/** Rated hours of a lot group that deliver coins for a service at par at an anchor, rounded up. */
export function hoursAtPar(
  group: LotGroup,
  coins: { readonly service: Service; readonly amountBase: bigint; readonly anchor: bigint },
): bigint {
  return hoursOfGroup(group, coins)
}

/** Rated hours of a lot group that can still be booked in a window, whatever its provider's status. */
export function hoursLeftIn(state: StateReader, group: LotGroup, windowIndex: number): bigint {
  return hoursLeft(state, group, windowIndex)
}

/** V and D of a lot group in a window, and the coins booked on it. */
export function bookedIn(
  state: StateReader,
  at: GroupWindow,
): { readonly ratedHours: bigint; readonly hours: bigint; readonly amountBase: bigint } {
  const group = getGroup(state, at.group)
  if (group === undefined) return { ratedHours: 0n, hours: 0n, amountBase: 0n }
  return { ratedHours: ratedHours(state, group, at.windowIndex), ...bookingAt(group, at.windowIndex) }
}

/** Whether hours of a lot group count in a window, so that its provider is obliged to serve with them. */
export function countsIn(state: StateReader, group: LotGroup, windowIndex: number): boolean {
  const measures = getMeasures(state)
  return windowIndex - measures.windowIndex <= standingOf(group, measures).countsTo
}

/** The first lot group that has fewer hours than are booked on it; undefined when there is none. */
export function overbookedGroup(ctx: WriteContext, takeStep: () => boolean): number | undefined {
  return nextOverbooked(ctx, takeStep)
}

/** The first window from `from` on in which a lot group has fewer hours than are booked. */
export function overbookedIn(state: StateReader, group: number, from: number): number | undefined {
  const known = getGroup(state, group)
  return known === undefined ? undefined : overbookedWindow(state, known, from)
}

/** Books the hours of an assignment, and with them its coins. */
export function bookBacking(
  ctx: WriteContext,
  booking: Pick<Assignment, 'group' | 'window' | 'amountBase' | 'bookedHours'>,
): void {
  const { group, window: windowIndex, amountBase, bookedHours: hours } = booking
  bookHours(ctx, { group, windowIndex, hours, amountBase })
}

/** Takes delivered coins out of R. */
export function releaseDelivered(ctx: WriteContext, assignment: Assignment, amountBase: bigint): void {
  const { group, window: windowIndex } = assignment
  releaseCoins(ctx, { group, windowIndex, amountBase })
}

/** Returns what an assignment has left: its coins, and the hours of a window that has not begun; later they have perished. */
export function returnBacking(ctx: WriteContext, assignment: Assignment, amountBase: bigint): void {
  const { group, window: windowIndex, bookedHours } = assignment
  const hours = windowIndex > runningWindow(ctx.state) ? bookedHours : 0n
  returnHours(ctx, { group, windowIndex, hours, amountBase })
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

/** Ids of the lot groups of a provider, ascending. */
export function groupsOf(state: StateReader, provider: number): readonly number[] {
  return groupIdsOf(state, provider)
}

/** A lot group; undefined once its last lot has ended. */
export function lotGroup(state: StateReader, id: number): LotGroup | undefined {
  return getGroup(state, id)
}

/** Whether the lots of a group offer a service. */
export function offersService(group: LotGroup, service: Service): boolean {
  return offers(group, service)
}

/** Whether any attested lot meets constraints; provider 0, rating 0 and the empty region stand for any. */
export function isOffered(
  state: StateReader,
  terms: {
    readonly service: Service
    readonly provider: number
    readonly ratingMin: bigint
    readonly region: string
  },
): boolean {
  return isRatingOffered(state, terms, terms.ratingMin)
}

/** The least rating of the catalogue for a service that is at least this high; that itself when none is. */
export function leastRatingFrom(state: StateReader, service: Service, ratingMin: bigint): bigint {
  let least: bigint | undefined
  for (const id of classIds(state)) {
    const rating = ratingOf(state, id, service)
    if (rating >= ratingMin) least = minBigint(least ?? rating, rating)
  }
  return least ?? ratingMin
}

/** Catalogue name of a class; undefined when it is unknown. */
export function classNameOf(state: StateReader, classId: number): string | undefined {
  return getClass(state, classId)?.slug
}

/** Rating of a class for a service, ppm; 0 when the class is unknown. */
export function ratingOf(state: StateReader, classId: number, service: Service): bigint {
  return getRatings(state, classId)?.[service] ?? 0n
}

/** Price of a coin in base units of an asset at which bonds are valued, however old; undefined when there never was one. */
export function priceIn(state: StateReader, asset: number): bigint | undefined {
  return getPrice(state, asset)?.bondPriceBase
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

/** Whether a member has defaulted: what it was assigned returns. */
export function hasDefaulted(state: StateReader, provider: number): boolean {
  return mustExist(getProvider(state, provider), 'an assigned provider exists').status === 'defaulted'
}

/** Whether a member has left for good: what it has not granted returns. */
export function hasLeft(state: StateReader, provider: number): boolean {
  return mustExist(getProvider(state, provider), 'an assigned provider exists').status === 'left'
}

/** Posts what a provider left undelivered to a client through its own fault. Asserts that there is room. */
export function reportUndelivered(
  ctx: WriteContext,
  fault: { readonly provider: number; readonly victim: Address; readonly amountBase: bigint },
): void {
  postFault(ctx, { module: redemptionSchema.id, ...fault, cause: 'delivery' })
}

/** Whether no fault may be found now: the walk that would find it continues in a later block. */
export function isFaultQueueFull(state: StateReader): boolean {
  return faultRoom(state) === 0
}

/** Counts in coverage what this block has booked, returned and settled. */
export function storeCoverage(ctx: WriteContext): void {
  settleCoverage(ctx)
}

/** K of proposed parameters, the blocks of one window, and the lots that all members together may hold. */
export function windowRoom(all: ParameterContext): {
  readonly horizonWindows: number
  readonly blocks: number
  readonly lotsMax: number
  readonly blockStepsMax: number
} {
  const { windowMs, horizonWindows, lotsPerProviderMax, blockStepsMax } = all.of(capacitySchema)
  const { minBlockIntervalMs } = all.of(providersSchema)
  const blocks = blocksPerWindow(windowMs, minBlockIntervalMs)
  return { horizonWindows, blocks, lotsMax: all.providerCount * lotsPerProviderMax, blockStepsMax }
}

/** Coins that units of an asset buy at a price, rounded down. */
export function worthOf(amountBase: bigint, priceBase: bigint): bigint {
  return mulDivFloor(amountBase, COIN, priceBase)
}

/** All bonds of a provider. */
export function bondsOf(state: StateReader, provider: number) {
  return getBonds(state, provider)
}

/** Whether penalties can be taken from a provider's bond. */
export function isSlashable(state: StateReader, provider: number): boolean {
  return canSlash(state, provider)
}

/** Takes a penalty out of a bond; `payOut` pays it to the last unit. */
export function takeOut(
  ctx: WriteContext,
  penalty: { readonly provider: number; readonly asset: number; readonly amountBase: bigint },
): void {
  takeBond(ctx, penalty)
}

/** Pays a part of a penalty that was taken: to a victim, or to the guarantee fund. */
export function payOut(
  ctx: WriteContext,
  penalty: {
    readonly provider: number
    readonly asset: number
    readonly amountBase: bigint
    readonly victim?: Address
  },
): void {
  payPenalty(ctx, penalty)
}

/** Counts a penalty that a frozen bond keeps, valued in coins. */
export function noteUnpaid(state: StateWriter, provider: number, valueBase: bigint): void {
  markUnpaid(state, provider, valueBase)
}

/** Penalties that a provider has not paid, valued in coins. */
export function unpaidOf(state: StateReader, provider: number): bigint {
  return unpaidPenalties(state, provider)
}

/** The legal group of a provider, named by its lowest member. */
export function legalGroupOf(state: StateReader, provider: number): number {
  return groupOf(state, provider)
}

/** Whether a provider itself is suspended. */
export function isOwnSuspended(state: StateReader, provider: number): boolean {
  return isSuspended(state, provider)
}

/** Whether any member of a provider's legal group is suspended: none of them is assigned anything. */
export function isAnySuspended(state: StateReader, provider: number): boolean {
  return isGroupSuspended(state, provider)
}

/** The window in which a provider was suspended; undefined when it is not. */
export function suspensionOf(state: StateReader, provider: number): number | undefined {
  return suspendedSince(state, provider)
}

/** Suspends a provider from a window on. */
export function suspend(ctx: WriteContext, provider: number, window: number): void {
  suspendProvider(ctx, provider, window)
}

/** Ends a provider's suspension. */
export function unsuspend(ctx: WriteContext, provider: number): void {
  resumeProvider(ctx, provider)
}

/** Records a fault and tells whether it is the first within K windows. */
export function noteFault(state: StateWriter, { provider, window }: ProviderWindow): boolean {
  return isFirstFault(state, { provider, window, horizon: horizonOf(state) })
}

/** Changes whenever a member is suspended, resumes, or gains or loses the right to serve. */
export function standingOfMembers(state: StateReader): number {
  return standingRevision(state)
}

/** Whether clients vouchered enough of what was granted in a window. */
export function isServed(delivery: Delivery): boolean {
  return isDeliveryServed(delivery)
}

/** Counts coins that a provider granted, that clients vouchered, or that a fault left undelivered. */
export function noteDelivery(state: StateWriter, at: ProviderWindow, change: Partial<Delivery>): void {
  countDelivery(state, at, change)
}

/** What a provider delivered in a window. */
export function deliveredBy(state: StateReader, at: ProviderWindow): Delivery {
  return deliveryOf(state, at)
}

/** Tells the lock of a provider that vouchers which came after a window's end have made it a good one. */
export function releaseLateLock(ctx: WriteContext, at: ProviderWindow): void {
  releaseLate(ctx, at)
}

/** Forgets what a provider delivered in a window. */
export function dropDelivery(state: StateWriter, at: ProviderWindow): void {
  forgetDelivery(state, at)
}
