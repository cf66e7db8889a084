// Withholds its own votes, so that it alone can assemble certificates, and sends each certificate to a few nodes only: N to
// some, U of the same view to others (CONSENSUS §9 scenarios 16 and 17).
import { type Certificate, signersBitmap, type Vote, voteBytes } from '../../../base/protocol/vote.ts'
import { subjectKey } from '../../../consensus/subject.ts'
import { type Accomplice, type MakeBehaviour, toPeer, voteMessage } from './behaviour.ts'

const KEPT_MAX = 512

/** Votes by subject, including its own. */
function collect(self: Accomplice) {
  const votes = new Map<string, Map<number, Vote>>()
  return (vote: Vote): Certificate | undefined => {
    const { state } = self
    if (state === undefined || vote.subject.epoch !== state.epoch || state.self === undefined)
      return undefined
    const key = subjectKey(vote.subject)
    if (votes.size >= KEPT_MAX) votes.clear()
    const group = votes.get(key) ?? new Map<number, Vote>()
    votes.set(key, group)
    const message = voteBytes(self.rules.genesisHash, vote.subject)
    const validator = state.validators[vote.signer]
    if (validator === undefined || !self.bls.verify(validator.consensusKey, message, vote.signature))
      return undefined
    group.set(vote.signer, vote)
    group.set(state.self, self.sign(vote.subject))
    if (group.size !== state.quorum) return undefined
    const signers = [...group.keys()].sort((a, b) => a - b)
    const signature = self.bls.aggregate(signers.map((i) => group.get(i)!.signature))
    if (signature === undefined) return undefined
    return { subject: vote.subject, bitmap: signersBitmap(signers, state.validatorCount), signature }
  }
}

export const certificateSplitter: MakeBehaviour = (self) => {
  const add = collect(self)
  const show = (certificate: Certificate): void => {
    const f = self.state?.faultyMax ?? 1
    const { kind, view } = certificate.subject
    // f+1, f and f nodes get N, U and F; the groups rotate with the view.
    const shift = view + (kind === 'notarize' ? 0 : kind === 'nullify' ? f + 1 : 2 * f + 1)
    const count = kind === 'notarize' ? f + 1 : f
    for (let i = 0; i < count; i++) {
      const peer = self.peers[(shift + i) % self.peers.length]!
      self.send(toPeer(peer, { kind: 'certificate', body: certificate }))
    }
  }
  return {
    incoming: (_from, message) => {
      const vote =
        message.kind === 'vote' ? message.body : message.kind === 'proposal' ? message.body.vote : undefined
      const certificate = vote === undefined ? undefined : add(vote)
      if (certificate !== undefined) show(certificate)
      return true
    },
    outgoing: (outgoing) => {
      const { message } = outgoing
      if (message.kind === 'certificate' || message.kind === 'certificates') return []
      if (message.kind !== 'vote' || self.random.chance(0.2)) return [outgoing]
      // Its nullify goes to a few nodes, so that some reach U and others do not.
      if (message.body.subject.kind !== 'nullify') return []
      return self.peers.slice(0, 1).map((peer) => toPeer(peer, voteMessage(message.body)))
    },
  }
}
