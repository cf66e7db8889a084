// What the walks of series may do in a block, and what their acts cost. Not: how a budget is divided (state/blockWork.ts).
import type { WalkName } from '../../../base/moduleDefinition.ts'
import type { Walk } from '../../blockWork.ts'
import type { WriteContext } from '../../context.ts'
import { openWalk } from './external.ts'
import type { seriesSchema } from './schema.ts'
import { seriesParams } from './tables.ts'

/** At most M acts, and no more than a walk's part of the block's measured steps. */
export interface Budget {
  left: number
  readonly walk: Walk
}

/** Steps of what the walks do: rules and tree, measured by `bench:gas` beside the settlement of a voucher, which is 1,000. */
export const ACT_STEPS = {
  /** A member without live series. */
  member: 40,
  /** Settling a purchase: what fits, and the payments. */
  settle: 300,
  /** What more a purchase of coins takes: the mint, its lock, coverage. */
  mint: 2_600,
  /** Looking at a live series, with the mint rule. */
  look: 250,
  /** What a look may lead to: coins for receipts, with their mint. */
  convert: 1_700,
  /** An end, or a failure. */
  close: 250,
  /** Removing a record that is over. */
  remove: 250,
} as const

export function openBudget(ctx: WriteContext, name: WalkName<typeof seriesSchema>): Budget {
  return { left: seriesParams.get(ctx.state).stepsPerBlockMax, walk: openWalk(ctx, name) }
}

export function hasLeft({ left, walk }: Budget): boolean {
  return left > 0 && walk.left > 0
}

/** Takes an act; false, without one, when none is left. */
export function takeAct(budget: Budget, act: keyof typeof ACT_STEPS): boolean {
  if (budget.left <= 0 || !budget.walk.take(ACT_STEPS[act])) return false
  budget.left--
  return true
}

/** Counts what an act has led to. */
export function spendAct(budget: Budget, act: keyof typeof ACT_STEPS): void {
  budget.walk.spend(ACT_STEPS[act])
}
