// Connects the consensus driver to the peer-to-peer host. Owns: whom to dial, which peer is which validator.
// Not: framing and identity (p2p/), meaning of messages (consensus/).
import { peerIdFromString } from '@libp2p/peer-id'
import { bytesKey } from '../base/bytes.ts'
import { isPeerIdBytes, type ValidatorSet } from '../base/protocol/validators.ts'
import type { ConsensusNetwork } from '../consensus/ports.ts'
import type { Sender, Target } from '../consensus/types.ts'
import { type ConsensusHandler, createConsensusChannel } from '../p2p/consensusChannel.ts'
import { STATIC_PEERS_MAX } from '../p2p/limits.ts'
import type { P2pHost, StaticPeer } from '../p2p/protocol.ts'
import type { Timers } from '../p2p/timers.ts'

/** Penalty points for bytes no correct peer sends; the host refuses a peer at 100. */
export const OFFENCE_POINTS = 25

/** A configured address: `/ip4/…/tcp/…/p2p/<peer id>`. */
interface BookEntry {
  readonly peerId: Uint8Array
  readonly addresses: string[]
}

/** Multihash bytes of a base58 peer id; undefined unless it is an ed25519 identity. */
function peerIdBytesFromText(text: string): Uint8Array | undefined {
  try {
    const bytes = peerIdFromString(text).toMultihash().bytes
    return isPeerIdBytes(bytes) ? bytes : undefined
  } catch {
    return undefined
  }
}

/** Groups multiaddrs by their trailing peer id; throws if one has none. */
export function parseAddressBook(multiaddrs: readonly string[]): ReadonlyMap<string, BookEntry> {
  const book = new Map<string, BookEntry>()
  for (const text of multiaddrs) {
    const match = /^(\/.+)\/p2p\/([1-9A-HJ-NP-Za-km-z]+)$/.exec(text)
    const peerId = match === null ? undefined : peerIdBytesFromText(match[2]!)
    if (match === null || peerId === undefined) {
      throw new Error(`peer address ${text} does not end in /p2p/<ed25519 peer id>`)
    }
    const entry = book.get(bytesKey(peerId)) ?? { peerId, addresses: [] }
    entry.addresses.push(match[1]!)
    book.set(bytesKey(peerId), entry)
  }
  return book
}

/** The driver's network, plus what the rest of the node needs. */
export interface NodeNetwork extends ConsensusNetwork {
  /** Number of other validators of the current set that this node has a consensus connection to. */
  reachableValidators(): number
  /** When the last consensus message of a validator of the current set arrived (`performance.now()`). */
  heardAtMs(validator: number): number | undefined
}

/**
 * A node's consensus peers: the epoch's validators, and until the next switch those that left at its floor, so that
 * laggards of the old set get the boundary and nodes that left serve it (CONSENSUS §4 "Epochs").
 */
export function staticPeers(options: {
  readonly book: ReadonlyMap<string, BookEntry>
  readonly own: Uint8Array
  readonly set: ValidatorSet
  readonly self: number | undefined
  readonly previous: ValidatorSet | undefined
}): readonly StaticPeer[] {
  const { book, own, set, self, previous } = options
  const ownKey = bytesKey(own)
  const leavers = previous?.validators ?? []
  const hasLeft = leavers.some(({ peerId }) => bytesKey(peerId) === ownKey)
  // Other nodes outside the set open no consensus channels: validators answer only each other.
  const consensus = self !== undefined || hasLeft
  const peers = new Map<string, StaticPeer>()
  const add = (peerId: Uint8Array, more: Omit<StaticPeer, 'peerId' | 'addresses'>): void => {
    const key = bytesKey(peerId)
    if (key === ownKey || peers.has(key) || peers.size >= STATIC_PEERS_MAX) return
    peers.set(key, { peerId, addresses: book.get(key)?.addresses ?? [], ...more })
  }
  set.validators.forEach(({ peerId }, validatorIndex) => {
    if (validatorIndex !== self) add(peerId, { validatorIndex, consensus })
  })
  for (const { peerId } of leavers) add(peerId, { consensus })
  for (const { peerId } of book.values()) add(peerId, {})
  return [...peers.values()]
}

/** Creates the driver's network on a host that is not started yet. */
export function createConsensusNetwork(host: P2pHost, peers: readonly string[], clock?: Timers): NodeNetwork {
  const book = parseAddressBook(peers)
  let handler: (from: Sender, bytes: Uint8Array) => void = () => {}
  const heard = new Map<number, number>()
  const onMessage: ConsensusHandler['onMessage'] = ({ peer, validatorIndex: validator }, bytes) => {
    if (validator !== undefined) heard.set(validator, performance.now())
    handler({ peer, validator }, bytes)
  }
  const channel = createConsensusChannel(host, { onMessage }, clock)
  return {
    send(to: Target, bytes) {
      if (to.kind === 'all') channel.broadcast(bytes)
      else if (to.kind === 'validator') channel.sendToValidator(to.index, bytes)
      else channel.send(to.peer, bytes)
    },
    onMessage(next) {
      handler = next
    },
    useValidators(set, self, previous) {
      heard.clear()
      host.setPeers(staticPeers({ book, own: host.peerIdBytes, set, self, previous }))
    },
    reachableValidators: () =>
      channel.peers().filter(({ validatorIndex }) => validatorIndex !== undefined).length,
    heardAtMs: (validator) => heard.get(validator),
    penalise: (peer, reason) => host.penalise(peer, OFFENCE_POINTS, reason),
  }
}
