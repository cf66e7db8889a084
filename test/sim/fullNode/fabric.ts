// Connections between virtual hosts: who is connected to whom, which channels are open, frames on their way.
// Owns: time on the wire, loss, cuts, dialling again. Not: what a host does with a frame (virtualHost.ts).
import type { PeerKey, ProtocolHandler, ProtocolSpec } from '../../../p2p/protocol.ts'
import type { Random, Scheduler } from '../../support/random.ts'

/** What the fabric asks of a host. */
export interface FabricHost {
  readonly peerId: PeerKey
  readonly peerIdBytes: Uint8Array
  /** Whether it dials this peer. */
  names(peer: PeerKey): boolean
  refuses(peer: PeerKey): boolean
  allows(peer: PeerKey, spec: ProtocolSpec): boolean
  specs(): readonly ProtocolSpec[]
  /** Undefined for a process that has ended. */
  handlerOf(id: string): ProtocolHandler | undefined
  onConnected(peer: PeerKey): void
  onDisconnected(peer: PeerKey): void
  onChannelClosed(link: Link, id: string): void
  receive(link: Link, spec: ProtocolSpec, frame: Uint8Array): void
}

export interface FabricFaults {
  readonly delayMs: readonly [number, number]
  /** Frames that never arrive; a TCP connection loses none, so this is harsher than any real one. */
  readonly lossRate: number
  /** The peer whose frames are the first to arrive, in both directions. */
  readonly nearPeer?: PeerKey | undefined
}

const NEAR_MS: readonly [number, number] = [1, 2]
/** After a lost connection, and while one side refuses the other. */
const REDIAL_MS: readonly [number, number] = [200, 800]
/** A channel that ended in an offence is opened again. */
const REOPEN_MS: readonly [number, number] = [50, 150]

/** What one side has sent on a channel. */
interface Lane {
  /** Sent and not handled yet. */
  bytes: number
  arrivesAtMs: number
}

/** One connection; it never comes back, the next one is another link. */
export class Link {
  readonly hosts: readonly [FabricHost, FabricHost]
  /** Open channels by protocol, each with the lanes of its two senders. */
  readonly open = new Map<string, ReadonlyMap<FabricHost, Lane>>()
  isUp = true

  constructor(a: FabricHost, b: FabricHost) {
    this.hosts = [a, b]
  }

  other(host: FabricHost): FabricHost {
    return this.hosts[0] === host ? this.hosts[1] : this.hosts[0]
  }

  /** Undefined when the channel is closed. */
  lane(from: FabricHost, protocol: string): Lane | undefined {
    return this.open.get(protocol)?.get(from)
  }
}

export class Fabric {
  readonly #random: Random
  readonly #scheduler: Scheduler
  readonly #faults: FabricFaults
  readonly #running = new Map<PeerKey, FabricHost>()
  readonly #links = new Map<string, Link>()
  /** Pairs with a dial that is due. */
  readonly #dialling = new Set<string>()
  #isHealed = false

  constructor(options: {
    readonly random: Random
    readonly scheduler: Scheduler
    readonly faults: FabricFaults
  }) {
    this.#random = options.random
    this.#scheduler = options.scheduler
    this.#faults = options.faults
  }

  /** Ends all loss. */
  heal(): void {
    this.#isHealed = true
  }

  /** A host listens and dials. */
  join(host: FabricHost): void {
    this.#running.set(host.peerId, host)
    for (const other of this.#running.values()) this.#redial(host, other, this.#faults.delayMs)
  }

  /** The host's process ends: its peers notice a closed connection. */
  leave(host: FabricHost): void {
    if (this.#running.get(host.peerId) !== host) return
    this.#running.delete(host.peerId)
    for (const link of this.linksOf(host)) this.disconnect(link, 'connection closed')
  }

  /** The set of peers has changed: connects those named, closes channels no longer allowed, opens missing ones. */
  review(host: FabricHost): void {
    if (this.#running.get(host.peerId) !== host) return
    for (const other of this.#running.values()) this.#redial(host, other, this.#faults.delayMs)
    for (const link of this.linksOf(host)) this.#openMissing(link)
  }

  linkOf(host: FabricHost, peer: PeerKey): Link | undefined {
    const link = this.#links.get(pairKey(host.peerId, peer))
    return link?.hosts.includes(host) === true ? link : undefined
  }

  /** In the order in which they were made. */
  linksOf(host: FabricHost): readonly Link[] {
    return [...this.#links.values()].filter(({ hosts }) => hosts.includes(host))
  }

  disconnect(link: Link, reason: string): void {
    if (!link.isUp) return
    link.isUp = false
    const [a, b] = link.hosts
    this.#links.delete(pairKey(a.peerId, b.peerId))
    for (const id of [...link.open.keys()]) this.#closeChannel(link, id, reason)
    for (const host of link.hosts) host.onDisconnected(link.other(host).peerId)
    this.#redial(a, b, REDIAL_MS)
  }

  /** Closes one channel after an offence; it opens again. */
  reopen(link: Link, spec: ProtocolSpec, reason: string): void {
    this.#closeChannel(link, spec.id, reason)
    this.#scheduler.after(this.#random.between(...REOPEN_MS), () => this.#openMissing(link))
  }

  /** Puts a frame on its way, behind the sender's earlier ones. */
  carry(link: Link, from: FabricHost, spec: ProtocolSpec, frame: Uint8Array): void {
    if (!this.#isHealed && this.#random.chance(this.#faults.lossRate)) return
    const channel = link.open.get(spec.id)
    const lane = channel?.get(from)
    if (lane === undefined) return
    lane.bytes += frame.length
    const delayMs = this.#random.between(...this.#delayOf(link))
    lane.arrivesAtMs = Math.max(lane.arrivesAtMs, this.#scheduler.nowMs + delayMs)
    this.#scheduler.at(lane.arrivesAtMs, () => {
      // Frames of a channel that was closed and opened again are lost.
      if (link.open.get(spec.id) === channel) link.other(from).receive(link, spec, frame)
    })
  }

  #delayOf({ hosts }: Link): readonly [number, number] {
    const { delayMs, nearPeer } = this.#faults
    return hosts.some(({ peerId }) => peerId === nearPeer) ? NEAR_MS : delayMs
  }

  #redial(a: FabricHost, b: FabricHost, [lowMs, highMs]: readonly [number, number]): void {
    const key = pairKey(a.peerId, b.peerId)
    if (a === b || this.#dialling.has(key) || this.#links.has(key)) return
    this.#dialling.add(key)
    this.#scheduler.after(this.#random.between(lowMs, highMs), () => {
      this.#dialling.delete(key)
      // A process that has restarted is another host with the same identity.
      const [one, other] = [this.#running.get(a.peerId), this.#running.get(b.peerId)]
      if (one === undefined || other === undefined || this.#links.has(key)) return
      if (!one.names(other.peerId) && !other.names(one.peerId)) return
      if (one.refuses(other.peerId) || other.refuses(one.peerId)) this.#redial(one, other, REDIAL_MS)
      else this.#connect(key, one, other)
    })
  }

  #connect(key: string, a: FabricHost, b: FabricHost): void {
    const link = new Link(a, b)
    this.#links.set(key, link)
    a.onConnected(b.peerId)
    b.onConnected(a.peerId)
    this.#openMissing(link)
  }

  #openMissing(link: Link): void {
    if (!link.isUp) return
    const [a, b] = link.hosts
    for (const spec of a.specs()) {
      if (b.handlerOf(spec.id) === undefined) continue
      const isAllowed = a.allows(b.peerId, spec) && b.allows(a.peerId, spec)
      if (!isAllowed) this.#closeChannel(link, spec.id, 'not a validator of the current set')
      else if (!link.open.has(spec.id)) {
        const lane = (): Lane => ({ bytes: 0, arrivesAtMs: 0 })
        link.open.set(spec.id, new Map(link.hosts.map((host) => [host, lane()])))
        for (const host of link.hosts) host.handlerOf(spec.id)?.onOpen?.(link.other(host).peerId)
      }
    }
  }

  #closeChannel(link: Link, id: string, reason: string): void {
    if (!link.open.delete(id)) return
    for (const host of link.hosts) {
      host.onChannelClosed(link, id)
      host.handlerOf(id)?.onClose?.(link.other(host).peerId, reason)
    }
  }
}

function pairKey(a: PeerKey, b: PeerKey): string {
  return a < b ? `${a} ${b}` : `${b} ${a}`
}
