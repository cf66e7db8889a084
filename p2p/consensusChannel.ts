// Consensus messages between validators. Owns: peer ↔ validator index and delivery. Not: the messages' bytes.
import type { PeerKey } from './protocol.ts'

/** Who sent a consensus message; the index is absent for a validator that has left the current set. */
export interface ConsensusPeer {
  readonly peer: PeerKey
  readonly validatorIndex: number | undefined
}

export interface ConsensusHandler {
  /** A throw counts as an offence of the sender. */
  onMessage(from: ConsensusPeer, bytes: Uint8Array): void
  onPeerUp?(from: ConsensusPeer): void
  onPeerDown?(from: ConsensusPeer, reason: string): void
}

export interface ConsensusChannel {
  /** False when the peer is not connected; the core retransmits. */
  send(peer: PeerKey, bytes: Uint8Array): boolean
  sendToValidator(validatorIndex: number, bytes: Uint8Array): boolean
  /** To every connected consensus peer; returns to how many. */
  broadcast(bytes: Uint8Array): number
  peers(): readonly ConsensusPeer[]
}
