// Penalties out of bonds: taking them, and paying them out to victims and the guarantee fund (ECONOMY §9).
// Not: how much a fault costs (the modules that judge faults).
import { assert } from '../../../base/assert.ts'
import type { Address } from '../../../base/ids.ts'
import type { WriteContext } from '../../context.ts'
import type { StateReader } from '../../view.ts'
import { getBond } from './bonds.ts'
import { GUARANTEE_FUND, payUnits } from './external.ts'
import { isBondFrozen } from './members.ts'
import { events, providersTables } from './tables.ts'

const NOTHING = { slashedBase: 0n, victimsBase: 0n, fundBase: 0n }

interface Penalty {
  readonly provider: number
  readonly asset: number
  readonly amountBase: bigint
}

/** What was ever paid out of bonds as penalties in an asset, and to whom. */
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
  const known = slashedOf(ctx.state, asset)
  providersTables.slashed.set(
    ctx.state,
    { asset },
    {
      slashedBase: known.slashedBase + amountBase,
      victimsBase: known.victimsBase + (victim === undefined ? 0n : amountBase),
      fundBase: known.fundBase + (victim === undefined ? amountBase : 0n),
    },
  )
}
