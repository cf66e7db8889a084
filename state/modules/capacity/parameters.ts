// Rules between the parameters of capacity. Not: bounds of single values (schema.ts).
import type { Params } from '../../../base/moduleDefinition.ts'
import type { ParameterContext, ParameterFault } from '../../parameterRules.ts'
import { blockIntervalOf } from './external.ts'
import { quarterPoints } from './rating.ts'
import type { capacitySchema } from './schema.ts'
import { blocksPerWindow } from './windows.ts'

/**
 * C begins 2 + coverN windows ahead, and the front-load rule looks at its first quarter (ECONOMY §3). A recount of all
 * lots that members may hold, each a group of its own, must be complete before its window ends.
 */
export function checkParameters(
  own: Params<typeof capacitySchema>,
  all: ParameterContext,
): ParameterFault | undefined {
  const { horizonWindows, coverN, recountStepsMax, windowMs, lotsPerProviderMax } = own
  const [quarter] = quarterPoints(horizonWindows)
  if (2 + coverN > quarter)
    return {
      path: 'coverN',
      reason: `expected 2 + coverN to be at most ${quarter}, a quarter of the horizon`,
    }
  const blocks = blocksPerWindow(windowMs, blockIntervalOf(all))
  const steps = all.providerCount * (lotsPerProviderMax * horizonWindows + 1)
  return blocks * recountStepsMax < steps
    ? {
        path: 'recountStepsMax',
        reason: `a recount may take ${steps} steps, and a window has ${blocks} blocks`,
      }
    : undefined
}
