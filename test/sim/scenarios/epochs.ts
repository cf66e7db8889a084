// Scenarios of boundaries and set changes: join, leave, replace, outages at the boundary, removed and late members
// (CONSENSUS §9, 23 to 26, 32).
import { equalBytes } from '../../../base/bytes.ts'
import { headerHash } from '../../../base/protocol/header.ts'
import { type Certificate, type Subject, signersBitmap } from '../../../base/protocol/vote.ts'
import type { ConsensusMessage } from '../../../consensus/messages.ts'
import { Random } from '../../support/random.ts'
import { Violation } from '../../support/violation.ts'
import { formerMember } from '../behaviours/formerMember.ts'
import { linkFault } from '../checks/lightChain.ts'
import { CALM } from '../config.ts'
import { crashAll, randomPartitions } from '../faults.ts'
import { type Scenario, scenario } from '../scenario.ts'
import type { SimNode } from '../simNode.ts'
import type { SimWorld, WorldConfig } from '../world.ts'
import { lossy } from './links.ts'

function boundaries(seed: number): WorldConfig {
  const random = new Random(seed)
  return {
    ...lossy(seed),
    epochBlocks: random.pick([1, 2, 3, 7, 50]),
    crashPointRate: 0.01,
    course: (world) => (seed % 2 === 0 ? randomPartitions(world) : undefined),
    faultsUntilMs: 5_000,
    goalBlocks: 8,
  }
}

/** Sets of four to seven of nine nodes; each epoch some leave and some join. */
function joinLeave(seed: number): WorldConfig {
  const sets: (readonly number[])[] = [[], [0, 1, 2, 3]]
  const random = new Random(seed * 31 + 7)
  const membersOf = (epoch: number): readonly number[] => {
    for (let e = sets.length; e <= epoch; e++) {
      const before = sets[e - 1]!
      const left = before.filter(() => random.chance(0.75))
      const joined = random.shuffled([0, 1, 2, 3, 4, 5, 6, 7, 8].filter((i) => !before.includes(i)))
      const size = random.between(4, 7)
      const next = [...left, ...joined].slice(0, size)
      sets.push(next.sort((a, b) => a - b))
    }
    return sets[epoch] ?? sets[1]!
  }
  return {
    ...CALM,
    seed,
    nodes: 9,
    membersOf,
    epochBlocks: 2 + (seed % 3),
    lossRate: seed % 2 === 0 ? 0.1 : 0,
    crashEveryMs: seed % 3 === 0 ? 1_500 : 0,
    faultsUntilMs: 2_500,
    goalBlocks: 6,
  }
}

/** Every boundary replaces f+1 (three) of seven. */
function replaceMany(seed: number): WorldConfig {
  return {
    ...CALM,
    seed,
    nodes: 10,
    membersOf: (epoch) => [0, 1, 2, 3, 4, 5, 6].map((i) => (i + 3 * epoch) % 10).sort((a, b) => a - b),
    epochBlocks: 2,
    lossRate: seed % 2 === 0 ? 0.1 : 0,
    crashPointRate: seed % 3 === 0 ? 0.005 : 0,
    faultsUntilMs: 2_500,
    goalBlocks: 6,
  }
}

function isBoundarySubject(world: SimWorld, subject: Subject): boolean {
  const block = subject.digest === undefined ? undefined : world.invariants.blockOf(subject.digest)
  return block?.header.endsEpoch === true && block.header.epoch === subject.epoch
}

function subjectsOf(message: ConsensusMessage): readonly Subject[] {
  switch (message.kind) {
    case 'vote':
    case 'certificate':
      return [message.body.subject]
    case 'certificates':
      return message.body.certificates.map((c) => c.subject)
    case 'proposal':
      return message.body.justification.map((c) => c.subject)
    default:
      return []
  }
}

/** No finalize vote for the boundary arrives until it has been proposed in twenty more views. */
function boundaryTwentyViews(seed: number): WorldConfig {
  return {
    ...CALM,
    seed,
    nodes: 4 + (seed % 2),
    epochBlocks: 3,
    txEveryMs: 60,
    faultsUntilMs: 60_000,
    play: (world) => {
      let first: number | undefined
      let highest = 0
      world.filter = (_from, _to, message) =>
        subjectsOf(message).some((subject) => {
          if (subject.epoch !== 1 || !isBoundarySubject(world, subject)) return false
          first ??= subject.view
          highest = Math.max(highest, subject.view)
          return subject.kind === 'finalize' && highest < first + 20
        })
      world.startAll()
      world.keepSubmitting(60)
      world.demand(60_000, 'twenty views of one boundary', () => first !== undefined && highest >= first + 20)
      world.heal()
      world.demandBlocks(5, 60_000)
    },
  }
}

/** N of a boundary, then a full outage longer than the timers' cap. */
function boundaryOutage(seed: number): WorldConfig {
  return {
    ...CALM,
    seed,
    nodes: 4 + (seed % 2),
    epochBlocks: 3,
    txEveryMs: 60,
    play: (world) => {
      let hit = false
      world.watchSent((node, message) => {
        if (hit || message.kind !== 'certificate' || message.body.subject.kind !== 'notarize') return
        if (!isBoundarySubject(world, message.body.subject)) return
        hit = true
        if (seed % 3 === 0)
          for (const each of world.lively()) world.crash(each, world.random.between(25_000, 90_000))
        else
          for (const a of world.nodes)
            for (const b of world.nodes) if (a !== b) world.network.cut(a.index, b.index)
        if (seed % 3 === 1) world.crash(node, 40_000)
      })
      world.startAll()
      world.keepSubmitting(60)
      world.demand(30_000, 'an N of a boundary', () => hit)
      world.runFor(world.random.between(25_000, 90_000))
      world.heal()
      world.demandBlocks(5, 60_000)
    },
  }
}

/** N of one boundary reaches a single node; the others nullify and notarize another boundary; then all learn both. */
function twoBoundaries(seed: number): WorldConfig {
  return {
    ...CALM,
    seed,
    nodes: 4,
    epochBlocks: 2,
    txEveryMs: 60,
    play: (world) => {
      let first: { view: number; keeper: number; digest: Uint8Array } | undefined
      let second = false
      world.filter = (from, to, message) => {
        const subjects =
          message.kind === 'proposal'
            ? [message.body.vote.subject, ...subjectsOf(message)]
            : subjectsOf(message)
        for (const subject of subjects) {
          if (second || subject.epoch !== 1 || !isBoundarySubject(world, subject)) continue
          if (first === undefined) first = chooseKeeper(world, from, subject)
          if (subject.view !== first.view || !equalBytes(subject.digest!, first.digest)) {
            if (message.kind === 'certificate' && subject.kind === 'notarize') second = true
            continue
          }
          // All receive the proposal; only the keeper receives votes for it; no one receives its certificates.
          if (message.kind === 'proposal' && subject === message.body.vote.subject) continue
          if (message.kind !== 'vote' || to.index !== first.keeper || subject.kind === 'finalize') return true
        }
        return false
      }
      world.startAll()
      world.keepSubmitting(60)
      world.demand(20_000, 'second boundary with an N', () => second)
      world.heal()
      world.demandBlocks(5, 60_000)
    },
  }
}

/** Chooses a node that leads neither this view nor the next two. */
function chooseKeeper(world: SimWorld, from: SimNode, subject: Subject) {
  const state = from.core!.state
  const leaders = [0, 1, 2].map((i) => state.validators[state.leaderOf(subject.view + i)]!.id - 1)
  const keeper = world.nodes.find((node) => !leaders.includes(node.index))!
  return { view: subject.view, keeper: keeper.index, digest: subject.digest! }
}

/** All nodes crash while the block before, at or after the boundary is being finalized. */
function killAtBoundary(seed: number): WorldConfig {
  const epochBlocks = 4
  const offset = (seed % 3) - 1
  return {
    ...CALM,
    seed,
    nodes: 4 + (seed % 2),
    epochBlocks,
    txEveryMs: 60,
    faultsUntilMs: 5_000,
    goalBlocks: 6,
    course: (world) => {
      const done = new Set<number>()
      const wanted = seed % 2 === 0 ? 'uncommitted' : 'committed'
      world.atPoint = (node, point) => {
        const height = node.store.height + (point === 'uncommitted' ? 1 : 0)
        if (point !== wanted || done.has(height)) return false
        if ((height - offset) % epochBlocks !== 0) return false
        done.add(height)
        crashAll(world)
        return true
      }
    },
  }
}

/** A member of the fourth epoch is down from genesis until after its activation. */
function lateMember(seed: number): WorldConfig {
  const late = 4
  return {
    ...CALM,
    seed,
    nodes: 6,
    membersOf: (epoch) => (epoch < 4 ? [0, 1, 2, 3] : [1, 2, 3, late]),
    epochBlocks: 3,
    txEveryMs: 60,
    play: (world) => {
      const node = world.nodes[late]!
      node.isHeldDown = true
      world.startAll()
      world.keepSubmitting(60)
      const others = world.nodes.filter((other) => other !== node)
      world.demand(60_000, 'life without the new member', () =>
        others.every((other) => other.store.height >= 12),
      )
      node.isHeldDown = false
      world.restart(node)
      world.demand(60_000, 'vote of the new member', () => hasVoted(world, node))
      world.heal()
      world.demandBlocks(4, 60_000)
    },
  }
}

function hasVoted(world: SimWorld, node: SimNode): boolean {
  const status = node.status()
  return status?.self !== undefined && node.signer.signed().length > 0 && world.isEverywhere(12)
}

/** Three of the first four are removed, conspire and keep signing; a wallet must not follow them. */
function removedValidator(seed: number): WorldConfig {
  return {
    ...CALM,
    seed,
    nodes: 8,
    membersOf: (epoch) => (epoch < 2 ? [0, 1, 2, 3] : epoch < 3 ? [2, 3, 4, 5] : [3, 4, 5, 6, 7]),
    byzantine: new Map([0, 1, 2].map((i) => [i, formerMember])),
    epochBlocks: 3,
    txEveryMs: 60,
    faultsUntilMs: 2_500,
    goalBlocks: 4,
    afterwards: (world) => checkForgedLink(world, [0, 1, 2]),
  }
}

/** Forges a boundary of the last completed epoch, signed by validators removed before it. */
function checkForgedLink(world: SimWorld, removed: readonly number[]): void {
  const store = world.honest()[0]!.store
  const epoch = store.epochStart().epoch - 1
  if (epoch < 3) throw new Violation('scenario', 'the removed validators were never removed')
  let height = store.height
  while (!(store.at(height)!.header.endsEpoch && store.at(height)!.header.epoch === epoch)) height--
  const header = { ...store.at(height)!.header, stateRoot: new Uint8Array(32) }
  const subject: Subject = { kind: 'finalize', epoch, view: 1, parentView: 0, digest: headerHash(header) }
  const hands = removed.map((i) => world.accomplice(world.nodes[i]!))
  const signature = world.config.bls.aggregate(hands.map((hand) => hand.sign(subject).signature))!
  const set = world.setOf(epoch)
  const n = set.validators.length
  const signers = Array.from({ length: n - Math.floor((n - 1) / 3) }, (_, i) => i)
  const certificate: Certificate = { subject, bitmap: signersBitmap(signers, n), signature }
  const next = world.setOf(epoch + 1)
  const fault = linkFault(world.rules, world.config.bls, { epoch, set }, { header, certificate, next })
  if (fault === undefined) throw new Violation('C', 'a wallet followed a removed validator')
}

export const epochScenarios: Readonly<Record<string, Scenario>> = {
  boundaries: scenario(
    [23],
    ['S1', 'L'],
    'epochs of 1 to 50 blocks under loss, crashes and partitions',
    boundaries,
  ),
  joinLeave: scenario(
    [23],
    ['S1', 'L'],
    'sets of 4 to 7 of nine nodes that change with every epoch',
    joinLeave,
  ),
  replaceMany: scenario([23], ['S1', 'L'], 'f+1 of seven replaced at every boundary', replaceMany),
  boundaryTwentyViews: scenario(
    [24],
    ['S1', 'L'],
    'a boundary notarized for 20 views before its F',
    boundaryTwentyViews,
  ),
  boundaryOutage: scenario(
    [24],
    ['S1', 'L'],
    'N of a boundary, then an outage longer than the cap',
    boundaryOutage,
  ),
  twoBoundaries: scenario([24], ['S1', 'L'], 'two boundaries notarized in different views', twoBoundaries),
  killAtBoundary: scenario(
    [25],
    ['D', 'L'],
    'all crash one block before, at and one block after a boundary',
    killAtBoundary,
  ),
  lateMember: scenario([26], ['L'], 'a new member is not synced at its activation', lateMember),
  removedValidator: scenario([32], ['C', 'S1'], 'removed validators go on signing', removedValidator),
}
