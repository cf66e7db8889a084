// Rules between the parameters of redemption and of the modules before it. Not: bounds of single values (schema.ts).
import type { Params } from '../../../base/moduleDefinition.ts'
import type { ParameterContext, ParameterFault } from '../../parameterRules.ts'
import { ACT_STEPS } from './cursors.ts'
import { windowRoom } from './external.ts'
import type { redemptionSchema } from './schema.ts'

/** Least M: a block always gets further, whatever it looks for. */
const STEPS_MIN = 16

/** Sets of filters that a lot group is told to. */
const SETS_PER_LOT = 12

/**
 * Measured steps of a sweep, an un-booking and an assignment of a full table, and of telling it of all lot groups (ECONOMY
 * §12, 16): each act is looked for with a step or two.
 */
export function tableSteps(size: { readonly requests: number; readonly lots: number }): number {
  const { look, assign, close } = ACT_STEPS
  return size.requests * (2 * (look + close) + assign + 3 * look) + size.lots * (SETS_PER_LOT + 1) * look
}

export function checkParameters(
  own: Params<typeof redemptionSchema>,
  all: ParameterContext,
): ParameterFault | undefined {
  const { horizonWindows, blocks, lotsMax, blockStepsMax } = windowRoom(all)
  if (own.assignAhead < 1 || own.assignAhead * 8 > horizonWindows) {
    return { path: 'assignAhead', reason: 'expected 1 to an eighth of the horizon' }
  }
  // A search begins each block with a step for its place and one for a provider: with fewer it would not go on.
  if (own.stepsPerBlockMax < STEPS_MIN) {
    return { path: 'stepsPerBlockMax', reason: `expected at least ${STEPS_MIN} steps` }
  }
  // All steps due at a window's end must fit into the next window's blocks (ECONOMY §12, 16).
  if (own.stepsPerBlockMax * blocks < own.openRequestsMax + lotsMax) {
    return {
      path: 'openRequestsMax',
      reason: `${own.stepsPerBlockMax} steps per block, ${blocks} blocks per window: too few for all requests and lots`,
    }
  }
  const steps = tableSteps({ requests: own.openRequestsMax, lots: lotsMax })
  if (blockStepsMax * blocks < steps) {
    return {
      path: 'openRequestsMax',
      reason: `a full table and all lots may take ${steps} steps, and a window has ${blocks} blocks of ${blockStepsMax}`,
    }
  }
  if (own.openRequestsPerAccountMax > own.openRequestsMax) {
    return {
      path: 'openRequestsPerAccountMax',
      reason: `expected at most openRequestsMax, ${own.openRequestsMax}`,
    }
  }
  return own.suspensionWindows > horizonWindows
    ? { path: 'suspensionWindows', reason: `expected at most the horizon, ${horizonWindows} windows` }
    : undefined
}
