// Proposes blocks with exactly one fault: a root, the set, the reveal, the proposer, the round, the height, the time.
import { type Block, type Header, openBlock, sealBlock } from '../../../base/protocol/header.ts'
import { nextMix, randaoBytes } from '../../../base/protocol/vote.ts'
import { type Accomplice, type MakeBehaviour, voteMessage } from './behaviour.ts'

type Spoil = (header: Header, self: Accomplice) => Partial<Header>

const other = (bytes: Uint8Array): Uint8Array => bytes.map((byte, i) => (i === 7 ? byte ^ 1 : byte))

/** A change covered by the reveal, with matching reveal and mix. */
function revealed(self: Accomplice, header: Header, change: Partial<Header>): Partial<Header> {
  const { epoch, height, parentHash } = { ...header, ...change }
  const randaoReveal = self.signBytes(randaoBytes(self.rules.genesisHash, epoch, height))
  const parentMix = self.block(parentHash)?.header.mix ?? header.mix
  return { ...change, randaoReveal, mix: nextMix(parentMix, height, randaoReveal) }
}

/** Each breaks exactly one rule. */
export const SPOILS: Readonly<Record<string, Spoil>> = {
  stateRoot: (h) => ({ stateRoot: other(h.stateRoot) }),
  transactionsRoot: (h) => ({ transactionsRoot: other(h.transactionsRoot) }),
  setHash: (h) => ({ setHash: other(h.setHash) }),
  mix: (h) => ({ mix: other(h.mix) }),
  reveal: (h) => ({ randaoReveal: other(h.randaoReveal) }),
  proposer: (h) => ({ proposer: other(h.proposer) }),
  view: (h) => ({ view: h.view + 1 }),
  earlierView: (h) => ({ view: Math.max(0, h.view - 1) }),
  epoch: (h, self) => revealed(self, h, { epoch: h.epoch + 1 }),
  height: (h, self) => revealed(self, h, { height: h.height + 1 }),
  parentHash: (h) => ({ parentHash: other(h.parentHash) }),
  future: (h) => ({ timestampMs: h.timestampMs + 3_600_000 }),
  stale: (h) => ({ timestampMs: h.timestampMs - 90_000 }),
  tooSoon: (h, self) => ({
    timestampMs: (self.block(h.parentHash)?.header.timestampMs ?? h.timestampMs) + 1,
  }),
  timeStands: (h, self) => ({ timestampMs: self.block(h.parentHash)?.header.timestampMs ?? h.timestampMs }),
  endsEpoch: (h) => (h.endsEpoch ? { endsEpoch: false } : { endsEpoch: true, nextSetHash: h.setHash }),
}
const NAMES = Object.keys(SPOILS)

function spoiled(block: Block, self: Accomplice): Block {
  const spoil = SPOILS[self.random.pick(NAMES)]!
  const changed = { ...block.header, ...spoil(block.header, self) }
  if (!changed.endsEpoch) delete (changed as { nextSetHash?: Uint8Array }).nextSetHash
  return { header: changed, transactions: block.transactions }
}

export const invalidBlock: MakeBehaviour = (self) => ({
  outgoing: (outgoing) => {
    const { message } = outgoing
    if (message.kind !== 'proposal' || self.random.chance(0.3)) return [outgoing]
    const bad = sealBlock(spoiled(openBlock(message.body.block), self))
    const { subject } = message.body.vote
    const vote = self.sign({ ...subject, digest: bad.hash })
    const proposal = { ...message, body: { ...message.body, vote, block: bad.bytes } }
    // Also its own finalize vote, in case the block gets certified.
    const finalize = voteMessage(self.sign({ ...vote.subject, kind: 'finalize' }))
    return [
      { to: outgoing.to, message: proposal },
      { to: outgoing.to, message: finalize },
    ]
  },
})
