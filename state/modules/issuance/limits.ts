// The mint rule on the current state (ECONOMY §3): reads the numbers, calls coverage.ts, names the broken rule.
import { assert } from '../../../base/assert.ts'
import { equalBytes } from '../../../base/bytes.ts'
import type { Address } from '../../../base/ids.ts'
import type { Reserve } from '../../../base/protocol/header.ts'
import { minBigint, mulDivFloor, PPM } from '../../../base/units.ts'
import { TRANSFER_EMITTER } from '../../transferLog.ts'
import type { StateReader } from '../../view.ts'
import {
  type Backer,
  type Coverage,
  coinsForAsset,
  computeCoverage,
  groupSums,
  type MintLimits,
  mintLimits,
} from './coverage.ts'
import {
  bondsOf,
  capacityOf,
  capacityVersion,
  frontLoadPoints,
  getMember,
  mayReceive,
  memberIds,
  priceIn,
  runningWindow,
} from './external.ts'
import { getLiability, getTotals } from './ledger.ts'
import { fail, issuanceParams, issuanceTables } from './tables.ts'

/** All providers as coverage sees them, by id; a provider without a legal group is a group of its own. */
export function getBackers(state: StateReader): readonly Backer[] {
  return memberIds(state).map((id) => {
    const record = getMember(state, id)
    assert(record !== undefined, 'a listed provider exists')
    const { legalGroup } = record.profile
    const { liabilityBase, reservedBase } = getLiability(state, id)
    return {
      id,
      group: legalGroup === '' ? `#${id}` : `=${legalGroup}`,
      capacityBase: capacityOf(state, id).capacityBase,
      liabilityBase,
      reservedBase,
    }
  })
}

/** Coverage computed from all providers (at most `PROVIDERS_MAX`). */
export function recountCoverage(state: StateReader): Coverage {
  const { coverN } = issuanceParams.get(state)
  return computeCoverage(getBackers(state), { orphanBase: getTotals(state).orphanBase, coverN })
}

/** Current coverage: the value stored at the last block's end while its inputs are unchanged, else a recount. */
export function getCoverage(state: StateReader): Coverage {
  const stored = issuanceTables.coverage.get(state, {})
  if (stored === undefined) return recountCoverage(state)
  const { issuanceRevision, capacityRevision, ...coverage } = stored
  const fresh = issuanceRevision === getTotals(state).revision && capacityRevision === capacityVersion(state)
  return fresh ? coverage : recountCoverage(state)
}

/** The bonds of a provider at the oracle price, coins' base units, rounded down; assets without a price count 0. */
export function bondValue(state: StateReader, provider: number): bigint {
  let valueBase = 0n
  for (const { asset, amountBase } of bondsOf(state, provider)) {
    const priceBase = priceIn(state, asset)
    if (priceBase !== undefined) valueBase += coinsForAsset(amountBase, priceBase)
  }
  return valueBase
}

/** Whether the bond is below bMaint · L. */
export function isBondShort(state: StateReader, provider: number): boolean {
  const { liabilityBase } = getLiability(state, provider)
  const { bondMaintenancePpm } = issuanceParams.get(state)
  return bondValue(state, provider) * PPM < bondMaintenancePpm * liabilityBase
}

/** What a provider may still mint under each rule, the value of its bond, and the shortfall. */
export function getMintLimits(
  state: StateReader,
  provider: number,
): MintLimits & { readonly bondValueBase: bigint; readonly shortfallBase: bigint } {
  const backers = getBackers(state)
  const backer = backers.find(({ id }) => id === provider)
  assert(backer !== undefined, 'the provider exists')
  const group = groupSums(backers).get(backer.group)
  assert(group !== undefined, 'every provider has a group')
  const { coverN, marginPpm, frontLoadPpm, bondPpm } = issuanceParams.get(state)
  const { horizon, quarters } = frontLoadPoints(state)
  const bondValueBase = bondValue(state, provider)
  const coverage = computeCoverage(backers, { orphanBase: getTotals(state).orphanBase, coverN })
  const { quarterBase } = capacityOf(state, provider)
  const rules = { coverN, marginPpm, frontLoadPpm, bondPpm, horizon, quarters }
  const limits = mintLimits({ ...rules, coverage, backer, group, quarterBase, bondValueBase })
  return { ...limits, bondValueBase, shortfallBase: coverage.shortfallBase }
}

/** The smallest limit. */
export function leastLimit(limits: MintLimits): bigint {
  const { quotaBase, jointBase, ownBackingBase, frontLoadBase, bondBase } = limits
  return [jointBase, ownBackingBase, frontLoadBase, bondBase].reduce(minBigint, quotaBase)
}

/** Why a provider may mint nothing at all now, or undefined; `shortfallBase` comes from its limits. */
export function checkMayMint(state: StateReader, provider: number, shortfallBase: bigint) {
  const record = getMember(state, provider)
  assert(record !== undefined, 'the provider exists')
  if (record.status !== 'active') return fail.ProviderNotActive({ provider, status: record.status })
  const stop = issuanceTables.stop.get(state, {})
  if (stop !== undefined) return fail.MintingStopped({ reason: stop.reason })
  if (shortfallBase > 0n) return fail.CoverageShortfall({ shortfallBase })
  const { noticeUntil } = capacityOf(state, provider)
  if (noticeUntil !== undefined && noticeUntil >= runningWindow(state))
    return fail.UnderNotice({ provider, lastWindow: noticeUntil })
  return undefined
}

/** Why a mint is refused, or undefined: the complete rule of ECONOMY §3, one error for each broken part. */
export function checkMint(
  state: StateReader,
  mint: { readonly provider: number; readonly to: Address; readonly amountBase: bigint },
) {
  const { provider, to, amountBase } = mint
  if (amountBase === 0n) return fail.ZeroAmount({})
  if (!mayReceive(to) || equalBytes(to, TRANSFER_EMITTER)) return fail.RecipientRefused({ recipient: to })
  const limits = getMintLimits(state, provider)
  const blocked = checkMayMint(state, provider, limits.shortfallBase)
  if (blocked !== undefined) return blocked
  const over = (mintableBase: bigint) => ({ provider, amountBase, mintableBase })
  const { quotaBase, jointBase, ownBackingBase, frontLoadBase, bondBase, bondValueBase } = limits
  if (amountBase > quotaBase) return fail.QuotaExceeded(over(quotaBase))
  if (amountBase > jointBase) return fail.JointLimitExceeded(over(jointBase))
  if (amountBase > ownBackingBase) return fail.OwnBackingExceeded(over(ownBackingBase))
  if (amountBase > frontLoadBase) return fail.FrontLoadExceeded(over(frontLoadBase))
  if (amountBase > bondBase) return fail.BondTooSmall({ ...over(bondBase), bondValueBase })
  return undefined
}

/** Part of a mint that is locked, rounded up: the buyer of direct issuance paid at most its value (ECONOMY §3). */
export function lockOf(state: StateReader, amountBase: bigint): bigint {
  const { retainPpm } = issuanceParams.get(state)
  return amountBase - mulDivFloor(amountBase, PPM - retainPpm, PPM)
}

/** This module's part of the header's reserve (ECONOMY §11). */
export function reserve(state: StateReader): Partial<Reserve> {
  return {
    liabilitiesBase: getTotals(state).liabilitiesBase,
    shortfallBase: getCoverage(state).shortfallBase,
  }
}
