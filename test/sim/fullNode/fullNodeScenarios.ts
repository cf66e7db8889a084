// Fault mixes for whole nodes; every seed of a scenario is one run.
import type { FullNodeConfig } from './fullNodeWorld.ts'

const CALM: Omit<FullNodeConfig, 'seed'> = {
  validators: 4,
  lossRate: 0,
  duplicateRate: 0,
  delayMs: [1, 30],
  crashEveryMs: 0,
  crashPointRate: 0,
  partitions: false,
  skewMs: 0,
  txEveryMs: 150,
  burst: 0,
  faultsUntilMs: 5_000,
  limitMs: 180_000,
}

export const FULL_NODE_SCENARIOS: Readonly<Record<string, (seed: number) => FullNodeConfig>> = {
  calm: (seed) => ({ ...CALM, seed, validators: 4 + (seed % 2) }),
  lossy: (seed) => ({ ...CALM, seed, lossRate: 0.2, duplicateRate: 0.1, delayMs: [1, 80] }),
  /** Crashes of single nodes and of all at once, at random moments. */
  crashes: (seed) => ({ ...CALM, seed, crashEveryMs: 700, faultsUntilMs: 8_000 }),
  /** Crashes before and after journal syncs, signatures and commits. */
  crashPoints: (seed) => ({ ...CALM, seed, crashPointRate: 0.01, faultsUntilMs: 8_000 }),
  partitions: (seed) => ({ ...CALM, seed, partitions: true, skewMs: 100, faultsUntilMs: 10_000 }),
  /** Hundreds of transactions at once, under crashes. */
  flood: (seed) => ({ ...CALM, seed, burst: 60, txEveryMs: 60, crashEveryMs: 2_500, faultsUntilMs: 6_000 }),
  everything: (seed) => ({
    ...CALM,
    seed,
    validators: 4 + (seed % 3),
    lossRate: 0.1,
    duplicateRate: 0.05,
    delayMs: [1, 60],
    crashEveryMs: 2_000,
    crashPointRate: 0.003,
    partitions: true,
    skewMs: 150,
    burst: 30,
    faultsUntilMs: 10_000,
  }),
}
