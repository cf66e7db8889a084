// The contract between the host and the protocols that run on it. Owns: types only.

/** A peer id as text (`12D3Koo…`): the key by which every p2p call names a peer. */
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
  /** Multiaddrs such as `/ip4/127.0.0.1/tcp/26600`; empty for a peer that is only awaited. */
  readonly addresses: readonly string[]
  /** Index in the current validator set; absent for other nodes. */
  readonly validatorIndex?: number
  /** Overrides who may speak consensus: true for a leaving validator, false on a node that only observes. Default: has a `validatorIndex`. */
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
  /** Remote multiaddr of the live connection. */
  readonly remoteAddress: string | undefined
  /** Ids of the protocols whose channel is open. */
  readonly protocols: readonly string[]
}

export interface ProtocolSpec {
  /** e.g. `/suanli/consensus/1`. */
  readonly id: string
  /** Longest frame accepted and sent, bytes. */
  readonly frameBytesMax: number
  /** Bytes that may wait for one slow peer. */
  readonly queueBytesMax: number
  /** What happens when they are exceeded: the peer is disconnected, or the frame is refused (`send` is false). */
  readonly overflow: 'disconnect' | 'refuse'
  /** Only peers that may speak consensus get a channel. */
  readonly consensusOnly: boolean
}

export interface ProtocolHandler {
  /** Channel is open both ways, hellos agreed. */
  onOpen?(peer: PeerKey): void
  /** One received frame. While a returned promise is pending the channel is not read further. A throw is an offence of the peer, except AssertionFailed, which is rethrown. */
  onFrame(peer: PeerKey, frame: Uint8Array): void | Promise<void>
  onClose?(peer: PeerKey, reason: string): void
}

/** What a protocol holds of the host. */
export interface ProtocolPort {
  /** Queues one frame; false when there is no open channel or it was refused. The bytes must not change afterwards. */
  send(peer: PeerKey, frame: Uint8Array): boolean
  /** Sends to every open channel; returns to how many. */
  broadcast(frame: Uint8Array): number
  /** Peers with an open channel. */
  peers(): readonly PeerKey[]
}

export interface P2pEvents {
  'peer:connect': (peer: PeerInfo) => void
  'peer:disconnect': (peer: PeerInfo) => void
}

export interface P2pHost {
  readonly logger: P2pLogger
  /** Own peer id as text. */
  readonly peerId: PeerKey
  /** Own multihash bytes, as they stand in `Validator.peerId`. */
  readonly peerIdBytes: Uint8Array
  /** Listening multiaddrs with `/p2p/<id>`; empty before `start`. */
  readonly listenAddresses: readonly string[]
  /** Adds a protocol; before `start` only. */
  register(spec: ProtocolSpec, handler: ProtocolHandler): ProtocolPort
  /** Listens and begins dialling. Rejects when an address cannot be listened on. */
  start(): Promise<void>
  /** Ends every connection, timer and listener; idempotent. */
  close(): Promise<void>
  /** Replaces the static peers; live connections of peers that stay are untouched. Throws on a malformed id or address. */
  setPeers(peers: readonly StaticPeer[]): void
  /** Static peers and whoever else is connected. */
  peers(): readonly PeerInfo[]
  getPeer(peer: PeerKey): PeerInfo | undefined
  /** The peer of a validator in the current set, connected or not. */
  getValidatorPeer(validatorIndex: number): PeerKey | undefined
  /** The peer's index in the current set; undefined for everybody else. */
  getValidatorIndex(peer: PeerKey): number | undefined
  /** Counts an offence, 1 (slight) to 100 (disconnected at once, refused for a while). */
  penalise(peer: PeerKey, points: number, reason: string): void
  on<E extends keyof P2pEvents>(event: E, listener: P2pEvents[E]): void
  off<E extends keyof P2pEvents>(event: E, listener: P2pEvents[E]): void
}
