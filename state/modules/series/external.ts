// What series needs from other modules: escrows and receipts, prices, members and bonds, windows, the mint rule.
import { assert } from '../../../base/assert.ts'
import type { Address } from '../../../base/ids.ts'
import type { WalkName } from '../../../base/moduleDefinition.ts'
import { COIN, minBigint, mulDivFloor } from '../../../base/units.ts'
import type { Walk } from '../../blockWork.ts'
import type { WriteContext } from '../../context.ts'
import { COIN_ASSET, type Escrow, escrowsOf, ledger, type MoveRefusal } from '../../ledger.ts'
import type { StateReader, StateWriter } from '../../view.ts'
import { GUARANTEE_FUND_ADDRESS } from '../accounts/ledger.ts'
import { assetAddress, getAsset, receiptAsset, registerReceipts, removeReceipts } from '../assets/ledger.ts'
import { capacityParams } from '../capacity/tables.ts'
import { openEconomyWalk } from '../capacity/walks.ts'
import { currentWindow } from '../capacity/windows.ts'
import { countingSince, spareBond } from '../issuance/limits.ts'
import { canLockProceeds } from '../issuance/proceeds.ts'
import { barMinting, changePromised, promisesOf } from '../issuance/promises.ts'
import { issueForProceeds, mintRoom, retainedOf } from '../issuance/sales.ts'
import { settleCoverage } from '../issuance/settle.ts'
import { issuanceParams } from '../issuance/tables.ts'
import { getPrice, staleSince } from '../oracle/prices.ts'
import type { Price } from '../oracle/schema.ts'
import { addBond, getBond, getBonds } from '../providers/bonds.ts'
import { getProvider, providerByOperator, providerIds } from '../providers/members.ts'
import { canSlash, payPenalty, takeBond } from '../providers/penalties.ts'
import { BOND_ASSETS_MAX, type Provider } from '../providers/schema.ts'
import { isGroupSuspended } from '../providers/suspension.ts'
import { seriesSchema } from './schema.ts'

/** Opens one of this module's walks in a block. */
export function openWalk(ctx: WriteContext, name: WalkName<typeof seriesSchema>): Walk {
  return openEconomyWalk(ctx, seriesSchema, name)
}

/** The escrow of a series. */
export function escrowOf(series: number): Escrow {
  return escrowsOf(seriesSchema).held(series)
}

/** Index of the running window. */
export function runningWindow(state: StateReader): number {
  return currentWindow(state)
}

/** K: how long a failed series bars its issuer from minting. */
export function horizonOf(state: StateReader): number {
  return capacityParams.get(state).horizonWindows
}

/** Prices of a coin in units of an asset, and since when they are too old; undefined without a price. */
export function priceIn(
  state: StateReader,
  asset: number,
): (Price & { readonly staleSince: number | undefined }) | undefined {
  const price = getPrice(state, asset)
  return price === undefined
    ? undefined
    : { ...price, staleSince: staleSince(state, price, currentWindow(state)) }
}

/** The member that an account sells for. */
export function memberOf(state: StateReader, operator: Address): number | undefined {
  return providerByOperator(state, operator)
}

export function getMember(state: StateReader, provider: number): Provider | undefined {
  return getProvider(state, provider)
}

/** All members, by id. */
export function memberIds(state: StateReader): readonly number[] {
  return providerIds(state)
}

/** Whether a member is suspended: itself, or any other of its legal group. */
export function isSuspended(state: StateReader, provider: number): boolean {
  return isGroupSuspended(state, provider)
}

/** Units of an asset that an account or escrow holds. */
export function unitsAt(state: StateReader, at: { readonly asset: number; readonly owner: Address }): bigint {
  return ledger.balanceOf(state, at)
}

/** Coins in the escrow of a series. */
export function coinsIn(state: StateReader, series: number): bigint {
  return ledger.balanceOf(state, { asset: COIN_ASSET, owner: escrowOf(series) })
}

/** Takes units of an account into the escrow of a series; a refusal has written nothing. */
export function payIn(
  ctx: WriteContext,
  payment: {
    readonly series: number
    readonly asset: number
    readonly from: Address
    readonly amountBase: bigint
  },
): MoveRefusal | undefined {
  const { series, asset, from, amountBase } = payment
  return ledger.move(ctx, { asset, from, to: escrowOf(series), amountBase })
}

/** Pays units, or coins as asset 0, out of the escrow of a series; nothing for zero. Asserts that it holds them. */
export function payOut(
  ctx: WriteContext,
  payment: {
    readonly series: number
    readonly asset: number
    readonly to: Address
    readonly amountBase: bigint
  },
): void {
  const { series, asset, to, amountBase } = payment
  if (amountBase > 0n) ledger.release(ctx, { asset, from: escrowOf(series), to, amountBase })
}

/** Address of a series' receipts. */
export function receiptsAddress(series: number): Address {
  return assetAddress(receiptAsset(series))
}

/** Registers the receipts of a new series: a token that the chain issues and redeems. */
export function openReceipts(ctx: WriteContext, series: number): void {
  const name = `Suanli receipt of series ${series}`
  registerReceipts(ctx, { series, issuer: escrowOf(series), name, symbol: `SR${series}`, decimals: 18 })
}

/** Forgets the receipts of a series of which nobody has any. */
export function closeReceipts(ctx: WriteContext, series: number): void {
  removeReceipts(ctx, series)
}

/** Gives receipts to a buyer. */
export function issueReceipts(
  ctx: WriteContext,
  issue: { readonly series: number; readonly to: Address; readonly amountBase: bigint },
): void {
  const { series, to, amountBase } = issue
  ledger.mint(ctx, { asset: receiptAsset(series), to, amountBase })
}

/** Destroys receipts that a holder hands in; a refusal has written nothing. */
export function takeReceipts(
  ctx: WriteContext,
  burn: { readonly series: number; readonly from: Address; readonly amountBase: bigint },
): MoveRefusal | undefined {
  const { series, from, amountBase } = burn
  return amountBase === 0n ? undefined : ledger.burn(ctx, { asset: receiptAsset(series), from, amountBase })
}

/** Receipts of a holder, as tokens. */
export function receiptsOf(
  state: StateReader,
  at: { readonly series: number; readonly owner: Address },
): bigint {
  return ledger.balanceOf(state, { asset: receiptAsset(at.series), owner: at.owner })
}

/** Receipts of a series in anybody's hands, as tokens; undefined when it has none registered. */
export function receiptSupply(state: StateReader, series: number): bigint | undefined {
  return getAsset(state, receiptAsset(series))?.supplyBase
}

/** Whether proceeds of a provider in an asset can be locked. */
export function hasLockRoom(state: StateReader, at: { readonly provider: number; readonly asset: number }) {
  return canLockProceeds(state, at)
}

/** `retain`: the share of a sale that stays locked, ppm. */
export function retainPpm(state: StateReader): bigint {
  return issuanceParams.get(state).retainPpm
}

/** Whether a recount is under way, after which minting goes on. */
export function isCounting(state: StateReader): boolean {
  return countingSince(state) !== undefined
}

/** What a provider may mint now for buyers of coins, or for holders of receipts, and which rule binds. */
export function roomFor(state: StateReader, provider: number, kind: 'own' | 'receipts') {
  return mintRoom(state, provider, kind)
}

/** The share of a sale that is locked, and of that the floor. */
export function lockedShare(
  state: StateReader,
  sale: { readonly amountBase: bigint; readonly proceedsBase: bigint; readonly lockPriceBase: bigint },
) {
  return retainedOf(state, sale)
}

/** Issues coins for proceeds in the escrow of a series. */
export function issueFor(
  ctx: WriteContext,
  sale: Omit<Parameters<typeof issueForProceeds>[1], 'from'> & { readonly series: number },
): void {
  const { series, ...rest } = sale
  issueForProceeds(ctx, { ...rest, from: escrowOf(series) })
}

/** Counts receipts that come before their provider's own mints. */
export function notePromised(state: StateWriter, provider: number, changeBase: bigint): void {
  if (changeBase !== 0n) changePromised(state, provider, changeBase)
}

/** Receipts of a provider that wait for coins, and the last window in which it may not mint. */
export function promisedBy(state: StateReader, provider: number) {
  return promisesOf(state, provider)
}

/** Bars a provider from minting through a window. */
export function bar(state: StateWriter, provider: number, untilWindow: number): void {
  barMinting(state, provider, untilWindow)
}

/** Counts the block's mints in coverage, so that the next judgement reads sums and not changes. */
export function storeCoverage(ctx: WriteContext): void {
  settleCoverage(ctx)
}

/**
 * Takes units of a provider's bond in an asset for holders of a failed series: only what its bonds have above b·L, at most
 * `wantedBase`. They go to the escrow of the series. Returns how many; none when its bond is frozen.
 */
export function takeFromBond(
  ctx: WriteContext,
  claim: {
    readonly series: number
    readonly provider: number
    readonly asset: number
    readonly wantedBase: bigint
  },
): bigint {
  const { state } = ctx
  const { series, provider, asset, wantedBase } = claim
  const price = priceIn(state, asset)
  if (wantedBase <= 0n || price === undefined || !canSlash(state, provider)) return 0n
  // Rounded for the bond: what secures the liability stays.
  const unitsBase = mulDivFloor(spareBond(state, provider), price.lockPriceBase, COIN)
  const amountBase = [unitsBase, getBond(state, { provider, asset })].reduce(minBigint, wantedBase)
  if (amountBase === 0n) return 0n
  takeBond(ctx, { provider, asset, amountBase })
  payPenalty(ctx, { provider, asset, amountBase, victim: escrowOf(series) })
  return amountBase
}

/** Moves a lock that no holder has a claim to into the bond of a defaulted provider, whose estate it is; else to the fund. */
export function leaveToEstate(
  ctx: WriteContext,
  lock: {
    readonly series: number
    readonly provider: number
    readonly asset: number
    readonly amountBase: bigint
  },
): void {
  const { series, provider, asset, amountBase } = lock
  if (amountBase === 0n) return
  const bonds = getBonds(ctx.state, provider)
  if (bonds.length < BOND_ASSETS_MAX || bonds.some((bond) => bond.asset === asset))
    assert(addBond(ctx, { provider, asset, from: escrowOf(series), amountBase }), 'the escrow holds the lock')
  else payOut(ctx, { series, asset, to: GUARANTEE_FUND_ADDRESS, amountBase })
}
