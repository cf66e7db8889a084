// Fault schedules shared by several scenarios; each repeats until the world is healed.
import { LOSS_NONCE_BYTES } from '../../signer/signerTrust.ts'
import type { SimNode } from './simNode.ts'
import type { SimWorld } from './world.ts'

/** Calls `act` at random intervals, on average `everyMs`, until the world is healed. */
export function repeatedly(world: SimWorld, everyMs: number, act: () => void): void {
  world.scheduler.after(world.random.between(1, 2 * everyMs), () => {
    if (world.isHealed) return
    act()
    repeatedly(world, everyMs, act)
  })
}

/** Random partitions into halves, one-way or both ways, with healthy periods between. */
export function randomPartitions(world: SimWorld): void {
  const { random, network, nodes } = world
  repeatedly(world, 800, () => {
    network.mendAll()
    if (random.chance(0.4)) return
    const oneWay = random.chance(0.3)
    const side = nodes.map(() => random.chance(0.5))
    for (const a of nodes) {
      for (const b of nodes) {
        const isApart = side[a.index] !== side[b.index] && (!oneWay || side[a.index])
        if (isApart) network.cut(a.index, b.index)
      }
    }
  })
}

/** Cuts a group of the given size off from the rest, a different one each time. */
export function cutOff(world: SimWorld, size: (nodes: number) => number): void {
  const { random, network, nodes } = world
  repeatedly(world, 1_000, () => {
    network.mendAll()
    if (random.chance(0.3)) return
    const order = random.shuffled(nodes.map((node) => node.index))
    const cut = size(nodes.length)
    network.split([order.slice(0, cut), order.slice(cut)])
  })
}

/** Single directions of single links fail and recover. */
export function oneWayLinks(world: SimWorld): void {
  const { random, network, nodes } = world
  repeatedly(world, 150, () => {
    const a = random.pick(nodes).index
    const b = random.pick(nodes).index
    if (a === b) return
    if (network.isCut(a, b)) network.mend(a, b)
    else network.cut(a, b)
  })
}

/** Clogs one node after another: its messages wait, then arrive all at once. */
export function rollingClogs(world: SimWorld): void {
  const { random, network, nodes } = world
  let at = 0
  repeatedly(world, 400, () => {
    network.unclogAll()
    const victim = nodes[at++ % nodes.length]!
    for (const other of nodes) {
      if (other === victim) continue
      if (random.chance(0.7)) network.clog(victim.index, other.index)
      if (random.chance(0.5)) network.clog(other.index, victim.index)
    }
  })
}

/** Crashes each leader once: when it orders its block, requests its vote, or is about to send its proposal. */
export function crashLeaders(world: SimWorld): void {
  const done = new Set<number>()
  const moment = world.random.pick(['build', 'sign', 'send'] as const)
  world.watch((node, output) => {
    if (world.isHealed || output.kind !== moment || done.has(node.index)) return
    const isLeading =
      output.kind === 'build' ||
      (output.kind === 'send' && output.message.kind === 'proposal') ||
      (output.kind === 'sign' &&
        output.subject.kind === 'notarize' &&
        node.core?.state.isLeader(output.subject.view))
    if (isLeading !== true) return
    done.add(node.index)
    world.crash(node)
  })
}

/** All running nodes lose power at once and restart within two seconds. */
export function crashAll(world: SimWorld): void {
  for (const node of world.lively()) world.crash(node)
}

/**
 * Crashes all nodes once a random number of hosts has sent a vote of this kind in one view.
 */
export function crashAllAtVotes(
  world: SimWorld,
  options: {
    readonly kind: 'notarize' | 'nullify' | 'finalize'
    readonly times: number
    readonly least: number
  },
): void {
  const { kind, times, least } = options
  const { random } = world
  let left = times
  let wanted = random.between(least, world.lively().length)
  let voters = new Map<string, Set<number>>()
  world.watchSent((node: SimNode, message) => {
    if (world.isHealed || left === 0 || message.kind !== 'vote' || message.body.subject.kind !== kind) return
    const { epoch, view } = message.body.subject
    const key = `${epoch}:${view}`
    const set = voters.get(key) ?? new Set<number>()
    voters.set(key, set)
    set.add(node.index)
    if (set.size < wanted) return
    left--
    voters = new Map()
    wanted = random.between(least, world.lively().length)
    crashAll(world)
  })
}

/** Nodes lose power for a moment when the first proposal of a view is durable, before they vote for it. */
export function crashAtProposals(world: SimWorld, share: number): void {
  const marked = new Set<number>()
  world.watch((node, output) => {
    const isFirst = output.kind === 'journal' && output.record.kind === 'proposal'
    if (isFirst && !node.isByzantine && world.random.chance(share)) marked.add(node.index)
  })
  world.atPoint = (node, point) => {
    if (point !== 'synced' || !marked.delete(node.index)) return false
    world.crash(node, world.random.between(1, 60))
    return true
  }
}

/** Drops all proposals of a share of leaders, so that their views end in U. */
export function muteLeaders(world: SimWorld, share: number): void {
  const { random } = world
  const muted = new Map<string, boolean>()
  world.filter = (_from, _to, message) => {
    if (world.isHealed || message.kind !== 'proposal') return false
    const { epoch, view } = message.body.vote.subject
    const key = `${epoch}:${view}`
    const known = muted.get(key)
    if (known !== undefined) return known
    const drawn = random.chance(share)
    muted.set(key, drawn)
    return drawn
  }
}

/** Crashes one honest node after another and applies `act` to its disk. */
export function visitDisks(world: SimWorld, everyMs: number, act: (node: SimNode) => void): void {
  const { random } = world
  repeatedly(world, everyMs, () => {
    const node = random.pick(world.honest())
    if (!node.isUp) return
    world.crash(node)
    act(node)
  })
}

const HOUR_MS = 3_600_000

/**
 * Clocks that jump by an hour and back. First all of them, ahead, while nobody hears anybody: what they then wait for must
 * not be an hour away. From then on f of them in both directions, and now and then all of them behind. No more than f go
 * ahead while blocks are made: a block that a quorum dated an hour ahead would rightly stop the chain for an hour.
 */
export function stepClocks(world: SimWorld, faulty: number): void {
  const { random, network, nodes, scheduler } = world
  const set = (some: readonly SimNode[], byMs: number): void => {
    for (const node of some) node.clock.step(byMs)
  }
  network.split(nodes.map((node) => [node.index]))
  scheduler.after(random.between(1, 2_500), () => {
    set(nodes, HOUR_MS)
    scheduler.after(random.between(1, 1_500), () => set(nodes, 0))
  })
  const wrong = random.shuffled(nodes).slice(0, faulty)
  scheduler.after(4_500, () => {
    network.mendAll()
    repeatedly(world, 700, () => {
      if (random.chance(0.2)) set(nodes, -HOUR_MS)
      else set(wrong, random.pick([-HOUR_MS, HOUR_MS]))
      scheduler.after(random.between(1, 700), () => set(nodes, 0))
    })
  })
}

/** The number that a final block must show after a lost signer record. */
export function lossNonce(world: SimWorld): Uint8Array {
  return Uint8Array.from({ length: LOSS_NONCE_BYTES }, () => world.random.between(0, 255))
}

/** Any account may show the number, soon or epochs later; it is sent again while no final block shows it. */
export function showLosses(world: SimWorld, node: SimNode): void {
  world.scheduler.after(world.random.between(1, 3_000), () => {
    const nonce = node.signer.unshown
    if (nonce !== undefined) world.random.pick(world.honest()).submit(nonce)
    showLosses(world, node)
  })
}
