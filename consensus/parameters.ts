// Checks the consensus durations. Not: where they come from.
import type { ConsensusParameters } from './types.ts'

/** Why these parameters cannot work, or undefined: "heartbeatMs: expected an integer 1 to 86400000". */
export function checkParameters(parameters: ConsensusParameters): string | undefined {
  for (const [name, value] of Object.entries(parameters) as [keyof ConsensusParameters, number][]) {
    const least = name === 'minBlockIntervalMs' || name === 'precisionMs' ? 0 : 1
    if (!Number.isSafeInteger(value) || value < least || value > 86_400_000) {
      return `${name}: expected an integer ${least} to 86400000`
    }
  }
  const { messageDelayMs, buildMs, deltaMs } = parameters
  if (messageDelayMs < buildMs + 2 * deltaMs) return 'messageDelayMs: expected at least buildMs + 2 · deltaMs'
  return undefined
}
