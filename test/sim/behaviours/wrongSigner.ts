// A leader whose vote does not verify: sent to all, to a few who could pass it on, or beside the true one. It also passes on
// other leaders' proposals with a spoilt vote (CONSENSUS §9 scenario 39).
import type { Vote } from '../../../base/protocol/vote.ts'
import type { ConsensusMessage } from '../../../consensus/messages.ts'
import { type Accomplice, type MakeBehaviour, toPeer } from './behaviour.ts'

type ProposalMessage = Extract<ConsensusMessage, { kind: 'proposal' }>

function spoilt(self: Accomplice, vote: Vote): Vote {
  // Someone else's message, so that the point itself is well made.
  if (self.random.chance(0.5)) return { ...vote, signature: self.signBytes(vote.signature) }
  return { ...vote, signature: vote.signature.map((byte, i) => (i === 40 ? byte ^ 1 : byte)) }
}

function lieOf(self: Accomplice, message: ProposalMessage): ProposalMessage {
  return { ...message, body: { ...message.body, vote: spoilt(self, message.body.vote) } }
}

export const wrongSigner: MakeBehaviour = (self) => ({
  incoming: (_from, message) => {
    if (message.kind === 'proposal' && self.random.chance(0.2)) {
      self.send(toPeer(self.random.pick(self.peers), lieOf(self, message)))
    }
    return true
  },
  outgoing: (outgoing) => {
    const { message } = outgoing
    if (message.kind !== 'proposal') return [outgoing]
    const lie = lieOf(self, message)
    const peers = self.random.shuffled(self.peers)
    const shown = self.random.pick([1, 1, 2, peers.length])
    const lies = peers.slice(0, shown).map((peer) => toPeer(peer, lie))
    // The others get nothing and have to ask, or the true proposal.
    return self.random.chance(0.6)
      ? lies
      : [...lies, ...peers.slice(shown).map((peer) => toPeer(peer, message))]
  },
})
