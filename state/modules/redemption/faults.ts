// Delivery faults: a grant that is missing when its window begins, what that costs, and whom it suspends (ECONOMY §6).
// Owns: the judgement and the penalty. Not: finding missing grants and returning coins (grants.ts).
import { assert } from '../../../base/assert.ts'
import type { Address } from '../../../base/ids.ts'
import { COIN, maxBigint, minBigint, mulDivCeil, mulDivFloor, PPM } from '../../../base/units.ts'
import { spendWork } from '../../blockWork.ts'
import type { WriteContext } from '../../context.ts'
import type { StateReader, StateWriter } from '../../view.ts'
import { ACT_STEPS, type Budget, getCursors, takeStep, updateCursors } from './cursors.ts'
import {
  bondsOf,
  isOwnSuspended,
  isSlashable,
  legalGroupOf,
  memberIds,
  noteDelivery,
  noteFault,
  noteUnpaid,
  payOut,
  priceIn,
  reportUndelivered,
  suspend,
  takeOut,
  worthOf,
} from './external.ts'
import type { Failure } from './schema.ts'
import { redemptionParams, redemptionTables } from './tables.ts'

interface ProviderWindow {
  readonly provider: number
  readonly window: number
}

/** Whether a provider is already at fault in a window. */
export function isAtFault(state: StateReader, at: ProviderWindow): boolean {
  return redemptionTables.failure.has(state, at)
}

/** Counts coins at fault or rejected in a window to the legal group of a provider; returns the group's total. */
export function addTrouble(state: StateWriter, at: ProviderWindow, amountBase: bigint): bigint {
  const { window } = at
  const group = legalGroupOf(state, at.provider)
  const groups = redemptionTables.trouble.get(state, { window })?.groups ?? []
  const known = groups.find((trouble) => trouble.group === group)
  const total = { group, amountBase: (known?.amountBase ?? 0n) + amountBase }
  const others = groups.filter((trouble) => trouble !== known)
  redemptionTables.trouble.set(
    state,
    { window },
    { groups: [...others, total].sort((a, b) => a.group - b.group) },
  )
  return total.amountBase
}

/** Counts coins that a provider should have granted access for; asserts that the fault queue has room. A further fault within K windows suspends its group. */
export function blame(
  ctx: WriteContext,
  fault: ProviderWindow & { readonly owner: Address; readonly amountBase: bigint },
): void {
  const { state } = ctx
  const { provider, window, owner, amountBase } = fault
  const known = redemptionTables.failure.get(state, { provider, window })
  if (known === undefined) beginFailure(ctx, { provider, window })
  const index = known?.victims ?? 0
  redemptionTables.victim.set(state, { provider, window, index }, { owner, amountBase })
  redemptionTables.failure.set(
    state,
    { provider, window },
    {
      undeliveredBase: (known?.undeliveredBase ?? 0n) + amountBase,
      victims: index + 1,
      penalties: [],
    },
  )
  addTrouble(state, { provider, window }, amountBase)
  noteDelivery(state, { provider, window }, { faultBase: amountBase })
  reportUndelivered(ctx, { provider, victim: owner, amountBase })
}

function beginFailure(ctx: WriteContext, { provider, window }: ProviderWindow): void {
  const { state } = ctx
  const { providers } = redemptionTables.failures.get(state, { window }) ?? { providers: [] }
  redemptionTables.failures.set(state, { window }, { providers: [...providers, provider] })
  if (noteFault(state, { provider, window })) return
  if (isOwnSuspended(state, provider)) return
  suspend(ctx, provider, window)
  const group = legalGroupOf(state, provider)
  const { recalls } = getCursors(state)
  const all = memberIds(state)
  spendWork(ctx, all.length * ACT_STEPS.rank)
  const members = all.filter((id) => legalGroupOf(state, id) === group && !recalls.includes(id))
  updateCursors(state, { recalls: [...recalls, ...members] })
}

/** Takes and pays the penalties of faults whose window is judged in full; one step per victim. */
export function penalise(ctx: WriteContext, budget: Budget): void {
  const { state } = ctx
  for (;;) {
    const { penalisedWindow: window, penalisedFailure, penalisedVictim, grantedWindow } = getCursors(state)
    if (window >= grantedWindow) return
    const provider = redemptionTables.failures.get(state, { window })?.providers[penalisedFailure]
    if (provider === undefined) {
      if (redemptionTables.failures.has(state, { window }))
        redemptionTables.failures.delete(state, { window })
      updateCursors(state, { penalisedWindow: window + 1, penalisedFailure: 0 })
      continue
    }
    if (!takeStep(budget, 'pay')) return
    const at = { provider, window }
    if (penalisedVictim === 0) takePenalty(ctx, at)
    payVictim(ctx, at, penalisedVictim)
    const { victims } = redemptionTables.failure.mustGet(state, at)
    const isLast = penalisedVictim + 1 === victims
    if (isLast) redemptionTables.failure.delete(state, at)
    updateCursors(state, {
      penalisedFailure: isLast ? penalisedFailure + 1 : penalisedFailure,
      penalisedVictim: isLast ? 0 : penalisedVictim + 1,
    })
  }
}

/** A bond of a provider in one asset, and what it is worth at the last price, in coins. */
interface Bond {
  readonly asset: number
  readonly amountBase: bigint
  readonly priceBase: bigint
  readonly valueBase: bigint
}

function valuedBondsOf(state: StateReader, provider: number): readonly Bond[] {
  return bondsOf(state, provider).map(({ asset, amountBase }) => {
    const priceBase = priceIn(state, asset) ?? 0n
    return {
      asset,
      amountBase,
      priceBase,
      valueBase: priceBase === 0n ? 0n : worthOf(amountBase, priceBase),
    }
  })
}

/**
 * Units of one asset that a fault costs: `faultPenalty` of this bond's share of the undelivered, at least `faultFloor`
 * and at most `penaltyCap` of it. What the fault costs is rounded up, the cap down.
 */
export function penaltyOf(
  bond: Bond,
  fault: { readonly undeliveredBase: bigint; readonly bondsBase: bigint },
  params: ReturnType<typeof redemptionParams.get>,
): bigint {
  const { amountBase, priceBase, valueBase } = bond
  const { faultPenaltyPpm, faultFloorPpm, penaltyCapPpm } = params
  const shareBase =
    valueBase === 0n ? 0n : mulDivCeil(fault.undeliveredBase, valueBase, maxBigint(1n, fault.bondsBase))
  const cost = mulDivCeil(shareBase * priceBase, faultPenaltyPpm, COIN * PPM)
  const floor = mulDivCeil(amountBase, faultFloorPpm, PPM)
  return minBigint(maxBigint(cost, floor), mulDivFloor(amountBase, penaltyCapPpm, PPM))
}

/** Takes a fault's penalty out of the bond and pays the fund its half; the victims' half follows one by one. */
function takePenalty(ctx: WriteContext, at: ProviderWindow): void {
  const { state } = ctx
  const { provider } = at
  const failure = redemptionTables.failure.mustGet(state, at)
  const params = redemptionParams.get(state)
  const { undeliveredBase } = failure
  if (!isSlashable(state, provider)) {
    noteUnpaid(state, provider, mulDivCeil(undeliveredBase, params.faultPenaltyPpm, PPM))
    return
  }
  const bonds = valuedBondsOf(state, provider)
  const bondsBase = bonds.reduce((sum, { valueBase }) => sum + valueBase, 0n)
  const penalties: Failure['penalties'][number][] = []
  for (const bond of bonds) {
    const { asset } = bond
    const amountBase = penaltyOf(bond, { undeliveredBase, bondsBase }, params)
    if (amountBase === 0n) continue
    const halfBase = amountBase / 2n
    takeOut(ctx, { provider, asset, amountBase })
    payOut(ctx, { provider, asset, amountBase: amountBase - halfBase })
    penalties.push({ asset, halfBase, leftBase: halfBase })
  }
  redemptionTables.failure.set(state, at, { ...failure, penalties })
}

/** Pays one victim its part of the victims' half, by its undelivered coins; the last one gets what is left. */
function payVictim(ctx: WriteContext, at: ProviderWindow, index: number): void {
  const { state } = ctx
  const failure = redemptionTables.failure.mustGet(state, at)
  const { owner, amountBase } = redemptionTables.victim.mustGet(state, { ...at, index })
  redemptionTables.victim.delete(state, { ...at, index })
  const isLast = index + 1 === failure.victims
  const penalties = failure.penalties.map(({ asset, halfBase, leftBase }) => {
    const partBase = isLast ? leftBase : mulDivFloor(halfBase, amountBase, failure.undeliveredBase)
    assert(partBase <= leftBase, 'the parts of a penalty add up')
    payOut(ctx, { provider: at.provider, asset, amountBase: partBase, victim: owner })
    return { asset, halfBase, leftBase: leftBase - partBase }
  })
  redemptionTables.failure.set(state, at, { ...failure, penalties })
}
