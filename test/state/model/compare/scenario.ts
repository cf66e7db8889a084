// A random chain: parameters, members, hardware and balances from one seed. Owns: what chains differ in.
import { recountStepsOf } from '../../../../state/modules/capacity/recountSteps.ts'
import type { Random } from '../../../support/random.ts'
import { COIN, P } from '../arithmetic.ts'
import { TEST } from '../parameters.ts'
import { type Parameters, SERVICES, type Service } from '../world.ts'

export interface ScenarioLot {
  readonly classId: number
  readonly devices: number
  readonly region: string
  readonly services: readonly Service[]
}

export interface ScenarioMember {
  readonly legalGroup: string
  readonly bondUnits: bigint
  readonly lots: readonly ScenarioLot[]
}

export interface ScenarioClass {
  readonly ratingsPpm: Readonly<Record<Service, bigint>>
  readonly specOnly: boolean
}

export interface Scenario {
  readonly seed: number
  readonly parameters: Parameters
  readonly classes: readonly ScenarioClass[]
  readonly members: readonly ScenarioMember[]
  /** Coins per holder, backed by the members in turn. */
  readonly holderBase: bigint
  readonly genesisMs: number
  readonly minBlockIntervalMs: number
  /** Only chains that bear no faulty validator may have a coverN of 0. */
  readonly validatorsMin: number
  /** Members mint whatever they may: then receipts wait, and the joint limit binds. */
  readonly isGreedy: boolean
  /** Steps of a recount in one block; undefined: as many as it takes. */
  readonly recountStepsMax: number | undefined
  /** Reporters of genesis. */
  readonly reporters: number
}

export const REGIONS = ['tw', 'us'] as const
export const ASSET = 1
/** Settlement assets: bonds are in the first, whose price stands; the second one's goes stale unless it is renewed. */
export const ASSETS = [ASSET, 2] as const
export const PRICE_BASE = 3_028_200n
/** Six decimals. */
export const UNIT = 1_000_000n

/** K, coverN and assignAhead that a genesis accepts together: 2 + coverN ≤ ⌈K/4⌉, assignAhead ≤ K/8, m ≥ G_K. */
const SHAPES = [
  { horizonWindows: 12, coverN: 1, assignAhead: 1, driftPpm: 50_000n, marginPpm: 1_800_000n },
  { horizonWindows: 12, coverN: 0, assignAhead: 1, driftPpm: 50_000n, marginPpm: 1_800_000n },
  { horizonWindows: 16, coverN: 2, assignAhead: 2, driftPpm: 20_000n, marginPpm: 1_400_000n },
  { horizonWindows: 24, coverN: 1, assignAhead: 3, driftPpm: 10_000n, marginPpm: 1_300_000n },
  { horizonWindows: 40, coverN: 2, assignAhead: 5, driftPpm: 5_000n, marginPpm: 1_250_000n },
  { horizonWindows: 56, coverN: 1, assignAhead: 7, driftPpm: 2_000n, marginPpm: 1_200_000n },
] as const
const MIN_BLOCK_INTERVAL_MS = 50
const WINDOWS_MS = [2_000, 3_000, 8_000, 60_000] as const

export function randomScenario(seed: number, random: Random): Scenario {
  const shape = random.pick(SHAPES)
  const windowMs = random.pick(WINDOWS_MS)
  const parameters: Parameters = {
    ...TEST,
    ...shape,
    windowMs,
    disputedDriftPpm: (shape.driftPpm * 2n) / 3n,
    cureWindows: random.pick([2, 3, 5]),
    absencesFree: random.pick([0, 1, 3]),
    // A fund that is soon full shares the base fees among the validators.
    fundTargetPpm: random.pick([20_000n, 1n]),
    lotsPerProviderMax: 4,
    openRequestsMax: random.pick([16, 32, 64]),
    openRequestsPerAccountMax: random.pick([8, 16]),
    stepsPerBlockMax: random.pick([512, 512, 64]),
    tailWindows: random.pick([3, 6]),
    seriesTailWindows: random.pick([2, 4]),
    waitingMax: random.pick([6, 64]),
    salesStepsMax: random.pick([512, 512, 12]),
  }
  const classes = Array.from({ length: 4 }, (): ScenarioClass => {
    const base = BigInt(random.between(4, 24)) * 100_000n
    const rated = (): bigint => base + BigInt(random.between(0, 3)) * 50_000n
    return { ratingsPpm: { train: rated(), finetune: rated(), infer: rated() }, specOnly: random.chance(0.2) }
  })
  const validatorsMin = shape.coverN === 0 ? random.between(1, 3) : 4
  const count = random.between(Math.max(2, validatorsMin), 7)
  // Some chains have little hardware, so that liabilities come near to what it can deliver.
  const isTight = random.chance(0.35)
  let groups = count
  const members = Array.from({ length: count }, (_, i): ScenarioMember => {
    // Now and then two members belong to one legal group; genesis wants more groups than may fall silent.
    const joins = i > 0 && random.chance(0.15) && groups - 1 > shape.coverN
    if (joins) groups--
    const legalGroup = joins ? 'group 1' : `group ${i + 1}`
    const lots = Array.from({ length: random.between(1, 2) }, () => ({
      classId: random.between(1, classes.length),
      devices: isTight ? random.between(1, 3) : random.between(5, 40),
      region: random.pick(REGIONS),
      services: SERVICES,
    }))
    // Some bonds are thin.
    const bondUnits = random.chance(0.4) ? random.between(4, 60) : random.between(200, 4_000)
    return { legalGroup, bondUnits: BigInt(bondUnits), lots }
  })
  // The least that genesis accepts, twice: governance may admit members and change parameters.
  const blocks = Math.floor(windowMs / MIN_BLOCK_INTERVAL_MS)
  const horizon = shape.horizonWindows
  const leastSteps = Math.ceil(
    (2 * recountStepsOf({ providers: count, lotsPerProvider: 4, horizon })) / blocks,
  )
  return {
    seed,
    // Small enough that a recount takes several blocks, in every third chain.
    recountStepsMax: random.chance(0.33) ? Math.max(leastSteps, random.between(2, 4) * 200) : undefined,
    isGreedy: random.chance(0.4),
    parameters,
    classes,
    members,
    holderBase: (COIN * BigInt(random.between(5, 60))) / 2n,
    genesisMs: 1_700_000_000_000,
    minBlockIntervalMs: MIN_BLOCK_INTERVAL_MS,
    validatorsMin,
    reporters: random.chance(0.4) ? random.between(3, 5) : 0,
  }
}

/** Whole ppm, for messages. */
export const percent = (ppm: bigint): string => `${(ppm * 100n) / P} %`
