// Silent first, then a member like any other, except that its own proposals reach nobody, or come with a false body or vote:
// to all, or to the one that leads next, which then has to ask the others for its parent, or to all but one, whom they have
// to ask.
import { type Accomplice, type MakeBehaviour, type Outgoing, toPeer } from './behaviour.ts'

/** What becomes of its proposals. */
const USELESS: readonly string[] = ['none', 'falseBody', 'falseVote']
type Victims = 'all' | 'next' | 'allButOne'
const VICTIMS: readonly Victims[] = ['all', 'next', 'allButOne']

/** What happens to the proposals for whom. */
export interface Uselessness {
  readonly how: string
  readonly victims: Victims
}

export const USELESSNESS: readonly Uselessness[] = VICTIMS.flatMap((victims) =>
  USELESS.map((how) => ({ how, victims })),
)

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

function proposals(self: Accomplice, outgoing: Outgoing, { how, victims }: Uselessness): readonly Outgoing[] {
  const { message } = outgoing
  const { state } = self
  if (message.kind !== 'proposal' || state === undefined) return []
  if (victims === 'all') return spoilt(outgoing, how)
  const next = `${state.leaderOf(message.body.vote.subject.view + 1)}`
  return self.peers.flatMap((peer) => {
    const sent = toPeer(peer, message)
    return (peer === next) === (victims === 'next') ? spoilt(sent, how) : [sent]
  })
}

export function uselessLeader(uselessness: Uselessness, startsAfterMs: number): MakeBehaviour {
  return (self) => {
    let hasStarted = false
    self.after(startsAfterMs, () => {
      hasStarted = true
    })
    return {
      outgoing: (outgoing) => {
        if (!hasStarted) return []
        const { kind } = outgoing.message
        if (kind === 'proposal') return proposals(self, outgoing, uselessness)
        // Others ask it for its blocks first.
        return kind === 'blocks' ? [] : [outgoing]
      },
    }
  }
}
