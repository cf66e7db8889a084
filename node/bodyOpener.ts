// Opens the bodies of large blocks before consensus sees the message with them, in steps: a full block is hashed in longer than a
// turn of the event loop may take. Owns: which messages, and the steps. Not: what consensus does with them.
import { SchemaError } from '../base/field.ts'
import { openInSteps } from '../base/protocol/header.ts'
import type { ConsensusMessage } from '../consensus/messages.ts'
import type { Clock } from '../consensus/ports.ts'
import type { EpochState } from '../consensus/state.ts'
import type { Sender } from '../consensus/types.ts'

/** Smaller bodies take a few milliseconds: they are opened by consensus itself, without a wait. */
export const LARGE_BODY_BYTES = 1024 * 1024
/** Hashed in a step. */
export const STEP_BYTES = 1024 * 1024

export class BodyOpener {
  readonly #clock: Pick<Clock, 'after'>
  /** Peers with a message that is being opened; each has one at a time. */
  readonly #busy = new Set<string>()
  #isClosed = false

  constructor(clock: Pick<Clock, 'after'>) {
    this.#clock = clock
  }

  /** Calls `done` in a later turn, and returns true, when the message brings a large body that consensus waits for. */
  open(state: EpochState, [from, message]: readonly [Sender, ConsensusMessage], done: () => void): boolean {
    const bodies = awaitedBodies(state, from, message).filter(({ length }) => length >= LARGE_BODY_BYTES)
    if (bodies.length === 0 || this.#busy.has(from.peer)) return false
    this.#busy.add(from.peer)
    this.#step(stepsOf(bodies), () => {
      this.#busy.delete(from.peer)
      done()
    })
    return true
  }

  close(): void {
    this.#isClosed = true
  }

  #step(steps: Iterator<undefined>, done: () => void): void {
    this.#clock.after(0, () => {
      if (this.#isClosed) return
      if (steps.next().done === true) done()
      else this.#step(steps, done)
    })
  }
}

/** Bodies that consensus would open now: of a proposal from its leader itself, and of blocks that were asked for. */
function awaitedBodies(state: EpochState, from: Sender, message: ConsensusMessage): readonly Uint8Array[] {
  if (message.kind === 'blocks') return state.wants.size > 0 ? message.body.blocks : []
  if (message.kind !== 'proposal') return []
  const { subject, signer } = message.body.vote
  const isAwaited =
    subject.epoch === state.epoch &&
    subject.view > state.finalizedView &&
    !state.proposals.has(subject.view) &&
    signer === from.validator &&
    signer === state.leaderOf(subject.view)
  return isAwaited ? [message.body.block] : []
}

function* stepsOf(bodies: readonly Uint8Array[]): Generator<undefined, void> {
  for (const bytes of bodies) {
    try {
      yield* openInSteps(bytes, STEP_BYTES)
    } catch (error) {
      // Consensus meets the same fault, and knows whose it is.
      if (!(error instanceof SchemaError)) throw error
    }
    yield
  }
}
