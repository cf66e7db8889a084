// Signed proposals whose header claims a view, height or epoch of no meaning, one in each own view and in those ahead, with
// well-made bodies (CONSENSUS §9 scenario 42).
import { openBlock, type SealedBlock, sealBlock } from '../../../base/protocol/header.ts'
import type { ConsensusMessage } from '../../../consensus/messages.ts'
import { type Accomplice, ALL, type MakeBehaviour } from './behaviour.ts'

/** Views ahead at which a body is still kept, and beyond. */
const AHEAD = 10
const FAR = [1, 9, 65, 1_000, 2 ** 32, 2 ** 52]

function junk(self: Accomplice, block: SealedBlock): SealedBlock {
  const { random } = self
  const { header, transactions } = block
  const far = (value: number): number =>
    random.chance(0.5)
      ? Number.MAX_SAFE_INTEGER - random.between(0, 1_000)
      : Math.min(Number.MAX_SAFE_INTEGER, value + random.pick(FAR))
  const changed = {
    ...header,
    view: random.chance(0.7) ? far(header.view) : header.view,
    height: random.chance(0.7) ? far(header.height) : header.height,
    epoch: random.chance(0.2) ? far(header.epoch) : header.epoch,
    // A new block each time.
    timestampMs: header.timestampMs + random.between(0, 1_000_000),
  }
  return sealBlock({ header: changed, transactions })
}

export const junkHeaders: MakeBehaviour = (self) => {
  /** The view up to which proposals were made ahead. */
  let reached = 0
  const proposal = (view: number, parentView: number, block: SealedBlock): ConsensusMessage => {
    const epoch = self.state?.epoch ?? 1
    const vote = self.sign({ kind: 'notarize', epoch, view, parentView, digest: block.hash })
    const justification = self.state?.certificates.justification(parentView, self.state.view) ?? []
    return { kind: 'proposal', body: { vote, block: block.bytes, justification } }
  }
  return {
    incoming: (_from, message) => {
      const { state } = self
      if (message.kind !== 'proposal' || state === undefined) return true
      const block = openBlock(message.body.block)
      for (let view = Math.max(reached, state.view) + 1; view <= state.view + AHEAD; view++) {
        reached = view
        if (!state.isLeader(view)) continue
        self.send({
          to: ALL,
          message: proposal(
            view,
            Math.min(view - 1, message.body.vote.subject.parentView ?? 0),
            junk(self, block),
          ),
        })
      }
      return true
    },
    outgoing: (outgoing) => {
      const { message } = outgoing
      if (message.kind !== 'proposal' || self.random.chance(0.2)) return [outgoing]
      const { view, parentView } = message.body.vote.subject
      return [
        { to: ALL, message: proposal(view, parentView ?? 0, junk(self, openBlock(message.body.block))) },
      ]
    },
  }
}
