// Scenarios with one or f Byzantine validators, under some loss (CONSENSUS §9, 14 to 22).

import { PARAMETERS } from '../../support/coreParameters.ts'
import { ancestryLiar } from '../behaviours/ancestryLiar.ts'
import { batchPoisoner } from '../behaviours/batchPoisoner.ts'
import { type MakeBehaviour, mixed } from '../behaviours/behaviour.ts'
import { certificateSplitter } from '../behaviours/certificateSplitter.ts'
import { doubleVoter } from '../behaviours/doubleVoter.ts'
import { equivocator } from '../behaviours/equivocator.ts'
import { invalidBlock } from '../behaviours/invalidBlock.ts'
import { malformed } from '../behaviours/malformed.ts'
import { replayer } from '../behaviours/replayer.ts'
import { splitTwins } from '../behaviours/twins.ts'
import { withholder } from '../behaviours/withholder.ts'
import { CALM } from '../config.ts'
import { crashAll, crashAtProposals, repeatedly } from '../faults.ts'
import { type Scenario, scenario } from '../scenario.ts'
import type { WorldConfig } from '../world.ts'
import { faulty } from './links.ts'

/** f validators of 4, 5 or 7 have these behaviours. */
export function withByzantine(seed: number, ...behaviours: readonly MakeBehaviour[]): WorldConfig {
  const nodes = [4, 5, 7, 4][seed % 4]!
  const f = faulty(nodes)
  const byzantine = new Map<number, MakeBehaviour>()
  for (let i = 0; i < f; i++) byzantine.set((seed + 3 * i) % nodes, mixed(...behaviours))
  return {
    ...CALM,
    seed,
    nodes,
    byzantine,
    txEveryMs: 80,
    // Refused after four offences, half of them could do little.
    toleratesOffences: seed % 2 === 0,
    lossRate: seed % 3 === 0 ? 0.1 : 0,
    crashPointRate: seed % 5 === 0 ? 0.004 : 0,
    epochBlocks: seed % 4 === 3 ? 4 : 1_000_000,
    faultsUntilMs: 2_500,
  }
}

/** n = 4, and a fifth host with the key of one of them. */
function twins(seed: number): WorldConfig {
  const shared = seed % 4
  return {
    ...CALM,
    seed,
    nodes: 4,
    twins: [shared],
    txEveryMs: 60,
    lossRate: seed % 2 === 0 ? 0 : 0.1,
    epochBlocks: seed % 3 === 0 ? 4 : 1_000_000,
    faultsUntilMs: 4_000,
    course: (world) => splitTwins(world, [shared, 4]),
  }
}

/** The twins time out at different moments, so that one nullifies what the other finalizes. */
function doubleTwins(seed: number): WorldConfig {
  const config = twins(seed)
  return {
    ...config,
    course: (world) => {
      config.course?.(world)
      const hosts = [seed % 4, 4] as const
      repeatedly(world, 300, () => {
        const other = world.random.pick(world.nodes.filter((node) => !node.isByzantine)).index
        const host = world.random.pick(hosts)
        world.network.clog(other, host)
        world.scheduler.after(world.random.between(300, 1_200), () => world.network.unclog(other, host))
      })
    },
  }
}

/** All nodes crash just after F of a withheld block is assembled. */
function withheldThenAllCrash(seed: number): WorldConfig {
  return {
    ...withByzantine(seed, withholder),
    crashPointRate: 0,
    course: (world) => {
      let left = 3
      world.watchSent((node, message) => {
        if (world.isHealed || left === 0 || node.isByzantine) return
        if (message.kind !== 'certificate' || message.body.subject.kind !== 'finalize') return
        if (!world.random.chance(0.2)) return
        left--
        crashAll(world)
      })
    },
  }
}

export const byzantineScenarios: Readonly<Record<string, Scenario>> = {
  equivocator: scenario([14], ['S1', 'A'], 'two blocks in a view, each to half of the others', (seed) =>
    withByzantine(seed, equivocator),
  ),
  equivocatorCrash: scenario(
    [14],
    ['S1', 'A'],
    'nodes crash between the first block of an equivocator and their vote',
    (seed) => ({
      ...withByzantine(seed, equivocator),
      course: (world) => crashAtProposals(world, 0.3),
    }),
  ),
  twinsEquivocate: scenario([14], ['S1', 'A'], 'two hosts with one key, recipients split', twins),
  doubleVoter: scenario([15], ['S2', 'A'], 'nullify and finalize of every view', (seed) =>
    withByzantine(seed, doubleVoter),
  ),
  twinsDoubleVote: scenario(
    [15],
    ['S2', 'A'],
    'twins of which one times out and the other finalizes',
    doubleTwins,
  ),
  certificateSplitter: scenario(
    [16, 17],
    ['L'],
    'N, U and F of one view each shown to f+1, f and f nodes',
    (seed) => withByzantine(seed, certificateSplitter),
  ),
  withholder: scenario([18], ['L', 'D'], 'proposals to a bare quorum, nothing served', (seed) =>
    withByzantine(seed, withholder),
  ),
  withheldThenAllCrash: scenario(
    [18],
    ['L', 'D'],
    'F of a withheld block, then all crash',
    withheldThenAllCrash,
  ),
  invalidBlock: scenario([19], ['S1', 'L'], 'blocks with exactly one thing wrong', (seed) =>
    withByzantine(seed, invalidBlock),
  ),
  ancestryLiar: scenario(
    [19],
    ['S1', 'S4'],
    'well-made blocks in the wrong place, boundaries included',
    (seed) => ({
      ...withByzantine(seed, ancestryLiar),
      epochBlocks: seed % 2 === 0 ? 3 : 1_000_000,
      // A child of a boundary is timely only with a short interval.
      parameters: { ...PARAMETERS, minBlockIntervalMs: seed % 4 === 0 ? 10 : 100 },
    }),
  ),
  batchPoisoner: scenario(
    [20],
    ['L', 'A'],
    'invalid votes in batches, cancelling shares, forged nullifies',
    (seed) => ({
      ...withByzantine(seed, batchPoisoner),
      // Cancelling shares need two conspirators.
      ...(seed % 2 === 0
        ? {
            nodes: 7,
            byzantine: new Map([
              [0, batchPoisoner],
              [3, batchPoisoner],
            ]),
          }
        : {}),
    }),
  ),
  malformed: scenario(
    [21],
    ['S1', 'L'],
    'malformed bitmaps, too few signers, infinity points, wrong n',
    (seed) => ({
      ...withByzantine(seed, malformed),
      // Two bytes of bitmap, refused and tolerated.
      ...(seed % 6 >= 4
        ? {
            nodes: 9,
            byzantine: new Map([
              [1, malformed],
              [5, malformed],
            ]),
          }
        : {}),
    }),
  ),
  replayer: scenario(
    [22],
    ['L'],
    'replayed, future, old-epoch and garbage messages; memory stays bounded',
    (seed) => ({
      ...withByzantine(seed, replayer),
      epochBlocks: seed % 2 === 0 ? 4 : 1_000_000,
    }),
  ),
  lyingHeights: scenario([31], ['L'], 'claimed heights move nothing', (seed) => ({
    ...withByzantine(seed, replayer),
    lossRate: 0,
    crashPointRate: 0,
  })),
}
