// Scenarios of clocks and idle chains (CONSENSUS §9, 27 to 29, 44).

import { PARAMETERS } from '../../support/coreParameters.ts'
import { Violation } from '../../support/violation.ts'
import { CALM } from '../config.ts'
import { stepClocks } from '../faults.ts'
import { type Scenario, scenario } from '../scenario.ts'
import type { SimWorld, WorldConfig } from '../world.ts'
import { faulty, lossy } from './links.ts'

/** f clocks are off by seconds, minutes or a day, the others by less than the precision. */
function skewPast(seed: number): WorldConfig {
  const nodes = 4 + 3 * (seed % 2)
  const far = [300, 5_000, 600_000, 86_400_000][seed % 4]! * (seed % 3 === 0 ? -1 : 1)
  const isFar = (node: number): boolean => (node + seed) % nodes < faulty(nodes)
  return {
    ...CALM,
    seed,
    nodes,
    delayMs: [1, 30],
    skewOf: (node) => (isFar(node) ? far : (node % 3) * 10 - 10),
  }
}

const SLEEPY = { ...PARAMETERS, heartbeatMs: 24 * 3_600_000 }

/** From submission to finality: one hop to the leader, three to finality, builds, executions, disks. */
const WAKE_MS = 160

function checkAsleep(world: SimWorld, height: number): void {
  if (world.invariants.height !== height) throw new Violation('L', 'an idle chain made blocks')
}

/** Idle for hours, then one transaction. */
function idleHours(seed: number): WorldConfig {
  const way = seed % 3
  // The recipient is 0: a validator; 1: a node that never was one; 2: a former validator.
  const membersOf = (epoch: number): readonly number[] => (epoch === 1 ? [0, 1, 2, 3] : [1, 2, 3, 4])
  return {
    ...CALM,
    seed,
    nodes: 6,
    membersOf,
    epochBlocks: way === 2 ? 1 : 1_000_000,
    delayMs: [2, 12],
    parameters: SLEEPY,
    play: (world) => {
      world.startAll()
      world.submit(world.nodes[1]!)
      world.demand(5_000, 'first block', () => world.isEverywhere(1))
      // With one-block epochs every block ends an epoch, which must not wake the chain.
      world.runFor(2 * 3_600_000)
      checkAsleep(world, 1)
      const entry = world.nodes[way === 0 ? 1 + (seed % 3) : way === 1 ? 5 : 0]!
      const before = world.scheduler.nowMs
      const transaction = world.submit(entry)
      world.demand(WAKE_MS, 'finality of the one transaction', () =>
        world.nodes.every((node) => node.store.includes(transaction)),
      )
      world.runFor(60_000)
      checkAsleep(world, 2)
      if (world.finalizedAtMs.get(2)! < before) throw new Violation('L', 'final before it was sent')
    },
  }
}

/** A view of an idle chain ends in U; the chain continues, goes idle again, and wakes again. */
function idleNullified(seed: number): WorldConfig {
  return {
    ...CALM,
    seed,
    nodes: 4 + (seed % 2),
    delayMs: [2, 12],
    parameters: SLEEPY,
    play: (world) => {
      world.startAll()
      world.submit(world.nodes[0]!)
      world.demand(5_000, 'first block', () => world.isEverywhere(1))
      world.runFor(60_000)
      // Proposals of the next one or two views are lost.
      const view = world.nodes[0]!.status()!.view
      const lost = 1 + (seed % 2)
      world.filter = (_from, _to, message) =>
        message.kind === 'proposal' && message.body.vote.subject.view < view + lost
      const transaction = world.submit(world.nodes[seed % 4]!)
      const isFinal = (): boolean => world.nodes.every((node) => node.store.includes(transaction))
      world.demand(20_000, 'finality after nullified views', isFinal)
      world.runFor(10_000)
      const { height } = world.invariants
      world.runFor(1_800_000)
      checkAsleep(world, height)
      const next = world.submit(world.nodes[1]!)
      world.demand(WAKE_MS, 'finality of the next transaction', () =>
        world.nodes.every((node) => node.store.includes(next)),
      )
    },
  }
}

export const timeScenarios: Readonly<Record<string, Scenario>> = {
  skewWithin: scenario([27], ['L'], 'clocks differ by up to the precision', (seed) => ({
    ...CALM,
    seed,
    skewMs: 25,
    delayMs: [1, 50],
  })),
  skewPast: scenario([27], ['L'], 'f clocks are wrong by seconds to a day', skewPast),
  clockSteps: scenario([44], ['L'], 'clocks jump by an hour and back under load', (seed) => {
    const nodes = 4 + 3 * (seed % 2)
    return {
      ...CALM,
      seed,
      nodes,
      lossRate: 0.05,
      delayMs: [1, 30],
      faultsUntilMs: 10_000,
      limitMs: 60_000,
      course: (world) => stepClocks(world, faulty(nodes)),
    }
  }),
  heartbeat: scenario(
    [28],
    ['L'],
    'no transactions: the heartbeat alone brings progress, under loss and crashes',
    (seed) => ({
      ...lossy(seed),
      txEveryMs: 0,
      limitMs: 300_000,
      crashEveryMs: 1_000,
      goalBlocks: 3,
    }),
  ),
  idleHours: scenario(
    [28],
    ['L'],
    'asleep for hours, then one transaction to one node of each kind',
    idleHours,
    0.1,
  ),
  idleNullified: scenario([29], ['L'], 'a view of a sleeping chain is nullified', idleNullified, 0.5),
}
