// What backers receive (ECONOMY §7): per asset one running sum of income per unit, so that income costs the same however many
// backers there are (the F1 method). Owns: these sums and each position's credit. Not: who pays (issuance, redemption, default).
import { assert } from '../../../base/assert.ts'
import type { Address } from '../../../base/ids.ts'
import { mulDivCeil, mulDivFloor, PPM } from '../../../base/units.ts'
import type { WriteContext } from '../../context.ts'
import type { StateReader, StateWriter } from '../../view.ts'
import { takeIncome } from './external.ts'
import { getPool, updatePool } from './pools.ts'
import { type Income, POOL_ASSETS_MAX, type Position } from './schema.ts'
import { shareNow } from './share.ts'
import { backingTables, events } from './tables.ts'

/** Decimal, so that round amounts of round pools divide exactly; times the largest amount it stays below 2^256. */
const E36 = 10n ** 36n
const SUM_MAX = 2n ** 256n - 1n
const NOTHING: Income = { perUnitE36: 0n, receivedBase: 0n, withdrawnBase: 0n, dustE36: 0n }

interface At {
  readonly provider: number
  readonly asset: number
}

/** What a pool has received in an asset. */
export function getIncome(state: StateReader, { provider, asset }: At): Income {
  return backingTables.income.get(state, { provider, asset }) ?? NOTHING
}

/** The sums after an income; undefined when they would not fit any more. Exact: what a division leaves is dust. */
function addIncome(before: Income, amountBase: bigint, unitsBase: bigint): Income | undefined {
  const sharedE36 = amountBase * E36 + before.dustE36
  const perUnitE36 = before.perUnitE36 + mulDivFloor(sharedE36, 1n, unitsBase)
  if (perUnitE36 > SUM_MAX) return undefined
  const receivedBase = before.receivedBase + amountBase
  return { ...before, perUnitE36, receivedBase, dustE36: sharedE36 % unitsBase }
}

/**
 * Takes the backers' share out of what a provider is about to receive from an address of the chain, rounded up. Returns how
 * much; the caller pays the rest to the provider. Nothing without backers, or in more assets than a pool keeps.
 */
export function shareIncome(
  ctx: WriteContext,
  paid: At & { readonly from: Address; readonly amountBase: bigint },
): bigint {
  const { state } = ctx
  const { provider, asset, from } = paid
  const { backedBase, unitsBase, assets } = getPool(state, provider)
  if (backedBase === 0n) return 0n
  const amountBase = mulDivCeil(paid.amountBase, shareNow(state, provider), PPM)
  const isKnown = assets.includes(asset)
  if (amountBase === 0n || (!isKnown && assets.length >= POOL_ASSETS_MAX)) return 0n
  const after = addIncome(getIncome(state, { provider, asset }), amountBase, unitsBase)
  if (after === undefined) return 0n
  takeIncome(ctx, { provider, asset, from, amountBase })
  backingTables.income.set(state, { provider, asset }, after)
  if (!isKnown) updatePool(state, provider, { assets: [...assets, asset] })
  events.IncomeShared(ctx, { provider, asset, amountBase })
  return amountBase
}

/** What a position has earned in an asset and not been credited yet, in 10^-36 of a base unit. */
export function earnedE36(position: Position, asset: number, { perUnitE36 }: Income): bigint {
  const since = position.incomes.find((known) => known.asset === asset)?.perUnitE36 ?? 0n
  assert(perUnitE36 >= since, 'income per unit never falls')
  return position.unitsBase * (perUnitE36 - since)
}

/** What a position can claim in each asset of its pool, those with nothing included. */
export function claimableOf(
  state: StateReader,
  provider: number,
  position: Position,
): readonly { readonly asset: number; readonly amountBase: bigint }[] {
  return getPool(state, provider).assets.map((asset) => {
    const owedBase = position.incomes.find((known) => known.asset === asset)?.owedBase ?? 0n
    const earned = earnedE36(position, asset, getIncome(state, { provider, asset }))
    return { asset, amountBase: owedBase + mulDivFloor(earned, 1n, E36) }
  })
}

/** A position credited with all income up to now, before its units change; what is less than a base unit becomes dust. */
export function credit(state: StateWriter, provider: number, position: Position): Position {
  const incomes = getPool(state, provider).assets.map((asset) => {
    const income = getIncome(state, { provider, asset })
    const owedBase = position.incomes.find((known) => known.asset === asset)?.owedBase ?? 0n
    const earned = earnedE36(position, asset, income)
    const dustE36 = income.dustE36 + (earned % E36)
    if (dustE36 !== income.dustE36)
      backingTables.income.set(state, { provider, asset }, { ...income, dustE36 })
    return { asset, perUnitE36: income.perUnitE36, owedBase: owedBase + mulDivFloor(earned, 1n, E36) }
  })
  return { ...position, incomes }
}

/** Counts income that a backer is paid. */
export function countWithdrawn(state: StateWriter, at: At, amountBase: bigint): void {
  const income = getIncome(state, at)
  const withdrawnBase = income.withdrawnBase + amountBase
  assert(withdrawnBase <= income.receivedBase, 'no more is withdrawn than was received')
  backingTables.income.set(state, at, { ...income, withdrawnBase })
}

/**
 * What the books of an income leave without owner, given all positions' sum of claims in 10^-36 of a base unit: the dust, exactly.
 */
export function unownedE36({ receivedBase, withdrawnBase }: Income, claimsE36: bigint): bigint {
  return (receivedBase - withdrawnBase) * E36 - claimsE36
}

/** All that a position can claim in an asset, in 10^-36 of a base unit. */
export function claimE36(position: Position, asset: number, income: Income): bigint {
  const owedBase = position.incomes.find((known) => known.asset === asset)?.owedBase ?? 0n
  return owedBase * E36 + earnedE36(position, asset, income)
}
