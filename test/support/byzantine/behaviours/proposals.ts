// A leader, relayer or server of blocks that lies about them.
import { blockSchema, openBlock, sealBlock } from '../../../../base/protocol/header.ts'
import type { Vote } from '../../../../base/protocol/vote.ts'
import type { ConsensusMessage } from '../../../../consensus/messages.ts'
import { ALL, type Behaviour, type Hand, type Heard, type Sent, toPeer, withheld } from '../behaviour.ts'

type Proposal = Heard<'proposal'>
const JUNK_BYTES = 120
const ANSWERS = 100
const ANSWER_EVERY_MS = 5
const HUGE_TRANSACTIONS = 40
const HUGE_BYTES = 60_000

/** The same header over other transactions. */
function falseBody(hand: Hand, bytes: Uint8Array): Uint8Array {
  const { header, transactions } = openBlock(bytes)
  const junk = Uint8Array.from({ length: JUNK_BYTES }, () => hand.random.between(0, 255))
  const others = [
    [...transactions, junk],
    transactions.slice(1),
    [junk],
    [...transactions, ...transactions.slice(0, 1)],
  ]
  const wrong = others.filter((list) => list.length !== transactions.length)
  return blockSchema.encode({ header, transactions: hand.random.pick(wrong.length > 0 ? wrong : others) })
}

const proposalOf = (body: Proposal): ConsensusMessage => ({ kind: 'proposal', body })

/** The same proposal of another block, with a valid vote for that one. */
function resealed(
  hand: Hand,
  body: Proposal,
  changes: { readonly view?: number; readonly height?: number; readonly laterMs?: number },
): Proposal {
  const { header, transactions } = openBlock(body.block)
  const { laterMs = 0, ...rest } = changes
  const block = sealBlock({
    header: { ...header, timestampMs: header.timestampMs + laterMs, ...rest },
    transactions,
  })
  const vote = hand.sign({ ...body.vote.subject, digest: block.hash })
  return { ...body, vote, block: block.bytes }
}

/** A real signature, of something else. */
function wronglySigned(hand: Hand, vote: Vote): Vote {
  const { signature } = hand.sign({
    kind: 'nullify',
    epoch: vote.subject.epoch,
    view: vote.subject.view + 1_000,
  })
  return { ...vote, signature }
}

/** Own proposals replaced, everything else as the honest core sends it. */
function asLeader(about: string, make: (hand: Hand, body: Proposal) => readonly Sent[]): Behaviour {
  return {
    about,
    outgoing: (hand, sent) => {
      const { message } = sent
      if (message.kind !== 'proposal' || message.body.vote.signer !== hand.self) return [sent]
      return make(hand, message.body)
    },
  }
}

/** What is done with each proposal of another leader, at once. */
function asRelayer(about: string, make: (hand: Hand, body: Proposal) => readonly Sent[]): Behaviour {
  return {
    about,
    incoming: (hand, _from, message) => {
      if (message.kind === 'proposal') for (const sent of make(hand, message.body)) hand.send(sent)
      return true
    },
  }
}

/** One validator does not get the proposal, but again and again another body of it: one may come just after its request. */
function withoutOne(hand: Hand, body: Proposal): readonly Sent[] {
  const [victim, ...others] = hand.peers
  if (victim === undefined) return []
  const answer = (): Sent => ({
    to: toPeer(victim),
    message: { kind: 'blocks', body: { blocks: [falseBody(hand, body.block)] } },
  })
  for (let i = 1; i <= ANSWERS; i++) hand.after(i * ANSWER_EVERY_MS, () => hand.send(answer()))
  return others.map((peer) => ({ to: toPeer(peer), message: proposalOf(body) }))
}

export const PROPOSAL_BEHAVIOURS: Readonly<Record<string, Behaviour>> = {
  falseBodyLeader: asLeader('true header, another body, as leader', (hand, body) => [
    { to: ALL, message: proposalOf({ ...body, block: falseBody(hand, body.block) }) },
  ]),
  falseBodyToOne: asLeader(
    'true header, another body to one validator, the true block to the others',
    (hand, body) =>
      hand.peers.map((peer, i) => {
        const block = i === 0 ? falseBody(hand, body.block) : body.block
        return { to: toPeer(peer), message: proposalOf({ ...body, block }) }
      }),
  ),
  falseBodyRelay: asRelayer('relays each proposal with another body', (hand, body) => [
    { to: ALL, message: proposalOf({ ...body, block: falseBody(hand, body.block) }) },
  ]),
  falseBodyFetch: {
    about: 'keeps its proposals from one validator, whose fetches it answers with another body',
    outgoing: (hand, sent) => {
      const { message, to } = sent
      if (message.kind === 'proposal') return withoutOne(hand, message.body)
      if (message.kind !== 'blocks') return [sent]
      const blocks = message.body.blocks.map((block) => falseBody(hand, block))
      return [{ to, message: { kind: 'blocks', body: { blocks } } }]
    },
  },
  hugeBody: asLeader('true header over two megabytes of junk', (hand, body) => {
    const { header } = openBlock(body.block)
    const junk = new Uint8Array(HUGE_BYTES).fill(hand.random.between(1, 255))
    const transactions = Array.from({ length: HUGE_TRANSACTIONS }, () => junk)
    return [
      { to: ALL, message: proposalOf({ ...body, block: blockSchema.encode({ header, transactions }) }) },
    ]
  }),
  wrongVoteToOne: asLeader('the proposal’s vote wrongly signed, to one validator', (hand, body) => {
    const [victim, ...others] = hand.peers
    const wrong = { ...body, vote: wronglySigned(hand, body.vote) }
    return [
      ...(victim === undefined ? [] : [{ to: toPeer(victim), message: proposalOf(wrong) }]),
      ...others.map((peer) => ({ to: toPeer(peer), message: proposalOf(body) })),
    ]
  }),
  wrongVoteOnlyToOne: asLeader(
    'the proposal’s vote wrongly signed, to one validator, nothing to others',
    (hand, body) => {
      const [victim] = hand.peers
      if (victim === undefined) return []
      return [{ to: toPeer(victim), message: proposalOf({ ...body, vote: wronglySigned(hand, body.vote) }) }]
    },
  ),
  wrongVoteToAll: asLeader('the proposal’s vote wrongly signed, to all', (hand, body) => [
    { to: ALL, message: proposalOf({ ...body, vote: wronglySigned(hand, body.vote) }) },
  ]),
  junkView: asLeader('a header that names view 2^53 − 1', (hand, body) => [
    { to: ALL, message: proposalOf(resealed(hand, body, { view: Number.MAX_SAFE_INTEGER })) },
  ]),
  junkHeight: asLeader('a header that names height 2^53 − 1', (hand, body) => [
    { to: ALL, message: proposalOf(resealed(hand, body, { height: Number.MAX_SAFE_INTEGER })) },
  ]),
  equivocation: asLeader('two blocks in a view, each to half of the others', (hand, body) => {
    const twin = resealed(hand, body, { laterMs: 1 })
    return hand.peers.map((peer, i) => ({ to: toPeer(peer), message: proposalOf(i % 2 === 0 ? body : twin) }))
  }),
  withholding: {
    about: 'proposals and votes to one validator, nothing served',
    outgoing: (hand, sent) => {
      const { message } = sent
      const [friend] = hand.peers
      const isShown = message.kind === 'proposal' || message.kind === 'vote'
      return friend === undefined || !isShown ? withheld() : [{ to: toPeer(friend), message }]
    },
  },
  selfishLeader: asLeader('its own proposals are never sent, its votes are', withheld),
  nullifier: {
    about: 'gives up every view at once, and votes for its block too',
    incoming: (hand, _from, message) => {
      const { epoch, view } = hand.status
      if (message.kind === 'proposal')
        hand.send({ to: ALL, message: { kind: 'vote', body: hand.sign({ kind: 'nullify', epoch, view }) } })
      return true
    },
  },
  doubleVotes: {
    about: 'nullify and finalize for each view that it votes in',
    outgoing: (hand, sent) => {
      const { message } = sent
      if (message.kind !== 'vote' || message.body.subject.kind !== 'notarize') return [sent]
      const { epoch, view } = message.body.subject
      const votes = [
        hand.sign({ kind: 'nullify', epoch, view }),
        hand.sign({ ...message.body.subject, kind: 'finalize' }),
      ]
      return [sent, ...votes.map((body): Sent => ({ to: ALL, message: { kind: 'vote', body } }))]
    },
  },
}
