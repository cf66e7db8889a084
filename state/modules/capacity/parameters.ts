// Rules between the parameters of capacity and of the modules before it. Not: bounds of single values (schema.ts).
import type { Params } from '../../../base/moduleDefinition.ts'
import type { ParameterContext, ParameterFault } from '../../parameterRules.ts'
import { blockIntervalOf, validatorsMin } from './external.ts'
import { quarterPoints } from './rating.ts'
import { recountStepsOf } from './recountSteps.ts'
import type { capacitySchema } from './schema.ts'
import { blocksPerWindow } from './windows.ts'

type Own = Params<typeof capacitySchema>

/** A chain with longer windows is no test: its validators must bear a fault. */
const TEST_WINDOW_MS_MAX = 3_600_000
/** Validators that bear one that fails. */
const BEARS_A_FAULT = 4

/**
 * C begins 2 + coverN windows ahead, and the front-load rule looks at its first quarter (ECONOMY §3). A recount of all
 * lots that members may hold, each a group of its own, must be complete before its window ends.
 */
export function checkParameters(
  own: Params<typeof capacitySchema>,
  all: ParameterContext,
): ParameterFault | undefined {
  return windowFault(own, all) ?? coverFault(own, all) ?? recountFault(own, all)
}

/** A heartbeat, which cannot be faster than blocks may be, is at most a quarter of a window (ECONOMY §1). */
function windowFault({ windowMs }: Own, all: ParameterContext): ParameterFault | undefined {
  const intervalMs = blockIntervalOf(all)
  if (windowMs < 4 * intervalMs) {
    return { path: 'windowMs', reason: `expected at least four block intervals of ${intervalMs} ms` }
  }
  return validatorsMin(all) < BEARS_A_FAULT && windowMs > TEST_WINDOW_MS_MAX
    ? { path: 'windowMs', reason: `expected at most ${TEST_WINDOW_MS_MAX} ms with fewer than 4 validators` }
    : undefined
}

function coverFault({ horizonWindows, coverN }: Own, all: ParameterContext): ParameterFault | undefined {
  const [quarter] = quarterPoints(horizonWindows)
  if (2 + coverN > quarter) {
    return {
      path: 'coverN',
      reason: `expected 2 + coverN to be at most ${quarter}, a quarter of the horizon`,
    }
  }
  if (coverN >= all.groupCount) {
    return { path: 'coverN', reason: `expected fewer than the ${all.groupCount} legal groups` }
  }
  return coverN === 0 && validatorsMin(all) >= BEARS_A_FAULT
    ? { path: 'coverN', reason: 'expected at least 1, except where validatorsMin is below 4' }
    : undefined
}

function recountFault(own: Own, all: ParameterContext): ParameterFault | undefined {
  const { horizonWindows, recountStepsMax, blockStepsMax, windowMs, lotsPerProviderMax } = own
  const blocks = blocksPerWindow(windowMs, blockIntervalOf(all))
  const steps = recountStepsOf({
    providers: all.providerCount,
    lotsPerProvider: lotsPerProviderMax,
    horizon: horizonWindows,
  })
  if (blocks * recountStepsMax < steps) {
    return {
      path: 'recountStepsMax',
      reason: `a recount may take ${steps} steps, and a window has ${blocks} blocks`,
    }
  }
  // A walk has half of what those before it in the block leave.
  return blocks * blockStepsMax < 2 * steps
    ? { path: 'blockStepsMax', reason: `a recount may take ${steps} steps, and has half of ${blocks} blocks` }
    : undefined
}
