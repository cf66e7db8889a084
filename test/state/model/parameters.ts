// The parameter sets of ECONOMY §13, copied from the text.
import { COIN } from './arithmetic.ts'
import type { Parameters } from './world.ts'

const SAME = {
  windowHours: 24,
  bondPpm: 200_000n,
  bondMaintenancePpm: 150_000n,
  faultFloorPpm: 1_000n,
  frontLoadPpm: 500_000n,
  availabilityHaircutPpm: 50_000n,
  minClassPpm: 250_000n,
  specOnlyPpm: 750_000n,
  faultPenaltyPpm: 50_000n,
  penaltyCapPpm: 100_000n,
  suspensionWindows: 1,
  noShowPpm: 10_000n,
  minimumBase: COIN / 100n,
  lotsPerProviderMax: 256,
  fundTargetPpm: 20_000n,
  blockGasLimit: 120_000_000,
  gasTargetPerSecond: 60_000_000,
  minBaseFeePerGas: 1n,
} as const

export const DEV: Parameters = {
  ...SAME,
  windowMs: 60_000,
  horizonWindows: 20,
  driftPpm: 20_000n,
  marginPpm: 1_500_000n,
  coverN: 1,
  assignAhead: 2,
  retainPpm: 500_000n,
  lockFloorPpm: 200_000n,
  cureWindows: 5,
  tailWindows: 6,
  stepsPerBlockMax: 512,
  openRequestsMax: 20_000,
  openRequestsPerAccountMax: 256,
}

export const TEST: Parameters = {
  ...DEV,
  windowMs: 2_000,
  horizonWindows: 12,
  driftPpm: 50_000n,
  marginPpm: 1_800_000n,
  assignAhead: 1,
  cureWindows: 3,
  tailWindows: 3,
  openRequestsMax: 500,
  openRequestsPerAccountMax: 64,
}
