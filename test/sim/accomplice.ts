// What the simulator lends to a Byzantine host: its key, its core's knowledge, and the network.
import type { Accomplice } from './behaviours/behaviour.ts'
import type { SimNode } from './simNode.ts'
import type { SimWorld } from './world.ts'

export function makeAccomplice(world: SimWorld, node: SimNode): Accomplice {
  return {
    index: node.index,
    bls: world.config.bls,
    rules: world.rules,
    random: world.random,
    peers: world.nodes.filter((other) => other !== node).map((other) => `${other.index}`),
    get state() {
      return node.core?.state
    },
    sign: (subject) => node.signAnything(subject),
    signBytes: (message) => node.signBytes(message),
    block: (digest) => world.invariants.blockOf(digest),
    conspirators: () =>
      world.nodes
        .filter((other) => other.isByzantine && other !== node)
        .map((other) => makeAccomplice(world, other)),
    send: ({ to, message }) => {
      if (node.isUp) node.sendNow(to, message)
    },
    sendRaw: (to, bytes) => {
      if (node.isUp) world.send(node, to, bytes)
    },
    after: (delayMs, run) => world.scheduler.after(delayMs, run),
  }
}
