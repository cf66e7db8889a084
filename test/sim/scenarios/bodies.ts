// Scenarios about what a proposal brings: its body, its leader's signature, its header's numbers; and what is sent again while
// nothing becomes final (CONSENSUS §9, 38, 39, 42, 47).
import { PARAMETERS } from '../../support/coreParameters.ts'
import { Violation } from '../../support/violation.ts'
import { mixed } from '../behaviours/behaviour.ts'
import { bodySwapper } from '../behaviours/bodySwapper.ts'
import { junkHeaders } from '../behaviours/junkHeaders.ts'
import { withholder } from '../behaviours/withholder.ts'
import { wrongSigner } from '../behaviours/wrongSigner.ts'
import { CALM } from '../config.ts'
import { crashAllAtVotes } from '../faults.ts'
import { type Scenario, scenario } from '../scenario.ts'
import type { SimWorld, WorldConfig } from '../world.ts'
import { withByzantine } from './byzantine.ts'

/** Loss and crashes make nodes fetch what they missed, from whoever answers. */
function falseBody(seed: number): WorldConfig {
  return {
    ...withByzantine(seed, seed % 4 === 1 ? mixed(withholder, bodySwapper) : bodySwapper),
    txEveryMs: 30,
    lossRate: [0, 0.15, 0.25][seed % 3]!,
    crashPointRate: seed % 2 === 0 ? 0.004 : 0,
    course: (world) => {
      if (seed % 5 === 0) crashAllAtVotes(world, { kind: 'notarize', times: 2, least: 2 })
    },
  }
}

/** Views are long, so that a proposal is asked for and passed on while it can still be voted for. */
function falseSignature(seed: number): WorldConfig {
  const [buildMs, messageDelayMs] = seed % 3 === 0 ? [100, 500] : [2_500, 3_000]
  return {
    ...withByzantine(seed, wrongSigner),
    lossRate: seed % 2 === 0 ? 0.2 : 0,
    parameters: { ...PARAMETERS, buildMs, messageDelayMs },
    faultsUntilMs: 15_000,
    crashEveryMs: seed % 4 === 0 ? 3_000 : 0,
  }
}

/** Segments of the journal are 4 KiB here: what is final may fill two, what is not yet final a few more. */
const JOURNAL_BYTES_MAX = 48 * 1024

function checkBounds(world: SimWorld): void {
  for (const node of world.honest()) {
    const { disk, core, index } = node
    if (disk.sizeBytes > JOURNAL_BYTES_MAX) {
      throw new Violation('memory', `node ${index}: a journal of ${disk.sizeBytes} bytes`)
    }
    const state = core?.state
    if (state === undefined) continue
    const most = state.view - state.finalizedView + 8 + 2
    // Whatever arrived before the last final view is gone, however high its header claims to be.
    if (state.blocks.size > most) {
      throw new Violation('memory', `node ${index}: ${state.blocks.size} bodies, at most ${most}`)
    }
  }
}

function junk(seed: number): WorldConfig {
  return {
    ...withByzantine(seed, junkHeaders),
    txEveryMs: 40,
    faultsUntilMs: 6_000,
    afterwards: (world) => {
      world.demandBlocks(3, 30_000)
      checkBounds(world)
      // What a restart reads is bounded too, and leads on.
      for (const node of world.honest()) {
        world.crash(node, 1)
      }
      world.demandBlocks(3, 60_000)
      checkBounds(world)
    },
  }
}

const MEMBERS = 16
const AWAY = [1, 4, 6, 9, 12, 15]
/** Bytes that one node may send in a second to the fifteen others while nothing is final. */
const QUIET_BYTES_PER_S = 8 * 1024
/** Blocks that one node may send in the whole time: to those that missed one. */
const QUIET_BLOCKS_MAX = 8

/** An hour in one of twenty seeds, a few minutes in the others. */
function awayAndBack(seed: number): WorldConfig {
  const awayMs = seed % 20 === 0 ? 3_600_000 : 60_000 * (1 + (seed % 4))
  return {
    ...CALM,
    seed,
    nodes: MEMBERS,
    lossRate: seed % 3 === 0 ? 0.05 : 0,
    play: (world) => {
      world.startAll()
      world.keepSubmitting(50, 5_000)
      const away = AWAY.map((index) => world.nodes[index]!)
      // They go when a leader that stays sends its proposal, so that those who stay hold it and no quorum can vote for it.
      let isGone = false
      world.watchSent((node, message) => {
        if (isGone || message.kind !== 'proposal' || world.invariants.height < 3 || away.includes(node))
          return
        isGone = true
        for (const gone of away) {
          gone.isHeldDown = true
          world.crash(gone, 0)
        }
      })
      world.demand(30_000, 'the outage', () => isGone)
      const blocks = new Map<number, number>()
      let isQuiet = true
      world.watchSent((node, message, to) => {
        if (!isQuiet || (message.kind !== 'proposal' && message.kind !== 'blocks')) return
        blocks.set(node.index, (blocks.get(node.index) ?? 0) + (to.kind === 'all' ? MEMBERS - 1 : 1))
      })
      // The proposals of the last views before the quorum was gone do not count.
      world.runFor(2_000)
      blocks.clear()
      const before = new Map(world.network.sentBytes)
      world.runFor(awayMs)
      isQuiet = false
      for (const { index } of world.nodes) {
        const bytes = (world.network.sentBytes.get(index) ?? 0) - (before.get(index) ?? 0)
        if (bytes > (QUIET_BYTES_PER_S * awayMs) / 1_000) {
          throw new Violation('memory', `node ${index} sent ${bytes} bytes in ${awayMs} ms without finality`)
        }
        const count = blocks.get(index) ?? 0
        if (count > QUIET_BLOCKS_MAX) {
          throw new Violation('memory', `node ${index} sent ${count} blocks without finality`)
        }
      }
      world.heal()
      world.keepSubmitting(50, 10_000)
      world.demandBlocks(5, 60_000)
    },
  }
}

export const bodyScenarios: Readonly<Record<string, Scenario>> = {
  falseBody: scenario(
    [38],
    ['S1', 'L'],
    'true headers over other bodies, by leader, relayer and fetch',
    falseBody,
  ),
  falseSignature: scenario(
    [39],
    ['L'],
    'a leader whose vote does not verify, shown to one or to all; nobody honest is penalised',
    falseSignature,
  ),
  junkHeaders: scenario(
    [42],
    ['L', 'D'],
    'senseless views and heights in headers; journal, memory and replay stay bounded',
    junk,
  ),
  awayAndBack: scenario(
    [47],
    ['L'],
    'six of sixteen away for minutes or an hour; what each node sends stays bounded',
    awayAndBack,
    0.1,
  ),
}
