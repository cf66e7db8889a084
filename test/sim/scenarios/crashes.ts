// Crash scenarios: random, systematic, of the leader, of all at the worst moment (CONSENSUS §9, 3, 9 to 11, 33, 37).
import { CALM } from '../config.ts'
import { crashAll, crashAllAtVotes, crashLeaders, muteLeaders } from '../faults.ts'
import { type Scenario, scenario } from '../scenario.ts'
import type { SimWorld, WorldConfig } from '../world.ts'

/** Points per host visited by `everySyncPoint`; more than a host passes in its 0.6 s of faults. */
export const SYNC_POINTS = 80
const HOSTS = 4

/** Maps the seed to one point of one host: all points in order, then all again on another network. */
function everySyncPoint(seed: number): WorldConfig {
  const round = Math.floor((seed - 1) / (SYNC_POINTS * (HOSTS + 1)))
  const place = (seed - 1) % (SYNC_POINTS * (HOSTS + 1))
  const host = Math.floor(place / SYNC_POINTS)
  return {
    ...CALM,
    seed: 1_000_003 + round,
    crashAt: { node: host === HOSTS ? 'all' : host, point: 1 + (place % SYNC_POINTS) },
    txEveryMs: 60,
    faultsUntilMs: 600,
    goalBlocks: 3,
  }
}

/**
 * Whether some view above every final one can reach neither N nor U: with all blocks lost, only q nullify votes could end
 * it, and too many validators have voted finalize or left it. Then only an operators' recovery file helps (CONSENSUS §5).
 */
function isBeyondRecovery(world: SimWorld): boolean {
  const { nodes } = world.config
  const quorum = nodes - Math.floor((nodes - 1) / 3)
  const final = Math.max(...world.nodes.map((node) => node.store.tipCertificate()?.subject.view ?? 0))
  const flags = world.nodes.map((node) => node.signer.signed().filter((s) => s.view > final))
  const last = Math.max(final, ...flags.flat().map((s) => s.view))
  for (let view = final + 1; view <= last; view++) {
    const able = flags.filter((list) => {
      const here = list.filter((s) => s.view === view)
      if (here.some((s) => s.kind === 'nullify')) return true
      return here.every((s) => s.kind !== 'finalize') && list.every((s) => s.view <= view)
    })
    if (able.length < quorum) return true
  }
  return false
}

/** All lose their journals in one view; signers keep their flags. */
function allJournalsLost(seed: number): WorldConfig {
  return {
    ...CALM,
    seed,
    nodes: 4 + (seed % 3),
    txEveryMs: 50,
    play: (world) => {
      world.startAll()
      world.keepSubmitting(50)
      // A few blocks, then a random moment within a view.
      world.demand(20_000, 'three blocks', () => world.isEverywhere(3))
      world.runFor(world.random.between(0, 400))
      for (const node of world.nodes) world.crash(node, 1_000)
      for (const node of world.nodes) node.disk.wipe()
      const isLost = isBeyondRecovery(world)
      // Longer than any message is in flight: connections end with the processes.
      world.runFor(1_500)
      world.heal()
      if (isLost) world.runFor(10_000)
      else world.demandBlocks(3, 60_000)
    },
  }
}

/** n − f + 1 validators are down for a day; the others keep retransmitting. */
function longOutage(seed: number): WorldConfig {
  const nodes = 4 + (seed % 4)
  const downCount = nodes - Math.floor((nodes - 1) / 3) + 1
  return {
    ...CALM,
    seed,
    nodes,
    txEveryMs: 200,
    play: (world) => {
      world.startAll()
      world.keepSubmitting(200, 3_000)
      world.runFor(2_000)
      const down = world.random.shuffled(world.nodes).slice(0, Math.min(nodes, downCount))
      for (const node of down) world.crash(node, 0)
      world.runFor(24 * 3_600_000)
      world.heal()
      world.keepSubmitting(100)
      // A view lasts at most 20 s; allows two views and the retransmission between them.
      world.demandBlocks(3, 45_000)
    },
  }
}

/** A crash between the journal record and the signer's flag, of one host or of all. */
function betweenJournalAndSigner(seed: number): WorldConfig {
  return {
    ...CALM,
    seed,
    txEveryMs: 80,
    faultsUntilMs: 4_000,
    course: (world) => {
      world.atPoint = (node, point) => {
        if (point !== 'unsigned' || !world.random.chance(0.06)) return false
        if (world.random.chance(0.5)) crashAll(world)
        else world.crash(node)
        return true
      }
    },
  }
}

export const crashScenarios: Readonly<Record<string, Scenario>> = {
  leaderCrash: scenario([3], ['L'], 'each leader crashes at its build, its vote or its proposal', (seed) => ({
    ...CALM,
    seed,
    nodes: 4 + (seed % 3),
    txEveryMs: 60,
    faultsUntilMs: 4_000,
    course: crashLeaders,
  })),
  crashes: scenario([9], ['S3', 'D'], 'crashes at random moments, sometimes of all at once', (seed) => ({
    ...CALM,
    seed,
    nodes: 4 + (seed % 2),
    crashEveryMs: 400,
    faultsUntilMs: 6_000,
  })),
  crashPoints: scenario(
    [9],
    ['S3', 'D'],
    'random crashes around every write of journal, signer and store',
    (seed) => ({
      ...CALM,
      seed,
      crashPointRate: 0.03,
      faultsUntilMs: 6_000,
    }),
  ),
  everySyncPoint: scenario(
    [9],
    ['S3', 'D'],
    'one crash of one host or of all at exactly the k-th write',
    everySyncPoint,
    2,
  ),
  allCrashAfterNullify: scenario([10], ['L'], 'all crash once some of them have sent nullify', (seed) => ({
    ...CALM,
    seed,
    nodes: 4 + (seed % 2),
    txEveryMs: 60,
    faultsUntilMs: 6_000,
    course: (world) => {
      muteLeaders(world, 0.5)
      crashAllAtVotes(world, { kind: 'nullify', times: 3, least: 1 })
    },
  })),
  allCrashAfterFinalize: scenario(
    [11],
    ['S2', 'L'],
    'all crash once some of them have sent finalize, before F',
    (seed) => ({
      ...CALM,
      seed,
      nodes: 4 + (seed % 2),
      txEveryMs: 60,
      faultsUntilMs: 6_000,
      course: (world) => crashAllAtVotes(world, { kind: 'finalize', times: 3, least: 1 }),
    }),
  ),
  longOutage: scenario([33], ['L'], 'n − f + 1 validators down for a day', longOutage, 0.1),
  betweenJournalAndSigner: scenario(
    [37],
    ['S3', 'L'],
    'power fails between the journal record and the signer flag',
    betweenJournalAndSigner,
  ),
  allJournalsLost: scenario([37], ['S3', 'L'], 'all lose their journals in one view', allJournalsLost),
}
