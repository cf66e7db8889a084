// Rules between parameters of governance.
import type { ParameterFault } from '../../parameterRules.ts'
import type { GovernanceParams } from './schema.ts'

/** The anchor moves freely for four fifths of the time at least, however many coins hold it (ECONOMY §5). */
const REST_FACTOR = 4

export function checkParameters({
  anchorHoldWindows,
  anchorRestWindows,
}: GovernanceParams): ParameterFault | undefined {
  const least = REST_FACTOR * anchorHoldWindows
  return anchorRestWindows < least
    ? { path: 'anchorRestWindows', reason: `expected at least ${least} windows, four times the hold` }
    : undefined
}
