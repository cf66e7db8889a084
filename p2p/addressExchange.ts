// Members tell each other where each can be dialled, so that naming one is enough to reach all. On a new channel, and when the
// set changes, a node sends what it has (identity and number of each record); the other side answers with what is newer.
// Owns: the exchange, its bounds. Not: the records (addressRecord.ts), dialling (host.ts), the file (node/addressFile.ts).
import type { Hash32 } from '../base/ids.ts'
import { message, t } from '../base/schema.ts'
import { type AddressRecord, addressRecordSchema, signAddresses, verifyAddresses } from './addressRecord.ts'
import { type Allowance, Budget } from './budget.ts'
import { peerIdText } from './identity.ts'
import { STATIC_PEERS_MAX } from './limits.ts'
import type { P2pHost, PeerKey } from './protocol.ts'
import { BACKGROUND, type Timers } from './timers.ts'

export const ADDRESS_PROTOCOL = '/suanli/addresses/1'
const FRAME_BYTES_MAX = 64 * 1024
const QUEUE_BYTES_MAX = 16 * FRAME_BYTES_MAX
/** Of about a kilobyte at most. */
const RECORDS_PER_FRAME_MAX = 48
/** Repairs what a lost frame or a set that changed in between left out. */
const REPAIR_MS = 60_000
/** A member's address changes when it restarts or moves: a record that follows the last one sooner waits for the next repair. */
const NEWER_AFTER_MS = 5_000
/**
 * Frames of one peer: burst, and a second. One that sends more is read more slowly, which costs it no points: an honest member
 * passes on what many others say at once.
 */
const FRAMES: Allowance = { perSecond: 2, burst: 64 }
const FALSE_RECORD_POINTS = 25

const knownSchema = message('KnownAddresses', { peerId: t.bytes(64), sequence: t.u64 })
const exchangeSchema = message('AddressExchange', {
  /** What the sender has; absent in an answer. */
  known: t.optional(message('KnownAddressesList', { entries: t.list(knownSchema, STATIC_PEERS_MAX) })),
  records: t.list(addressRecordSchema, RECORDS_PER_FRAME_MAX),
})

/** One frame with at most 48 records. */
export function encodeAddressRecords(records: readonly AddressRecord[]): Uint8Array {
  return exchangeSchema.encode({ records: [...records] })
}

export interface AddressExchangeOptions {
  /** ed25519 seed of the own identity, 32 bytes. */
  readonly seed: Uint8Array
  readonly genesisHash: Hash32
  /** Records of an earlier run; those that do not verify are left out. */
  readonly stored: readonly AddressRecord[]
  /** Where others reach this node; asked when the exchange starts. */
  readonly ownAddresses: () => readonly string[]
  /** The records have changed; to be kept for the next start. */
  readonly onChange: (records: readonly AddressRecord[]) => void
  /** Unix time. */
  readonly nowMs: () => number
  /** Default: the process's. */
  readonly time?: { readonly clock: Timers; readonly random: () => number }
}

export interface AddressExchange {
  close(): void
}

interface Held {
  readonly record: AddressRecord
  readonly atMs: number
}

/** Adds the exchange to a host that has not started; it runs from the host's start on. */
export function createAddressExchange(host: P2pHost, options: AddressExchangeOptions): AddressExchange {
  return new Exchange(host, options)
}

class Exchange implements AddressExchange {
  readonly #host: P2pHost
  readonly #options: AddressExchangeOptions
  readonly #port: ReturnType<P2pHost['register']>
  /** By peer; those taken from others are of members at that time. */
  readonly #held = new Map<PeerKey, Held>()
  readonly #frames = new Map<PeerKey, Budget>()
  readonly #clock: Timers
  readonly #random: () => number
  #cancelRepair: (() => void) | undefined
  #isStarted = false

  constructor(host: P2pHost, options: AddressExchangeOptions) {
    this.#host = host
    this.#options = options
    this.#clock = options.time?.clock ?? BACKGROUND
    this.#random = options.time?.random ?? Math.random
    for (const record of options.stored.slice(0, STATIC_PEERS_MAX)) {
      if (verifyAddresses(record, options.genesisHash)) this.#hold(record, Number.NEGATIVE_INFINITY)
    }
    this.#port = host.register(
      {
        id: ADDRESS_PROTOCOL,
        frameBytesMax: FRAME_BYTES_MAX,
        queueBytesMax: QUEUE_BYTES_MAX,
        overflow: 'refuse',
        // Where members can be reached is told to members alone.
        consensusOnly: true,
      },
      {
        onOpen: (peer) => this.#sendKnown([peer]),
        onFrame: (peer, frame) => this.#onFrame(peer, frame),
      },
    )
    host.on('start', this.#start)
    host.on('peers:change', this.#onPeersChange)
  }

  /** Makes the own record and dials what an earlier run knew. */
  readonly #start = (): void => {
    this.#isStarted = true
    const addresses = this.#options.ownAddresses()
    const last = this.#held.get(this.#host.peerId)?.record.addresses
    if (last === undefined || last.addresses.join() !== addresses.join()) {
      this.#signOwn(addresses, { above: last?.sequence ?? 0, atMs: Number.NEGATIVE_INFINITY })
      this.#changed()
    }
    this.#onPeersChange()
    this.#repairLater()
  }

  #signOwn(addresses: readonly string[], { above, atMs }: { above: number; atMs?: number }): void {
    const { seed, genesisHash, nowMs } = this.#options
    const sequence = Math.max(nowMs(), above + 1)
    this.#hold(signAddresses(seed, { genesisHash, sequence, addresses }), atMs)
  }

  close(): void {
    this.#cancelRepair?.()
    this.#host.off('start', this.#start)
    this.#host.off('peers:change', this.#onPeersChange)
  }

  /** Dials who is known, and tells everybody what is known. */
  readonly #onPeersChange = (): void => {
    // Before the host has a set, every record would look like one of a stranger.
    if (!this.#isStarted) return
    for (const [peer, { record }] of this.#held) {
      if (peer === this.#host.peerId) continue
      if (this.#isMember(peer)) this.#learn(peer, record)
      // A node that is behind may not know the set of a record yet.
      else if (this.#held.size > STATIC_PEERS_MAX) this.#held.delete(peer)
    }
    for (const peer of this.#frames.keys()) if (!this.#isMember(peer)) this.#frames.delete(peer)
    this.#sendKnown(this.#port.peers())
  }

  #repairLater(): void {
    this.#cancelRepair = this.#clock.after(REPAIR_MS, () => {
      this.#repair()
      this.#repairLater()
    })
  }

  #repair(): void {
    const peers = this.#port.peers()
    const peer = peers[Math.floor(this.#random() * peers.length)]
    if (peer !== undefined) this.#sendKnown([peer])
  }

  #isMember(peer: PeerKey): boolean {
    return this.#host.getPeer(peer)?.known === true
  }

  #hold(record: AddressRecord, atMs = this.#clock.monotonicMs()): void {
    this.#held.set(peerIdText(record.addresses.peerId), { record, atMs })
  }

  /** Records that concern the others now: those of members and of this node. */
  #current(): readonly AddressRecord[] {
    const current = [...this.#held].filter(([peer]) => peer === this.#host.peerId || this.#isMember(peer))
    return current.map(([, { record }]) => record)
  }

  #changed(): void {
    this.#options.onChange([...this.#held.values()].map(({ record }) => record))
  }

  #sendKnown(peers: readonly PeerKey[]): void {
    if (peers.length === 0) return
    const entries = this.#current().map(({ addresses: { peerId, sequence } }) => ({ peerId, sequence }))
    const frame = exchangeSchema.encode({
      known: { entries: entries.slice(0, STATIC_PEERS_MAX) },
      records: [],
    })
    for (const peer of peers) this.#port.send(peer, frame)
  }

  #sendRecords(peers: readonly PeerKey[], records: readonly AddressRecord[]): void {
    for (let at = 0; at < records.length; at += RECORDS_PER_FRAME_MAX) {
      const frame = encodeAddressRecords(records.slice(at, at + RECORDS_PER_FRAME_MAX))
      for (const peer of peers) this.#port.send(peer, frame)
    }
  }

  #onFrame(peer: PeerKey, frame: Uint8Array): void | Promise<void> {
    const { known, records } = exchangeSchema.decode(frame)
    const fresh: AddressRecord[] = []
    for (const record of records) {
      // Asked for each in turn: of several of one member, the first makes the others old news.
      if (!this.#isNews(record)) continue
      if (!verifyAddresses(record, this.#options.genesisHash)) {
        this.#host.penalise(peer, FALSE_RECORD_POINTS, 'an address record that its member did not sign')
        break
      }
      this.#take(peerIdText(record.addresses.peerId), record)
      fresh.push(record)
    }
    if (fresh.length > 0) {
      this.#changed()
      this.#sendRecords(
        this.#port.peers().filter((other) => other !== peer),
        fresh,
      )
    }
    if (known !== undefined) this.#answer(peer, known.entries)
    return this.#earned(peer)
  }

  /** Charges a frame; resolves when the peer has credit again, undefined when it has. */
  #earned(peer: PeerKey): Promise<void> | undefined {
    const budget = this.#frames.get(peer) ?? new Budget(FRAMES, () => this.#clock.monotonicMs())
    this.#frames.set(peer, budget)
    budget.charge(1)
    const waitMs = Math.ceil(budget.waitMs())
    return waitMs === 0 ? undefined : new Promise((resolve) => void this.#clock.after(waitMs, resolve))
  }

  /** Checked before the signature, which costs more. Records of others are no offence: sets change at different moments. */
  #isNews({ addresses: { peerId, sequence } }: AddressRecord): boolean {
    const peer = peerIdText(peerId)
    if (peer !== this.#host.peerId && !this.#isMember(peer)) return false
    const held = this.#held.get(peer)
    if (held === undefined) return true
    return sequence > held.record.addresses.sequence && this.#clock.monotonicMs() - held.atMs > NEWER_AFTER_MS
  }

  #learn(peer: PeerKey, record: AddressRecord): void {
    try {
      this.#host.learn(peer, record.addresses.addresses)
    } catch {
      // Its member signed an address that nobody can dial: its own loss.
    }
  }

  #take(peer: PeerKey, record: AddressRecord): void {
    if (peer !== this.#host.peerId) {
      this.#hold(record)
      this.#learn(peer, record)
      return
    }
    // This node said so in an earlier life that it has forgotten, maybe with a clock that was ahead.
    this.#signOwn(this.#options.ownAddresses(), { above: record.addresses.sequence })
    this.#sendRecords(this.#port.peers(), [this.#held.get(peer)!.record])
  }

  #answer(peer: PeerKey, entries: readonly { peerId: Uint8Array; sequence: number }[]): void {
    const theirs = new Map(entries.map(({ peerId, sequence }) => [peerIdText(peerId), sequence]))
    const newer = this.#current().filter(
      ({ addresses: { peerId, sequence } }) => sequence > (theirs.get(peerIdText(peerId)) ?? -1),
    )
    this.#sendRecords([peer], newer)
  }
}
