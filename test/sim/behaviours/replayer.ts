// Stale, future and garbage messages: replays old views and epochs, votes far ahead, lies about its height, requests
// everything, and sends undecodable bytes (CONSENSUS §9 scenarios 22 and 31).
import { type ConsensusMessage, encodeMessage } from '../../../consensus/messages.ts'
import { type Accomplice, ALL, type MakeBehaviour, voteMessage } from './behaviour.ts'

const KEPT_MAX = 256
const EVERY_MS = 60
const FAR_VIEWS = [1, 8, 9, 63, 64, 65, 1_000, 1_000_000_000]

function ahead(self: Accomplice): readonly ConsensusMessage[] {
  const { state } = self
  if (state?.self === undefined) return []
  const epoch = state.epoch + (self.random.chance(0.2) ? self.random.pick([-1, 1, 1_000]) : 0)
  const view = state.view + self.random.pick(FAR_VIEWS)
  const digest = state.blocks.tip.hash.map((byte) => byte ^ self.random.between(0, 255))
  if (epoch < 0) return []
  return [
    voteMessage(self.sign({ kind: 'nullify', epoch, view })),
    voteMessage(self.sign({ kind: 'notarize', epoch, view, parentView: view - 1, digest })),
    voteMessage(self.sign({ kind: 'finalize', epoch, view, parentView: view - 1, digest })),
  ]
}

/** Uncertified claims, and requests that are costly to answer. */
function claims(self: Accomplice): readonly ConsensusMessage[] {
  const { state } = self
  if (state === undefined) return []
  const far = self.random.pick([5, 100, 1_000_000, 2 ** 52])
  const { epoch, view } = state
  const body = { epoch, view: view + far, finalizedView: view + far - 1, finalizedHeight: far }
  return [
    { kind: 'status', body },
    { kind: 'certificatesRequest', body: { epoch, fromView: 0, toView: far } },
    { kind: 'certificatesRequest', body: { epoch, fromView: far, toView: 0 } },
    { kind: 'blocksRequest', body: { hash: state.blocks.tip.hash, countMax: 255 } },
    { kind: 'blocks', body: { blocks: [state.blocks.tip.bytes] } },
    { kind: 'blocks', body: { blocks: [new Uint8Array(40)] } },
    { kind: 'boundaryRequest', body: { epoch: self.random.pick([0, epoch, epoch + 1, far]) } },
  ]
}

export const replayer: MakeBehaviour = (self) => {
  const seen: ConsensusMessage[] = []
  const keep = (message: ConsensusMessage): void => {
    if (seen.length < KEPT_MAX) seen.push(message)
    else seen[self.random.between(0, KEPT_MAX - 1)] = message
  }
  const act = (): void => {
    // Ends when the node crashes; its next start begins anew.
    if (self.state === undefined) return
    const messages = [...ahead(self), ...claims(self)].filter(() => self.random.chance(0.3))
    if (seen.length > 0) for (let i = 0; i < 3; i++) messages.push(self.random.pick(seen))
    for (const message of messages) self.send({ to: ALL, message })
    if (self.random.chance(0.1)) {
      const bytes =
        self.random.chance(0.5) || seen.length === 0
          ? new Uint8Array(20)
          : encodeMessage(self.random.pick(seen)).slice()
      bytes[self.random.between(0, bytes.length - 1)]! ^= 1 << self.random.between(0, 7)
      self.sendRaw(ALL, bytes)
    }
    self.after(self.random.between(1, 2 * EVERY_MS), act)
  }
  self.after(EVERY_MS, act)
  return {
    incoming: (_from, message) => {
      keep(message)
      return true
    },
    outgoing: (outgoing) => {
      keep(outgoing.message)
      return [outgoing]
    },
  }
}
