// The guarantee fund beyond its fees: what of it is set aside for orphans, and what governance may spend (ECONOMY §9, §10).
// Owns: earmarks, spending, the burning of orphans from the fund. Not: what fills it (fees.ts, slashing.ts, closing.ts).

import type { Address } from '../../../base/ids.ts'
import { maxBigint, minBigint, mulDivCeil, mulDivFloor } from '../../../base/units.ts'
import type { WriteContext } from '../../context.ts'
import type { StateReader, StateWriter } from '../../view.ts'
import { COIN_ID, fundHeld, fundUnits, payFromFund, type Units } from './escrows.ts'
import { burnFromFund, horizonOf, mayReceive, owedByAll } from './external.ts'
import { EARMARKS_MAX } from './records.ts'
import { defaultTables, events } from './tables.ts'

/** The parts of the fund that are set aside for buying orphans back. */
export function earmarks(state: StateReader): readonly Units[] {
  return defaultTables.earmarked.get(state, {})?.assets ?? []
}

/** What of an asset is set aside. */
export function earmarkedOf(state: StateReader, asset: number): bigint {
  return earmarks(state).find((known) => known.asset === asset)?.amountBase ?? 0n
}

/** What of an asset the fund may give away: all that is not set aside. */
export function spendable(state: StateReader, asset: number): bigint {
  return fundUnits(state, asset) - earmarkedOf(state, asset)
}

/**
 * Most units of an asset that may buy coins in one window, 1/K of what is set aside, rounded down. What it
 * buys is burned against the orphans (buyBack.ts).
 */
export function buyBackMeans(state: StateReader, asset: number): bigint {
  return mulDivFloor(earmarkedOf(state, asset), 1n, BigInt(horizonOf(state)))
}

/** Sets units that the fund has just received aside; assets beyond the bound stay free. */
export function earmark(ctx: WriteContext, { asset, amountBase }: Units): void {
  const known = earmarks(ctx.state)
  const isNew = known.every((entry) => entry.asset !== asset)
  if (amountBase === 0n || (isNew && known.length >= EARMARKS_MAX)) return
  const others = known.filter((entry) => entry.asset !== asset)
  const total = { asset, amountBase: earmarkedOf(ctx.state, asset) + amountBase }
  defaultTables.earmarked.set(ctx.state, {}, { assets: [...others, total].sort((a, b) => a.asset - b.asset) })
  events.FundEarmarked(ctx, { asset, amountBase })
}

/**
 * At a window's end burns coins of the fund against orphans, at most 1/K of them, rounded up, so that the last ones go too; those
 * that were set aside first, since that is what they are for.
 * Without orphans nothing is set aside any more.
 */
export function burnOrphansOfWindow(ctx: WriteContext): void {
  const { state } = ctx
  const { orphanBase } = owedByAll(state)
  if (orphanBase === 0n) {
    if (defaultTables.earmarked.has(state, {})) defaultTables.earmarked.delete(state, {})
    return
  }
  const budgetBase = mulDivCeil(fundHeld(state), 1n, BigInt(horizonOf(state)))
  useEarmarked(ctx.state, {
    asset: COIN_ID,
    amountBase: burnFromFund(ctx, minBigint(budgetBase, orphanBase)),
  })
}

/** Takes what has served its purpose off what is set aside: no more of an asset is than the fund holds. */
export function useEarmarked(state: StateWriter, { asset, amountBase }: Units): void {
  const beforeBase = earmarkedOf(state, asset)
  if (beforeBase === 0n || amountBase === 0n) return
  const leftBase = maxBigint(0n, beforeBase - amountBase)
  const assets = earmarks(state).flatMap((known) =>
    known.asset !== asset ? [known] : leftBase > 0n ? [{ asset, amountBase: leftBase }] : [],
  )
  if (assets.length > 0) defaultTables.earmarked.set(state, {}, { assets })
  else defaultTables.earmarked.delete(state, {})
}

/** Sets units aside again that were bid and came back: their entry, or its place, is still there. */
export function restoreEarmark(state: StateWriter, { asset, amountBase }: Units): void {
  const others = earmarks(state).filter((known) => known.asset !== asset)
  if (amountBase === 0n || others.length >= EARMARKS_MAX) return
  const total = { asset, amountBase: earmarkedOf(state, asset) + amountBase }
  defaultTables.earmarked.set(state, {}, { assets: [...others, total].sort((a, b) => a.asset - b.asset) })
}

/** Why the fund cannot pay, or undefined. */
export function refuseSpending(
  state: StateReader,
  payment: Units & { readonly to: Address },
):
  | { readonly code: 'RecipientRefused' }
  | { readonly code: 'FundTooSmall'; readonly spendableBase: bigint }
  | undefined {
  const { asset, to, amountBase } = payment
  if (!mayReceive(to)) return { code: 'RecipientRefused' }
  const spendableBase = spendable(state, asset)
  return amountBase > spendableBase ? { code: 'FundTooSmall', spendableBase } : undefined
}

/** Pays what governance has decided; false, with nothing written, when the fund cannot any more. */
export function spendFund(ctx: WriteContext, payment: Units & { readonly to: Address }): boolean {
  if (refuseSpending(ctx.state, payment) !== undefined) return false
  payFromFund(ctx, payment)
  events.FundSpent(ctx, payment)
  return true
}
