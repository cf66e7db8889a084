// Floods: many frames a second to every peer, and nothing else. Signatures are reused where they need not be valid.

import { openBlock } from '../../../../base/protocol/header.ts'
import type { Vote } from '../../../../base/protocol/vote.ts'
import { ANSWER_CERTIFICATES_MAX, type ConsensusMessage } from '../../../../consensus/messages.ts'
import { ALL, anyDigest, type Behaviour, type Hand, type Sent, withheld } from '../behaviour.ts'

/** Votes as fast as CONSENSUS §8 saw them stop a node. */
const VOTES_PER_SECOND = 300
/** Future votes are kept up to this many views ahead. */
const FUTURE_VIEWS = 64

function flood(
  about: string,
  perSecond: number,
  make: (hand: Hand) => readonly (ConsensusMessage | Uint8Array)[],
): Behaviour {
  return {
    about,
    outgoing: withheld,
    flood: { perSecond, frames: (hand) => make(hand).map((message): Sent => ({ to: ALL, message })) },
  }
}

const vote = (body: Vote): ConsensusMessage => ({ kind: 'vote', body })

/** A valid signature over something else: the cheapest invalid vote that costs a pairing. */
function invalidVote(hand: Hand, view: number): Vote {
  const { epoch } = hand.status
  const [known] = hand.heard('vote').slice(-1)
  const signature = known?.signature ?? hand.sign({ kind: 'nullify', epoch, view: view + 1 }).signature
  const kind = hand.random.pick(['notarize', 'finalize'] as const)
  return {
    subject: { kind, epoch, view, parentView: view - 1, digest: anyDigest(hand.random) },
    signer: hand.self,
    signature,
  }
}

const certificatesOf = (hand: Hand) => hand.heard('certificate')

export const FLOOD_BEHAVIOURS: Readonly<Record<string, Behaviour>> = {
  invalidVotes: flood('votes of the current view that are wrongly signed', VOTES_PER_SECOND, (hand) => [
    vote(invalidVote(hand, hand.status.view)),
  ]),
  invalidNullifies: flood('nullifies of near views that are wrongly signed', VOTES_PER_SECOND, (hand) => {
    const { epoch, view } = hand.status
    const wrong = invalidVote(hand, view)
    return [vote({ ...wrong, subject: { kind: 'nullify', epoch, view: view + hand.random.between(0, 8) } })]
  }),
  invalidFutureVotes: flood('wrongly signed votes of the 64 views to come', VOTES_PER_SECOND, (hand) => [
    vote(invalidVote(hand, hand.status.view + hand.random.between(1, FUTURE_VIEWS))),
  ]),
  futureVotes: flood(
    'valid votes of views to come, also beyond those that are kept',
    VOTES_PER_SECOND,
    (hand) => {
      const { epoch, view } = hand.status
      return [
        vote(hand.sign({ kind: 'nullify', epoch, view: view + hand.random.between(1, 2 * FUTURE_VIEWS) })),
      ]
    },
  ),
  conflictingVotes: flood('pairs of valid votes that contradict each other', VOTES_PER_SECOND / 2, (hand) => {
    const { epoch, view } = hand.status
    const on = () => ({
      kind: 'notarize' as const,
      epoch,
      view,
      parentView: view - 1,
      digest: anyDigest(hand.random),
    })
    return [vote(hand.sign(on())), vote(hand.sign(on()))]
  }),
  uselessVotes: flood(
    'valid votes for blocks that nobody has, and repeated votes',
    VOTES_PER_SECOND,
    (hand) => {
      const { epoch, view, finalizedView } = hand.status
      const subject = {
        kind: 'finalize' as const,
        epoch,
        view,
        parentView: Math.max(0, finalizedView),
        digest: anyDigest(hand.random),
      }
      return hand.random.chance(0.5)
        ? [vote(hand.sign(subject))]
        : [vote(hand.sign({ kind: 'nullify', epoch, view: Math.max(1, view - 1) }))]
    },
  ),
  foreignVotes: flood('the votes of others, under its own name and theirs', VOTES_PER_SECOND, (hand) => {
    const known = hand.heard('vote')
    if (known.length === 0) return []
    const body = hand.random.pick(known)
    return [vote(body), vote({ ...body, signer: hand.self })]
  }),
  foreignEpochs: flood('votes and requests of other epochs', VOTES_PER_SECOND, (hand) => {
    const { epoch, view } = hand.status
    const other = hand.random.pick([epoch === 0 ? 2 : epoch - 1, epoch + 1, epoch + 1_000_000])
    const wrong = invalidVote(hand, view)
    return [
      vote({ ...wrong, subject: { ...wrong.subject, epoch: other } }),
      { kind: 'boundaryRequest', body: { epoch: other } },
    ]
  }),
  statuses: flood('statuses that are behind, ahead, or absurd', VOTES_PER_SECOND, (hand) => {
    const { epoch, view } = hand.status
    const far = hand.random.pick([1, view + 60, Number.MAX_SAFE_INTEGER])
    const body = { epoch, view: far, finalizedView: far - 1, finalizedHeight: far }
    return [{ kind: 'status', body }]
  }),
  certificates: flood(
    'certificates that everybody has, and ones that are spoilt',
    VOTES_PER_SECOND,
    (hand) => {
      const known = certificatesOf(hand)
      if (known.length === 0) return []
      const body = hand.random.pick(known)
      const { subject } = body
      const view = hand.status.view + hand.random.between(0, FUTURE_VIEWS)
      const spoilt = { ...body, subject: { ...subject, view } }
      return [{ kind: 'certificate', body: hand.random.chance(0.5) ? body : spoilt }]
    },
  ),
  badCertificates: flood('193 bad certificates in one message', 4, (hand) => {
    const known = certificatesOf(hand)
    if (known.length === 0) return []
    const body = hand.random.pick(known)
    const { epoch, view } = hand.status
    const certificates = Array.from({ length: ANSWER_CERTIFICATES_MAX }, (_, i) => ({
      ...body,
      subject: { kind: 'nullify' as const, epoch, view: view + i },
    }))
    return [{ kind: 'certificates', body: { certificates } }]
  }),
  requests: flood('requests for certificates and for old blocks, 64 at a time', VOTES_PER_SECOND, (hand) => {
    const { epoch, view } = hand.status
    const fromView = Math.max(1, view - 63)
    const known = hand.heard('proposal')
    const hash =
      known.length === 0 ? anyDigest(hand.random) : openBlock(hand.random.pick(known).block).header.parentHash
    return [
      { kind: 'certificatesRequest', body: { epoch, fromView, toView: view } },
      { kind: 'blocksRequest', body: { hash, countMax: 64 } },
    ]
  }),
  farProposals: flood('proposals of its own views to come, with bodies of 100 kB', 20, (hand) => {
    const { epoch, view } = hand.status
    const known = hand.heard('proposal').findLast(({ vote }) => vote.subject.epoch === epoch)
    if (known === undefined) return []
    const subject = { ...known.vote.subject, epoch, view: view + hand.random.between(1, 4 * FUTURE_VIEWS) }
    return [{ kind: 'proposal', body: { ...known, vote: hand.sign(subject) } }]
  }),
  garbage: flood('frames that are no message', VOTES_PER_SECOND, (hand) => [
    Uint8Array.from({ length: hand.random.between(1, 300) }, () => hand.random.between(0, 255)),
  ]),
  everything: flood('every kind of flood at once', VOTES_PER_SECOND, (hand) => {
    const others = Object.entries(FLOOD_BEHAVIOURS).filter(
      ([name]) => name !== 'everything' && name !== 'garbage',
    )
    const [, behaviour] = hand.random.pick(others)
    return (behaviour.flood?.frames(hand) ?? []).map(({ message }) => message)
  }),
}
