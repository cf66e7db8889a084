// What default needs from other modules: coins and assets, bonds, members, liabilities, capacity and its windows, redemption.
import { assert, mustExist } from '../../../base/assert.ts'
import type { Address } from '../../../base/ids.ts'
import { COIN, maxBigint, minBigint, mulDivCeil, mulDivFloor, PPM } from '../../../base/units.ts'
import { spendWork } from '../../blockWork.ts'
import type { WriteContext } from '../../context.ts'
import { COIN_ASSET } from '../../ledger.ts'
import type { StateChanges, StateReader, StateWriter } from '../../view.ts'
import {
  FEES_ADDRESS,
  GUARANTEE_FUND_ADDRESS,
  getAccount,
  shareCoins,
  transferCoins,
} from '../accounts/ledger.ts'
import { acceptsAsset, assetIds, getAsset } from '../assets/ledger.ts'
import { shareIncome } from '../backing/income.ts'
import { getSummary, touchCapacity } from '../capacity/sums.ts'
import { capacityParams } from '../capacity/tables.ts'
import { currentWindow, getClock } from '../capacity/windows.ts'
import { mayHold, surrenderCompensation } from '../issuance/compensations.ts'
import { dropCure, cureOf as knownCure, overdueCause } from '../issuance/cures.ts'
import {
  assume,
  burnOrphans,
  compensationEscrow,
  forfeitBacking,
  forfeitLock,
  novate,
  orphanLiability,
} from '../issuance/handovers.ts'
import { getLiability, getTotals } from '../issuance/ledger.ts'
import { bondRoom, checkTakeover, missingBond, securingWorth, securityOf } from '../issuance/limits.ts'
import { assetWithoutRoom, lockedProceeds, seizeProceeds } from '../issuance/proceeds.ts'
import type { Cure, Liability } from '../issuance/schema.ts'
import { settleCoverage } from '../issuance/settle.ts'
import { issuanceParams } from '../issuance/tables.ts'
import { handledWindow } from '../issuance/turn.ts'
import { bidForChain, type ChainBidTerms, outcomeOf } from '../market/chainOrders.ts'
import { getPrice, staleSince } from '../oracle/prices.ts'
import { getBonds } from '../providers/bonds.ts'
import { faultRoom, postFault } from '../providers/faultQueue.ts'
import { groupOf } from '../providers/groups.ts'
import {
  defaultProvider,
  dismissProvider,
  getProvider,
  isBondFrozen,
  providerByOperator,
  providerIds,
  removeProvider,
  setProviderStatus,
  thawBond,
} from '../providers/members.ts'
import {
  canSlash,
  countSlashed,
  payPenalty,
  returnBond,
  surrenderBond,
  takeBond,
} from '../providers/penalties.ts'
import type { Provider } from '../providers/schema.ts'
import {
  clearUnpaid,
  isGroupSuspended,
  isSuspended,
  markUnpaid,
  resumeProvider,
  suspendedSince,
  unpaidPenalties,
} from '../providers/suspension.ts'
import { providersParams, providersTables } from '../providers/tables.ts'
import { canValidate, hasVote, validatorSet } from '../providers/validatorSet.ts'
import { recallDefaulted } from '../redemption/grants.ts'
import { redemptionParams } from '../redemption/tables.ts'
import { liveOf } from '../series/books.ts'
import { closeSeriesOf } from '../series/endings.ts'
import { escrows, FUND, payFrom, type Units } from './escrows.ts'
import { defaultSchema } from './schema.ts'

/** Base fees that are not shared yet. */
export function feesHeld(state: StateReader): bigint {
  return getAccount(state, FEES_ADDRESS).balanceBase
}

/** Registered assets, ascending. */
export function allAssets(state: StateReader): readonly number[] {
  return assetIds(state)
}

/** Pays base fees to the guarantee fund; false, with nothing written, when they are less. */
export function payFeesToFund(ctx: WriteContext, amountBase: bigint): boolean {
  return transferCoins(ctx, { from: FEES_ADDRESS, to: GUARANTEE_FUND_ADDRESS, amountBase })
}

/** Pays the backers of a member their share of its base fees, which cover it. Returns how much that is. */
export function payFeesToBackers(ctx: WriteContext, provider: number, amountBase: bigint): bigint {
  return shareIncome(ctx, { provider, asset: COIN_ASSET, from: FEES_ADDRESS, amountBase })
}

/** Pays the same amount to each of several accounts; false, with nothing written, when the base fees are less. */
export function payEachFromFees(ctx: WriteContext, to: readonly Address[], eachBase: bigint): boolean {
  return shareCoins(ctx, { from: FEES_ADDRESS, to, eachBase })
}

/** Whether an asset is the coin or registered. */
export function isAsset(state: StateReader, asset: number): boolean {
  return asset === COIN_ASSET || getAsset(state, asset) !== undefined
}

/** Whether units may be paid to an address by decision: nobody could move them from a system address. */
export function mayReceive(to: Address): boolean {
  return acceptsAsset(to)
}

/** What units are worth in coins at the last price that values bonds, however old; coins are coins. Rounded down. */
export function worthOf(state: StateReader, { asset, amountBase }: Units): bigint {
  if (asset === COIN_ASSET) return amountBase
  const price = getPrice(state, asset)
  return price === undefined ? 0n : mulDivFloor(amountBase, COIN, price.bondPriceBase)
}

/** What units are worth as a bond of whoever takes liability with them: 0 once nobody waits for their price any more. */
export function bondWorthOf(state: StateReader, units: Units): bigint {
  return securingWorth(state, units)
}

/** Units of an asset that are worth so many coins at the last price, rounded up; undefined without a price. */
export function unitsWorth(state: StateReader, asset: number, valueBase: bigint): bigint | undefined {
  if (asset === COIN_ASSET) return valueBase
  const price = getPrice(state, asset)
  return price === undefined ? undefined : mulDivCeil(valueBase, price.bondPriceBase, COIN)
}

/** What all providers owe, and coins that none owes any more. */
export function owedByAll(state: StateReader) {
  return getTotals(state)
}

/** L of a provider, its locks and what it has assumed. */
export function liabilityOf(state: StateReader, provider: number): Liability {
  return getLiability(state, provider)
}

/** Bond, lock and what walking away would still gain. */
export function securityNow(state: StateReader, provider: number) {
  return securityOf(state, provider)
}

/** What the bond lacks of its maintenance level, in coins at the oracle price. */
export function bondMissing(state: StateReader, provider: number): bigint {
  return missingBond(state, provider, issuanceParams.get(state).bondMaintenancePpm)
}

/** b: bond per liability at the oracle price, ppm. */
export function bondShare(state: StateReader): bigint {
  return issuanceParams.get(state).bondPpm
}

/** What more a provider could owe by its bond alone, base units. */
export function roomByBond(state: StateReader, provider: number): bigint {
  return bondRoom(state, provider)
}

/** The cure of a provider under way. */
export function cureOf(state: StateReader, provider: number): Cure | undefined {
  return knownCure(state, provider)
}

/** Windows that a provider has to cure, and that it may be suspended within any K. */
export function cureWindows(state: StateReader): number {
  return issuanceParams.get(state).cureWindows
}

/** Why a provider's time to cure is over; undefined while it is not. */
export function overdue(state: StateReader, provider: number) {
  return overdueCause(state, provider)
}

/** The window that every member has been handled for, and the recount after it; undefined while some have not. */
export function handledTurn(state: StateReader) {
  return handledWindow(state)
}

/**
 * How much a provider can take: `max(0, C*·P/m − L)`, and what `max(0, C − L)` has beyond that. Zero of one that does not
 * serve, or whose legal group is suspended.
 */
export function roomOf(state: StateReader, provider: number) {
  if (!isServing(state, provider) || isGroupSuspended(state, provider))
    return { firstBase: 0n, secondBase: 0n }
  const { capacityBase, lastingBase } = getSummary(state, provider)
  const { liabilityBase } = getLiability(state, provider)
  const { marginPpm } = issuanceParams.get(state)
  const firstBase = maxBigint(0n, mulDivFloor(lastingBase, PPM, marginPpm) - liabilityBase)
  return { firstBase, secondBase: maxBigint(0n, capacityBase - liabilityBase - firstBase) }
}

/** max(0, L − R − C) as far as a query can tell: L less what it can deliver and has reserved. */
export function shortfallOf(state: StateReader, provider: number): bigint {
  const { capacityBase, reservedBase } = getSummary(state, provider)
  return maxBigint(0n, getLiability(state, provider).liabilityBase - reservedBase - capacityBase)
}

/** Last window of a provider's pledges under notice. */
export function noticeOf(state: StateReader, provider: number): number | undefined {
  return getSummary(state, provider).noticeUntil
}

/** Burns a lock against what a provider owes, then its backers' coins; the rest of the lock goes to the fund. */
export function burnLock(ctx: WriteContext, provider: number) {
  const { burnedBase, restBase } = forfeitLock(ctx, provider, FUND)
  const backingBurnedBase = forfeitBacking(ctx, provider)
  const amountBase = burnedBase + backingBurnedBase
  countSlashed(ctx.state, { asset: COIN_ASSET, amountBase, went: 'burned' })
  countSlashed(ctx.state, { asset: COIN_ASSET, amountBase: restBase, went: 'fund' })
  return { burnedBase, backingBurnedBase }
}

/** Moves a provider's bond, locked proceeds and compensations into its estate. Returns what that holds, per asset. */
export function formEstate(ctx: WriteContext, provider: number): readonly Units[] {
  const escrow = escrows.estate(provider)
  const sums = new Map<number, bigint>()
  const proceeds = lockedProceeds(ctx.state, provider).map(({ asset }) => ({
    asset,
    amountBase: seizeProceeds(ctx, { provider, asset, to: escrow }),
  }))
  const found = [
    ...surrenderBond(ctx, provider, escrow),
    ...proceeds,
    ...surrenderCompensation(ctx, provider, escrow),
  ]
  for (const { asset, amountBase } of found) sums.set(asset, (sums.get(asset) ?? 0n) + amountBase)
  return [...sums].sort(([a], [b]) => a - b).map(([asset, amountBase]) => ({ asset, amountBase }))
}

/** Pays a part of an estate, or of the fund's aid beside it, as compensation or to the fund, and counts where the estate went. */
export function payFromEstate(
  ctx: WriteContext,
  payment: Units & { readonly provider: number; readonly to: number | 'fund'; readonly as: 'estate' | 'aid' },
): void {
  const { provider, asset, amountBase, to, as } = payment
  payFrom(ctx, escrows.estate(provider), {
    ...{ asset, amountBase },
    to: to === 'fund' ? FUND : compensationEscrow(to),
  })
  if (as === 'estate')
    countSlashed(ctx.state, { asset, amountBase, went: to === 'fund' ? 'fund' : 'victims' })
}

/** Whether a provider's compensations may hold units of an asset beside those on their way. */
export function mayBePaidIn(state: StateReader, at: Parameters<typeof mayHold>[1]): boolean {
  return mayHold(state, at)
}

/** Moves liability of a provider that has defaulted; its compensation is in place already. */
export function moveLiability(ctx: WriteContext, taken: Parameters<typeof assume>[1]): void {
  assume(ctx, taken)
}

/** Makes what a provider still owes an orphan. Returns how much. */
export function orphanRest(ctx: WriteContext, provider: number): bigint {
  return orphanLiability(ctx, provider)
}

/** Burns coins of the fund against orphans; returns how many. */
export function burnFromFund(ctx: WriteContext, amountBase: bigint): bigint {
  return burnOrphans(ctx, { from: FUND, amountBase })
}

/**
 * Bids with units of the fund for coins, at most at the price that bonds are valued at, the lower one where the chambers disagree;
 * undefined, with nothing written, while that is stale, or nobody sells.
 */
export function bidForOrphans(
  ctx: WriteContext,
  { asset: quote, ...terms }: ChainBidTerms & { readonly asset: number },
) {
  const price = getPrice(ctx.state, quote)
  if (price === undefined || staleSince(ctx.state, price, currentWindow(ctx.state)) !== undefined)
    return undefined
  const { bondPriceBase: priceBase } = price
  return bidForChain(ctx, { base: COIN_ASSET, quote, owner: FUND, priceBase, ...terms })
}

/** What a bid of the fund has bought and paid; undefined while its auction is not over. */
export function outcomeOfBid(state: StateReader, order: number) {
  return outcomeOf(state, order)
}

/** Why a provider may not take over another's liability, or undefined. */
export function refuseTakeover(state: StateReader, takeover: Parameters<typeof checkTakeover>[1]) {
  return checkTakeover(state, takeover)
}

/** The first asset in which one provider's locked proceeds could not move to another; undefined for none. */
export function proceedsWithoutRoom(state: StateReader, between: Parameters<typeof assetWithoutRoom>[1]) {
  return assetWithoutRoom(state, between)
}

/** Moves liability between two providers that agree. */
export function takeOver(ctx: WriteContext, takeover: Parameters<typeof novate>[1]): void {
  novate(ctx, takeover)
}

/** Ends a cure that no longer matters. */
export function endCure(ctx: WriteContext, provider: number): void {
  dropCure(ctx, provider)
}

/** Counts in coverage what this module has changed. */
export function storeCoverage(ctx: WriteContext): void {
  settleCoverage(ctx)
}

/** All bonds of a member. */
export function bondsOf(state: StateReader, provider: number): readonly Units[] {
  return getBonds(state, provider)
}

/** Whether a bond is kept whole for those who convicted its owner, and the end of that. */
export const isFrozen = (state: StateReader, provider: number): boolean => isBondFrozen(state, provider)
export const thaw = (ctx: WriteContext, provider: number): void => thawBond(ctx, provider)

/** Takes a penalty out of a bond and pays it: to the victim first, the rest to the fund. Asserts that the bond covers it. */
export function slash(
  ctx: WriteContext,
  penalty: Units & {
    readonly provider: number
    readonly victim?: { readonly address: Address; readonly amountBase: bigint }
  },
): void {
  const { victim, ...taken } = penalty
  assert(canSlash(ctx.state, penalty.provider), 'a frozen bond is thawed before it is taken from')
  takeBond(ctx, taken)
  const victimBase = minBigint(victim?.amountBase ?? 0n, taken.amountBase)
  if (victim !== undefined && victimBase > 0n)
    payPenalty(ctx, { ...taken, amountBase: victimBase, victim: victim.address })
  if (taken.amountBase > victimBase) payPenalty(ctx, { ...taken, amountBase: taken.amountBase - victimBase })
}

/** Penalties that a member has not paid, valued in coins. */
export function unpaidOf(state: StateReader, provider: number): bigint {
  return unpaidPenalties(state, provider)
}

/** Counts a penalty that a frozen bond keeps, valued in coins. */
export function noteUnpaid(state: StateWriter, provider: number, valueBase: bigint): void {
  markUnpaid(state, provider, valueBase)
}

/** Forgets them: they have been taken, as far as the bond reached. */
export function forgetUnpaid(state: StateWriter, provider: number): void {
  clearUnpaid(state, provider)
}

/** Pays a part of its bond to a member that has left. */
export function payBond(ctx: WriteContext, payment: Parameters<typeof returnBond>[1]): void {
  returnBond(ctx, payment)
}

/** Members whose bond was paid back in a block, in part or whole. */
export function withdrawals(
  changes: StateChanges,
  members: readonly number[],
  state: StateReader,
): readonly number[] {
  const { prefix, key } = providersTables.withdrawn
  if (![...changes.keys()].some((at) => at.startsWith(prefix))) return []
  return members.filter((provider) =>
    getBonds(state, provider).some(({ asset }) => changes.has(key({ provider, asset }))),
  )
}

/** Posts the absence of a validator: nobody in particular lost by it. False while the queue of faults is full. */
export function reportAbsence(ctx: WriteContext, provider: number, victim: Address): boolean {
  if (faultRoom(ctx.state) === 0) return false
  postFault(ctx, { module: defaultSchema.id, provider, victim, amountBase: 0n, cause: 'absence' })
  return true
}

/** All members, by id. */
export function memberIds(state: StateReader): readonly number[] {
  return providerIds(state)
}

/** The member that an account acts for. */
export function memberOf(state: StateReader, operator: Address): number | undefined {
  return providerByOperator(state, operator)
}

export function getMember(state: StateReader, provider: number): Provider | undefined {
  return getProvider(state, provider)
}

/** The account of a member. */
export function operatorOf(state: StateReader, provider: number): Address {
  return mustExist(getProvider(state, provider), 'a listed member exists').operator
}

/** Whether a member serves and counts. */
export function isServing(state: StateReader, provider: number): boolean {
  return canValidate(mustExist(getProvider(state, provider), 'a listed member exists').status)
}

/** The legal group of a member, named by its lowest id. */
export function legalGroupOf(state: StateReader, provider: number): number {
  return groupOf(state, provider)
}

/** The window in which a member itself was suspended; undefined when it is not. */
export function suspensionOf(state: StateReader, provider: number): number | undefined {
  return suspendedSince(state, provider)
}

/** The first window in which a suspended member may resume; undefined when it is not suspended. */
export function resumesFrom(state: StateReader, provider: number): number | undefined {
  const since = suspendedSince(state, provider)
  return since === undefined ? undefined : since + redemptionParams.get(state).suspensionWindows
}

/** Makes a member defaulted: it no longer serves or counts, and what it was assigned returns. */
export function markDefaulted(ctx: WriteContext, provider: number): void {
  defaultProvider(ctx, provider)
  // Its legal group must not stay out of coverage for a suspension that nobody can end.
  if (isSuspended(ctx.state, provider)) resumeProvider(ctx, provider)
  recallDefaulted(ctx.state, provider)
  touchCapacity(ctx.state)
}

/** Makes a member that has left count 0: nothing secures what it would promise. What it was assigned and has not granted returns. */
export function markLeft(ctx: WriteContext, provider: number): void {
  dismissProvider(ctx, provider)
  if (isSuspended(ctx.state, provider)) resumeProvider(ctx, provider)
  recallDefaulted(ctx.state, provider)
  touchCapacity(ctx.state)
}

/** Makes a member retiring: it mints no more. */
export function markRetiring(ctx: WriteContext, provider: number): void {
  setProviderStatus(ctx, provider, 'retiring')
}

/** Takes a member's vote away for good. */
export function removeVote(ctx: WriteContext, provider: number): void {
  removeProvider(ctx, provider)
  touchCapacity(ctx.state)
}

/** Ids of the validators that have not lost their vote, and the least number that the set may have. */
export function votersOf(state: StateReader): { readonly ids: readonly number[]; readonly minimum: number } {
  const ids = validatorSet(state)
    .validators.map(({ id }) => id)
    .filter((id) => hasVote(mustExist(getProvider(state, id), 'a validator is a member')))
  return { ids, minimum: providersParams.get(state).validatorsMin }
}

/** Validators of the running epoch. */
export function validatorsNow(state: StateReader): readonly number[] {
  return validatorSet(state).validators.map(({ id }) => id)
}

/** Index of the running window. */
export function runningWindow(state: StateReader): number {
  return currentWindow(state)
}

/** Whether a time is in the second half of the running window. */
export function isSecondHalf(state: StateReader, atMs: number): boolean {
  const { startedAtMs, endsAtMs } = getClock(state)
  return 2 * (atMs - startedAtMs) >= endsAtMs - startedAtMs
}

/** K: windows of the horizon. */
export function horizonOf(state: StateReader): number {
  return capacityParams.get(state).horizonWindows
}

/** Windows that a bond outlasts its liability. */
export function tailWindows(state: StateReader): number {
  return redemptionParams.get(state).tailWindows
}

/** Counts measured steps of this module's part of a block. */
export function spendSteps(ctx: WriteContext, steps: number): void {
  spendWork(ctx, steps)
}

/** Series of an issuer that sell or owe coins. */
export function liveSeries(state: StateReader, provider: number): readonly number[] {
  return liveOf(state, provider)
}

/** Ends the primary offerings of an issuer that defaults: receipts are refunded with what was paid and the offering's lock. */
export function closeOfferings(ctx: WriteContext, provider: number): void {
  closeSeriesOf(ctx, provider)
}
