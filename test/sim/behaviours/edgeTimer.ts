// Proposes at the edges of time: timestamps at, just inside and just outside every limit, sent at once or just before and
// after the moment at which others give up the view (CONSENSUS §4 "Timestamps" and "Timers", §9 scenario 46).
import { openBlock, sealBlock } from '../../../base/protocol/header.ts'
import { backedOff, deadlines, successorWaitMs } from '../../../consensus/timers.ts'
import type { Accomplice, MakeBehaviour, Outgoing } from './behaviour.ts'

/** Milliseconds from a limit: on it, and one or a hop inside and outside. */
const NEAR_MS = [0, 0, 1, -1, 10, -10] as const

/** The limits of a timestamp for a proposal that is sent now. */
function limits(self: Accomplice, parentMs: number, nowMs: number): readonly number[] {
  const { state } = self
  if (state === undefined) return []
  const { minBlockIntervalMs, precisionMs, messageDelayMs } = state.parameters
  const oldest = backedOff(messageDelayMs, state.steps(state.view)) + precisionMs
  return [parentMs + minBlockIntervalMs, nowMs + precisionMs, nowMs - oldest]
}

/** How long to hold a proposal back so that it arrives about when a timer of the view fires. */
function delays(self: Accomplice, parentTimestampMs: number, wallMs: number): readonly number[] {
  const { state } = self
  if (state?.armedAtMs === undefined) return [0]
  const nowMs = Math.max(state.enteredAtMs, state.armedAtMs)
  const { leaderAtMs, halfAtMs, advanceAtMs } = deadlines({
    parameters: state.parameters,
    armedAtMs: state.armedAtMs,
    waitMs: successorWaitMs(state.parameters, { parentTimestampMs, wallMs }),
    steps: state.steps(state.view),
  })
  return [0, 0, ...[halfAtMs, leaderAtMs, advanceAtMs].map((atMs) => Math.max(0, atMs - nowMs))]
}

export const edgeTimer: MakeBehaviour = (self) => ({
  outgoing: (outgoing) => {
    const { message, to } = outgoing
    const { state } = self
    if (message.kind !== 'proposal' || state === undefined) return [outgoing]
    const block = openBlock(message.body.block)
    const parentMs = self.block(block.header.parentHash)?.header.timestampMs
    // A boundary that is proposed again keeps its time.
    if (parentMs === undefined || block.header.view !== message.body.vote.subject.view) return [outgoing]
    // The leader dates a block with its clock, or later.
    const nowMs = block.header.timestampMs
    const delayMs = self.random.pick(delays(self, parentMs, nowMs))
    const near = self.random.pick(NEAR_MS)
    const timestampMs = self.random.pick(limits(self, parentMs, nowMs + delayMs)) + near
    const changed = sealBlock({ header: { ...block.header, timestampMs }, transactions: block.transactions })
    const vote = self.sign({ ...message.body.vote.subject, digest: changed.hash })
    const late: Outgoing = {
      to,
      message: { kind: 'proposal', body: { ...message.body, vote, block: changed.bytes } },
    }
    if (delayMs + near <= 0) return [late]
    self.after(delayMs + near, () => self.send(late))
    return []
  },
})
