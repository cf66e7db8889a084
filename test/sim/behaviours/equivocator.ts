// Proposes two blocks in one view, each to half of the others, and notarizes both; sometimes sends both to all, at once or the
// second one a little later.
import { openBlock, sealBlock } from '../../../base/protocol/header.ts'
import { type MakeBehaviour, toPeer } from './behaviour.ts'

export const equivocator: MakeBehaviour = (self) => ({
  outgoing: (outgoing) => {
    const { message } = outgoing
    if (message.kind !== 'proposal') return [outgoing]
    const block = openBlock(message.body.block)
    if (block.header.view !== message.body.vote.subject.view) return [outgoing]
    const { header, transactions } = block
    const twin = sealBlock({ header: { ...header, timestampMs: header.timestampMs + 1 }, transactions })
    const vote = self.sign({ ...message.body.vote.subject, digest: twin.hash })
    const other = { ...message, body: { ...message.body, vote, block: twin.bytes } }
    const toAll = self.random.chance(0.3)
    const isLater = !toAll && self.random.chance(0.3)
    return self.peers.flatMap((peer, i) => {
      const halves = i % 2 === 0 ? [message, other] : [other, message]
      if (isLater) self.after(self.random.between(10, 150), () => self.send(toPeer(peer, halves[1]!)))
      return (toAll ? halves : halves.slice(0, 1)).map((m) => toPeer(peer, m))
    })
  },
})
