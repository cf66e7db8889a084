// Rules between the parameters of issuance and of the modules before it. Not: bounds of single values (schema.ts).
import type { Params } from '../../../base/moduleDefinition.ts'
import type { ParameterContext, ParameterFault } from '../../parameterRules.ts'
import { growthOver, validatorsMin } from './external.ts'
import type { issuanceSchema } from './schema.ts'

/** Validators that bear one that fails. */
const BEARS_A_FAULT = 4

/**
 * In particular m ≥ G_K, so that a provider that minted at its limit stays covered through K windows of the largest
 * drift (ECONOMY §3).
 */
export function checkParameters(
  own: Params<typeof issuanceSchema>,
  all: ParameterContext,
): ParameterFault | undefined {
  const { growthPpm, horizonWindows } = growthOver(all)
  if (own.marginPpm < growthPpm) {
    return {
      path: 'marginPpm',
      reason: `${own.marginPpm} is below ${growthPpm}, the growth of the anchor over ${horizonWindows} windows`,
    }
  }
  if (own.bondMaintenancePpm > own.bondPpm) {
    return { path: 'bondMaintenancePpm', reason: 'expected at most bondPpm' }
  }
  if (own.cureWindows > horizonWindows) {
    return { path: 'cureWindows', reason: `expected at most the horizon, ${horizonWindows} windows` }
  }
  // Front-load looks at ⌈K/4⌉ windows, of which C leaves out the first 1 + coverN.
  const coverMax = Math.ceil(horizonWindows / 4) - 2
  if (own.coverN > coverMax) {
    return {
      path: 'coverN',
      reason: `expected at most ${coverMax}: 2 + coverN is at most a quarter of ${horizonWindows} windows`,
    }
  }
  if (own.coverN >= all.groupCount) {
    return { path: 'coverN', reason: `expected fewer than the ${all.groupCount} legal groups` }
  }
  return own.coverN === 0 && validatorsMin(all) >= BEARS_A_FAULT
    ? { path: 'coverN', reason: 'expected at least 1, except where validatorsMin is below 4' }
    : undefined
}
