// Rules between the parameters of the oracle. Not: bounds of single values (schema.ts).
import type { ParameterFault } from '../../parameterRules.ts'
import type { OracleParams } from './schema.ts'

/** Disagreeing must not let the anchor rise faster than agreeing (ECONOMY §5). */
export function checkParameters({ driftPpm, disputedDriftPpm }: OracleParams): ParameterFault | undefined {
  return disputedDriftPpm > driftPpm
    ? { path: 'disputedDriftPpm', reason: `expected at most driftPpm, ${driftPpm}` }
    : undefined
}
