// The walks of the economy through which deferred work goes on from block to block: their numbers, and the budget of all.
// Not: how a budget is divided (state/blockWork.ts), what an act costs (recountSteps.ts, state/modules/redemption/cursors.ts).
import { openWalk, type Walk } from '../../blockWork.ts'
import type { WriteContext } from '../../context.ts'
import { capacityParams } from './tables.ts'

/** In the order in which they run in a block; the number is a walk's turn. */
export const WALKS = {
  missingGrants: 0,
  recalls: 1,
  penalties: 2,
  overbooked: 3,
  draw: 4,
  settlement: 5,
  recount: 6,
  members: 7,
  sweep: 8,
  expiry: 9,
  obligation: 10,
  history: 11,
  matching: 12,
} as const

/** Opens a walk in this block; matching, the last, may use all that is left. */
export function openEconomyWalk(ctx: WriteContext, name: keyof typeof WALKS): Walk {
  const { blockStepsMax } = capacityParams.get(ctx.state)
  return openWalk(ctx, { stepsMax: blockStepsMax, number: WALKS[name], isLast: name === 'matching' })
}
