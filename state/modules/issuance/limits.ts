// The mint rule on the current state (ECONOMY §3): reads the numbers, calls coverage.ts, names the broken rule. One
// function decides; quota queries, refusals, status and the header's mint stop are its answers.
import { assert } from '../../../base/assert.ts'
import { equalBytes } from '../../../base/bytes.ts'
import type { Address } from '../../../base/ids.ts'
import type { MintStop, Reserve } from '../../../base/protocol/header.ts'
import { AMOUNT_MAX, COIN, maxBigint, minBigint, mulDivCeil, mulDivFloor, PPM } from '../../../base/units.ts'
import { TRANSFER_EMITTER } from '../../transferLog.ts'
import type { StateReader } from '../../view.ts'
import { compensationValuePpm } from './compensations.ts'
import { backerOf, Cover } from './cover.ts'
import {
  type Coverage,
  coinValuePpm,
  computeCoverage,
  type MintLimits,
  mintLimits,
  ownLimits,
} from './coverage.ts'
import {
  bondsOf,
  capacityOf,
  frontLoadPoints,
  getMember,
  isGivenUp,
  isSuspendedMember,
  lastRecount,
  mayReceive,
  memberIds,
  priceIn,
  recountSince,
  runningWindow,
} from './external.ts'
import { getLiability, getTotals } from './ledger.ts'
import { proceedsValue } from './proceeds.ts'
import { promisesOf } from './promises.ts'
import { fail, issuanceParams, issuanceTables } from './tables.ts'

/** Coverage computed from all providers (at most `PROVIDERS_MAX`), for recounts. */
export function recountCoverage(state: StateReader): Coverage {
  const backers = memberIds(state).map((id) => backerOf(state, id))
  return computeCoverage(backers, {
    orphanBase: getTotals(state).orphanBase,
    coverN: new Cover(state).coverN,
  })
}

/** Current coverage; costs as much as has changed since it was last stored. */
export function getCoverage(state: StateReader): Coverage {
  return new Cover(state).coverage()
}

/**
 * The bonds of a provider at an oracle price, in millionths of a coin's base unit, rounded down; assets without a price, or
 * with one that is given up, count 0. `freshPpm`: what of it has a price that is fresh. `stale`: the first asset whose price is
 * too old, where such assets are at least half of the bond: a unit of one must not make the whole bond one that nobody can
 * value. For a mint the higher price counts, at which a bond is worth fewer coins.
 */
function valueBond(state: StateReader, provider: number, of: 'bondPriceBase' | 'lockPriceBase') {
  let valuePpm = 0n
  let freshPpm = 0n
  let stale: { readonly asset: number; readonly since: number } | undefined
  for (const { asset, amountBase } of bondsOf(state, provider)) {
    const price = priceIn(state, asset)
    if (price === undefined || amountBase === 0n || isGivenUp(state, price.staleSince)) continue
    const worthPpm = coinValuePpm(amountBase, price[of])
    valuePpm += worthPpm
    if (price.staleSince === undefined) freshPpm += worthPpm
    else stale ??= { asset, since: price.staleSince }
  }
  return { valuePpm, freshPpm, stale: 2n * freshPpm > valuePpm ? undefined : stale }
}

/**
 * Coins for which units are a bond when liability is taken over with them: at the last price, however old, since without a bid
 * others must take the liability without any; nothing once the price is given up, like every bond.
 */
export function securingWorth(
  state: StateReader,
  units: { readonly asset: number; readonly amountBase: bigint },
): bigint {
  const { asset, amountBase } = units
  if (asset === 0) return amountBase
  const price = priceIn(state, asset)
  if (price === undefined || isGivenUp(state, price.staleSince)) return 0n
  return mulDivFloor(amountBase, COIN, price.bondPriceBase)
}

function wholeUnits(valuePpm: bigint): bigint {
  return minBigint(AMOUNT_MAX, mulDivFloor(valuePpm, 1n, PPM))
}

/** The bonds of a provider at the oracle price, coins' base units, rounded down. */
export function bondValue(state: StateReader, provider: number): bigint {
  return wholeUnits(valueBond(state, provider, 'bondPriceBase').valuePpm)
}

/** What of a bond may be taken away without touching b·L, at the price of mints, coins' base units, rounded down. */
export function spareBond(state: StateReader, provider: number): bigint {
  const neededBase = mulDivCeil(
    getLiability(state, provider).liabilityBase,
    issuanceParams.get(state).bondPpm,
    PPM,
  )
  return maxBigint(0n, wholeUnits(valueBond(state, provider, 'lockPriceBase').valuePpm) - neededBase)
}

/** The part of L that needs a bond: all but what was assumed with a compensation, which is the bond for that alone. */
function bondedLiability(state: StateReader, provider: number): bigint {
  const { liabilityBase, exemptBase } = getLiability(state, provider)
  return liabilityBase - exemptBase
}

/** Whether the bond is below bMaint · L; undefined while prices are too old to tell: then the clock stands still. */
export function isBondShort(state: StateReader, provider: number): boolean | undefined {
  const { bondMaintenancePpm } = issuanceParams.get(state)
  const { freshPpm, stale } = valueBond(state, provider, 'bondPriceBase')
  if (freshPpm >= bondMaintenancePpm * bondedLiability(state, provider)) return false
  return stale === undefined ? true : undefined
}

/** What more a provider could owe by its bond alone, base units; without a bond rule as much as there can be. */
export function bondRoom(state: StateReader, provider: number): bigint {
  const { bondPpm } = issuanceParams.get(state)
  if (bondPpm === 0n) return AMOUNT_MAX
  const coveredBase = mulDivFloor(valueBond(state, provider, 'lockPriceBase').valuePpm, 1n, bondPpm)
  return maxBigint(0n, coveredBase - bondedLiability(state, provider))
}

/** What a bond lacks of a share of the liability that needs one, in coins at the oracle price, rounded up. */
export function missingBond(state: StateReader, provider: number, sharePpm: bigint): bigint {
  const { valuePpm } = valueBond(state, provider, 'bondPriceBase')
  return mulDivCeil(maxBigint(0n, sharePpm * bondedLiability(state, provider) - valuePpm), 1n, PPM)
}

/**
 * What walking away would still gain: max(0, L − bond − locked − compensation), in coins at the oracle price (ECONOMY §3).
 */
export function securityOf(state: StateReader, provider: number) {
  const { liabilityBase, lockedBase: coinsBase } = getLiability(state, provider)
  const lockedBase = minBigint(AMOUNT_MAX, coinsBase + proceedsValue(state, provider))
  const bondValueBase = bondValue(state, provider)
  const compensationBase = wholeUnits(compensationValuePpm(state, provider))
  const securedBase = bondValueBase + lockedBase + compensationBase
  const unsecuredBase = maxBigint(0n, liabilityBase - securedBase)
  return { liabilityBase, bondValueBase, lockedBase, compensationBase, unsecuredBase }
}

/** Why nobody may mint now, and since which block; undefined while minting is open. `shortfallBase`: of the same state. */
export function mintStopOf(state: StateReader, shortfallBase: bigint): MintStop | undefined {
  const stop = issuanceTables.stop.get(state, {})
  if (stop !== undefined) return { reason: stop.kind, since: stop.height }
  const recount = countingSince(state)
  if (recount !== undefined) return { reason: 'recount', since: recount }
  if (shortfallBase === 0n) return undefined
  const short = issuanceTables.short.get(state, {})
  return { reason: 'shortfall', since: short?.sinceHeight ?? lastRecount(state).sinceHeight }
}

/** The block since which capacity is recounted or its members have their turn: until both are done, minting waits. */
export function countingSince(state: StateReader): number | undefined {
  return recountSince(state) ?? turnSince(state)
}

/** The block that ended a window whose end is still being handled; undefined when it has been. */
function turnSince(state: StateReader): number | undefined {
  const turn = issuanceTables.turn.get(state, {})
  return turn !== undefined && turn.member < turn.members ? turn.endedAtHeight : undefined
}

/** The failure that a mint stop causes. */
function refusalOf(state: StateReader, stop: MintStop, shortfallBase: bigint) {
  if (stop.reason === 'recount') return fail.RecountUnderWay({ sinceHeight: stop.since })
  if (stop.reason === 'shortfall') return fail.CoverageShortfall({ shortfallBase })
  return fail.MintingStopped({ reason: issuanceTables.stop.mustGet(state, {}).reason })
}

/** Whom a mint is for: the provider itself and its buyers, or holders of receipts that it has sold before. */
export type MintKind = 'own' | 'receipts'

interface Mintage {
  readonly provider: number
  readonly kind: MintKind
}

/** Why a provider may mint nothing at all now, or undefined. */
function checkMayMint(state: StateReader, mint: Mintage, shortfallBase: bigint) {
  const { provider, kind } = mint
  const record = getMember(state, provider)
  assert(record !== undefined, 'the provider exists')
  if (record.status !== 'active') return fail.ProviderNotActive({ provider, status: record.status })
  if (isSuspendedMember(state, provider)) return fail.ProviderSuspended({ provider })
  const { barredUntil } = promisesOf(state, provider)
  if (kind === 'own' && barredUntil > 0 && barredUntil >= runningWindow(state))
    return fail.MintingBarred({ provider, untilWindow: barredUntil })
  const stop = mintStopOf(state, shortfallBase)
  if (stop !== undefined) return refusalOf(state, stop, shortfallBase)
  const { noticeUntil } = capacityOf(state, provider)
  if (noticeUntil !== undefined && noticeUntil >= runningWindow(state))
    return fail.UnderNotice({ provider, lastWindow: noticeUntil })
  const { stale } = valueBond(state, provider, 'lockPriceBase')
  return stale === undefined ? undefined : fail.OracleStale(stale)
}

/** The whole answer of the mint rule for a provider: why it may not mint at all, and its limits under each rule. */
export function judgeMint(state: StateReader, provider: number, kind: MintKind = 'own') {
  const cover = new Cover(state)
  const coverage = cover.coverage()
  const backer = backerOf(state, provider)
  const { marginPpm, frontLoadPpm, bondPpm } = issuanceParams.get(state)
  const { horizon, quarters } = frontLoadPoints(state)
  const { quarterBase } = capacityOf(state, provider)
  const { valuePpm, freshPpm, stale } = valueBond(state, provider, 'lockPriceBase')
  const { exemptBase } = getLiability(state, provider)
  const limits: MintLimits = mintLimits({
    coverage,
    coverN: cover.coverN,
    marginPpm,
    frontLoadPpm,
    bondPpm,
    horizon,
    quarters,
    backer,
    group: cover.group(backer.group),
    quarterBase,
    // What of a bond nobody can value creates no coins.
    bondValuePpm: stale === undefined ? freshPpm : valuePpm,
    exemptBase,
  })
  const blocked = checkMayMint(state, { provider, kind }, coverage.shortfallBase)
  const { promisedBase } = promisesOf(state, provider)
  return { blocked, limits, bondValueBase: wholeUnits(valuePpm), promisedBase }
}

/** Whether a provider owes more than its own capacity lets it mint: its own backing or its front-load is exceeded. */
export function exceedsOwnLimits(state: StateReader, provider: number): boolean {
  const { lastingBase, quarterBase } = capacityOf(state, provider)
  const { marginPpm, frontLoadPpm } = issuanceParams.get(state)
  const terms = { lastingBase, quarterBase, marginPpm, frontLoadPpm, ...frontLoadPoints(state) }
  const { backingBase, frontLoadBase } = ownLimits(terms)
  return getLiability(state, provider).liabilityBase > minBigint(backingBase, frontLoadBase)
}

/** The smallest limit. */
export function leastLimit(limits: MintLimits): bigint {
  const { quotaBase, jointBase, ownBackingBase, frontLoadBase, bondBase } = limits
  return [jointBase, ownBackingBase, frontLoadBase, bondBase].reduce(minBigint, quotaBase)
}

/** Why a mint is refused, or undefined: the complete rule of ECONOMY §3, one error for each broken part. */
export function checkMint(
  state: StateReader,
  mint: { readonly provider: number; readonly to: Address; readonly amountBase: bigint },
) {
  const { provider, to, amountBase } = mint
  if (amountBase === 0n) return fail.ZeroAmount({})
  if (!mayReceive(to) || equalBytes(to, TRANSFER_EMITTER)) return fail.RecipientRefused({ recipient: to })
  return refusalOver(mint, judgeMint(state, provider))
}

/** Why one provider may not take over liability of another, or undefined: the whole mint rule, but what moves is not new. */
export function checkTakeover(
  state: StateReader,
  takeover: { readonly from: number; readonly to: number; readonly amountBase: bigint },
) {
  const { from, to, amountBase } = takeover
  const judged = judgeMint(state, to)
  const { quotaBase, jointBase } = judged.limits
  const isOneGroup = backerOf(state, from).group === backerOf(state, to).group
  const limits = {
    ...judged.limits,
    jointBase: jointBase + amountBase,
    quotaBase: isOneGroup ? quotaBase + amountBase : quotaBase,
  }
  return refusalOver({ provider: to, amountBase }, { ...judged, limits })
}

function refusalOver(
  wanted: { readonly provider: number; readonly amountBase: bigint },
  judged: ReturnType<typeof judgeMint>,
) {
  const { provider, amountBase } = wanted
  const { blocked, limits, bondValueBase, promisedBase } = judged
  if (blocked !== undefined) return blocked
  const over = (mintableBase: bigint) => ({ provider, amountBase, mintableBase })
  const { quotaBase, jointBase, ownBackingBase, frontLoadBase, bondBase } = limits
  if (amountBase > quotaBase) return fail.QuotaExceeded(over(quotaBase))
  if (amountBase > jointBase) return fail.JointLimitExceeded(over(jointBase))
  if (amountBase > ownBackingBase) return fail.OwnBackingExceeded(over(ownBackingBase))
  if (amountBase > frontLoadBase) return fail.FrontLoadExceeded(over(frontLoadBase))
  if (amountBase > bondBase) return fail.BondTooSmall({ ...over(bondBase), bondValueBase })
  const ownBase = maxBigint(0n, leastLimit(limits) - promisedBase)
  if (amountBase > ownBase) return fail.ReceiptsFirst({ ...over(ownBase), promisedBase })
  return undefined
}

/** This module's part of the header's reserve (ECONOMY §11). */
export function reserve(state: StateReader): Partial<Reserve> {
  const { capacityBase, liabilitiesBase, shortfallBase } = getCoverage(state)
  const mintStop = mintStopOf(state, shortfallBase)
  return {
    liabilitiesBase,
    capacityBase,
    shortfallBase,
    ...(mintStop === undefined ? {} : { mintStop }),
  }
}
