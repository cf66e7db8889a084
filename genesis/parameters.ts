// Parameter sets for a whole chain: the economy's (state/modules/parameters.ts) and the other modules'.
import { COIN } from '../base/units.ts'
import {
  DEV_PARAMETERS as DEV_ECONOMY,
  MAIN_PARAMETERS as MAIN_ECONOMY,
  TEST_PARAMETERS as TEST_ECONOMY,
} from '../state/modules/parameters.ts'
import type { Genesis } from './schema.ts'

type Parameters = Genesis['params']

const SECOND_MS = 1_000
const DAY_MS = 86_400 * SECOND_MS

const COMMON: Pick<Parameters, 'accounts' | 'catalogue' | 'providers' | 'default'> = {
  accounts: {
    protocolVersion: 1,
    // 1,428 plain transfers in the payment half: keeps blocks fast to build and verify.
    blockGasLimit: 60_000_000,
    // 5,714 plain transfers per second before the base fee rises.
    gasTargetPerSecond: 120_000_000,
    minBaseFeePerGas: 1n,
  },
  catalogue: { specOnlyPpm: 750_000n },
  default: { fundTargetPpm: 20_000n },
  providers: {
    epochBlocksMax: 100_000,
    minBlockIntervalMs: 200,
    rotationIntervalMs: DAY_MS,
    // As long as a bond outlasts its liability (tail windows).
    evidenceWindowMs: 30 * DAY_MS,
  },
}

const REDEMPTION: Parameters['redemption'] = {
  openRequestsMax: 1_000_000,
  openRequestsPerAccountMax: 256,
  stepsPerBlockMax: 128,
  assignAhead: 7,
  minimumBase: COIN / 100n,
  suspensionWindows: 1,
}

/** More than two thirds; removals have the longest notice, so that all members can prepare. */
const GOVERNANCE: Parameters['governance'] = {
  approvalPpm: 666_667n,
  votingMs: 14 * DAY_MS,
  admitLockMs: 2 * DAY_MS,
  removeLockMs: 7 * DAY_MS,
  jailLockMs: 0,
  unjailLockMs: DAY_MS,
  openPerMemberMax: 2,
}

/** Short enough to see a lock expire without waiting. */
const SHORT_LOCKS: Pick<Parameters, 'providers' | 'governance'> = {
  providers: { ...COMMON.providers, rotationIntervalMs: 2 * SECOND_MS, evidenceWindowMs: 600 * SECOND_MS },
  governance: {
    ...GOVERNANCE,
    votingMs: 600 * SECOND_MS,
    admitLockMs: SECOND_MS,
    removeLockMs: SECOND_MS,
    unjailLockMs: SECOND_MS,
    openPerMemberMax: 4,
  },
}

/** ECONOMY §13, column main. */
export const MAIN_PARAMETERS: Parameters = {
  ...COMMON,
  ...MAIN_ECONOMY,
  redemption: REDEMPTION,
  governance: GOVERNANCE,
}

/** ECONOMY §13, column dev. */
export const DEV_PARAMETERS: Parameters = {
  ...COMMON,
  ...SHORT_LOCKS,
  ...DEV_ECONOMY,
  redemption: { ...REDEMPTION, openRequestsMax: 20_000, stepsPerBlockMax: 512, assignAhead: 2 },
}

/** ECONOMY §13, column test. */
export const TEST_PARAMETERS: Parameters = {
  ...COMMON,
  ...SHORT_LOCKS,
  ...TEST_ECONOMY,
  redemption: {
    ...REDEMPTION,
    openRequestsMax: 500,
    openRequestsPerAccountMax: 64,
    stepsPerBlockMax: 512,
    assignAhead: 1,
  },
}

/** Blocks that fit into a window at the minimum block interval. */
export function blocksPerWindow(windowMs: number, minBlockIntervalMs: number): number {
  return Math.floor(windowMs / Math.max(1, minBlockIntervalMs))
}
