// Request and response over one framed channel per peer: ids, time-outs, in-flight and rate limits.
// Owns: matching responses to requests. Not: what the bytes mean.
import { concatBytes } from '../base/bytes.ts'
import { SchemaError } from '../base/field.ts'
import { Allowances } from './allowances.ts'
import { FrameError } from './frames.ts'
import { UNKNOWN_PEERS_MAX } from './limits.ts'
import type { P2pHost, PeerKey, ProtocolPort } from './protocol.ts'
import { ServingTurns } from './servingTurns.ts'
import { STRANGERS_PER_GROUP_MAX } from './strangers.ts'
import { MONOTONIC, type Timers } from './timers.ts'

export type RequestFailure = 'timeout' | 'disconnected' | 'busy' | 'refused' | 'closed'

/** A request without an answer; on `busy` and `refused` try another peer or later. */
export class RequestError extends Error {
  readonly code: RequestFailure
  readonly peer: PeerKey
  constructor(options: { code: RequestFailure; peer: PeerKey; reason: string }) {
    super(`request to ${options.peer}: ${options.reason}`)
    this.name = 'RequestError'
    this.code = options.code
    this.peer = options.peer
  }
}

export interface RequestResponseOptions {
  /** Protocol id, e.g. `/suanli/fetch/1`. */
  readonly id: string
  readonly requestBytesMax: number
  readonly responseBytesMax: number
  /** Own requests in flight to one peer; the next one fails with `busy`. */
  readonly inFlightPerPeerMax: number
  /** Requests served per second and identity, however often it connects; more are answered `busy`, and a flood is an offence. */
  readonly servedPerSecondMax: number
  /** Default time-out of a request, ms. */
  readonly timeoutMs: number
  readonly consensusOnly: boolean
  /** Default: the process's monotonic one. */
  readonly clock?: Timers
  /** Serves a peer's request; `undefined` refuses it. A SchemaError is the peer's offence, any other throw is logged. */
  serve(peer: PeerKey, request: Uint8Array): Promise<Uint8Array | undefined> | Uint8Array | undefined
}

export interface RequestResponse {
  /** Resolves with the answer; rejects with `RequestError`. */
  request(peer: PeerKey, request: Uint8Array, timeoutMs?: number): Promise<Uint8Array>
  /** Peers with an open channel. */
  peers(): readonly PeerKey[]
  /** Fails every request in flight. */
  close(): void
}

const KIND_REQUEST = 0
const KIND_RESPONSE = 1
const KIND_BUSY = 2
const KIND_REFUSED = 3
/** Kind and request number. */
const ENVELOPE_BYTES = 5
const OFFENCE_POINTS = 10

/** Adds a request protocol to a host that has not started. */
export function createRequestResponse(host: P2pHost, options: RequestResponseOptions): RequestResponse {
  return new Requests(host, options)
}

interface InFlight {
  readonly peer: PeerKey
  readonly cancelTimer: () => void
  resolve(response: Uint8Array): void
  reject(error: RequestError): void
}

/** Requests of one peer's open channel that this node serves. */
interface Client {
  serving: number
}

class Requests implements RequestResponse {
  readonly #host: P2pHost
  readonly #options: RequestResponseOptions
  readonly #clock: Timers
  readonly #port: ProtocolPort
  readonly #inFlight = new Map<number, InFlight>()
  readonly #clients = new Map<PeerKey, Client>()
  readonly #allowances: Allowances
  readonly #turns: ServingTurns
  #nextId = 0
  #closed = false

  constructor(host: P2pHost, options: RequestResponseOptions) {
    this.#host = host
    this.#options = options
    this.#clock = options.clock ?? MONOTONIC
    this.#turns = new ServingTurns({
      clock: this.#clock,
      isKnown: (peer) => host.getPeer(peer)?.known === true,
    })
    const { servedPerSecondMax } = options
    const timesServed = (times: number) => ({
      perSecond: times * servedPerSecondMax,
      burst: times * servedPerSecondMax,
    })
    this.#allowances = new Allowances(
      host,
      {
        peer: timesServed(1),
        address: timesServed(STRANGERS_PER_GROUP_MAX),
        strangers: timesServed(UNKNOWN_PEERS_MAX),
      },
      () => this.#clock.monotonicMs(),
    )
    const frameBytesMax = Math.max(options.requestBytesMax, options.responseBytesMax) + ENVELOPE_BYTES
    this.#port = host.register(
      {
        id: options.id,
        frameBytesMax,
        // Room for every answer a peer may have outstanding, so that an honest peer never overflows the queue.
        queueBytesMax: (options.inFlightPerPeerMax + 1) * (frameBytesMax + ENVELOPE_BYTES),
        overflow: 'refuse',
        consensusOnly: options.consensusOnly,
      },
      {
        onFrame: (peer, frame) => this.#onFrame(peer, frame),
        onClose: (peer, reason) => this.#onClose(peer, reason),
      },
    )
  }

  peers(): readonly PeerKey[] {
    return this.#port.peers()
  }

  request(peer: PeerKey, request: Uint8Array, timeoutMs = this.#options.timeoutMs): Promise<Uint8Array> {
    const failure = (code: RequestFailure, reason: string) => new RequestError({ code, peer, reason })
    if (request.length > this.#options.requestBytesMax) {
      throw new RangeError(
        `${this.#options.id}: a request has at most ${this.#options.requestBytesMax} bytes`,
      )
    }
    if (this.#closed) return Promise.reject(failure('closed', 'this node is shutting down'))
    let waiting = 0
    for (const entry of this.#inFlight.values()) if (entry.peer === peer) waiting++
    if (waiting >= this.#options.inFlightPerPeerMax) {
      return Promise.reject(failure('busy', `${waiting} requests are in flight`))
    }
    const id = this.#freeId()
    return new Promise((resolve, reject) => {
      const cancelTimer = this.#clock.after(timeoutMs, () =>
        this.#take(id)?.reject(failure('timeout', `no answer within ${timeoutMs} ms`)),
      )
      this.#inFlight.set(id, { peer, cancelTimer, resolve, reject })
      if (!this.#port.send(peer, envelope(KIND_REQUEST, id, request))) {
        this.#take(id)?.reject(failure('disconnected', 'no open channel'))
      }
    })
  }

  close(): void {
    this.#closed = true
    for (const [id, { peer }] of [...this.#inFlight]) {
      this.#take(id)?.reject(new RequestError({ code: 'closed', peer, reason: 'this node is shutting down' }))
    }
  }

  #freeId(): number {
    do this.#nextId = (this.#nextId + 1) >>> 0
    while (this.#inFlight.has(this.#nextId))
    return this.#nextId
  }

  #take(id: number): InFlight | undefined {
    const entry = this.#inFlight.get(id)
    if (entry === undefined) return undefined
    entry.cancelTimer()
    this.#inFlight.delete(id)
    return entry
  }

  #onClose(peer: PeerKey, reason: string): void {
    this.#clients.delete(peer)
    this.#turns.forget(peer)
    for (const [id, entry] of [...this.#inFlight]) {
      if (entry.peer === peer)
        this.#take(id)?.reject(new RequestError({ code: 'disconnected', peer, reason }))
    }
  }

  #onFrame(peer: PeerKey, frame: Uint8Array): void {
    if (frame.length < ENVELOPE_BYTES) throw new FrameError('truncated request envelope')
    const kind = frame[0]!
    const id = new DataView(frame.buffer, frame.byteOffset).getUint32(1)
    const body = frame.subarray(ENVELOPE_BYTES)
    if (kind === KIND_REQUEST) {
      this.#onRequest(peer, id, body)
      return
    }
    if (kind > KIND_REFUSED) throw new FrameError(`unknown request envelope ${kind}`)
    // Ignore an answer after its time-out and an answer for another peer.
    if (this.#inFlight.get(id)?.peer !== peer) return
    if (kind === KIND_RESPONSE && body.length > this.#options.responseBytesMax) {
      throw new FrameError(
        `response of ${body.length} bytes, at most ${this.#options.responseBytesMax} allowed`,
      )
    }
    const entry = this.#take(id)!
    if (kind === KIND_RESPONSE) entry.resolve(body)
    else if (kind === KIND_BUSY) {
      entry.reject(new RequestError({ code: 'busy', peer, reason: 'the peer is busy' }))
    } else entry.reject(new RequestError({ code: 'refused', peer, reason: 'the peer refused' }))
  }

  #onRequest(peer: PeerKey, id: number, body: Uint8Array): void {
    if (body.length > this.#options.requestBytesMax) {
      throw new FrameError(
        `request of ${body.length} bytes, at most ${this.#options.requestBytesMax} allowed`,
      )
    }
    const taking = this.#allowances.take(peer, 1)
    if (taking === 'flood') {
      this.#host.penalise(peer, OFFENCE_POINTS, `${this.#options.id}: too many requests`)
      return
    }
    const client = this.#clientOf(peer)
    if (taking !== 'taken' || client.serving >= this.#options.inFlightPerPeerMax) {
      this.#port.send(peer, envelope(KIND_BUSY, id))
      return
    }
    client.serving++
    this.#turns.add(peer, () => this.#answer(client, peer, id, body))
  }

  /** Resolves with the bytes of the answer. */
  async #answer(client: Client, peer: PeerKey, id: number, body: Uint8Array): Promise<number> {
    return await this.#serve(peer, id, body)
      .catch((error) => {
        this.#port.send(peer, envelope(KIND_REFUSED, id))
        if (error instanceof SchemaError) {
          this.#host.penalise(
            peer,
            OFFENCE_POINTS,
            `${this.#options.id}: malformed request: ${error.message}`,
          )
        } else
          this.#host.logger.warn({ peer, protocolId: this.#options.id, err: error }, 'request not served')
        return 0
      })
      .finally(() => {
        client.serving--
      })
  }

  async #serve(peer: PeerKey, id: number, body: Uint8Array): Promise<number> {
    const response = await this.#options.serve(peer, body)
    if (response === undefined || response.length > this.#options.responseBytesMax) {
      this.#port.send(peer, envelope(KIND_REFUSED, id))
      return 0
    }
    if (this.#port.send(peer, envelope(KIND_RESPONSE, id, response))) return response.length
    this.#port.send(peer, envelope(KIND_BUSY, id))
    return 0
  }

  #clientOf(peer: PeerKey): Client {
    const client = this.#clients.get(peer) ?? { serving: 0 }
    this.#clients.set(peer, client)
    return client
  }
}

function envelope(kind: number, id: number, body: Uint8Array = new Uint8Array(0)): Uint8Array {
  const head = new Uint8Array(ENVELOPE_BYTES)
  head[0] = kind
  new DataView(head.buffer).setUint32(1, id)
  return concatBytes(head, body)
}
