// A peer-to-peer host in virtual time: the same contract, penalties, refusals and pauses as p2p/host.ts, without sockets.
// Everything above it is a node's own: consensus channel, ranges, gossip, evidence. Lost in a crash, as a node's is.
import { EventEmitter } from 'node:events'
import { AssertionFailed, assert } from '../../../base/assert.ts'
import { errorText } from '../../../base/errors.ts'
import { peerIdBytesFromSeed, peerIdText } from '../../../p2p/identity.ts'
import { Penalties } from '../../../p2p/penalties.ts'
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
} from '../../../p2p/protocol.ts'
import type { Fabric, FabricHost, Link } from './fabric.ts'

/** As in p2p/host.ts. */
const OFFENCE_POINTS = 25

/** What a world hears of its hosts. */
export interface HostEvents {
  onPenalised(peer: PeerKey, points: number, reason: string): void
  onRefused(peer: PeerKey, refusedMs: number): void
  /** A handler has thrown what no peer may cause. */
  onFailure(error: unknown): void
}

export interface VirtualHostOptions {
  readonly fabric: Fabric
  /** ed25519 seed of the identity, 32 bytes. */
  readonly seed: Uint8Array
  readonly monotonicMs: () => number
  /** Undefined: it penalises nobody, as an attacker. */
  readonly events: HostEvents | undefined
}

/** Frames of one peer and protocol that wait while their handler is busy. */
interface Inbox {
  readonly frames: Uint8Array[]
  isBusy: boolean
}

export class VirtualHost implements P2pHost, FabricHost {
  readonly logger: P2pLogger = { debug() {}, info() {}, warn() {} }
  readonly peerId: PeerKey
  readonly peerIdBytes: Uint8Array
  readonly listenAddresses: readonly string[] = []
  readonly #fabric: Fabric
  readonly #penalties: Penalties
  readonly #events: HostEvents | undefined
  readonly #emitter = new EventEmitter()
  readonly #protocols = new Map<string, { readonly spec: ProtocolSpec; readonly handler: ProtocolHandler }>()
  readonly #inboxes = new Map<Link, Map<string, Inbox>>()
  #known = new Map<PeerKey, StaticPeer>()
  #isRunning = false

  constructor(options: VirtualHostOptions) {
    this.#fabric = options.fabric
    this.#events = options.events
    this.#penalties = new Penalties({ nowMs: options.monotonicMs })
    this.peerIdBytes = peerIdBytesFromSeed(options.seed)
    this.peerId = peerIdText(this.peerIdBytes)
  }

  register(spec: ProtocolSpec, handler: ProtocolHandler): ProtocolPort {
    assert(
      !this.#isRunning && !this.#protocols.has(spec.id),
      `protocol ${spec.id} is registered once, before start`,
    )
    this.#protocols.set(spec.id, { spec, handler })
    const open = (): PeerKey[] =>
      this.#fabric.linksOf(this).flatMap((link) => (link.open.has(spec.id) ? [link.other(this).peerId] : []))
    return {
      send: (peer, frame) => this.#send(peer, spec, frame),
      broadcast: (frame) => open().filter((peer) => this.#send(peer, spec, frame)).length,
      peers: open,
    }
  }

  async start(): Promise<void> {
    this.#isRunning = true
    this.#fabric.join(this)
    this.#emitter.emit('start')
  }

  async close(): Promise<void> {
    this.stop()
  }

  /** The process ends here and now. */
  stop(): void {
    this.#isRunning = false
    this.#fabric.leave(this)
  }

  setPeers(peers: readonly StaticPeer[]): void {
    this.#known = new Map(
      peers.map((spec) => [peerIdText(spec.peerId), spec] as const).filter(([peer]) => peer !== this.peerId),
    )
    this.#fabric.review(this)
    this.#emitter.emit('peers:change')
  }

  learn(): void {}

  peers(): readonly PeerInfo[] {
    const connected = this.#fabric.linksOf(this).map((link) => link.other(this).peerId)
    return [...new Set([...this.#known.keys(), ...connected])].map((peer) => this.getPeer(peer)!)
  }

  getPeer(peer: PeerKey): PeerInfo | undefined {
    const spec = this.#known.get(peer)
    const link = this.#fabric.linkOf(this, peer)
    const peerId = spec?.peerId ?? link?.other(this).peerIdBytes
    if (peerId === undefined) return undefined
    return {
      peer,
      peerId,
      known: spec !== undefined,
      validatorIndex: spec?.validatorIndex,
      mayConsensus: spec !== undefined && mayConsensus(spec),
      connected: link !== undefined,
      hasAddress: spec !== undefined,
      remoteAddress: undefined,
      protocols: link === undefined ? [] : [...link.open.keys()],
      penaltyPoints: 0,
      roundTripMs: undefined,
    }
  }

  getValidatorPeer(validatorIndex: number): PeerKey | undefined {
    for (const [peer, spec] of this.#known) if (spec.validatorIndex === validatorIndex) return peer
    return undefined
  }

  getValidatorIndex(peer: PeerKey): number | undefined {
    return this.#known.get(peer)?.validatorIndex
  }

  penalise(peer: PeerKey, points: number, reason: string): void {
    if (this.#events === undefined || !this.#isRunning) return
    this.#events.onPenalised(peer, points, reason)
    const refusedMs = this.#penalties.add(peer, points, this.#known.has(peer))
    if (refusedMs === 0) return
    this.#events.onRefused(peer, refusedMs)
    const link = this.#fabric.linkOf(this, peer)
    if (link !== undefined) this.#fabric.disconnect(link, reason)
  }

  on<E extends keyof P2pEvents>(event: E, listener: P2pEvents[E]): void {
    this.#emitter.on(event, listener)
  }

  off<E extends keyof P2pEvents>(event: E, listener: P2pEvents[E]): void {
    this.#emitter.off(event, listener)
  }

  names(peer: PeerKey): boolean {
    return this.#known.has(peer)
  }

  refuses(peer: PeerKey): boolean {
    return this.#penalties.refusedForMs(peer) > 0
  }

  allows(peer: PeerKey, spec: ProtocolSpec): boolean {
    const known = this.#known.get(peer)
    return !spec.consensusOnly || (known !== undefined && mayConsensus(known))
  }

  specs(): readonly ProtocolSpec[] {
    return [...this.#protocols.values()].map(({ spec }) => spec)
  }

  handlerOf(id: string): ProtocolHandler | undefined {
    return this.#isRunning ? this.#protocols.get(id)?.handler : undefined
  }

  onConnected(peer: PeerKey): void {
    const info = this.getPeer(peer)
    if (info !== undefined) this.#emitter.emit('peer:connect', info)
  }

  onDisconnected(peer: PeerKey): void {
    const info = this.getPeer(peer)
    if (info !== undefined && this.#isRunning) this.#emitter.emit('peer:disconnect', info)
  }

  onChannelClosed(link: Link, id: string): void {
    this.#inboxes.get(link)?.delete(id)
    if (link.open.size === 0) this.#inboxes.delete(link)
  }

  /** A frame has arrived; it waits behind those that the handler has not done with. */
  receive(link: Link, spec: ProtocolSpec, frame: Uint8Array): void {
    const byId = this.#inboxes.get(link) ?? new Map<string, Inbox>()
    this.#inboxes.set(link, byId)
    const inbox = byId.get(spec.id) ?? { frames: [], isBusy: false }
    byId.set(spec.id, inbox)
    inbox.frames.push(frame)
    this.#drain(link, spec, inbox)
  }

  #drain(link: Link, spec: ProtocolSpec, inbox: Inbox): void {
    const peer = link.other(this)
    while (!inbox.isBusy && link.open.has(spec.id)) {
      const frame = inbox.frames.shift()
      const handler = this.handlerOf(spec.id)
      if (frame === undefined || handler === undefined) return
      const lane = link.lane(peer, spec.id)
      if (lane !== undefined) lane.bytes -= frame.length
      try {
        const pending = handler.onFrame(peer.peerId, frame)
        if (pending !== undefined) this.#pauseUntil(pending, link, spec, inbox)
      } catch (error) {
        this.#offend(error, link, spec)
      }
    }
  }

  #pauseUntil(pending: Promise<void>, link: Link, spec: ProtocolSpec, inbox: Inbox): void {
    inbox.isBusy = true
    pending.then(
      () => {
        inbox.isBusy = false
        if (this.#inboxes.get(link)?.get(spec.id) === inbox) this.#drain(link, spec, inbox)
      },
      (error) => this.#offend(error, link, spec),
    )
  }

  #offend(error: unknown, link: Link, spec: ProtocolSpec): void {
    if (error instanceof AssertionFailed) {
      this.#events?.onFailure(error)
      return
    }
    const { peerId } = link.other(this)
    this.#fabric.reopen(link, spec, errorText(error))
    this.penalise(peerId, OFFENCE_POINTS, `${spec.id}: ${errorText(error)}`)
  }

  #send(peer: PeerKey, spec: ProtocolSpec, frame: Uint8Array): boolean {
    const link = this.#fabric.linkOf(this, peer)
    const lane = link?.lane(this, spec.id)
    if (!this.#isRunning || link === undefined || lane === undefined) return false
    assert(
      frame.length > 0 && frame.length <= spec.frameBytesMax,
      `${spec.id}: a frame of ${frame.length} bytes`,
    )
    if (lane.bytes + frame.length > spec.queueBytesMax) {
      if (spec.overflow === 'disconnect') this.#fabric.disconnect(link, 'a peer that does not read')
      return false
    }
    this.#fabric.carry(link, this, spec, frame)
    return true
  }
}

function mayConsensus(spec: StaticPeer): boolean {
  return spec.consensus ?? spec.validatorIndex !== undefined
}
