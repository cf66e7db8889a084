// What a Byzantine host may use: its key, its core's state, and the network.
import type { Bls } from '../../base/crypto/types.ts'
import type { Target } from '../../consensus/types.ts'
import type { ChainRules } from '../support/simChain.ts'
import type { Accomplice } from './behaviours/behaviour.ts'
import type { SimHost } from './simHost.ts'
import type { SimNode } from './simNode.ts'

/** The part of the world available to a Byzantine host. */
interface AccompliceWorld extends Pick<SimHost<SimNode>, 'random' | 'scheduler' | 'invariants'> {
  readonly config: { readonly bls: Bls }
  readonly rules: ChainRules
  readonly nodes: readonly SimNode[]
  send(from: SimNode, to: Target, bytes: Uint8Array): void
}

export function makeAccomplice(world: AccompliceWorld, node: SimNode): Accomplice {
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
