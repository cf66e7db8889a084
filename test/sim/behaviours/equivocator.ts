// Proposes two blocks in one view, each to half of the others, and notarizes both.
import { openBlock, sealBlock } from '../../../base/protocol/header.ts'
import type { Behaviour } from './behaviour.ts'

export const equivocator: Behaviour = (outgoing, self) => {
  const { message } = outgoing
  if (message.kind !== 'proposal') return [outgoing]
  const block = openBlock(message.body.block)
  if (block.header.view !== message.body.vote.subject.view) return [outgoing]
  const { header, transactions } = block
  const twin = sealBlock({ header: { ...header, timestampMs: header.timestampMs + 1 }, transactions })
  const vote = self.sign({ ...message.body.vote.subject, digest: twin.hash })
  const other = { ...message, body: { ...message.body, vote, block: twin.bytes } }
  return self.peers.map((peer, i) => ({
    to: { kind: 'peer', peer } as const,
    message: i % 2 === 0 ? message : other,
  }))
}
