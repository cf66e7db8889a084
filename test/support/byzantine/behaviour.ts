// What a Byzantine validator may do: the whole of its own node, its key, and any bytes to any peer. Not: the node
// (hostileNode.ts), the behaviours (behaviours/).
import type { Hash32 } from '../../../base/ids.ts'
import type { Subject, Vote } from '../../../base/protocol/vote.ts'
import type { ConsensusMessage, MessageKind } from '../../../consensus/messages.ts'
import type { CoreStatus, Sender, Target } from '../../../consensus/types.ts'
import type { SyncSource } from '../../../p2p/rangeProtocol.ts'
import type { Random } from '../random.ts'

/** A message to send; bytes need not be a message. */
export interface Sent {
  readonly to: Target
  readonly message: ConsensusMessage | Uint8Array
  /** Id of the protocol; default: consensus. Then `message` are bytes, and `to` is all or a peer. */
  readonly protocol?: string
}

export type Heard<K extends MessageKind> = Extract<ConsensusMessage, { readonly kind: K }>['body']

/** What a behaviour may use. */
export interface Hand {
  readonly random: Random
  readonly genesisHash: Hash32
  readonly chainId: number
  /** ed25519 seed of the member's peer identity. */
  readonly peerSeed: Uint8Array
  /** Where other members listen. */
  readonly addresses: readonly string[]
  /** Unix time. */
  readonly nowMs: number
  readonly status: CoreStatus
  /** Index in the validator set. */
  readonly self: number
  /** Connected consensus peers, always in the same order: some lies must hit the same one each time. */
  readonly peers: readonly string[]
  /** Signs anything with the member's key, without any record. */
  sign(subject: Subject): Vote
  /** Bodies of the latest messages of this kind from others, newest last; bounded. */
  heard<K extends MessageKind>(kind: K): readonly Heard<K>[]
  send(sent: Sent): void
  after(delayMs: number, work: () => void): void
}

export interface Behaviour {
  /** For `--help` and the table. */
  readonly about: string
  /** Replaces what the honest core sends; empty = withheld. */
  readonly outgoing?: (
    hand: Hand,
    sent: { readonly to: Target; readonly message: ConsensusMessage },
  ) => readonly Sent[]
  /** Sees a message before the honest core; false = dropped. */
  readonly incoming?: (hand: Hand, from: Sender, message: ConsensusMessage) => boolean
  readonly flood?: { readonly perSecond: number; readonly frames: (hand: Hand) => readonly Sent[] }
  /** Bends the blocks that this node serves. */
  readonly serves?: (source: SyncSource) => SyncSource
  /** The member's clock minus the right one. */
  readonly clockOffsetMs?: number
  /** Sleeps this long in each second: it reads and answers slowly. */
  readonly sleepsMs?: number
  /** One more connection of the member, opened by hand. */
  readonly wire?: 'oneByteFrames' | 'reconnects' | 'manyConnections'
  /** An honest validator is killed and comes back during the attack, so that it must fetch; compared with `idle`. */
  readonly hasLaggard?: boolean
}

export const ALL: Target = { kind: 'all' }

export const toPeer = (peer: string): Target => ({ kind: 'peer', peer })

export const withheld = (): readonly Sent[] => []

/** A digest of no block. */
export function anyDigest(random: Random): Uint8Array {
  return Uint8Array.from({ length: 32 }, () => random.between(0, 255))
}
