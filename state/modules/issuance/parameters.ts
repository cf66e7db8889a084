// Rules between the parameters of issuance and of the modules before it. Not: bounds of single values (schema.ts).
import type { Params } from '../../../base/moduleDefinition.ts'
import type { ParameterContext, ParameterFault } from '../../parameterRules.ts'
import { growthOver } from './external.ts'
import type { issuanceSchema } from './schema.ts'

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
  return own.bondMaintenancePpm > own.bondPpm
    ? { path: 'bondMaintenancePpm', reason: 'expected at most bondPpm' }
    : undefined
}
