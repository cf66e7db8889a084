// Which legal group makes a block: what drawn orders depend on (ECONOMY §8). Not: the groups themselves (groups.ts).
import type { ReadContext } from '../../context.ts'
import type { StateReader } from '../../view.ts'
import { groupOf } from './groups.ts'
import { providerByOperator } from './members.ts'
import { validatorSet } from './validatorSet.ts'

/** The member that proposes this block; 0 when the proposer is no member. */
export function proposerOf(ctx: ReadContext): number {
  return providerByOperator(ctx.state, ctx.block.proposer) ?? 0
}

/**
 * Whether this block's proposer could not know the mix when `earlier` (0: no member) ordered an earlier block: it belongs
 * to another legal group, or the validator set has no second one.
 */
export function isOtherGroup(ctx: ReadContext, earlier: number): boolean {
  const group = groupOrNone(ctx.state, earlier)
  if (groupOrNone(ctx.state, proposerOf(ctx)) !== group) return true
  return validatorSet(ctx.state).validators.every(({ id }) => groupOf(ctx.state, id) === group)
}

/** Whether this block's proposer belongs to the legal group of a member (0: of none). */
export function isOwnGroup(ctx: ReadContext, member: number): boolean {
  return groupOrNone(ctx.state, proposerOf(ctx)) === groupOrNone(ctx.state, member)
}

function groupOrNone(state: StateReader, member: number): number {
  return member === 0 ? 0 : groupOf(state, member)
}
