// Penalties out of bonds: taking them, and paying them out to victims and the guarantee fund (ECONOMY §9); what a default
// takes, which is counted in the same sums. Not: how much a fault costs (the modules that judge faults).
import { assert } from '../../../base/assert.ts'
import type { Address } from '../../../base/ids.ts'
import type { WriteContext } from '../../context.ts'
import type { StateReader, StateWriter } from '../../view.ts'
import { getBond, getBonds } from './bonds.ts'
import { GUARANTEE_FUND, payUnits } from './external.ts'
import { isBondFrozen } from './members.ts'
import { events, providersTables } from './tables.ts'

const NOTHING = { slashedBase: 0n, victimsBase: 0n, fundBase: 0n, burnedBase: 0n }

interface Penalty {
  readonly provider: number
  readonly asset: number
  readonly amountBase: bigint
}

/** What penalties and defaults have ever taken from members in an asset, and where it went. */
export function slashedOf(state: StateReader, asset: number) {
  return providersTables.slashed.get(state, { asset }) ?? NOTHING
}

/** Whether penalties can be taken: a frozen bond is kept whole for those who convicted its owner. */
export function canSlash(state: StateReader, provider: number): boolean {
  return !isBondFrozen(state, provider)
}

/**
 * Takes a penalty out of a bond. Its units stay in the escrow until `payPenalty` has paid them out, which the caller
 * does to the last unit. Asserts that the bond is not frozen and covers it.
 */
export function takeBond(ctx: WriteContext, { provider, asset, amountBase }: Penalty): void {
  const leftBase = getBond(ctx.state, { provider, asset }) - amountBase
  assert(canSlash(ctx.state, provider) && leftBase >= 0n, 'the bond covers the penalty')
  providersTables.bond.set(ctx.state, { provider, asset }, { amountBase: leftBase })
  events.BondSlashed(ctx, { provider, asset, amountBase, leftBase })
}

/** Pays a part of a penalty that was taken: to a victim, or to the guarantee fund when `victim` is undefined. */
export function payPenalty(ctx: WriteContext, penalty: Penalty & { readonly victim?: Address }): void {
  const { provider, asset, amountBase, victim } = penalty
  payUnits(ctx, { provider, asset, to: victim ?? GUARANTEE_FUND, amountBase })
  countSlashed(ctx.state, { asset, amountBase, went: victim === undefined ? 'fund' : 'victims' })
}

/** Counts what was taken from a member and has reached its end: its victims, the fund, or the fire. */
export function countSlashed(
  state: StateWriter,
  taken: {
    readonly asset: number
    readonly amountBase: bigint
    readonly went: 'victims' | 'fund' | 'burned'
  },
): void {
  const { asset, amountBase, went } = taken
  if (amountBase === 0n) return
  const known = slashedOf(state, asset)
  const part = (way: typeof went): bigint => (way === went ? amountBase : 0n)
  providersTables.slashed.set(
    state,
    { asset },
    {
      slashedBase: known.slashedBase + amountBase,
      victimsBase: known.victimsBase + part('victims'),
      fundBase: known.fundBase + part('fund'),
      burnedBase: known.burnedBase + part('burned'),
    },
  )
}

/** Takes all of a bond for an estate, frozen or not, and moves it there. Returns what it held, per asset. */
export function surrenderBond(
  ctx: WriteContext,
  provider: number,
  to: Address,
): readonly { readonly asset: number; readonly amountBase: bigint }[] {
  const held = getBonds(ctx.state, provider).filter(({ amountBase }) => amountBase > 0n)
  for (const { asset, amountBase } of held) {
    providersTables.bond.set(ctx.state, { provider, asset }, { amountBase: 0n })
    payUnits(ctx, { provider, asset, to, amountBase })
    events.BondSlashed(ctx, { provider, asset, amountBase, leftBase: 0n })
  }
  return held
}

/** Pays a part of a bond back to its owner. The caller has checked that it is unlocked; asserts that it is not frozen and holds it. */
export function returnBond(ctx: WriteContext, payment: Penalty & { readonly to: Address }): void {
  const { provider, asset, amountBase, to } = payment
  const at = { provider, asset }
  const leftBase = getBond(ctx.state, at) - amountBase
  assert(canSlash(ctx.state, provider) && leftBase >= 0n, 'the bond covers what is withdrawn')
  const beforeBase = providersTables.withdrawn.get(ctx.state, at)?.amountBase ?? 0n
  providersTables.bond.set(ctx.state, at, { amountBase: leftBase })
  providersTables.withdrawn.set(ctx.state, at, { amountBase: beforeBase + amountBase })
  payUnits(ctx, { provider, asset, to, amountBase })
  events.BondWithdrawn(ctx, { provider, asset, amountBase, leftBase })
}
