// Consensus parameters of tests and simulations: short enough for thousands of views in virtual minutes.
import type { ConsensusParameters } from '../../consensus/types.ts'

export const PARAMETERS: ConsensusParameters = {
  deltaMs: 50,
  minBlockIntervalMs: 100,
  heartbeatMs: 15_000,
  precisionMs: 50,
  messageDelayMs: 500,
  buildMs: 100,
  verifyMs: 100,
}
