// Nullifies every view it finalizes, and finalizes every view it notarizes before N; each vote to some peers.
import { type MakeBehaviour, toPeer, voteMessage } from './behaviour.ts'

export const doubleVoter: MakeBehaviour = (self) => ({
  outgoing: (outgoing) => {
    const { message, to } = outgoing
    if (message.kind !== 'vote') return [outgoing]
    const { subject } = message.body
    const { epoch, view } = subject
    if (subject.kind === 'nullify') return [outgoing]
    const nullify = voteMessage(self.sign({ kind: 'nullify', epoch, view }))
    const finalize = voteMessage(self.sign({ ...subject, kind: 'finalize' }))
    if (to.kind !== 'all' || self.random.chance(0.5)) {
      return [outgoing, { to, message: nullify }, { to, message: finalize }]
    }
    // The nullify vote to one half, the finalize vote to the other.
    return [outgoing, ...self.peers.map((peer, i) => toPeer(peer, i % 2 === 0 ? nullify : finalize))]
  },
})
