// A silent member that floods: hundreds of messages a second of one kind or of all, from a given moment on (CONSENSUS §9
// scenario 40).
import { type Subject, signersBitmap } from '../../../base/protocol/vote.ts'
import type { ConsensusMessage } from '../../../consensus/messages.ts'
import { type Accomplice, ALL, type MakeBehaviour, voteMessage } from './behaviour.ts'

type Flood = (self: Accomplice, count: number) => readonly ConsensusMessage[]

function digestOf(self: Accomplice): Uint8Array {
  return new Uint8Array(32).map(() => self.random.between(0, 255))
}

function spoilt(message: ConsensusMessage): ConsensusMessage {
  if (message.kind !== 'vote') return message
  const signature = message.body.signature.map((byte, i) => (i === 50 ? byte ^ 1 : byte))
  return voteMessage({ ...message.body, signature })
}

/** A vote of any kind in this view or up to `aheadMax` later. */
function anyVote(self: Accomplice, aheadMax: number): ConsensusMessage {
  const { epoch, view: current } = self.state!
  const view = current + self.random.between(0, aheadMax)
  const kind = self.random.pick(['notarize', 'nullify', 'finalize'] as const)
  const subject: Subject =
    kind === 'nullify'
      ? { kind, epoch, view }
      : { kind, epoch, view, parentView: view - 1, digest: digestOf(self) }
  return voteMessage(self.sign(subject))
}

function times(count: number, make: () => ConsensusMessage): readonly ConsensusMessage[] {
  return Array.from({ length: count }, make)
}

function forgedCertificate(self: Accomplice, ahead: number) {
  const { epoch, view, validatorCount, quorum } = self.state!
  const signers = Array.from({ length: quorum }, (_, i) => i)
  const subject: Subject = { kind: 'nullify', epoch, view: view + ahead }
  return {
    subject,
    bitmap: signersBitmap(signers, validatorCount),
    signature: self.signBytes(digestOf(self)),
  }
}

export const FLOODS: Readonly<Record<string, Flood>> = {
  invalid: (self, count) => times(count, () => spoilt(anyVote(self, 1))),
  future: (self, count) => times(count, () => anyVote(self, self.random.pick([64, 1_000, 2 ** 40]))),
  // One true vote in a view, then false ones beside it: each would be a conflict if it were true.
  conflicting: (self, count) =>
    times(count, () => {
      const { epoch, view: current } = self.state!
      const view = current + self.random.between(0, 3)
      const isFalse = self.random.chance(0.95)
      const digest = isFalse ? digestOf(self) : new Uint8Array(32).fill(view & 255)
      const vote = voteMessage(self.sign({ kind: 'notarize', epoch, view, parentView: view - 1, digest }))
      return isFalse ? spoilt(vote) : vote
    }),
  useless: (self, count) => {
    const { epoch, view, finalizedView } = self.state!
    const known = [view, Math.max(1, finalizedView), Math.max(1, finalizedView - 3)]
    return times(count, () =>
      voteMessage(self.sign({ kind: 'nullify', epoch, view: self.random.pick(known) })),
    )
  },
  status: (self, count) => {
    const { epoch, view } = self.state!
    return times(count, () => {
      const far = self.random.pick([0, 1, 1_000_000])
      return self.random.chance(0.5)
        ? {
            kind: 'status',
            body: { epoch, view: view + far, finalizedView: view + far, finalizedHeight: far },
          }
        : { kind: 'certificatesRequest', body: { epoch, fromView: Math.max(0, view - 63), toView: view } }
    })
  },
  certificates: (self, count) => {
    const { certificates } = self.state!
    const known = [
      ...certificates.range(Math.max(1, certificates.highestView - 20), certificates.highestView),
    ]
    const long = Array.from({ length: 193 }, (_, i) => forgedCertificate(self, 1 + i))
    return [
      { kind: 'certificates', body: { certificates: long } },
      ...times(count, () =>
        known.length > 0 && self.random.chance(0.8)
          ? { kind: 'certificate', body: self.random.pick(known) }
          : { kind: 'certificate', body: forgedCertificate(self, self.random.between(0, 1_000)) },
      ),
    ]
  },
}

const EVERY_MS = 25

/** Sends nothing of its own until `startsAfterMs` and no proposal, vote or certificate ever; then `perSecond` of each kind. */
export function flooder(kinds: readonly string[], perSecond: number, startsAfterMs: number): MakeBehaviour {
  return (self) => {
    const act = (): void => {
      if (self.state?.self === undefined) return
      for (const kind of kinds) {
        const messages = FLOODS[kind]!(self, (perSecond * EVERY_MS) / 1_000)
        for (const message of messages) self.send({ to: ALL, message })
      }
      self.after(EVERY_MS, act)
    }
    self.after(startsAfterMs, act)
    return { outgoing: () => [] }
  }
}
