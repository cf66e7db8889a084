// Penalties out of bonds: what is taken, and who gets it (ECONOMY §9). Not: how much a fault costs (the modules that
// judge faults).
import { assert } from '../../../base/assert.ts'
import type { Address } from '../../../base/ids.ts'
import { mulDivCeil } from '../../../base/units.ts'
import type { WriteContext } from '../../context.ts'
import type { StateReader } from '../../view.ts'
import { getBond, getBonds } from './bonds.ts'
import { GUARANTEE_FUND, payUnits } from './external.ts'
import { isBondFrozen } from './members.ts'
import { events, providersTables } from './tables.ts'

const NOTHING = { slashedBase: 0n, victimsBase: 0n, fundBase: 0n }

/** What was ever taken from bonds in an asset, and where it went. */
export function slashedOf(state: StateReader, asset: number) {
  return providersTables.slashed.get(state, { asset }) ?? NOTHING
}

/**
 * Takes the share `numerator / denominator` of each asset of a bond, rounded up; half of it, rounded down, goes to the
 * victim and the rest to the guarantee fund. False, with nothing written, while the bond is frozen. At most
 * `BOND_ASSETS_MAX` steps.
 */
export function slashBond(
  ctx: WriteContext,
  penalty: {
    readonly provider: number
    readonly victim: Address
    readonly numerator: bigint
    readonly denominator: bigint
  },
): boolean {
  const { provider, victim, numerator, denominator } = penalty
  assert(numerator >= 0n && numerator <= denominator, 'a penalty is a share of the bond')
  if (isBondFrozen(ctx.state, provider)) return false
  if (numerator === 0n) return true
  for (const { asset, amountBase } of getBonds(ctx.state, provider)) {
    if (amountBase === 0n) continue
    const takenBase = mulDivCeil(amountBase, numerator, denominator)
    assert(takenBase <= amountBase, 'no more is taken than is posted')
    const victimBase = takenBase / 2n
    const fundBase = takenBase - victimBase
    payUnits(ctx, { provider, asset, to: victim, amountBase: victimBase })
    payUnits(ctx, { provider, asset, to: GUARANTEE_FUND, amountBase: fundBase })
    const leftBase = getBond(ctx.state, { provider, asset }) - takenBase
    providersTables.bond.set(ctx.state, { provider, asset }, { amountBase: leftBase })
    const known = slashedOf(ctx.state, asset)
    providersTables.slashed.set(
      ctx.state,
      { asset },
      {
        slashedBase: known.slashedBase + takenBase,
        victimsBase: known.victimsBase + victimBase,
        fundBase: known.fundBase + fundBase,
      },
    )
    events.BondSlashed(ctx, { provider, asset, amountBase: takenBase, victim, victimBase, leftBase })
  }
  return true
}
