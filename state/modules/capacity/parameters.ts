// Rules between the parameters of capacity and of the modules before it. Not: bounds of single values (schema.ts).
import type { Params } from '../../../base/moduleDefinition.ts'
import type { ParameterContext, ParameterFault } from '../../parameterRules.ts'
import { setRules } from './external.ts'
import type { capacitySchema } from './schema.ts'

/** A chain with longer windows is no test: its validators must bear a fault. */
const TEST_WINDOW_MS_MAX = 3_600_000

export function checkParameters(
  own: Params<typeof capacitySchema>,
  all: ParameterContext,
): ParameterFault | undefined {
  const { minBlockIntervalMs, validatorsMin } = setRules(all)
  // A heartbeat, which cannot be faster than blocks may be, is at most a quarter of a window (ECONOMY §1).
  if (own.windowMs < 4 * minBlockIntervalMs) {
    return { path: 'windowMs', reason: `expected at least four block intervals of ${minBlockIntervalMs} ms` }
  }
  return validatorsMin < 4 && own.windowMs > TEST_WINDOW_MS_MAX
    ? { path: 'windowMs', reason: `expected at most ${TEST_WINDOW_MS_MAX} ms with fewer than 4 validators` }
    : undefined
}
