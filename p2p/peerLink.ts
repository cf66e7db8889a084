// The live state of one remote peer: its connections and one channel per protocol.
// Owns: which connection is used, who opens streams, reopening. Not: dialling, penalties, the set of peers (host.ts).
//
// The node with the lower peer id opens every stream and so alone decides which connection is used:
// a simultaneous dial needs no negotiation, and no message is lost on an abandoned connection.
import type { Connection, MessageStream, Stream } from '@libp2p/interface'
import { assert } from '../base/assert.ts'
import type { Hash32 } from '../base/ids.ts'
import { Channel, type CloseKind, refuseStream } from './channel.ts'
import type { PeerKey, ProtocolHandler, ProtocolSpec } from './protocol.ts'

const OPEN_TIMEOUT_MS = 5_000
const REOPEN_FIRST_MS = 100
const REOPEN_MAX_MS = 2_000
/** A channel that lived so long is reopened at once. */
const LASTING_MS = 2_000
/** A second connection within this time comes from a simultaneous dial; a later one replaces a dead connection. */
const RACE_MS = 3_000
const CONNECTIONS_MAX = 2

export interface Protocol {
  readonly spec: ProtocolSpec
  readonly handler: ProtocolHandler
}

export interface ChannelEnd {
  readonly protocolId: string
  readonly kind: CloseKind
  readonly reason: string
  /** What a handler threw. */
  readonly error: unknown
}

export interface PeerLinkOptions {
  readonly peer: PeerKey
  /** Multihash bytes. */
  readonly peerId: Uint8Array
  /** Where it connected from: addressGroup.ts. */
  readonly group: string
  /** This side opens the streams. */
  readonly opener: boolean
  readonly genesisHash: Hash32
  readonly protocols: ReadonlyMap<string, Protocol>
  /** Why the peer may not use a protocol now, or undefined. */
  refusalFor(spec: ProtocolSpec): string | undefined
  /** Whether these bytes may wait for the peer: outbox.ts. */
  mayQueue(bytes: number): boolean
  onConnected(): void
  onDisconnected(): void
  onChannelClosed(end: ChannelEnd): void
}

interface Slot {
  channel: Channel | undefined
  timer: NodeJS.Timeout | undefined
  attempts: number
}

export class PeerLink {
  readonly peer: PeerKey
  readonly peerId: Uint8Array
  readonly group: string
  readonly connectedAtMs = performance.now()
  /** When a protocol last took a frame of this peer (`performance.now()`). */
  usedAtMs: number | undefined
  #isLeaving = false
  readonly #options: PeerLinkOptions
  /** Oldest first; the opener uses the first. */
  #connections: { readonly connection: Connection; readonly atMs: number }[] = []
  readonly #slots = new Map<string, Slot>()

  constructor(options: PeerLinkOptions) {
    this.peer = options.peer
    this.peerId = options.peerId
    this.group = options.group
    this.#options = options
    for (const id of options.protocols.keys()) {
      this.#slots.set(id, { channel: undefined, timer: undefined, attempts: 0 })
    }
  }

  get connected(): boolean {
    return this.#connections.length > 0
  }

  /** Told to go: its connections are closing. */
  get isLeaving(): boolean {
    return this.#isLeaving
  }

  get remoteAddress(): string | undefined {
    return this.#connections[0]?.connection.remoteAddr.toString()
  }

  /** Of the last ping on the connection in use. */
  get roundTripMs(): number | undefined {
    return this.#connections[0]?.connection.rtt
  }

  /** Bytes that wait for the peer on all channels. */
  get queuedBytes(): number {
    let sum = 0
    for (const { channel } of this.#slots.values()) sum += channel?.queuedBytes ?? 0
    return sum
  }

  /** How long the oldest of them has waited, ms. */
  get lagMs(): number {
    let most = 0
    for (const { channel } of this.#slots.values()) most = Math.max(most, channel?.lagMs ?? 0)
    return most
  }

  openChannel(protocolId: string): Channel | undefined {
    const channel = this.#slots.get(protocolId)?.channel
    return channel?.isOpen === true ? channel : undefined
  }

  openProtocols(): readonly string[] {
    return [...this.#slots.keys()].filter((id) => this.openChannel(id) !== undefined)
  }

  addConnection(connection: Connection): void {
    const wasConnected = this.connected
    this.#isLeaving = false
    const nowMs = performance.now()
    const first = this.#connections[0]
    if (this.#options.opener && first !== undefined) {
      if (nowMs - first.atMs < RACE_MS && first.connection.status === 'open') {
        closeConnection(connection)
        return
      }
      this.#connections = []
      this.#closeChannels('replaced by a newer connection')
      closeConnection(first.connection)
    }
    this.#connections.push({ connection, atMs: nowMs })
    if (this.#connections.length > CONNECTIONS_MAX) closeConnection(this.#connections.shift()!.connection)
    if (!wasConnected) this.#options.onConnected()
    if (this.#options.opener) this.openMissing()
  }

  removeConnection(connection: Connection): void {
    const before = this.#connections.length
    this.#connections = this.#connections.filter((c) => c.connection !== connection)
    if (before === 0 || this.#connections.length > 0) return
    this.#closeChannels('connection closed')
    this.#options.onDisconnected()
  }

  /** Opens allowed channels that are missing; closes channels that are no longer allowed. */
  openMissing(): void {
    for (const [id, { spec }] of this.#options.protocols) {
      const slot = this.#slots.get(id)!
      const refusal = this.#options.refusalFor(spec)
      if (refusal !== undefined) {
        clearTimeout(slot.timer)
        slot.timer = undefined
        slot.channel?.close(refusal)
      } else if (this.#options.opener && slot.channel === undefined && slot.timer === undefined) {
        slot.attempts = 0
        this.#schedule(id, slot, 0)
      }
    }
  }

  /** A stream the peer opened. */
  acceptStream(protocolId: string, stream: Stream, connection: Connection): void {
    const { opener, genesisHash, protocols } = this.#options
    const protocol = protocols.get(protocolId)!
    const refusal = opener ? 'the other side opens streams' : this.#options.refusalFor(protocol.spec)
    if (refusal !== undefined) {
      refuseStream(stream, genesisHash, refusal)
      return
    }
    const slot = this.#slots.get(protocolId)!
    slot.channel?.close('replaced by a newer stream')
    this.#attach(protocolId, slot, stream, connection)
  }

  /** Ends every channel and connection. */
  disconnect(reason: string): void {
    this.#isLeaving = true
    this.#closeChannels(reason)
    for (const { connection } of this.#connections) closeConnection(connection)
  }

  #closeChannels(reason: string): void {
    for (const slot of this.#slots.values()) {
      clearTimeout(slot.timer)
      slot.timer = undefined
      slot.attempts = 0
      slot.channel?.close(reason)
      // Closing must not have scheduled a reopening.
      clearTimeout(slot.timer)
      slot.timer = undefined
    }
  }

  #schedule(id: string, slot: Slot, delayMs: number): void {
    clearTimeout(slot.timer)
    slot.timer = setTimeout(() => {
      void this.#open(id, slot).catch(() => {
        // #open has scheduled a retry; a dead connection reports itself.
      })
    }, delayMs)
  }

  async #open(id: string, slot: Slot): Promise<void> {
    const current = this.#connections[0]
    const { spec } = this.#options.protocols.get(id)!
    // The timer stays set while the stream is negotiated, so that no second stream is opened.
    if (current === undefined || slot.channel !== undefined || this.#options.refusalFor(spec) !== undefined) {
      slot.timer = undefined
      return
    }
    const timer = slot.timer
    try {
      const stream = await current.connection.newStream(id, { signal: AbortSignal.timeout(OPEN_TIMEOUT_MS) })
      if (slot.timer !== timer || this.#connections[0] !== current) {
        stream.abort(new Error('the connection was abandoned'))
        return
      }
      slot.timer = undefined
      this.#attach(id, slot, stream, current.connection)
    } catch (error) {
      if (slot.timer === timer) this.#retry(id, slot)
      throw error
    }
  }

  #retry(id: string, slot: Slot): void {
    const delayMs = Math.min(REOPEN_MAX_MS, REOPEN_FIRST_MS * 2 ** Math.min(slot.attempts, 10))
    slot.attempts++
    this.#schedule(id, slot, delayMs * (0.5 + Math.random() / 2))
  }

  #attach(id: string, slot: Slot, stream: Stream, connection: Connection): void {
    const atMs = performance.now()
    const { handler, spec } = this.#options.protocols.get(id)!
    const below = belowStreams(connection)
    let isUsed = false
    const channel = new Channel({
      stream,
      spec,
      genesisHash: this.#options.genesisHash,
      isSaturated: () => below.writableNeedsDrain,
      mayQueue: (bytes) => this.#options.mayQueue(bytes),
      onOpen: () => {
        handler.onOpen?.(this.peer)
      },
      onFrame: (frame) => {
        this.usedAtMs = performance.now()
        isUsed = true
        return handler.onFrame(this.peer, frame)
      },
      onClose: (kind, reason, error) => {
        // Only a channel that was of use for a while: who closes each at once must not have streams opened without end.
        if (isUsed && performance.now() - atMs >= LASTING_MS) slot.attempts = 0
        this.#onChannelClosed(slot, { protocolId: id, kind, reason, error })
      },
    })
    slot.channel = channel
  }

  #onChannelClosed(slot: Slot, end: ChannelEnd): void {
    slot.channel = undefined
    this.#options.protocols.get(end.protocolId)!.handler.onClose?.(this.peer, end.reason)
    this.#options.onChannelClosed(end)
    if (this.#options.opener && this.connected && slot.timer === undefined) this.#retry(end.protocolId, slot)
  }
}

/** The encrypted stream that all streams of a connection share. */
function belowStreams(connection: Connection): Pick<MessageStream, 'writableNeedsDrain'> {
  const { muxer } = connection as { readonly muxer?: { readonly maConn?: MessageStream } }
  assert(
    typeof muxer?.maConn?.writableNeedsDrain === 'boolean',
    'a connection of libp2p has a muxer above a stream',
  )
  return muxer.maConn
}

/** Flushes pending writes, then closes. */
function closeConnection(connection: Connection): void {
  connection.close({ signal: AbortSignal.timeout(500) }).catch((error) => connection.abort(error))
}
