// Network scenarios: all online, silent, slow, split, one-way, lossy and clogged links (CONSENSUS §9, 1 to 8, 16, 17).
import { Violation } from '../../support/violation.ts'
import { CALM, NORMAL_SPEED } from '../config.ts'
import { cutOff, oneWayLinks, randomPartitions, rollingClogs } from '../faults.ts'
import { type Scenario, scenario } from '../scenario.ts'
import type { SimNode } from '../simNode.ts'
import type { WorldConfig } from '../world.ts'

export const lossy = (seed: number): WorldConfig => ({
  ...CALM,
  seed,
  lossRate: 0.25,
  duplicateRate: 0.1,
  reorderRate: 0.1,
  delayMs: [1, 80],
})

/** f of n. */
export const faulty = (n: number): number => Math.floor((n - 1) / 3)

/** By this view of a chain on which nothing becomes final, time-outs are at their cap. */
const CAPPED_VIEW = 14
/** Longer than every first vote takes, and far below the cap. */
const ALL_VOTED_MS = 1_000
/** Own votes are repeated within 2 s; then hops and disks. */
const REPEATED_MS = 2_200

/**
 * Every finalize vote is lost until time-outs are at their cap; then a leader fails. Nobody gives it up for 20 s, so that
 * only repeated votes can finalize any sooner.
 */
function finalizesLost(seed: number): WorldConfig {
  return {
    ...CALM,
    seed,
    nodes: 4 + (seed % 2),
    delayMs: [2, 12],
    play: (world) => {
      let failed: SimNode | undefined
      world.filter = (_from, _to, message) =>
        message.kind === 'vote' && message.body.subject.kind === 'finalize'
      world.watch((node, output) => {
        if (failed !== undefined || output.kind !== 'build' || output.order.view < CAPPED_VIEW) return
        failed = node
        world.crash(node, 0)
      })
      world.startAll()
      world.keepSubmitting(200)
      world.demand(20_000, 'views at the cap', () => failed !== undefined)
      world.runFor(ALL_VOTED_MS)
      if (world.invariants.height > 0) throw new Violation('L', 'finalized without finalize votes')
      world.filter = undefined
      const others = world.nodes.filter((node) => node.isUp)
      world.demand(REPEATED_MS, 'finality by repeated votes', () =>
        others.every((node) => node.store.height > 0),
      )
      world.restart(failed!)
      world.demandBlocks(3, 60_000)
    },
  }
}

export const linkScenarios: Readonly<Record<string, Scenario>> = {
  calm: scenario([1], ['S1', 'L'], 'all online, n = 4, 5, 6, 7', (seed) => ({
    ...CALM,
    seed,
    nodes: 4 + (seed % 4),
    faultsUntilMs: 1_500,
  })),
  hundred: scenario(
    [1],
    ['S1', 'L'],
    'all online, n = 100',
    (seed) => ({ ...CALM, seed, nodes: 100, faultsUntilMs: 0, goalBlocks: 1, txEveryMs: 100 }),
    0.02,
  ),
  silent: scenario([2], ['L'], 'f validators never start', (seed) => ({
    ...CALM,
    seed,
    nodes: 4 + 3 * (seed % 2),
    silent: seed % 2 === 0 ? [seed % 4] : [0, 3],
  })),
  slowNode: scenario([4], ['L'], 'f validators with slow disk, signer, processor and link', (seed) => {
    const nodes = 4 + 3 * (seed % 2)
    const slow = (node: number): boolean => (node + seed) % nodes < faulty(nodes)
    const speed = { diskMs: 120, signMs: 60, buildMs: 200, verifyMs: 250, linkMs: 60 }
    return { ...CALM, seed, nodes, speedOf: (node) => (slow(node) ? speed : NORMAL_SPEED) }
  }),
  partitionHalf: scenario(
    [5],
    ['S1', 'L'],
    'two halves, or one direction between them, again and again',
    (seed) => ({
      ...CALM,
      seed,
      nodes: 4 + (seed % 3),
      faultsUntilMs: 6_000,
      course: (world) => (seed % 2 === 0 ? cutOff(world, (n) => n >> 1) : randomPartitions(world)),
    }),
  ),
  partitionThird: scenario(
    [5],
    ['S1', 'L'],
    'one third, f or f+1 validators, cut off from the rest',
    (seed) => ({
      ...CALM,
      seed,
      nodes: 4 + (seed % 6),
      faultsUntilMs: 5_000,
      course: (world) => cutOff(world, (n) => faulty(n) + (seed % 2)),
    }),
  ),
  oneWay: scenario([6], ['L'], 'single directions of links fail and come back', (seed) => ({
    ...CALM,
    seed,
    nodes: 4 + (seed % 3),
    faultsUntilMs: 4_000,
    course: oneWayLinks,
  })),
  lossy: scenario([7], ['S1', 'L'], '25 % loss, reordering, duplication', lossy),
  finalizesLost: scenario(
    [7],
    ['L'],
    'all finalize votes are lost for many views, then a leader fails: repeated votes finalize',
    finalizesLost,
  ),
  clogs: scenario([8], ['L'], 'clogs that roll from node to node and release everything at once', (seed) => ({
    ...CALM,
    seed,
    nodes: 4 + (seed % 2),
    faultsUntilMs: 5_000,
    course: rollingClogs,
  })),
}
