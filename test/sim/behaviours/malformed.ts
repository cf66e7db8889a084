// Malformed certificates: bitmaps too short, too long, with padding bits, of another set's size or below a quorum, each with
// a matching signature; infinity points; subjects with extra or missing fields.
import { type Certificate, signersBitmap, type Vote, voteBytes } from '../../../base/protocol/vote.ts'
import { subjectKey } from '../../../consensus/subject.ts'
import { type Accomplice, ALL, type MakeBehaviour } from './behaviour.ts'

/** The compressed point at infinity of G2. */
export function infinityPoint(): Uint8Array {
  const out = new Uint8Array(96)
  out[0] = 0xc0
  return out
}

const KEPT_MAX = 256
const WRONG_AT_ONCE = 5

/** Malformed variants of a certificate; each fails exactly one check. */
function variants(certificate: Certificate, n: number): readonly Certificate[] {
  const { bitmap, subject } = certificate
  const longer = new Uint8Array(bitmap.length + 1)
  longer.set(bitmap)
  const padded = bitmap.slice()
  if (n % 8 !== 0) padded[padded.length - 1]! |= 0x80
  const ofMore = signersBitmap(
    Array.from({ length: n + 8 }, (_, i) => i).filter((i) => i < n && (bitmap[i >> 3]! >> (i & 7)) % 2 === 1),
    n + 8,
  )
  return [
    { ...certificate, bitmap: longer },
    { ...certificate, bitmap: bitmap.slice(0, -1) },
    { ...certificate, bitmap: new Uint8Array(0) },
    { ...certificate, bitmap: padded },
    { ...certificate, bitmap: ofMore },
    { ...certificate, bitmap: bitmap.map(() => 0xff) },
    { ...certificate, signature: infinityPoint() },
    { ...certificate, signature: new Uint8Array(96) },
    { ...certificate, signature: certificate.signature.map((byte, i) => (i === 50 ? byte ^ 1 : byte)) },
    { ...certificate, subject: { kind: subject.kind, epoch: subject.epoch, view: subject.view } },
    { ...certificate, subject: { ...subject, parentView: subject.view + 1 } },
    { ...certificate, subject: { ...subject, view: 0 } },
    { ...certificate, subject: { ...subject, kind: 'nullify' } },
    { ...certificate, subject: { ...subject, kind: 'finalize' } },
  ]
}

/** A certificate with a valid signature but fewer signers than a quorum, from one signer up. */
function undersized(self: Accomplice, votes: ReadonlyMap<number, Vote>): Certificate | undefined {
  const { state } = self
  const first = [...votes.values()][0]
  if (state === undefined || first === undefined || votes.size >= state.quorum) return undefined
  const signers = [...votes.keys()].sort((a, b) => a - b)
  const signature = self.bls.aggregate(signers.map((i) => votes.get(i)!.signature))
  if (signature === undefined) return undefined
  return { subject: first.subject, bitmap: signersBitmap(signers, state.validatorCount), signature }
}

/** A quorum without the signers of the last byte, which is left out; true but for its length. Undefined while there is none. */
function trimmed(self: Accomplice, votes: ReadonlyMap<number, Vote>): Certificate | undefined {
  const { state } = self
  if (state === undefined) return undefined
  const keptBytes = Math.ceil(state.validatorCount / 8) - 1
  const signers = [...votes.keys()].filter((i) => i < keptBytes * 8).sort((a, b) => a - b)
  if (signers.length !== state.quorum) return undefined
  const signature = self.bls.aggregate(signers.map((i) => votes.get(i)!.signature))
  if (signature === undefined) return undefined
  const bitmap = signersBitmap(signers, state.validatorCount).slice(0, keptBytes)
  return { subject: votes.get(signers[0]!)!.subject, bitmap, signature }
}

export const malformed: MakeBehaviour = (self) => {
  const votes = new Map<string, Map<number, Vote>>()
  const send = (certificate: Certificate): void => {
    // Bytes that do not even decode are sent by other behaviours.
    self.send({ to: ALL, message: { kind: 'certificate', body: certificate } })
  }
  const onVote = (vote: Vote): void => {
    const { state } = self
    if (state?.self === undefined || vote.subject.epoch !== state.epoch) return
    const validator = state.validators[vote.signer]
    const message = voteBytes(self.rules.genesisHash, vote.subject)
    if (validator === undefined || !self.bls.verify(validator.consensusKey, message, vote.signature)) return
    if (votes.size >= KEPT_MAX) votes.clear()
    const key = subjectKey(vote.subject)
    const group = votes.get(key) ?? new Map<number, Vote>()
    votes.set(key, group)
    group.set(vote.signer, vote)
    // A finalize vote of its own is enough to try.
    const alone = self.sign({ ...vote.subject, kind: vote.subject.kind })
    group.set(state.self, alone)
    for (const wrong of [undersized(self, group), trimmed(self, group)]) {
      if (wrong !== undefined) send(wrong)
    }
  }
  return {
    incoming: (_from, message) => {
      if (message.kind === 'vote') onVote(message.body)
      return true
    },
    outgoing: (outgoing) => {
      const { message } = outgoing
      const n = self.state?.validatorCount
      if (message.kind !== 'certificate' || n === undefined) return [outgoing]
      const wrong = self.random
        .shuffled(variants(message.body, n))
        .slice(0, WRONG_AT_ONCE)
        .map((body) => ({ to: ALL, message: { kind: 'certificate', body } }) as const)
      return self.random.chance(0.5) ? [...wrong, outgoing] : wrong
    },
  }
}
