// What faults cost, when the queue brings them (ECONOMY §9): out of the bond, valued at the last price however old, to the
// victim first and then to the fund. Not: delivery faults, whose penalty redemption takes, since a window's faults share a cap.
import { minBigint, mulDivCeil, PPM } from '../../../base/units.ts'
import type { Fault, WriteContext } from '../../context.ts'
import { bondsOf, forgetUnpaid, slash, thaw, type Units, unitsWorth, unpaidOf, worthOf } from './external.ts'
import { defaultParams, events } from './tables.ts'

type Culprit = Pick<Fault, 'provider' | 'cause'>

/** Takes units of one asset and tells it. All goes to the fund: what others lost by these faults is nobody's in particular. */
function takeUnits(ctx: WriteContext, { provider, cause }: Culprit, { asset, amountBase }: Units): void {
  if (amountBase === 0n) return
  slash(ctx, { provider, asset, amountBase })
  events.FaultPenalised(ctx, { provider, cause, asset, amountBase, victimBase: 0n })
}

/** Takes a share of every bond, rounded up. */
function slashShare(ctx: WriteContext, fault: Culprit, sharePpm: bigint): void {
  for (const { asset, amountBase } of bondsOf(ctx.state, fault.provider))
    takeUnits(ctx, fault, { asset, amountBase: mulDivCeil(amountBase, sharePpm, PPM) })
}

/**
 * Takes what is worth so many coins, of each asset in proportion to its value, rounded up; never more than there is. Assets
 * that never had a price are left: nobody can say what they are worth.
 */
function slashValue(ctx: WriteContext, fault: Culprit, valueBase: bigint): void {
  const bonds = bondsOf(ctx.state, fault.provider).map((units) => ({
    ...units,
    valueBase: worthOf(ctx.state, units),
  }))
  const totalBase = bonds.reduce((sum, bond) => sum + bond.valueBase, 0n)
  if (totalBase === 0n || valueBase === 0n) return
  for (const { asset, amountBase, valueBase: worthBase } of bonds) {
    if (worthBase === 0n) continue
    const partBase = mulDivCeil(minBigint(valueBase, totalBase), worthBase, totalBase)
    const wantedBase = valueBase >= totalBase ? amountBase : (unitsWorth(ctx.state, asset, partBase) ?? 0n)
    takeUnits(ctx, fault, { asset, amountBase: minBigint(amountBase, wantedBase) })
  }
}

/** Takes what a member owes of earlier penalties, as far as the bond reaches: it was frozen when they fell due. */
export function collectUnpaid(ctx: WriteContext, provider: number): void {
  const valueBase = unpaidOf(ctx.state, provider)
  if (valueBase === 0n) return
  slashValue(ctx, { provider, cause: 'delivery' }, valueBase)
  forgetUnpaid(ctx.state, provider)
}

/** Takes the penalty of a fault. A member that has defaulted has no bond left: its estate is with those who pay for it. */
export function onFault(ctx: WriteContext, fault: Fault): void {
  const { provider, cause, amountBase } = fault
  const { equivocationPpm, lostCoveragePpm, absencePpm } = defaultParams.get(ctx.state)
  switch (cause) {
    case 'equivocation':
      // The part is of all that it bonded, whatever else it owed.
      thaw(ctx, provider)
      slashShare(ctx, fault, equivocationPpm)
      collectUnpaid(ctx, provider)
      return
    case 'coverage':
      slashValue(ctx, fault, mulDivCeil(amountBase, lostCoveragePpm, PPM))
      return
    case 'absence':
      slashShare(ctx, fault, absencePpm)
      return
    case 'audit':
      // What a failed audit takes of capacity is a haircut, and comes here as `coverage`; other faults of audits none post yet.
      return
    case 'delivery':
      return
  }
}
