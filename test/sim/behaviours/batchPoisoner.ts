// Poisons batches: votes with invalid signatures, cancelling shares of two conspirators, forged nullify and finalize votes
// of other validators (CONSENSUS §9 scenario 20).
import { utf8 } from '../../../base/bytes.ts'
import type { Vote } from '../../../base/protocol/vote.ts'
import { type Accomplice, ALL, type MakeBehaviour, type Outgoing, voteMessage } from './behaviour.ts'

const SIGN_BIT = 0x20

/** The share that cancels `point`: itself in the stand-in scheme, the other root on the curve. */
function negated(self: Accomplice, point: Uint8Array): Uint8Array {
  const isOwnOpposite = self.bls.aggregate([point, point])?.every((byte) => byte === 0) === true
  return isOwnOpposite ? point : point.map((byte, i) => (i === 0 ? byte ^ SIGN_BIT : byte))
}

/** Two conspirators shift their shares by opposite offsets: each share is invalid, their sum is valid. */
function shifted(self: Accomplice, vote: Vote): Vote {
  const hands = [self, ...self.conspirators()].sort((a, b) => a.index - b.index)
  const offset = hands[0]!.signBytes(utf8(`offset ${vote.subject.kind} ${vote.subject.view}`))
  const part = hands[0]!.index === self.index ? offset : negated(self, offset)
  const signature = self.bls.aggregate([vote.signature, part])
  return signature === undefined ? vote : { ...vote, signature }
}

function broken(vote: Vote): Vote {
  return { ...vote, signature: vote.signature.map((byte, i) => (i === 50 ? byte ^ 1 : byte)) }
}

/** Votes in other validators' names, signed by this node or with garbage. */
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
    if (draw < 0.7) return [{ to, message: voteMessage(shifted(self, message.body)) }]
    if (draw < 0.8) return [{ to, message: voteMessage(broken(message.body)) }, outgoing]
    return [outgoing, ...forged(self, epoch, view)]
  },
})
