// Block range sync: serves ranges from injected callbacks and catches up from whichever peers prove useful.
// Owns: asking, limits, scoring and rotation of peers. Not: verification of blocks (the caller's verdict).

import { SchemaError } from '../base/field.ts'
import type { Hash32 } from '../base/ids.ts'
import { SYNC_RANGE_BYTES_MAX, SYNC_RANGE_COUNT_MAX, SYNC_RESPONSE_BYTES_MAX } from './limits.ts'
import { PeerScores } from './peerScores.ts'
import type { P2pHost, PeerKey } from './protocol.ts'
import { createRequestResponse, type RequestResponse } from './requestResponse.ts'
import { rangeSchema, SYNC_REQUEST_BYTES_MAX, statusSchema, syncRequestSchema } from './syncMessages.ts'

export const SYNC_PROTOCOL = '/suanli/sync/1'
const TIMEOUT_MS = 5_000
const IN_FLIGHT_PER_PEER_MAX = 4
const SERVED_PER_SECOND_MAX = 50
/** Peers asked for their status in one round. */
const STATUS_PEERS_MAX = 16
const RANGE_COUNT = 64
/** A range that does not verify: four of them and the peer is refused for a while. */
const LIE_POINTS = 30
const MALFORMED_POINTS = 60

/** A peer answered what no honest peer answers. */
export class SyncError extends Error {
  readonly code = 'SyncError'
  readonly peer: PeerKey
  constructor(peer: PeerKey, reason: string) {
    super(`sync from ${peer}: ${reason}`)
    this.name = 'SyncError'
    this.peer = peer
  }
}

/** A peer's claimed tip: a hint, never a target (CONSENSUS §4 catch-up). */
export interface SyncStatus {
  readonly height: number
  readonly hash: Hash32
}

export interface RangeItem {
  readonly block: Uint8Array
  /** Finalization certificate bytes; absent where the next certified block covers it. */
  readonly certificate?: Uint8Array | undefined
  /** The recovery file by which the epoch of this block began; beside its first block, one in a range. */
  readonly recovery?: Uint8Array | undefined
}

/** Where served answers come from. */
export interface SyncSource {
  status(): SyncStatus
  /**
   * Consecutive blocks from `fromHeight`: at most `countMax`, and no more than `bytesMax` bytes of them except that
   * the first always comes; fewer or none when not held.
   */
  range(options: {
    readonly fromHeight: number
    readonly countMax: number
    readonly bytesMax: number
  }): Promise<readonly RangeItem[]> | readonly RangeItem[]
}

/** `nextHeight` is what is wanted next: beyond `fromHeight`, at most the end of the range. */
export type RangeVerdict =
  | { readonly accept: true; readonly nextHeight: number }
  | { readonly accept: false; readonly reason: string }
  /** Only this node's operator can decide: no fault of the peer, and another one may have what needs no decision. */
  | { readonly accept: false; readonly waits: true }

export interface CatchUpOptions {
  readonly fromHeight: number
  /** Verifies and imports a range; a rejection drops the peer and the range is asked of another. */
  verify(items: readonly RangeItem[], fromHeight: number, peer: PeerKey): Promise<RangeVerdict>
  readonly signal?: AbortSignal
}

export interface Sync {
  /** Rejects with `RequestError`, or `SyncError` on a malformed answer. */
  fetchStatus(peer: PeerKey): Promise<SyncStatus>
  fetchRange(peer: PeerKey, fromHeight: number, count: number): Promise<readonly RangeItem[]>
  /** Fetches until no peer claims more; resolves with the next height wanted. */
  catchUp(options: CatchUpOptions): Promise<number>
  /** Peers that can be asked, best first. */
  peers(): readonly PeerKey[]
  /** Fails what is in flight. */
  close(): void
}

/** Adds the sync protocol to a host that has not started. */
export function createSync(host: P2pHost, source: SyncSource, options: { timeoutMs?: number } = {}): Sync {
  const requests = createRequestResponse(host, {
    id: SYNC_PROTOCOL,
    requestBytesMax: SYNC_REQUEST_BYTES_MAX,
    responseBytesMax: SYNC_RESPONSE_BYTES_MAX,
    inFlightPerPeerMax: IN_FLIGHT_PER_PEER_MAX,
    servedPerSecondMax: SERVED_PER_SECOND_MAX,
    timeoutMs: options.timeoutMs ?? TIMEOUT_MS,
    consensusOnly: false,
    serve: (_peer, request) => serve(source, request),
  })
  return new SyncClient(host, requests)
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

interface Candidate {
  readonly peer: PeerKey
  readonly height: number
}

interface Fetched {
  readonly peer: PeerKey
  readonly fromHeight: number
  readonly items: readonly RangeItem[]
}

class SyncClient implements Sync {
  readonly #host: P2pHost
  readonly #requests: RequestResponse
  readonly #scores = new PeerScores()

  constructor(host: P2pHost, requests: RequestResponse) {
    this.#host = host
    this.#requests = requests
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
      const reason = `${range.items.length} blocks where ${countMax} were asked for`
      this.#host.penalise(peer, MALFORMED_POINTS, reason)
      throw new SyncError(peer, reason)
    }
    return range.items
  }

  async catchUp(options: CatchUpOptions): Promise<number> {
    let nextHeight = options.fromHeight
    while (options.signal?.aborted !== true) {
      const candidates = await this.#candidates(nextHeight)
      if (candidates.length === 0) break
      nextHeight = await this.#pull(candidates, nextHeight, options)
    }
    return nextHeight
  }

  /** Usable peers that claim to hold `height`, best first. */
  async #candidates(height: number): Promise<readonly Candidate[]> {
    const asked = this.#scores.usable(this.peers()).slice(0, STATUS_PEERS_MAX)
    const answers = await Promise.all(
      asked.map(async (peer) => {
        try {
          return { peer, height: (await this.fetchStatus(peer)).height }
        } catch {
          this.#scores.fail(peer)
          return undefined
        }
      }),
    )
    return answers.filter((answer) => answer !== undefined && answer.height >= height) as Candidate[]
  }

  /** Imports ranges while the claims of this round last; the next range is fetched while one is verified. */
  async #pull(
    candidates: readonly Candidate[],
    fromHeight: number,
    options: CatchUpOptions,
  ): Promise<number> {
    let nextHeight = fromHeight
    let ahead: Promise<Fetched | undefined> | undefined
    while (options.signal?.aborted !== true) {
      const fetched = (await ahead) ?? (await this.#fetch(candidates, nextHeight))
      ahead = undefined
      if (fetched === undefined) break
      if (fetched.fromHeight !== nextHeight) continue
      const endHeight = nextHeight + fetched.items.length
      ahead = this.#fetch(candidates, endHeight)
      const verdict = await options.verify(fetched.items, nextHeight, fetched.peer)
      if (!verdict.accept && 'waits' in verdict) this.#scores.fail(fetched.peer)
      else if (!verdict.accept) {
        this.#scores.lied(fetched.peer)
        this.#host.penalise(fetched.peer, LIE_POINTS, `blocks from ${nextHeight}: ${verdict.reason}`)
      } else if (verdict.nextHeight <= nextHeight || verdict.nextHeight > endHeight) {
        throw new RangeError(`verify answered height ${verdict.nextHeight} for ${nextHeight} to ${endHeight}`)
      } else {
        this.#scores.succeed(fetched.peer)
        nextHeight = verdict.nextHeight
      }
    }
    await ahead
    return nextHeight
  }

  /** One range from the best peer that gives it; undefined when none of them does. Never rejects. */
  async #fetch(candidates: readonly Candidate[], fromHeight: number): Promise<Fetched | undefined> {
    const holders = candidates.filter((candidate) => candidate.height >= fromHeight).map(({ peer }) => peer)
    for (const peer of this.#scores.usable(this.#scores.ranked(holders))) {
      try {
        const items = await this.fetchRange(peer, fromHeight, RANGE_COUNT)
        if (items.length > 0) return { peer, fromHeight, items }
      } catch {
        // Counted below like an empty answer: it claimed the height and did not give it.
      }
      this.#scores.fail(peer)
    }
    return undefined
  }

  #decode<T>(peer: PeerKey, bytes: Uint8Array, schema: { decode(bytes: Uint8Array): T }): T {
    try {
      return schema.decode(bytes)
    } catch (cause) {
      const reason = `malformed answer: ${cause instanceof Error ? cause.message : String(cause)}`
      this.#host.penalise(peer, MALFORMED_POINTS, reason)
      throw new SyncError(peer, reason)
    }
  }
}
