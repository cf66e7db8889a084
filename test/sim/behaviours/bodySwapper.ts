// Puts another body under a true header: in its own proposals, in copies of other leaders' proposals that it passes on before
// anybody asks, and in its answers to fetches (CONSENSUS §9 scenario 38).
import { u64be } from '../../../base/bytes.ts'
import { decodeBlock, sealBlock } from '../../../base/protocol/header.ts'
import type { ConsensusMessage } from '../../../consensus/messages.ts'
import { type Accomplice, type MakeBehaviour, type Outgoing, toPeer } from './behaviour.ts'

type ProposalMessage = Extract<ConsensusMessage, { kind: 'proposal' }>

/** The same header, and so the same hash, over other transactions. */
function swapped(self: Accomplice, bytes: Uint8Array): Uint8Array {
  const { header, transactions } = decodeBlock(bytes)
  const more = [...transactions, u64be(self.random.between(1, 1_000_000))]
  const bodies =
    transactions.length === 0
      ? [more]
      : [more, [], transactions.slice(1), [...transactions, transactions[0]!]]
  return sealBlock({ header, transactions: self.random.pick(bodies) }).bytes
}

function withFalseBody(self: Accomplice, message: ProposalMessage): ProposalMessage {
  return { ...message, body: { ...message.body, block: swapped(self, message.body.block) } }
}

/** The false body to all, to one, to a few before the true one, or the true one to a bare quorum and the false to the rest. */
function proposals(self: Accomplice, message: ProposalMessage): readonly Outgoing[] {
  const peers = self.random.shuffled(self.peers)
  const lie = withFalseBody(self, message)
  const to = (some: readonly string[], what: ProposalMessage): readonly Outgoing[] =>
    some.map((peer) => toPeer(peer, what))
  switch (self.random.between(0, 3)) {
    case 0:
      return to(peers, lie)
    case 1:
      return [...to(peers.slice(0, 1), lie), ...to(peers.slice(1), message)]
    case 2:
      return [...to(peers, lie), ...to(peers, message)]
    default: {
      const shown = (self.state?.quorum ?? 1) - 1
      return [...to(peers.slice(0, shown), message), ...to(peers.slice(shown), lie)]
    }
  }
}

export const bodySwapper: MakeBehaviour = (self) => ({
  incoming: (_from, message) => {
    if (message.kind === 'proposal' && self.random.chance(0.4)) {
      const lie = withFalseBody(self, message)
      for (const peer of self.peers) if (self.random.chance(0.5)) self.send(toPeer(peer, lie))
    }
    return true
  },
  outgoing: (outgoing) => {
    const { message, to } = outgoing
    if (message.kind === 'proposal') {
      if (to.kind === 'all') return self.random.chance(0.2) ? [outgoing] : proposals(self, message)
      return [{ to, message: withFalseBody(self, message) }]
    }
    if (message.kind !== 'blocks' || self.random.chance(0.2)) return [outgoing]
    const { blocks } = message.body
    const at = self.random.between(0, blocks.length - 1)
    const lies = blocks.map((bytes, i) => (i === at ? swapped(self, bytes) : bytes))
    return [{ to, message: { kind: 'blocks', body: { blocks: lies } } }]
  },
})
