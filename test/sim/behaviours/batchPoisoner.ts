// Spoils batches: votes with broken signatures, shares of two conspirators that cancel each other, nullifies and finalizes in
// the name of others (CONSENSUS §9 scenario 20).
import type { Vote } from '../../../base/protocol/vote.ts'
import { type Accomplice, ALL, type MakeBehaviour, type Outgoing, voteMessage } from './behaviour.ts'

/** Adds the same offset to two shares; with the stand-in scheme their sum stays right. */
function offset(vote: Vote): Vote {
  return { ...vote, signature: vote.signature.map((byte, i) => (i === 60 ? byte ^ 0x5a : byte)) }
}

function broken(vote: Vote): Vote {
  return { ...vote, signature: vote.signature.map((byte, i) => (i === 50 ? byte ^ 1 : byte)) }
}

/** Votes in the names of others, with this node's signature or with rubbish. */
function forged(self: Accomplice, epoch: number, view: number): readonly Outgoing[] {
  const { state } = self
  if (state === undefined) return []
  return state.validators.flatMap((_, signer) => {
    if (signer === state.self) return []
    const own = self.sign({ kind: 'nullify', epoch, view })
    return [{ to: ALL, message: voteMessage({ ...own, signer }) }]
  })
}

export const batchPoisoner: MakeBehaviour = (self) => ({
  outgoing: (outgoing) => {
    const { message, to } = outgoing
    if (message.kind !== 'vote') return [outgoing]
    const { epoch, view } = message.body.subject
    const draw = self.random.next()
    if (draw < 0.3) return [{ to, message: voteMessage(broken(message.body)) }]
    if (draw < 0.7) return [{ to, message: voteMessage(offset(message.body)) }]
    if (draw < 0.8) return [{ to, message: voteMessage(broken(message.body)) }, outgoing]
    return [outgoing, ...forged(self, epoch, view)]
  },
})
