// A Byzantine node is an honest core whose messages pass through a behaviour. One behaviour per file.
import type { Bls } from '../../../base/crypto/types.ts'
import type { SealedBlock } from '../../../base/protocol/header.ts'
import type { Subject, Vote } from '../../../base/protocol/vote.ts'
import type { ConsensusMessage } from '../../../consensus/messages.ts'
import type { EpochState } from '../../../consensus/state.ts'
import type { Target } from '../../../consensus/types.ts'
import type { Random } from '../../support/random.ts'
import type { ChainRules } from '../../support/simChain.ts'

export interface Outgoing {
  readonly to: Target
  readonly message: ConsensusMessage
}

/** What a behaviour may use: its own key, its core's state, and what any peer could send it. */
export interface Accomplice {
  readonly index: number
  readonly bls: Bls
  readonly rules: ChainRules
  readonly random: Random
  /** Peer names of all other hosts. */
  readonly peers: readonly string[]
  /** Its core's state; undefined while it is down. */
  readonly state: EpochState | undefined
  /** Signs anything with the node's own key. */
  sign(subject: Subject): Vote
  signBytes(message: Uint8Array): Uint8Array
  /** Any block built or executed in this run. */
  block(digest: Uint8Array): SealedBlock | undefined
  /** The other Byzantine nodes, to conspire with. */
  conspirators(): readonly Accomplice[]
  send(outgoing: Outgoing): void
  /** Sends any bytes, valid message or not. */
  sendRaw(to: Target, bytes: Uint8Array): void
  after(delayMs: number, run: () => void): void
}

export interface Behaviour {
  /** Replaces an outgoing message by any others; empty = withheld. */
  outgoing?(outgoing: Outgoing): readonly Outgoing[]
  /** Sees a message before the core; false = dropped. */
  incoming?(from: string, message: ConsensusMessage): boolean
}

/** Called at every start of the node; its memory is lost in a crash. */
export type MakeBehaviour = (self: Accomplice) => Behaviour

export const ALL: Target = { kind: 'all' }

export function toPeer(peer: string, message: ConsensusMessage): Outgoing {
  return { to: { kind: 'peer', peer }, message }
}

export function voteMessage(vote: Vote): ConsensusMessage {
  return { kind: 'vote', body: vote }
}

/** Several behaviours in one node: messages pass through them in order. */
export function mixed(...made: readonly MakeBehaviour[]): MakeBehaviour {
  return (self) => {
    const parts = made.map((make) => make(self))
    return {
      outgoing: (outgoing) =>
        parts.reduce<readonly Outgoing[]>(
          (list, part) => (part.outgoing === undefined ? list : list.flatMap((o) => part.outgoing!(o))),
          [outgoing],
        ),
      incoming: (from, message) => parts.every((part) => part.incoming?.(from, message) !== false),
    }
  }
}
