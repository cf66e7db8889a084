// Request and response over one framed channel per peer: ids, time-outs, limits in flight and per second.
// Owns: matching answers to questions. Not: what the bytes mean.
import type { PeerKey } from './protocol.ts'

export type RequestFailure = 'timeout' | 'disconnected' | 'busy' | 'refused' | 'closed'

/** A request that got no answer; `busy` and `refused` are worth another peer or a later attempt. */
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
  /** Own requests awaiting an answer from one peer; the next one fails with `busy`. */
  readonly inFlightPerPeerMax: number
  /** Requests served per second for one peer; more are answered `busy`. */
  readonly servedPerSecondMax: number
  /** Default time-out of a request, ms. */
  readonly timeoutMs: number
  readonly consensusOnly: boolean
  /** Answers a peer's request; `undefined` refuses it. A throw is an offence of the peer. */
  serve(peer: PeerKey, request: Uint8Array): Promise<Uint8Array | undefined> | Uint8Array | undefined
}

export interface RequestResponse {
  /** Resolves with the answer; rejects with `RequestError`. */
  request(peer: PeerKey, request: Uint8Array, timeoutMs?: number): Promise<Uint8Array>
  /** Peers that can be asked now. */
  peers(): readonly PeerKey[]
}
