// The libp2p host: identity, listening, admission, protocols. Start reading this folder here.
// Owns: composition and admission. Not: framing (channel.ts), one peer's streams (peerLink.ts), when to dial (dialer.ts).
import { errorText, OperatorError } from '../base/errors.ts'
import '../base/polyfill.ts'
import { EventEmitter } from 'node:events'
import { privateKeyFromRaw } from '@libp2p/crypto/keys'
import type { Connection, PeerId, PrivateKey } from '@libp2p/interface'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import type { Libp2p } from 'libp2p'
import { assert } from '../base/assert.ts'
import { compareBytes, concatBytes } from '../base/bytes.ts'
import type { Hash32 } from '../base/ids.ts'
import { isPeerIdBytes } from '../base/protocol/validators.ts'
import { RecentMap } from '../base/recentMap.ts'
import { groupOfMultiaddr } from './addressGroup.ts'
import { Dialer, type DialTarget } from './dialer.ts'
import { peerIdBytesFromSeed, peerIdText, publicKeyOfSeed } from './identity.ts'
import { ADDRESSES_PER_PEER_MAX, STATIC_PEERS_MAX, UNKNOWN_PEERS_MAX } from './limits.ts'
import { Outbox } from './outbox.ts'
import { type ChannelEnd, PeerLink, type Protocol } from './peerLink.ts'
import { Penalties } from './penalties.ts'
import type {
  P2pEvents,
  P2pHost,
  P2pLogger,
  PeerInfo,
  PeerKey,
  ProtocolHandler,
  ProtocolPort,
  ProtocolSpec,
  StaticPeer,
} from './protocol.ts'
import { judgeStranger, type Verdict } from './strangers.ts'
import { createTransport } from './transport.ts'
import { Warnings } from './warnings.ts'

const DIAL_TIMEOUT_MS = 5_000
/** Addresses at which members connected. */
const MEMBER_GROUPS_MAX = 2_048
const OFFENCE_POINTS = 25
const FOREIGN_POINTS = 100
const NETWORKS: ReadonlySet<string> = new Set(['ip4', 'ip6', 'dns4', 'dns6', 'dns'])

export interface HostOptions {
  /** ed25519 seed, 32 bytes. */
  readonly privateKey: Uint8Array
  readonly genesisHash: Hash32
  /** Multiaddrs such as `/ip4/0.0.0.0/tcp/26600`; port 0 picks one. */
  readonly listen: readonly string[]
  readonly logger: P2pLogger
  /** Connections from peers that are not static; default 16. */
  readonly unknownPeersMax?: number
  /** A peer's first refusal, ms; doubles up to a minute (five minutes for unknown peers). Default 5,000. */
  readonly refusalFirstMs?: number
  /** What may wait for all peers that are not static; default 64 MiB. */
  readonly strangersQueueBytesMax?: number | undefined
}

/** Creates a host that does not listen yet: register protocols, set peers, then `start`. */
export async function createHost(options: HostOptions): Promise<P2pHost> {
  // The library would compute the public half in JavaScript: 60 ms of each start.
  const publicKey = publicKeyOfSeed(options.privateKey)
  return new Host(options, privateKeyFromRaw(concatBytes(options.privateKey, publicKey)))
}

interface Known {
  readonly spec: StaticPeer
  /** As configured, each with the peer id. */
  readonly addresses: readonly string[]
  readonly mayConsensus: boolean
}

class Host implements P2pHost {
  readonly logger: P2pLogger
  readonly peerId: PeerKey
  readonly peerIdBytes: Uint8Array
  readonly #options: HostOptions
  readonly #privateKey: PrivateKey
  readonly #warnings: Warnings
  readonly #penalties: Penalties
  readonly #events = new EventEmitter()
  readonly #protocols = new Map<string, Protocol>()
  readonly #links = new Map<PeerKey, PeerLink>()
  readonly #dialer: Dialer
  readonly #outbox: Outbox
  #known = new Map<PeerKey, Known>()
  #validatorPeers = new Map<number, PeerKey>()
  /** Addresses that named peers announced, by peer. */
  readonly #learned = new Map<PeerKey, readonly string[]>()
  /** Where members connected from, and where they are dialled. */
  readonly #memberGroups = new RecentMap<true>(MEMBER_GROUPS_MAX)
  #targetGroups: ReadonlySet<string> = new Set()
  #isDialDue = false
  #node: Libp2p | undefined
  #state: 'new' | 'running' | 'closed' = 'new'

  constructor(options: HostOptions, privateKey: PrivateKey) {
    this.#options = options
    this.#privateKey = privateKey
    this.logger = options.logger
    this.peerIdBytes = peerIdBytesFromSeed(options.privateKey)
    this.peerId = peerIdText(this.peerIdBytes)
    this.#penalties = new Penalties({ refusalFirstMs: options.refusalFirstMs })
    this.#warnings = new Warnings(options.logger)
    this.#outbox = new Outbox({
      readers: () => this.#links.values(),
      isMember: (peer) => this.#known.has(peer),
      strangersBytesMax: options.strangersQueueBytesMax,
      onCut: (fields) => this.#warnings.warn('slow readers', fields, 'slow reader disconnected'),
    })
    this.#dialer = new Dialer({
      dial: (target) => this.#dial(target),
      isConnected: (peer) => this.#links.get(peer)?.connected === true,
      refusedForMs: (peer) => this.#penalties.refusedForMs(peer),
      onFailure: (peer, error) => options.logger.debug({ peer, error: errorText(error) }, 'dial failed'),
    })
  }

  get listenAddresses(): readonly string[] {
    return this.#node?.getMultiaddrs().map((address) => address.toString()) ?? []
  }

  register(spec: ProtocolSpec, handler: ProtocolHandler): ProtocolPort {
    assert(this.#state === 'new', 'protocols are registered before start')
    assert(!this.#protocols.has(spec.id), `protocol ${spec.id} registered twice`)
    this.#protocols.set(spec.id, { spec, handler })
    const open = (): PeerLink[] =>
      [...this.#links.values()].filter((l) => l.openChannel(spec.id) !== undefined)
    return {
      send: (peer, frame) => this.#links.get(peer)?.openChannel(spec.id)?.send(frame) ?? false,
      broadcast: (frame) => open().filter((link) => link.openChannel(spec.id)?.send(frame) === true).length,
      peers: () => open().map((link) => link.peer),
    }
  }

  async start(): Promise<void> {
    assert(this.#state === 'new', 'a host starts once')
    const node = await createTransport({
      privateKey: this.#privateKey,
      listen: this.#options.listen,
      unknownPeersMax: this.#unknownMax,
      isClosed: () => this.#state === 'closed',
      isMember: (peer) => this.#known.has(peer),
      isMemberGroup: (group) => this.#memberGroups.has(group) || this.#targetGroups.has(group),
      isRefused: (peerId, group) => this.#refusalToConnect(peerId, group) !== undefined,
    })
    node.addEventListener('connection:open', (event) => this.#onConnection(event.detail))
    node.addEventListener('connection:close', (event) => this.#onConnectionClosed(event.detail))
    for (const id of this.#protocols.keys()) {
      await node.handle(
        id,
        (stream, connection) => {
          const link = this.#links.get(connection.remotePeer.toString())
          if (link === undefined) stream.abort(new Error('not admitted'))
          else link.acceptStream(id, stream, connection)
        },
        { maxInboundStreams: 4, maxOutboundStreams: 4 },
      )
    }
    try {
      await node.start()
    } catch (error) {
      await node.stop()
      if (!(error instanceof Error) || error.name !== 'UnsupportedListenAddressesError') throw error
      const listen = this.#options.listen.join(', ')
      throw new OperatorError(
        `cannot listen for peers on ${listen}: address already in use, or not an address of this machine`,
      )
    }
    this.#node = node
    this.#state = 'running'
    this.#dialer.start()
    this.#options.logger.info({ peer: this.peerId, listen: this.listenAddresses }, 'p2p host started')
    this.#events.emit('start')
  }

  async close(): Promise<void> {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    this.#dialer.stop()
    for (const link of this.#links.values()) link.disconnect('this node is shutting down')
    await this.#node?.stop()
    this.#events.removeAllListeners()
  }

  setPeers(peers: readonly StaticPeer[]): void {
    if (peers.length > STATIC_PEERS_MAX) throw new RangeError(`at most ${STATIC_PEERS_MAX} static peers`)
    const known = new Map<PeerKey, Known>()
    const validatorPeers = new Map<number, PeerKey>()
    for (const spec of peers) {
      if (!isPeerIdBytes(spec.peerId))
        throw new TypeError('a peer id must be an ed25519 identity multihash of 38 bytes')
      const peer = peerIdText(spec.peerId)
      if (peer === this.peerId) continue
      if (known.has(peer)) throw new TypeError(`peer ${peer} is named twice`)
      const addresses = checkAddresses(peer, spec.addresses)
      known.set(peer, { spec, addresses, mayConsensus: spec.consensus ?? spec.validatorIndex !== undefined })
      if (spec.validatorIndex !== undefined) {
        if (validatorPeers.has(spec.validatorIndex)) {
          throw new TypeError(`validator index ${spec.validatorIndex} is named twice`)
        }
        validatorPeers.set(spec.validatorIndex, peer)
      }
    }
    this.#known = known
    this.#validatorPeers = validatorPeers
    for (const peer of this.#learned.keys()) if (!known.has(peer)) this.#learned.delete(peer)
    this.#dialKnown()
    for (const link of this.#links.values()) link.openMissing()
    this.#trimUnknown()
    this.#events.emit('peers:change')
  }

  learn(peer: PeerKey, addresses: readonly string[]): void {
    if (!this.#known.has(peer)) return
    this.#learned.set(peer, checkAddresses(peer, addresses))
    if (this.#isDialDue) return
    // Once for all that one frame tells of many members.
    this.#isDialDue = true
    queueMicrotask(() => {
      this.#isDialDue = false
      this.#dialKnown()
    })
  }

  #dialKnown(): void {
    const targets: DialTarget[] = []
    for (const [peer, { addresses }] of this.#known) {
      const all = [...new Set([...addresses, ...(this.#learned.get(peer) ?? [])])]
      if (all.length > 0) targets.push({ peer, addresses: all })
    }
    this.#dialer.setTargets(targets)
    this.#targetGroups = new Set(targets.flatMap((target) => target.addresses.map(groupOfMultiaddr)))
  }

  peers(): readonly PeerInfo[] {
    const keys = new Set([...this.#known.keys(), ...this.#links.keys()])
    return [...keys].map((peer) => this.getPeer(peer)).filter((info) => info !== undefined)
  }

  getPeer(peer: PeerKey): PeerInfo | undefined {
    const known = this.#known.get(peer)
    const link = this.#links.get(peer)
    const peerId = link?.peerId ?? known?.spec.peerId
    if (peerId === undefined) return undefined
    return {
      peer,
      peerId,
      known: known !== undefined,
      validatorIndex: known?.spec.validatorIndex,
      mayConsensus: known?.mayConsensus ?? false,
      connected: link?.connected ?? false,
      hasAddress: (known?.addresses.length ?? 0) > 0 || this.#learned.has(peer),
      remoteAddress: link?.remoteAddress,
      protocols: link?.openProtocols() ?? [],
      penaltyPoints: this.#penalties.pointsOf(peer),
      roundTripMs: link?.roundTripMs,
    }
  }

  getValidatorPeer(validatorIndex: number): PeerKey | undefined {
    return this.#validatorPeers.get(validatorIndex)
  }

  getValidatorIndex(peer: PeerKey): number | undefined {
    return this.#known.get(peer)?.spec.validatorIndex
  }

  penalise(peer: PeerKey, points: number, reason: string): void {
    this.#warnings.warn(`penalty ${peer}`, { peer, points, reason }, 'peer misbehaved')
    const refusedMs = this.#penalties.add(peer, points, this.#known.has(peer))
    if (refusedMs === 0) return
    this.#options.logger.warn({ peer, refusedMs, reason }, 'peer disconnected and refused for a while')
    this.#links.get(peer)?.disconnect(reason)
  }

  on<E extends keyof P2pEvents>(event: E, listener: P2pEvents[E]): void {
    this.#events.on(event, listener)
  }

  off<E extends keyof P2pEvents>(event: E, listener: P2pEvents[E]): void {
    this.#events.off(event, listener)
  }

  async #dial(target: DialTarget): Promise<void> {
    assert(this.#node !== undefined, 'dialling needs a started host')
    const signal = AbortSignal.timeout(DIAL_TIMEOUT_MS)
    await this.#node.dial(
      target.addresses.map((text) => multiaddr(text)),
      { signal },
    )
  }

  /** Why this identity may not connect from this address now; makes no room yet. */
  #refusalToConnect(peerId: PeerId, group: string): string | undefined {
    const peer = peerId.toString()
    if (this.#state === 'closed') return 'shutting down'
    if (peerId.type !== 'Ed25519') return 'not an ed25519 identity'
    if (this.#penalties.refusedForMs(peer) > 0) return 'refused after repeated offences'
    if (!this.#isNewStranger(peer)) return undefined
    const verdict = this.#judge(group)
    if (verdict.kind === 'admit') return undefined
    const fields = { peer, reason: verdict.reason }
    this.#warnings.warn('unknown peers', fields, 'too many unknown peers, connection refused')
    return verdict.reason
  }

  #isNewStranger(peer: PeerKey): boolean {
    const link = this.#links.get(peer)
    return !this.#known.has(peer) && (link === undefined || link.isLeaving)
  }

  #judge(group: string): Verdict {
    const present = [...this.#links.values()].filter(
      (link) => !this.#known.has(link.peer) && !link.isLeaving && link.connected,
    )
    return judgeStranger({ present, group, countMax: this.#unknownMax, nowMs: performance.now() })
  }

  get #unknownMax(): number {
    return this.#options.unknownPeersMax ?? UNKNOWN_PEERS_MAX
  }

  /** Peers dropped by `setPeers` become unknown: disconnects the newest unknown peers above the limit. */
  #trimUnknown(): void {
    const unknown = [...this.#links.values()].filter((link) => !this.#known.has(link.peer))
    for (const link of unknown.slice(this.#unknownMax)) link.disconnect('too many unknown peers')
  }

  #onConnection(connection: Connection): void {
    const peer = connection.remotePeer.toString()
    const group = groupOfMultiaddr(connection.remoteAddr.toString())
    // Admission is checked again: several connections may have passed the gate at once.
    if (this.#refusalToConnect(connection.remotePeer, group) !== undefined) {
      connection.abort(new Error('connection refused'))
      return
    }
    if (this.#known.has(peer)) this.#memberGroups.set(group, true)
    else if (this.#isNewStranger(peer)) {
      const verdict = this.#judge(group)
      if (verdict.kind === 'admit' && verdict.evict !== undefined)
        this.#links.get(verdict.evict)?.disconnect('another peer needs the place')
    }
    let link = this.#links.get(peer)
    if (link === undefined) {
      link = this.#createLink(peer, connection.remotePeer.toMultihash().bytes, group)
      this.#links.set(peer, link)
    }
    link.addConnection(connection)
  }

  #onConnectionClosed(connection: Connection): void {
    const peer = connection.remotePeer.toString()
    this.#links.get(peer)?.removeConnection(connection)
    if (this.#links.has(peer) || this.#known.has(peer)) return
    // libp2p remembers peers for hours; short-lived unknown peers must not accumulate.
    this.#node?.peerStore.delete(connection.remotePeer).catch(() => {})
  }

  #createLink(peer: PeerKey, peerId: Uint8Array, group: string): PeerLink {
    return new PeerLink({
      peer,
      group,
      peerId,
      opener: compareBytes(this.peerIdBytes, peerId) < 0,
      genesisHash: this.#options.genesisHash,
      protocols: this.#protocols,
      refusalFor: (spec) =>
        spec.consensusOnly && this.#known.get(peer)?.mayConsensus !== true
          ? 'not a validator of the current set'
          : undefined,
      mayQueue: (bytes) => this.#outbox.mayQueue(peer, bytes),
      onConnected: () => {
        this.#dialer.onConnected(peer)
        this.#options.logger.debug({ peer }, 'peer connected')
        this.#events.emit('peer:connect', this.getPeer(peer)!)
      },
      onDisconnected: () => {
        const info = this.getPeer(peer)!
        this.#links.delete(peer)
        this.#options.logger.debug({ peer }, 'peer disconnected')
        this.#events.emit('peer:disconnect', info)
        this.#dialer.onDisconnected(peer)
      },
      onChannelClosed: (end) => this.#onChannelClosed(peer, end),
    })
  }

  #onChannelClosed(peer: PeerKey, end: ChannelEnd): void {
    const { protocolId, kind, reason, error } = end
    if (error !== undefined)
      this.#warnings.warn(`handler ${protocolId}`, { peer, protocolId, err: error }, 'handler failed')
    if (kind === 'offence') this.penalise(peer, OFFENCE_POINTS, `${protocolId}: ${reason}`)
    else if (kind === 'foreign') this.penalise(peer, FOREIGN_POINTS, `${protocolId}: ${reason}`)
    else if (kind === 'overflow') {
      this.#options.logger.warn({ peer, protocolId, reason }, 'peer disconnected')
      this.#links.get(peer)?.disconnect(reason)
    } else if (kind === 'refused') {
      this.#warnings.warn(`refused ${peer} ${protocolId}`, { peer, protocolId, reason }, 'channel refused')
    } else this.#options.logger.debug({ peer, protocolId, reason }, 'channel closed')
  }
}

/** Appends the peer id to addresses; throws TypeError when one is malformed or names another peer. */
function checkAddresses(peer: PeerKey, addresses: readonly string[]): readonly string[] {
  if (addresses.length > ADDRESSES_PER_PEER_MAX) {
    throw new RangeError(`peer ${peer} has more than ${ADDRESSES_PER_PEER_MAX} addresses`)
  }
  return addresses.map((text) => {
    let parsed: Multiaddr
    try {
      parsed = multiaddr(text)
    } catch (cause) {
      throw new TypeError(`peer ${peer}: malformed address ${JSON.stringify(text.slice(0, 100))}`, { cause })
    }
    const [network, transport, ...rest] = parsed.getComponents()
    const dialable = NETWORKS.has(network?.name ?? '') && transport?.name === 'tcp'
    if (!dialable || rest.length > 1 || (rest.length === 1 && rest[0]!.name !== 'p2p')) {
      throw new TypeError(`peer ${peer}: address ${text} is not /ip4|ip6|dns4|dns6|dns/…/tcp/…[/p2p/…]`)
    }
    const named = rest[0]?.value
    if (named === undefined) return `${parsed.toString()}/p2p/${peer}`
    if (named !== peer) throw new TypeError(`address ${text} belongs to ${named}, not to ${peer}`)
    return parsed.toString()
  })
}
