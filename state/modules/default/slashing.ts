// What faults cost, when the queue brings them (ECONOMY §9): out of the bond, valued at the last price however old, to the
// victim first and then to the fund. Not: delivery faults, whose penalty redemption takes, since a window's faults share a cap.
import { equalBytes } from '../../../base/bytes.ts'
import { type Address, ZERO_ADDRESS } from '../../../base/ids.ts'
import { maxBigint, minBigint, mulDivCeil, PPM } from '../../../base/units.ts'
import type { Fault, WriteContext } from '../../context.ts'
import type { StateReader } from '../../view.ts'
import type { Units } from './escrows.ts'
import {
  bondsOf,
  forgetUnpaid,
  isFrozen,
  noteUnpaid,
  slash,
  thaw,
  unitsWorth,
  unpaidOf,
  worthOf,
} from './external.ts'
import { defaultParams, events } from './tables.ts'

/** A fault whose penalty is being taken, and what of its coins the victim has not been paid yet. */
interface Penalised extends Pick<Fault, 'provider' | 'cause' | 'victim'> {
  readonly claimBase: bigint
}

const isSomebody = (victim: Address): boolean => !equalBytes(victim, ZERO_ADDRESS)

/** Takes units of one asset: for the victim as far as it lost something, the rest for the fund. Returns what is left of the claim. */
function takeUnits(ctx: WriteContext, fault: Penalised, { asset, amountBase }: Units): bigint {
  const { provider, cause, victim, claimBase } = fault
  if (amountBase === 0n) return claimBase
  const claimed = isSomebody(victim) ? (unitsWorth(ctx.state, asset, claimBase) ?? 0n) : 0n
  const victimBase = minBigint(amountBase, claimed)
  slash(ctx, { provider, asset, amountBase, victim: { address: victim, amountBase: victimBase } })
  events.FaultPenalised(ctx, { provider, cause, asset, amountBase, victimBase })
  return maxBigint(0n, claimBase - worthOf(ctx.state, { asset, amountBase: victimBase }))
}

/** Takes a share of every bond, rounded up. */
function slashShare(ctx: WriteContext, fault: Penalised, sharePpm: bigint): void {
  let { claimBase } = fault
  for (const { asset, amountBase } of bondsOf(ctx.state, fault.provider))
    claimBase = takeUnits(
      ctx,
      { ...fault, claimBase },
      { asset, amountBase: mulDivCeil(amountBase, sharePpm, PPM) },
    )
}

/**
 * Takes what is worth so many coins, of each asset in proportion to its value, rounded up; never more than there is. Assets
 * that never had a price are left: nobody can say what they are worth.
 */
function slashValue(ctx: WriteContext, fault: Penalised, valueBase: bigint): void {
  const bonds = bondsOf(ctx.state, fault.provider).map((units) => ({
    ...units,
    valueBase: worthOf(ctx.state, units),
  }))
  const totalBase = bonds.reduce((sum, bond) => sum + bond.valueBase, 0n)
  if (totalBase === 0n || valueBase === 0n) return
  let { claimBase } = fault
  for (const { asset, amountBase, valueBase: worthBase } of bonds) {
    if (worthBase === 0n) continue
    const partBase = mulDivCeil(minBigint(valueBase, totalBase), worthBase, totalBase)
    const wantedBase = valueBase >= totalBase ? amountBase : (unitsWorth(ctx.state, asset, partBase) ?? 0n)
    const taken = { asset, amountBase: minBigint(amountBase, wantedBase) }
    claimBase = takeUnits(ctx, { ...fault, claimBase }, taken)
  }
}

/** What a share of every bond is worth in coins, each part rounded up. */
function shareWorth(state: StateReader, provider: number, sharePpm: bigint): bigint {
  return bondsOf(state, provider).reduce(
    (sum, { asset, amountBase }) =>
      sum + worthOf(state, { asset, amountBase: mulDivCeil(amountBase, sharePpm, PPM) }),
    0n,
  )
}

/** Takes what a member owes of earlier penalties, as far as the bond reaches: it was frozen when they fell due. */
export function collectUnpaid(ctx: WriteContext, provider: number): void {
  const valueBase = unpaidOf(ctx.state, provider)
  if (valueBase === 0n) return
  slashValue(ctx, { provider, cause: 'delivery', victim: ZERO_ADDRESS, claimBase: 0n }, valueBase)
  forgetUnpaid(ctx.state, provider)
}

/** Takes the penalty of a fault. A member that has defaulted has no bond left: its estate is with those who pay for it. */
export function onFault(ctx: WriteContext, fault: Fault): void {
  const { provider, cause, amountBase } = fault
  const { equivocationPpm, lostCoveragePpm, absencePpm } = defaultParams.get(ctx.state)
  const penalised = { ...fault, claimBase: amountBase }
  // A double vote that waits in the queue behind it comes first: the rest is owed until then.
  const waits = isFrozen(ctx.state, provider)
  switch (cause) {
    case 'equivocation':
      // The part is of all that it bonded, whatever else it owed.
      thaw(ctx, provider)
      slashShare(ctx, penalised, equivocationPpm)
      collectUnpaid(ctx, provider)
      return
    case 'coverage': {
      const valueBase = mulDivCeil(amountBase, lostCoveragePpm, PPM)
      if (waits) noteUnpaid(ctx.state, provider, valueBase)
      else slashValue(ctx, penalised, valueBase)
      return
    }
    case 'absence':
      if (waits) noteUnpaid(ctx.state, provider, shareWorth(ctx.state, provider, absencePpm))
      else slashShare(ctx, penalised, absencePpm)
      return
    case 'audit':
      // What a failed audit takes of capacity is a haircut, and comes here as `coverage`; other faults of audits none post yet.
      return
    case 'delivery':
      return
  }
}
