// Silent first, then a member like any other, except that its own proposals reach nobody, or only with a false body or vote.
import { type MakeBehaviour, type Outgoing, toPeer } from './behaviour.ts'

/** What becomes of its proposals. */
export const USELESS: readonly string[] = ['none', 'falseBody', 'falseVote']

function spoilt(outgoing: Outgoing, how: string): readonly Outgoing[] {
  const { message } = outgoing
  if (message.kind !== 'proposal' || how === 'none') return []
  const { body } = message
  if (how === 'falseVote') {
    const vote = {
      ...body.vote,
      signature: body.vote.signature.map((byte, i) => (i === 40 ? byte ^ 1 : byte)),
    }
    return [{ ...outgoing, message: { ...message, body: { ...body, vote } } }]
  }
  // The transactions come last: a body that is not the header's.
  return [{ ...outgoing, message: { ...message, body: { ...body, block: body.block.slice(0, -1) } } }]
}

export function uselessLeader(how: string, startsAfterMs: number): MakeBehaviour {
  return (self) => {
    let hasStarted = false
    self.after(startsAfterMs, () => {
      hasStarted = true
    })
    return {
      outgoing: (outgoing) => {
        if (!hasStarted) return []
        const { kind } = outgoing.message
        if (kind === 'proposal') return spoilt(outgoing, how)
        // Its own blocks are nobody's business.
        if (kind === 'blocks') return []
        return outgoing.to.kind === 'all'
          ? self.peers.map((peer) => toPeer(peer, outgoing.message))
          : [outgoing]
      },
    }
  }
}
