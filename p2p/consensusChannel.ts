// Consensus messages between validators. Owns: peer ↔ validator index, delivery, and its pace per peer (frameLimits.ts).
// Not: the messages' bytes.
import { FrameLimits } from './frameLimits.ts'
import { CONSENSUS_FRAME_BYTES_MAX, CONSENSUS_QUEUE_BYTES_MAX } from './limits.ts'
import type { P2pHost, PeerKey } from './protocol.ts'
import { MONOTONIC, type Timers } from './timers.ts'

export const CONSENSUS_PROTOCOL = '/suanli/consensus/1'

/** Who sent a consensus message; the index is absent for a validator that has left the current set. */
export interface ConsensusPeer {
  readonly peer: PeerKey
  readonly validatorIndex: number | undefined
}

export interface ConsensusHandler {
  /** A throw counts as an offence of the sender, except AssertionFailed, which is rethrown. */
  onMessage(from: ConsensusPeer, bytes: Uint8Array): void
  onPeerUp?(from: ConsensusPeer): void
  onPeerDown?(from: ConsensusPeer, reason: string): void
}

export interface ConsensusChannel {
  /** False when the peer is not connected; the core retransmits. */
  send(peer: PeerKey, bytes: Uint8Array): boolean
  sendToValidator(validatorIndex: number, bytes: Uint8Array): boolean
  /** Sends to every connected consensus peer; returns how many accepted the frame. */
  broadcast(bytes: Uint8Array): number
  peers(): readonly ConsensusPeer[]
}

/**
 * Adds the consensus protocol to a host that has not started. A peer that sends more than its allowance is read more
 * slowly: nothing it sent is lost, as it may be a correct peer's backlog after a pause, and it slows down only itself.
 */
export function createConsensusChannel(
  host: P2pHost,
  handler: ConsensusHandler,
  clock: Timers = MONOTONIC,
): ConsensusChannel {
  const who = (peer: PeerKey): ConsensusPeer => ({
    peer,
    validatorIndex: host.getValidatorIndex(peer),
  })
  const limits = new FrameLimits(() => clock.monotonicMs())
  const open = new Set<PeerKey>()
  const port = host.register(
    {
      id: CONSENSUS_PROTOCOL,
      frameBytesMax: CONSENSUS_FRAME_BYTES_MAX,
      queueBytesMax: CONSENSUS_QUEUE_BYTES_MAX,
      overflow: 'disconnect',
      consensusOnly: true,
    },
    {
      onOpen: (peer) => {
        open.add(peer)
        handler.onPeerUp?.(who(peer))
      },
      onFrame: (peer, frame) => {
        const waitMs = limits.take(peer, frame)
        if (waitMs === 0) {
          handler.onMessage(who(peer), frame)
          return undefined
        }
        return later(clock, waitMs).then(() => {
          if (open.has(peer)) handler.onMessage(who(peer), frame)
        })
      },
      onClose: (peer, reason) => {
        open.delete(peer)
        handler.onPeerDown?.(who(peer), reason)
      },
    },
  )
  return {
    send: (peer, bytes) => port.send(peer, bytes),
    sendToValidator: (validatorIndex, bytes) => {
      const peer = host.getValidatorPeer(validatorIndex)
      return peer !== undefined && port.send(peer, bytes)
    },
    broadcast: (bytes) => port.broadcast(bytes),
    peers: () => port.peers().map(who),
  }
}

function later(clock: Timers, delayMs: number): Promise<void> {
  return new Promise((resolve) => void clock.after(delayMs, resolve))
}
