// Rules between the parameters of redemption and of the modules before it. Not: bounds of single values (schema.ts).
import type { Params } from '../../../base/moduleDefinition.ts'
import type { ParameterContext, ParameterFault } from '../../parameterRules.ts'
import { windowRoom } from './external.ts'
import type { redemptionSchema } from './schema.ts'

export function checkParameters(
  own: Params<typeof redemptionSchema>,
  all: ParameterContext,
): ParameterFault | undefined {
  const { horizonWindows, blocks, lotsMax } = windowRoom(all)
  if (own.assignAhead < 1 || own.assignAhead * 8 > horizonWindows) {
    return { path: 'assignAhead', reason: 'expected 1 to an eighth of the horizon' }
  }
  // All steps due at a window's end must fit into the next window's blocks (ECONOMY §12, 16).
  if (own.stepsPerBlockMax * blocks < own.openRequestsMax + lotsMax) {
    return {
      path: 'openRequestsMax',
      reason: `${own.stepsPerBlockMax} steps per block, ${blocks} blocks per window: too few for all requests and lots`,
    }
  }
  return undefined
}
