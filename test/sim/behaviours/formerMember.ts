// A removed validator that keeps voting in the next epoch: for everything it sees, under its old index and every other, and
// with certificates of its former set (CONSENSUS §9 scenarios 23 and 32).
import { type Certificate, type Subject, signersBitmap } from '../../../base/protocol/vote.ts'
import type { ConsensusMessage } from '../../../consensus/messages.ts'
import { type Accomplice, ALL, type MakeBehaviour, voteMessage } from './behaviour.ts'

function subjectOf(message: ConsensusMessage): Subject | undefined {
  if (message.kind === 'proposal') return message.body.vote.subject
  if (message.kind === 'vote' || message.kind === 'certificate') return message.body.subject
  return undefined
}

/** A certificate by all removed validators, as if they were still the set. */
function forged(self: Accomplice, subject: Subject, n: number): Certificate | undefined {
  const hands = [self, ...self.conspirators()]
  const signature = self.bls.aggregate(hands.map((hand) => hand.sign(subject).signature))
  const signers = Array.from({ length: n }, (_, i) => i)
  return signature === undefined ? undefined : { subject, bitmap: signersBitmap(signers, n), signature }
}

export const formerMember: MakeBehaviour = (self) => {
  const done = new Set<string>()
  return {
    incoming: (_from, message) => {
      const { state } = self
      const subject = subjectOf(message)
      if (state === undefined || state.self !== undefined || subject === undefined) return true
      const key = `${subject.kind}:${subject.epoch}:${subject.view}`
      if (done.has(key) || done.size > 4096) return true
      done.add(key)
      if (self.random.chance(0.6)) return true
      const { epoch, view } = subject
      const wanted: Subject[] = [subject, { kind: 'nullify', epoch, view }]
      if (subject.digest !== undefined)
        wanted.push({ ...subject, kind: 'finalize' }, { ...subject, kind: 'notarize' })
      for (const each of wanted) {
        const vote = self.sign(each)
        for (let signer = 0; signer < state.validatorCount; signer++) {
          self.send({ to: ALL, message: voteMessage({ ...vote, signer }) })
        }
        const certificate = forged(self, each, state.validatorCount)
        if (certificate !== undefined)
          self.send({ to: ALL, message: { kind: 'certificate', body: certificate } })
      }
      return true
    },
  }
}
