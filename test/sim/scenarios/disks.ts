// Disk faults: torn tails, flipped bits, no space, old copies, a lost signer file (CONSENSUS §5; §9, 12 and 13).

import { Violation } from '../../support/violation.ts'
import { equivocator } from '../behaviours/equivocator.ts'
import { CALM } from '../config.ts'
import { lossNonce, repeatedly, showLosses, visitDisks } from '../faults.ts'
import { type Scenario, scenario } from '../scenario.ts'
import type { WorldConfig } from '../world.ts'

const base = (seed: number): WorldConfig => ({
  ...CALM,
  seed,
  nodes: 4 + (seed % 2),
  txEveryMs: 60,
  faultsUntilMs: 5_000,
})

function tornTail(seed: number): WorldConfig {
  return {
    ...base(seed),
    course: (world) => {
      world.atPoint = (node, point) => {
        if (point !== 'appended' || !world.random.chance(0.03)) return false
        world.crash(node)
        return true
      }
    },
    afterwards: (world) => {
      const bad = world.nodes.find((node) => node.damage === 'corrupt')
      if (bad !== undefined)
        throw new Violation('D', `node ${bad.index}: a torn tail was read as a lost journal`)
    },
  }
}

/** Flips one bit of a synced record: detected at the next start; the loss is recovered from signer and peers. */
function bitFlip(seed: number): WorldConfig {
  return {
    ...base(seed),
    mayLoseJournals: true,
    course: (world) =>
      visitDisks(world, 600, (node) => {
        const place = node.disk.flipBit(world.random)
        if (place === undefined) return
        const found = node.disk.replay().damage
        const expected = place === 'last' ? 'torn' : 'corrupt'
        // The search for a later record may match bytes that look like one, so a last record may count as corrupt.
        if (found === 'none' || (place === 'middle' && found !== expected)) {
          throw new Violation(
            'D',
            `node ${node.index}: a flipped bit in the ${place} record was read as ${found}`,
          )
        }
      }),
  }
}

function diskFull(seed: number): WorldConfig {
  return {
    ...base(seed),
    course: (world) => {
      repeatedly(world, 700, () => {
        const node = world.random.pick(world.honest())
        node.disk.full = true
        world.scheduler.after(world.random.between(50, 2_500), () => {
          node.disk.full = false
          node.isHeldDown = false
          world.restart(node)
        })
      })
    },
  }
}

/**
 * A host restarts with an older journal or none; its signer has newer flags. In every other seed a leader tries to make
 * it vote twice.
 */
function journalRolledBack(seed: number): WorldConfig {
  const { nodes } = base(seed)
  const byzantine = new Map(seed % 2 === 0 ? [] : [[seed % nodes, equivocator] as const])
  return {
    ...base(seed),
    byzantine,
    mayLoseJournals: true,
    course: (world) => {
      const copies = new Map<number, Uint8Array>()
      repeatedly(world, 250, () => {
        const node = world.random.pick(world.honest())
        copies.set(node.index, node.disk.copy())
      })
      visitDisks(world, 500, (node) => {
        const copy = copies.get(node.index)
        if (copy === undefined || world.random.chance(0.4)) node.disk.wipe()
        else node.disk.restore(copy)
      })
    },
  }
}

/**
 * The signer's file is lost again and again, in every other case with the chain set back by epochs and without a journal: the
 * validator observes until the epoch after the one in which a final block shows the number of its last loss.
 */
function signerLost(seed: number): WorldConfig {
  const victim = seed % base(seed).nodes
  return {
    ...base(seed),
    epochBlocks: 5,
    faultsUntilMs: 8_000,
    course: (world) => {
      const node = world.nodes[victim]!
      repeatedly(world, 2_000, () => {
        if (!node.isUp) return
        world.crash(node)
        node.signer.lose(lossNonce(world))
        if (world.random.chance(0.5)) return
        node.disk.wipe()
        node.store.setBack(node.store.height - world.random.between(1, 25))
      })
      showLosses(world, node)
    },
    afterwards: (world) =>
      world.demand(60_000, 'vote after a proven loss', () => {
        const { signer } = world.nodes[victim]!
        return !signer.observing && signer.signed().length > 0
      }),
  }
}

export const diskScenarios: Readonly<Record<string, Scenario>> = {
  tornTail: scenario([12], ['S3', 'D'], 'crashes leave any part of what was not synced', tornTail),
  bitFlip: scenario(
    [12],
    ['S3', 'D'],
    'one bit of a synced journal flips; the loss is noticed and healed',
    bitFlip,
  ),
  diskFull: scenario(
    [12],
    ['S3', 'D'],
    'no space for journal and signer; the node stops and comes back',
    diskFull,
  ),
  journalRolledBack: scenario([13], ['S3'], 'an older journal beside a newer signer', journalRolledBack),
  signerLost: scenario(
    [12],
    ['S3', 'L'],
    'a lost signer file, repeatedly: observe until after a proven epoch',
    signerLost,
  ),
}
