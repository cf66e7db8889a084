// Scenarios of load, sync and versions, and one with all faults at once (CONSENSUS §9, 30, 31, 34).

import { Random } from '../../support/random.ts'
import { BLOCK_TXS } from '../../support/simChain.ts'
import { Violation } from '../../support/violation.ts'
import type { MakeBehaviour } from '../behaviours/behaviour.ts'
import { doubleVoter } from '../behaviours/doubleVoter.ts'
import { equivocator } from '../behaviours/equivocator.ts'
import { replayer } from '../behaviours/replayer.ts'
import { CALM } from '../config.ts'
import { oneWayLinks, randomPartitions, rollingClogs } from '../faults.ts'
import { type Scenario, scenario } from '../scenario.ts'
import { MEMPOOL_MAX } from '../simMempool.ts'
import type { WorldConfig } from '../world.ts'
import { lossy } from './links.ts'

/** Longest time between finalizations under a flood. */
const FLOOD_GAP_MS = 700

/** Ten blocks' worth of transactions per block interval. */
function flood(seed: number): WorldConfig {
  return {
    ...CALM,
    seed,
    nodes: 4 + (seed % 2),
    delayMs: [1, 20],
    play: (world) => {
      world.startAll()
      const untilMs = world.scheduler.nowMs + 2_500
      const pour = (): void => {
        for (let i = 0; i < BLOCK_TXS; i++) world.submit(world.random.pick(world.nodes))
        if (world.scheduler.nowMs < untilMs) world.scheduler.after(10, pour)
      }
      pour()
      world.runFor(2_500)
      const times = [...world.finalizedAtMs.values()].sort((a, b) => a - b)
      if (times.length < 5) throw new Violation('L', `${times.length} blocks in 2.5 s of flood`)
      for (let i = 1; i < times.length; i++) {
        const gap = times[i]! - times[i - 1]!
        if (gap > FLOOD_GAP_MS) throw new Violation('L', `nothing final for ${gap} ms under a flood`)
      }
      const fullest = Math.max(...world.nodes.map((node) => node.application.mempool.size))
      if (fullest > MEMPOOL_MAX) throw new Violation('memory', `a mempool of ${fullest} transactions`)
    },
  }
}

/** A node is down for a hundred blocks and returns while the others continue. */
function syncUnderLoad(seed: number): WorldConfig {
  const nodes = 4
  const away = seed % nodes
  const byzantine: ReadonlyMap<number, MakeBehaviour> = new Map([[(away + 1) % nodes, replayer]])
  return {
    ...CALM,
    seed,
    nodes: seed % 2 === 0 ? nodes : 5,
    // With one node away the quorum needs the votes of the Byzantine one.
    ...(seed % 2 === 0 ? {} : { byzantine, toleratesOffences: true }),
    epochBlocks: seed % 3 === 0 ? 40 : 1_000_000,
    parameters: { ...CALM.parameters, minBlockIntervalMs: 20 },
    play: (world) => {
      const node = world.nodes[away]!
      node.isHeldDown = true
      world.startAll()
      world.keepSubmitting(15)
      const others = world.honest().filter((other) => other !== node)
      world.demand(120_000, 'hundred blocks', () => others.every((other) => other.store.height >= 100))
      node.isHeldDown = false
      world.restart(node)
      const atStart = world.invariants.height
      world.demand(30_000, 'catch-up', () => node.store.height >= atStart + 5)
      world.heal()
      world.demandBlocks(3, 30_000)
    },
  }
}

/** Execution changes at a height; one or two nodes still run the old version, halt, and restart with the new one. */
function mixedVersions(seed: number): WorldConfig {
  const nodes = 4 + (seed % 2)
  const count = 1 + (seed % 2)
  const old = new Set(Array.from({ length: count }, (_, i) => (seed + i) % nodes))
  const height = 6
  return {
    ...CALM,
    seed,
    nodes,
    activation: { height, old },
    epochBlocks: seed % 2 === 0 ? 4 : 1_000_000,
    play: (world) => {
      world.startAll()
      world.keepSubmitting(60)
      world.demand(30_000, 'blocks up to the activation', () => world.isEverywhere(height - 1))
      world.runFor(5_000)
      const upgraded = world.nodes.filter((node) => !old.has(node.index))
      const isMajority = upgraded.length >= nodes - Math.floor((nodes - 1) / 3)
      const highest = Math.max(...world.nodes.map((node) => node.store.height))
      if (isMajority && highest < height) throw new Violation('L', 'a quorum of the new version stood still')
      // As an operator does after a rejected root: installs new software and discards old verdicts (CONSENSUS §5).
      for (const index of old) {
        const node = world.nodes[index]!
        world.crash(node, 0)
        node.disk.wipe()
        node.upgrade(world.rules)
      }
      world.runFor(1_000)
      world.heal()
      world.demandBlocks(4, 120_000)
    },
  }
}

function everything(seed: number): WorldConfig {
  const random = new Random(seed * 17 + 3)
  const nodes = 4 + (seed % 4)
  const behaviours = [equivocator, doubleVoter, replayer]
  const byzantine =
    seed % 2 === 0 ? new Map<number, MakeBehaviour>() : new Map([[seed % nodes, random.pick(behaviours)]])
  const courses = [randomPartitions, oneWayLinks, rollingClogs]
  return {
    ...lossy(seed),
    nodes,
    byzantine,
    crashEveryMs: random.pick([0, 700]),
    crashPointRate: 0.01,
    course: random.pick(courses),
    skewMs: 20,
    epochBlocks: seed % 3 === 0 ? 5 : 1_000_000,
    faultsUntilMs: 6_000,
  }
}

export const loadScenarios: Readonly<Record<string, Scenario>> = {
  flood: scenario([30], ['L'], 'ten times the transactions that fit; finality keeps its pace', flood, 0.5),
  syncUnderLoad: scenario(
    [31],
    ['C', 'L'],
    'a node returns after a hundred blocks while the others go on',
    syncUnderLoad,
    0.5,
  ),
  mixedVersions: scenario([34], ['S1'], 'old and new software through an activation height', mixedVersions),
  everything: scenario(
    [7, 9, 14, 22, 27],
    ['S1', 'S2', 'S3', 'L'],
    'all kinds of faults at once',
    everything,
  ),
}
