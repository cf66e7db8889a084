// The contract between the host and the protocols that run on it. Owns: types only.

/** A peer id as text (`12D3Koo…`), the key for a peer in every p2p call. */
export type PeerKey = string

/** The part of a pino logger that p2p uses. */
export interface P2pLogger {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
}

/** A peer this node dials and keeps connected. */
export interface StaticPeer {
  /** Multihash bytes as in `Validator.peerId`. */
  readonly peerId: Uint8Array
  /** Multiaddrs such as `/ip4/127.0.0.1/tcp/26600`; empty for a peer that is never dialled. */
  readonly addresses: readonly string[]
  /** Index in the current validator set; absent for other nodes. */
  readonly validatorIndex?: number
  /** May use consensus protocols: true for a leaving validator, false on an observing node; default: has an index. */
  readonly consensus?: boolean
}

export interface PeerInfo {
  readonly peer: PeerKey
  /** Multihash bytes. */
  readonly peerId: Uint8Array
  /** Named by `setPeers`. */
  readonly known: boolean
  readonly validatorIndex: number | undefined
  readonly mayConsensus: boolean
  readonly connected: boolean
  /** Whether this node knows where to dial it. */
  readonly hasAddress: boolean
  /** Remote multiaddr of the live connection. */
  readonly remoteAddress: string | undefined
  /** Ids of the protocols whose channel is open. */
  readonly protocols: readonly string[]
  /** At 100 it is refused for a while; they fade. */
  readonly penaltyPoints: number
  /** Of the last ping; undefined before the first. */
  readonly roundTripMs: number | undefined
}

export interface ProtocolSpec {
  /** e.g. `/suanli/consensus/1`. */
  readonly id: string
  /** Longest frame accepted and sent, bytes. */
  readonly frameBytesMax: number
  /** Bytes that may wait for one slow peer. */
  readonly queueBytesMax: number
  /** On overflow: disconnect the peer, or refuse the frame (`send` returns false). */
  readonly overflow: 'disconnect' | 'refuse'
  /** Only peers that may use consensus protocols get a channel. */
  readonly consensusOnly: boolean
}

export interface ProtocolHandler {
  /** The channel is open both ways and the hellos agree. */
  onOpen?(peer: PeerKey): void
  /**
   * One received frame. Reading pauses while a returned promise is pending. A throw is the peer's offence, except
   * AssertionFailed, which is rethrown.
   */
  onFrame(peer: PeerKey, frame: Uint8Array): void | Promise<void>
  onClose?(peer: PeerKey, reason: string): void
}

/** A protocol's handle on the host. */
export interface ProtocolPort {
  /** Queues one frame; false when no channel is open or the frame was refused. The bytes must not change afterwards. */
  send(peer: PeerKey, frame: Uint8Array): boolean
  /** Sends on every open channel; returns how many accepted the frame. */
  broadcast(frame: Uint8Array): number
  /** Peers with an open channel. */
  peers(): readonly PeerKey[]
}

export interface P2pEvents {
  'peer:connect': (peer: PeerInfo) => void
  'peer:disconnect': (peer: PeerInfo) => void
  /** The host listens. */
  start: () => void
  /** `setPeers` has replaced the static peers. */
  'peers:change': () => void
}

export interface P2pHost {
  readonly logger: P2pLogger
  /** Own peer id as text. */
  readonly peerId: PeerKey
  /** Own multihash bytes, as in `Validator.peerId`. */
  readonly peerIdBytes: Uint8Array
  /** Listening multiaddrs with `/p2p/<id>`; empty before `start`. */
  readonly listenAddresses: readonly string[]
  /** Adds a protocol; before `start` only. */
  register(spec: ProtocolSpec, handler: ProtocolHandler): ProtocolPort
  /** Listens and starts dialling. Rejects when it cannot listen on an address. */
  start(): Promise<void>
  /** Ends every connection, timer and listener; idempotent. */
  close(): Promise<void>
  /** Replaces the static peers; live connections of peers that stay are untouched. Throws on a malformed id or address. */
  setPeers(peers: readonly StaticPeer[]): void
  /** Addresses at which a static peer can also be dialled; replaces earlier ones. Throws like `setPeers`. */
  learn(peer: PeerKey, addresses: readonly string[]): void
  /** Static peers and every other connected peer. */
  peers(): readonly PeerInfo[]
  getPeer(peer: PeerKey): PeerInfo | undefined
  /** The peer of a validator in the current set, connected or not. */
  getValidatorPeer(validatorIndex: number): PeerKey | undefined
  /** The peer's index in the current set; undefined for any other peer. */
  getValidatorIndex(peer: PeerKey): number | undefined
  /** Adds penalty points: 1 (slight) to 100 (disconnected at once and refused for a while). */
  penalise(peer: PeerKey, points: number, reason: string): void
  on<E extends keyof P2pEvents>(event: E, listener: P2pEvents[E]): void
  off<E extends keyof P2pEvents>(event: E, listener: P2pEvents[E]): void
}
