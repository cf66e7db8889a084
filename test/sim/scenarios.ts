// Named fault mixes; every seed of a scenario is one run. Later scenarios are one entry each.

import { doubleVoter } from './behaviours/doubleVoter.ts'
import { equivocator } from './behaviours/equivocator.ts'
import { forger } from './behaviours/forger.ts'
import { Random } from './random.ts'
import { CALM, type SimConfig } from './world.ts'

/** A scenario turns a seed into a configuration. */
export type Scenario = (seed: number) => SimConfig

const lossy = (seed: number): SimConfig => ({
  ...CALM,
  seed,
  lossRate: 0.25,
  duplicateRate: 0.1,
  delayMs: [1, 80],
})

export const SCENARIOS: Readonly<Record<string, Scenario>> = {
  calm: (seed) => ({ ...CALM, seed, nodes: 4 + (seed % 4) }),
  /** f validators never start. */
  silent: (seed) => ({
    ...CALM,
    seed,
    nodes: 4 + 3 * (seed % 2),
    silent: seed % 2 === 0 ? [seed % 4] : [0, 3],
  }),
  lossy,
  crashes: (seed) => ({ ...CALM, seed, nodes: 4 + (seed % 2), crashEveryMs: 400, faultsUntilMs: 6_000 }),
  /** At every journal sync and on both sides of every signature. */
  crashPoints: (seed) => ({ ...CALM, seed, crashPointRate: 0.03, faultsUntilMs: 6_000 }),
  partitions: (seed) => ({ ...CALM, seed, nodes: 4 + (seed % 3), partitions: true, faultsUntilMs: 6_000 }),
  /** No transactions in the second half: the heartbeat alone must bring progress. */
  idle: (seed) => ({ ...lossy(seed), txEveryMs: 0, limitMs: 300_000, crashEveryMs: 1_000, goalBlocks: 3 }),
  boundaries: (seed) => {
    const random = new Random(seed)
    return {
      ...lossy(seed),
      epochBlocks: random.pick([1, 2, 3, 7, 50]),
      crashPointRate: 0.01,
      partitions: seed % 2 === 0,
      faultsUntilMs: 6_000,
      goalBlocks: 8,
    }
  },
  /** Sets of four of seven nodes that move on with every epoch; the others follow as observers. */
  membership: (seed) => ({
    ...CALM,
    seed,
    nodes: 7,
    membersOf: (epoch) => [0, 1, 2, 3].map((i) => (i + epoch) % 7).sort((a, b) => a - b),
    epochBlocks: 3,
    lossRate: 0.1,
    crashEveryMs: 1_500,
    goalBlocks: 8,
  }),
  skew: (seed) => ({ ...CALM, seed, skewMs: 25, delayMs: [1, 50] }),
  /** One Byzantine validator of four or five, under loss. */
  byzantine: (seed) => ({
    ...CALM,
    seed,
    nodes: 4 + (seed % 2),
    lossRate: 0.1,
    byzantine: new Map([[seed % 4, [equivocator, doubleVoter, forger][seed % 3]!]]),
    crashPointRate: 0.005,
    epochBlocks: seed % 5 === 0 ? 4 : 1_000_000,
    faultsUntilMs: 6_000,
  }),
  everything: (seed) => ({
    ...lossy(seed),
    nodes: 4 + (seed % 4),
    crashEveryMs: 700,
    crashPointRate: 0.01,
    partitions: true,
    skewMs: 20,
    epochBlocks: seed % 3 === 0 ? 5 : 1_000_000,
    faultsUntilMs: 8_000,
  }),
}
