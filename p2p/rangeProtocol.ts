// Block range sync: serves ranges from injected callbacks and requests them from peers.
// Owns: the protocol and its limits. Not: peer selection (rangeDownload.ts), verification (the caller).

import { errorText } from '../base/errors.ts'
import { SchemaError } from '../base/field.ts'
import { SYNC_RANGE_BYTES_MAX, SYNC_RANGE_COUNT_MAX, SYNC_RESPONSE_BYTES_MAX } from './limits.ts'
import { PeerScores } from './peerScores.ts'
import type { P2pHost, PeerKey } from './protocol.ts'
import { type DownloadOptions, type RangeDownload, WindowedDownload } from './rangeDownload.ts'
import { createRequestResponse, type RequestResponse } from './requestResponse.ts'
import {
  type RangeItem,
  rangeSchema,
  SYNC_REQUEST_BYTES_MAX,
  type SyncStatus,
  statusSchema,
  syncRequestSchema,
} from './syncMessages.ts'
import { MONOTONIC, type Timers } from './timers.ts'

export const RANGE_PROTOCOL = '/suanli/sync/1'
const TIMEOUT_MS = 5_000
const IN_FLIGHT_PER_PEER_MAX = 4
const SERVED_PER_SECOND_MAX = 50
const MALFORMED_POINTS = 60

/** An answer that no honest peer gives. */
export class MalformedAnswerError extends Error {
  readonly code = 'MalformedAnswerError'
  readonly peer: PeerKey
  constructor(peer: PeerKey, reason: string) {
    super(`sync from ${peer}: ${reason}`)
    this.name = 'MalformedAnswerError'
    this.peer = peer
  }
}

/** The data this node serves. */
export interface SyncSource {
  status(): SyncStatus
  /**
   * Consecutive blocks from `fromHeight`: at most `countMax` and `bytesMax` bytes, but always the first;
   * fewer or none when not held. Ends at a certified block if one of them is (CONSENSUS §4 "Catch-up").
   */
  range(options: {
    readonly fromHeight: number
    readonly countMax: number
    readonly bytesMax: number
  }): Promise<readonly RangeItem[]> | readonly RangeItem[]
}

export interface RangeProtocol {
  /** Rejects with `RequestError`, or `MalformedAnswerError` on a malformed answer. */
  fetchStatus(peer: PeerKey): Promise<SyncStatus>
  fetchRange(peer: PeerKey, fromHeight: number, count: number): Promise<readonly RangeItem[]>
  /** Starts downloading a stretch of heights from all peers that have it; `close` it when done. */
  download(options: DownloadOptions): RangeDownload
  /** Peers that can be asked, best first. */
  peers(): readonly PeerKey[]
  /** Fails requests in flight. */
  close(): void
}

/** Adds the sync protocol to a host that has not started. */
export function createRangeProtocol(
  host: P2pHost,
  source: SyncSource,
  options: { timeoutMs?: number; clock?: Timers; random?: () => number } = {},
): RangeProtocol {
  const clock = options.clock ?? MONOTONIC
  const requests = createRequestResponse(host, {
    id: RANGE_PROTOCOL,
    requestBytesMax: SYNC_REQUEST_BYTES_MAX,
    responseBytesMax: SYNC_RESPONSE_BYTES_MAX,
    inFlightPerPeerMax: IN_FLIGHT_PER_PEER_MAX,
    servedPerSecondMax: SERVED_PER_SECOND_MAX,
    timeoutMs: options.timeoutMs ?? TIMEOUT_MS,
    consensusOnly: false,
    clock,
    serve: (_peer, request) => serve(source, request),
  })
  return new RangeClient(host, requests, clock, new PeerScores(() => clock.monotonicMs(), options.random))
}

async function serve(source: SyncSource, request: Uint8Array): Promise<Uint8Array | undefined> {
  const wanted = syncRequestSchema.decode(request)
  if (wanted.kind === 'status') return statusSchema.encode(source.status())
  const countMax = Math.min(wanted.count, SYNC_RANGE_COUNT_MAX)
  if (countMax === 0) throw new SchemaError('expected at least 1', 'count')
  const { fromHeight } = wanted
  const items = await source.range({ fromHeight, countMax, bytesMax: SYNC_RANGE_BYTES_MAX })
  const fitting: RangeItem[] = []
  let size = 0
  for (const item of items.slice(0, countMax)) {
    size += item.block.length
    if (fitting.length > 0 && size > SYNC_RANGE_BYTES_MAX) break
    fitting.push(item)
  }
  return rangeSchema.encode({ items: fitting })
}

class RangeClient implements RangeProtocol {
  readonly #host: P2pHost
  readonly #requests: RequestResponse
  readonly #scores: PeerScores
  readonly #clock: Timers

  constructor(host: P2pHost, requests: RequestResponse, clock: Timers, scores: PeerScores) {
    this.#host = host
    this.#requests = requests
    this.#clock = clock
    this.#scores = scores
  }

  peers(): readonly PeerKey[] {
    return this.#scores.ranked(this.#requests.peers())
  }

  close(): void {
    this.#requests.close()
  }

  async fetchStatus(peer: PeerKey): Promise<SyncStatus> {
    const request = syncRequestSchema.encode({ kind: 'status', fromHeight: 0, count: 0 })
    return this.#decode(peer, await this.#requests.request(peer, request), statusSchema)
  }

  async fetchRange(peer: PeerKey, fromHeight: number, count: number): Promise<readonly RangeItem[]> {
    const countMax = Math.min(count, SYNC_RANGE_COUNT_MAX)
    const request = syncRequestSchema.encode({ kind: 'range', fromHeight, count: countMax })
    const range = this.#decode(peer, await this.#requests.request(peer, request), rangeSchema)
    if (range.items.length > countMax) {
      const reason = `${range.items.length} blocks where ${countMax} were requested`
      this.#host.penalise(peer, MALFORMED_POINTS, reason)
      throw new MalformedAnswerError(peer, reason)
    }
    return range.items
  }

  download(options: DownloadOptions): RangeDownload {
    return new WindowedDownload(this, this.#host, this.#scores, { clock: this.#clock, ...options })
  }

  #decode<T>(peer: PeerKey, bytes: Uint8Array, schema: { decode(bytes: Uint8Array): T }): T {
    try {
      return schema.decode(bytes)
    } catch (cause) {
      const reason = `malformed answer: ${errorText(cause)}`
      this.#host.penalise(peer, MALFORMED_POINTS, reason)
      throw new MalformedAnswerError(peer, reason)
    }
  }
}
