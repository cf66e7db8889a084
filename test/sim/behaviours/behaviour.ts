// What a Byzantine node may do with a message it is about to send; one behaviour a file.
import type { Subject, Vote } from '../../../base/protocol/vote.ts'
import type { ConsensusMessage } from '../../../consensus/messages.ts'
import type { Target } from '../../../consensus/types.ts'

export interface Outgoing {
  readonly to: Target
  readonly message: ConsensusMessage
}

export interface Accomplice {
  /** Signs anything with the node's own key. */
  sign(subject: Subject): Vote
  /** Peer names of all other nodes. */
  readonly peers: readonly string[]
}

/** Replaces one outgoing message by any others. */
export type Behaviour = (outgoing: Outgoing, self: Accomplice) => readonly Outgoing[]
