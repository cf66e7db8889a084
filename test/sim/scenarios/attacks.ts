// A member that attacks the others' time: floods, useless proposals, and proposals at the edge of the rules (CONSENSUS §9, 38
// to 40 and 46).
import { mustExist } from '../../../base/assert.ts'
import { bytesKey } from '../../../base/bytes.ts'
import { Random } from '../../support/random.ts'
import { Violation } from '../../support/violation.ts'
import { edgeTimer } from '../behaviours/edgeTimer.ts'
import { FLOODS, flooder } from '../behaviours/flooder.ts'
import { framer } from '../behaviours/framer.ts'
import { USELESSNESS, uselessLeader } from '../behaviours/uselessLeader.ts'
import { CALM, NORMAL_SPEED } from '../config.ts'
import { crashAtProposals } from '../faults.ts'
import { ScaleModel } from '../scaleModel.ts'
import { type Scenario, scenario } from '../scenario.ts'
import type { SimWorld, WorldConfig } from '../world.ts'
import { withByzantine } from './byzantine.ts'

const KINDS = Object.keys(FLOODS)
/** Messages a second, more than one processor could check. */
const FLOOD_PER_SECOND = 1_500
/** Views in which a silent leader still costs a time-out; afterwards it counts as inactive. */
const SETTLE_MS = 3_000
const { minBlockIntervalMs, precisionMs, buildMs, deltaMs } = CALM.parameters
const LEADER_MS = minBlockIntervalMs + precisionMs + buildMs + 2 * deltaMs
/** A leader's time is longer than the silence after which nodes repeat themselves, as it is on a devnet. */
const PATIENT = { ...CALM.parameters, deltaMs: 500, messageDelayMs: 2_000 }
const PATIENT_LEADER_MS = minBlockIntervalMs + precisionMs + buildMs + 2 * PATIENT.deltaMs
const QUIET_TRANSACTIONS = 8
const ATTACKED_TRANSACTIONS = 12
const ATTACK_STARTS_MS = SETTLE_MS + 3_000

/** How long one transaction takes until every honest node has it in a final block. */
function transfer(world: SimWorld): number {
  const startedMs = world.scheduler.nowMs
  const nodes = world.honest()
  const transaction = world.submit(world.random.pick(nodes))
  for (const node of nodes) node.submit(transaction)
  world.demand(30_000, 'finality of a transaction', () =>
    nodes.every(({ store }) => store.includes(transaction)),
  )
  const tookMs = world.scheduler.nowMs - startedMs
  world.runFor(world.random.between(20, 150))
  return tookMs
}

function transfers(world: SimWorld, count: number): readonly number[] {
  return Array.from({ length: count }, () => transfer(world)).sort((a, b) => a - b)
}

interface Comparison {
  /** Given to the honest from the start of the attack, before latencies count. */
  readonly settleMs: number
  /** What the longest may exceed twice the quiet one by. */
  readonly slackMs: number
}

/** By its votes the silent leader is active again: its view lasts until the leader's timer. */
const FLOOD: Comparison = { settleMs: 200, slackMs: LEADER_MS }
/** Its views end at the leader's timer until that is known of it; then sooner. */
const USELESS_LEADER: Comparison = { settleMs: 6_000, slackMs: PATIENT_LEADER_MS / 4 }
/** Latencies while the member is silent, then while it attacks: they may double. */
function compare(world: SimWorld, { settleMs, slackMs }: Comparison): void {
  world.startAll()
  // A member's votes may keep the chain awake (need (e)), so it is awake before, too.
  world.keepSubmitting(40)
  const startedMs = world.scheduler.nowMs
  while (world.scheduler.nowMs < startedMs + SETTLE_MS) transfer(world)
  const quiet = transfers(world, QUIET_TRANSACTIONS)
  const attackMs = startedMs + ATTACK_STARTS_MS
  if (world.scheduler.nowMs > attackMs) throw new Violation('L', 'transactions take long without an attack')
  world.runFor(attackMs - world.scheduler.nowMs)
  while (world.scheduler.nowMs < attackMs + settleMs) transfer(world)
  const attacked = transfers(world, ATTACKED_TRANSACTIONS)
  const middle = (list: readonly number[]): number => list[list.length >> 1]!
  const limits = { median: 2 * middle(quiet), longest: 2 * quiet.at(-1)! + slackMs }
  const now = { median: middle(attacked), longest: attacked.at(-1)! }
  for (const what of ['median', 'longest'] as const) {
    if (now[what] <= limits[what]) continue
    throw new Violation('L', `${what} latency ${now[what]} ms under attack, at most ${limits[what]} ms`)
  }
}

function memberFlood(seed: number): WorldConfig {
  const nodes = 4
  const kinds = seed % 7 === 1 ? KINDS : [KINDS[seed % 7 === 0 ? 0 : (seed % 7) - 1]!]
  const perSecond = kinds.length > 1 ? FLOOD_PER_SECOND / 4 : FLOOD_PER_SECOND
  const byzantine = new Map([[seed % nodes, flooder(kinds, perSecond, ATTACK_STARTS_MS)]])
  const model = new ScaleModel({ distance: () => 5, jitterShare: 0, random: new Random(seed) })
  return { ...CALM, seed, nodes, byzantine, model, txEveryMs: 0, play: (world) => compare(world, FLOOD) }
}

/** It votes, so that no silence gives it away, but its own views yield nothing. */
function leaderFails(seed: number): WorldConfig {
  const nodes = 4
  const uselessness = USELESSNESS[seed % USELESSNESS.length]!
  const byzantine = new Map([[seed % nodes, uselessLeader(uselessness, ATTACK_STARTS_MS)]])
  const model = new ScaleModel({ distance: () => 5, jitterShare: 0, random: new Random(seed) })
  const play = (world: SimWorld): void => compare(world, USELESS_LEADER)
  return { ...CALM, parameters: PATIENT, seed, nodes, byzantine, model, txEveryMs: 0, play }
}

/** Of the blocks under load, whatever happened to a leader before: fair is a quarter. */
const LEADER_SHARE_MIN = 1 / 8
const FRAMED_MS = 10_000
const LOADED_MS = 15_000

/** Hops and builds are within the parameters, but take more than a quarter of a leader's time. */
function leaderFramed(seed: number): WorldConfig {
  const nodes = 4
  const [hostile, victim] = [seed % nodes, (seed + 1 + (seed % 3)) % nodes]
  const { deltaMs, buildMs } = CALM.parameters
  return {
    ...CALM,
    seed,
    nodes,
    byzantine: new Map([[hostile, framer(victim, SETTLE_MS)]]),
    delayMs: [deltaMs - 10, deltaMs],
    speedOf: () => ({ ...NORMAL_SPEED, buildMs }),
    txEveryMs: 0,
    play: (world) => {
      world.startAll()
      world.keepSubmitting(2_500, SETTLE_MS + FRAMED_MS)
      world.runFor(SETTLE_MS + FRAMED_MS)
      world.keepSubmitting(40)
      const watched = world.nodes[victim]!
      const from = watched.store.height
      world.runFor(LOADED_MS)
      const { height } = watched.store
      const { operator } = mustExist(watched.core, 'a watched node runs').state.validators[victim]!
      let own = 0
      for (let at = from + 1; at <= height; at++) {
        if (bytesKey(watched.store.at(at)!.header.proposer) === bytesKey(operator)) own++
      }
      if (own >= (height - from) * LEADER_SHARE_MIN) return
      throw new Violation('L', `a leader that was made to fail proposed ${own} of ${height - from} blocks`)
    },
  }
}

/** Clocks differ by up to the precision, so that a limit falls differently for each. */
function edgeOfTime(seed: number): WorldConfig {
  const { precisionMs } = CALM.parameters
  const isSparse = seed % 3 === 1
  return {
    ...withByzantine(seed, edgeTimer),
    // A block can be too old only long after its parent: before that it is too soon, which is another limit.
    ...(isSparse ? { txEveryMs: 1_000, faultsUntilMs: 15_000 } : {}),
    skewMs: seed % 3 === 0 ? 0 : precisionMs / 2,
    // On even links every copy arrives in the same millisecond.
    delayMs: seed % 4 === 0 ? [10, 10] : [1, 20],
    // What came too late stays too late after a restart.
    course: (world) => (isSparse ? crashAtProposals(world, 0.5) : undefined),
  }
}

export const attackScenarios: Readonly<Record<string, Scenario>> = {
  memberFlood: scenario(
    [40],
    ['L'],
    'a silent member floods with invalid, future, conflicting, useless votes, status, certificates',
    memberFlood,
    0.2,
  ),
  leaderFails: scenario(
    [38, 39],
    ['L'],
    'a silent member votes again but proposes nothing, a false body, or with a false vote: to all, one, or all but one',
    leaderFails,
    0.2,
  ),
  leaderFramed: scenario(
    [39],
    ['L'],
    'a member makes the idle views of one honest leader fail; under load that leader has its share again',
    leaderFramed,
    0.2,
  ),
  edgeOfTime: scenario(
    [46],
    ['S1', 'L'],
    'proposals timed exactly at the limits: timestamps, and arrival when a timer fires',
    edgeOfTime,
  ),
}
