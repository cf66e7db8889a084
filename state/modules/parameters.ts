// The parameter sets of ECONOMY §13 for oracle, capacity and issuance, and the rules between them.
// Genesis copies a set into state; afterwards only governance changes it.
import type { Params } from '../../base/moduleDefinition.ts'
import { COIN, PPM } from '../../base/units.ts'
import type { capacitySchema } from './capacity/schema.ts'
import { LOTS_MAX } from './capacity/schema.ts'
import type { issuanceSchema } from './issuance/schema.ts'
import { growthFactors, HORIZON_MAX } from './oracle/drift.ts'
import type { oracleSchema } from './oracle/schema.ts'

export interface EconomyParameters {
  readonly oracle: Params<typeof oracleSchema>
  readonly capacity: Params<typeof capacitySchema>
  readonly issuance: Params<typeof issuanceSchema>
}

/** Windows of 24 h. */
export const MAIN_PARAMETERS: EconomyParameters = {
  oracle: { driftPpm: 1_500n, priceFreshWindows: 3 },
  capacity: {
    windowMs: 86_400_000,
    windowHours: 24,
    horizonWindows: 120,
    availabilityHaircutPpm: 50_000n,
    minClassPpm: 250_000n,
    coverN: 1,
    crumbBase: COIN / 100n,
    lotsPerProviderMax: 256,
    recountStepsMax: 40_000,
  },
  issuance: {
    marginPpm: 1_200_000n,
    bondPpm: 200_000n,
    bondMaintenancePpm: 150_000n,
    retainPpm: 800_000n,
    lockFloorPpm: 300_000n,
    frontLoadPpm: 500_000n,
    cureWindows: 14,
  },
}

const DEV_LOCK = { retainPpm: 500_000n, lockFloorPpm: 200_000n }

/** Windows of one minute, so that a person can watch a coin's whole life cycle. */
export const DEV_PARAMETERS: EconomyParameters = {
  oracle: { driftPpm: 20_000n, priceFreshWindows: 3 },
  capacity: { ...MAIN_PARAMETERS.capacity, windowMs: 60_000, horizonWindows: 20 },
  issuance: { ...MAIN_PARAMETERS.issuance, marginPpm: 1_500_000n, ...DEV_LOCK, cureWindows: 5 },
}

/** Windows of two seconds. */
export const TEST_PARAMETERS: EconomyParameters = {
  oracle: { driftPpm: 50_000n, priceFreshWindows: 2 },
  capacity: { ...MAIN_PARAMETERS.capacity, windowMs: 2_000, horizonWindows: 12 },
  issuance: { ...MAIN_PARAMETERS.issuance, marginPpm: 1_800_000n, ...DEV_LOCK, cureWindows: 3 },
}

export interface ParameterFault {
  /** Path in the parameters, e.g. `issuance.marginPpm`. */
  readonly path: string
  readonly reason: string
}

function shareFault(values: readonly (readonly [string, bigint])[]): ParameterFault | undefined {
  const found = values.find(([, value]) => value > PPM)
  return found === undefined ? undefined : { path: found[0], reason: `${found[1]} ppm exceeds ${PPM}` }
}

/**
 * Why a set of parameters is invalid, or undefined; genesis and governance call it. In particular m ≥ G_K, so that a
 * provider that minted at its limit stays covered through K windows of the largest drift (ECONOMY §3).
 */
export function checkParameters(parameters: EconomyParameters): ParameterFault | undefined {
  const { oracle, capacity, issuance } = parameters
  const { horizonWindows, windowMs, windowHours, lotsPerProviderMax } = capacity
  if (oracle.driftPpm > PPM) return { path: 'oracle.driftPpm', reason: 'at most 1000000 ppm a window' }
  if (horizonWindows < 4 || horizonWindows > HORIZON_MAX)
    return { path: 'capacity.horizonWindows', reason: `expected 4 to ${HORIZON_MAX} windows` }
  if (windowMs < 1_000) return { path: 'capacity.windowMs', reason: 'expected at least 1000 ms' }
  if (windowHours < 1 || windowHours > 8_760)
    return { path: 'capacity.windowHours', reason: 'expected 1 to 8760 hours' }
  if (lotsPerProviderMax < 1 || lotsPerProviderMax > LOTS_MAX)
    return { path: 'capacity.lotsPerProviderMax', reason: `expected 1 to ${LOTS_MAX} lots` }
  // C begins 2 + coverN windows ahead, and a quarter of the horizon must hold some of it (ECONOMY §3).
  if (capacity.coverN > 16 || 2 + capacity.coverN > (horizonWindows + 3) >> 2)
    return { path: 'capacity.coverN', reason: 'expected 2 + coverN to be at most a quarter of the horizon' }
  const growth = growthFactors(oracle.driftPpm, horizonWindows)[horizonWindows]!
  if (issuance.marginPpm < growth)
    return {
      path: 'issuance.marginPpm',
      reason: `${issuance.marginPpm} is below ${growth}, the growth of the anchor over ${horizonWindows} windows`,
    }
  if (issuance.lockFloorPpm > issuance.retainPpm)
    return { path: 'issuance.lockFloorPpm', reason: 'expected at most retainPpm' }
  if (issuance.bondMaintenancePpm > issuance.bondPpm)
    return { path: 'issuance.bondMaintenancePpm', reason: 'expected at most bondPpm' }
  return shareFault([
    ['capacity.availabilityHaircutPpm', capacity.availabilityHaircutPpm],
    ['issuance.retainPpm', issuance.retainPpm],
    ['issuance.frontLoadPpm', issuance.frontLoadPpm],
  ])
}
