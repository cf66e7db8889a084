// Base fees: they fill the guarantee fund to its target, the rest goes to all validators equally, each with its backers (ECONOMY §7).
// Never to the proposer of the block: filling one's own blocks must cost. Tips are the proposer's (engine.ts).
import { assert } from '../../../base/assert.ts'
import { maxBigint, minBigint, mulDivCeil, PPM } from '../../../base/units.ts'
import type { WriteContext } from '../../context.ts'
import type { StateReader } from '../../view.ts'
import { fundHeld } from './escrows.ts'
import {
  feesHeld,
  operatorOf,
  owedByAll,
  payEachFromFees,
  payFeesToBackers,
  payFeesToFund,
  votersOf,
} from './external.ts'
import { defaultParams, events } from './tables.ts'

/** Size up to which base fees fill the fund; rounded up: the fund gains. */
export function fundTarget(state: StateReader): bigint {
  return mulDivCeil(owedByAll(state).liabilitiesBase, defaultParams.get(state).fundTargetPpm, PPM)
}

/** Pays a validator and its backers; false, with nothing written, when it shares nothing. */
function payWithBackers(ctx: WriteContext, provider: number, eachBase: bigint): boolean {
  const backersBase = payFeesToBackers(ctx, provider, eachBase)
  if (backersBase === 0n) return false
  const rest = payEachFromFees(ctx, [operatorOf(ctx.state, provider)], eachBase - backersBase)
  assert(rest, 'the fees cover every share')
  return true
}

/** At a window's end shares the base fees of the window; one transfer per validator. */
export function shareFees(ctx: WriteContext, windowIndex: number): void {
  const { state } = ctx
  const feesBase = feesHeld(state)
  const fundBase = minBigint(feesBase, maxBigint(0n, fundTarget(state) - fundHeld(state)))
  // Those that have not lost their vote since the epoch began, in the order of the set.
  const { ids } = votersOf(state)
  // Rounded down: what is left waits for the next window.
  const eachBase = ids.length === 0 ? 0n : (feesBase - fundBase) / BigInt(ids.length)
  if (fundBase === 0n && eachBase === 0n) return
  assert(payFeesToFund(ctx, fundBase), 'the fees cover what the fund takes')
  const alone = ids.filter((id) => !payWithBackers(ctx, id, eachBase)).map((id) => operatorOf(state, id))
  assert(payEachFromFees(ctx, alone, eachBase), 'the fees cover every share')
  events.FeesShared(ctx, { windowIndex, fundBase, eachBase, validators: ids.length })
}
