// Downloads a stretch of heights from several peers at once, in order, through a bounded window of ranges.
// Owns: peer selection, time-outs, reassignment, peers' claims. Not: verification (the caller rejects ranges).

import type { PeerScores } from './peerScores.ts'
import type { P2pHost, PeerKey } from './protocol.ts'
import type { RangeItem, SyncStatus } from './syncMessages.ts'

/** Blocks per request. */
export const RANGE_COUNT = 64
/** Ranges in flight or not yet taken: at most 4 MiB each. */
const WINDOW_RANGES = 12
const PER_PEER_MAX = 2
/** The first range is also requested from a second peer after this long. */
const SLOW_MS = 1_500
const STATUS_EVERY_MS = 2_000
/** How long to wait for peers' first status when no other peer has more blocks. */
const FIRST_STATUS_MS = 1_000
/** Peers whose claims are remembered. */
const STATUS_PEERS_MAX = 64
const TICK_MS = 100
/** Points for no blocks where the peer claimed to have some. */
const EMPTY_POINTS = 20
/** Points for a range that does not verify: after four the peer is refused for a while. */
const LIE_POINTS = 30

export interface DownloadedRange {
  readonly peer: PeerKey
  readonly fromHeight: number
  /** At least one, at most as many as requested. */
  readonly items: readonly RangeItem[]
}

export interface DownloadOptions {
  readonly fromHeight: number
  /** Last height wanted; default: the highest that peers claim. */
  readonly toHeight?: number
  /** Fetch nothing until peers claim more than this many blocks; default 0. */
  readonly lagMin?: number
  /** How long `next` waits while no peer can be asked; default 0. */
  readonly patienceMs?: number
  readonly signal?: AbortSignal | undefined
}

export interface RangeDownload {
  /** The next range in order; undefined at the end, or when no peer is left to ask. One call at a time. */
  next(): Promise<DownloadedRange | undefined>
  /** Rejects an invalid range: penalises the peer and refetches from that height, preferring other peers. */
  reject(range: DownloadedRange, reason: string): void
  /** Fault not attributable yet: refetch from this height, preferring other peers. */
  rewind(fromHeight: number, peers: readonly PeerKey[]): void
  /** Highest height claimed by at least two usable peers, or by the only one: a hint. */
  claimedHeight(): number
  /** Lowest height that any usable peer serves; undefined before the first status. */
  servedHeightMin(): number | undefined
  close(): void
}

/** What a download needs of the sync protocol. */
export interface RangeSource {
  fetchStatus(peer: PeerKey): Promise<SyncStatus>
  fetchRange(peer: PeerKey, fromHeight: number, count: number): Promise<readonly RangeItem[]>
  peers(): readonly PeerKey[]
}

interface Piece {
  readonly fromHeight: number
  readonly count: number
  readonly asked: Set<PeerKey>
  readonly tried: Set<PeerKey>
  askedAtMs: number
  ready: DownloadedRange | undefined
}

interface Candidate {
  claim: SyncStatus | undefined
  claimAtMs: number
  asking: boolean
  inFlight: number
  /** Smoothed duration of a range, ms. */
  rangeMs: number
}

export class WindowedDownload implements RangeDownload {
  readonly #source: RangeSource
  readonly #host: Pick<P2pHost, 'penalise'>
  readonly #scores: PeerScores
  readonly #options: DownloadOptions
  readonly #candidates = new Map<PeerKey, Candidate>()
  /** Contiguous from the cursor, by height. */
  #pieces: Piece[] = []
  #cursor: number
  #begun = false
  readonly #startedAtMs = performance.now()
  #lonelySinceMs = this.#startedAtMs
  #waiting: ((range: DownloadedRange | undefined) => void) | undefined
  #closed = false
  readonly #timer: NodeJS.Timeout
  readonly #onAbort = (): void => this.close()

  constructor(
    source: RangeSource,
    host: Pick<P2pHost, 'penalise'>,
    scores: PeerScores,
    options: DownloadOptions,
  ) {
    this.#source = source
    this.#host = host
    this.#scores = scores
    this.#options = options
    this.#cursor = options.fromHeight
    this.#timer = setInterval(() => this.#pump(), TICK_MS)
    if (options.signal?.aborted === true) this.close()
    options.signal?.addEventListener('abort', this.#onAbort, { once: true })
    this.#pump()
  }

  next(): Promise<DownloadedRange | undefined> {
    return new Promise((resolve) => {
      this.#waiting = resolve
      this.#pump()
    })
  }

  reject(range: DownloadedRange, reason: string): void {
    this.#scores.lied(range.peer)
    this.#host.penalise(range.peer, LIE_POINTS, `blocks from ${range.fromHeight}: ${reason}`)
    // Its other ranges are not trusted either.
    this.#pieces = this.#pieces.map((piece) =>
      piece.ready?.peer === range.peer ? newPiece(piece.fromHeight, piece.count, [range.peer]) : piece,
    )
    this.rewind(range.fromHeight, [range.peer])
  }

  rewind(fromHeight: number, peers: readonly PeerKey[]): void {
    const again: Piece[] = []
    for (let at = fromHeight; at < this.#cursor; at += RANGE_COUNT) {
      again.push(newPiece(at, Math.min(RANGE_COUNT, this.#cursor - at), peers))
    }
    this.#pieces.unshift(...again)
    this.#cursor = Math.min(this.#cursor, fromHeight)
    this.#pump()
  }

  claimedHeight(): number {
    const claims = this.#usable()
      .map((peer) => this.#candidates.get(peer)?.claim?.height ?? 0)
      .sort((a, b) => b - a)
    return claims[1] ?? claims[0] ?? 0
  }

  servedHeightMin(): number | undefined {
    let lowest: number | undefined
    for (const peer of this.#usable()) {
      const heightMin = this.#candidates.get(peer)?.claim?.heightMin
      if (heightMin !== undefined && heightMin < (lowest ?? Infinity)) lowest = heightMin
    }
    return lowest
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    clearInterval(this.#timer)
    this.#options.signal?.removeEventListener('abort', this.#onAbort)
    this.#pieces = []
    this.#settle(undefined)
  }

  #settle(range: DownloadedRange | undefined): void {
    const waiting = this.#waiting
    this.#waiting = undefined
    waiting?.(range)
  }

  /** Does whatever is possible now: refresh claims, deliver to `next`, plan pieces, send requests. */
  #pump(): void {
    if (this.#closed) {
      this.#settle(undefined)
      return
    }
    const nowMs = performance.now()
    this.#refreshClaims(nowMs)
    this.#deliver()
    this.#plan()
    for (const piece of this.#pieces) this.#ask(piece, nowMs)
    this.#giveUpWhenLonely(nowMs)
  }

  #deliver(): void {
    const first = this.#pieces[0]
    if (this.#waiting === undefined || first?.ready === undefined) return
    this.#pieces.shift()
    this.#cursor = first.ready.fromHeight + first.ready.items.length
    this.#settle(first.ready)
  }

  #usable(): readonly PeerKey[] {
    return this.#scores.usable(this.#source.peers())
  }

  #refreshClaims(nowMs: number): void {
    const open = new Set(this.#source.peers())
    for (const [peer, { inFlight }] of this.#candidates) {
      if (!open.has(peer) && inFlight === 0) this.#candidates.delete(peer)
    }
    for (const peer of this.#usable()) {
      let candidate = this.#candidates.get(peer)
      if (candidate === undefined) {
        if (this.#candidates.size >= STATUS_PEERS_MAX) continue
        candidate = {
          claim: undefined,
          claimAtMs: Number.NEGATIVE_INFINITY,
          asking: false,
          inFlight: 0,
          rangeMs: 0,
        }
        this.#candidates.set(peer, candidate)
      }
      if (!candidate.asking && nowMs - candidate.claimAtMs >= STATUS_EVERY_MS)
        this.#askStatus(peer, candidate)
    }
  }

  #askStatus(peer: PeerKey, candidate: Candidate): void {
    candidate.asking = true
    this.#source
      .fetchStatus(peer)
      .then(
        (claim) => {
          candidate.claim = claim
        },
        () => this.#scores.fail(peer),
      )
      .finally(() => {
        candidate.asking = false
        candidate.claimAtMs = performance.now()
        this.#pump()
      })
  }

  /** Last height worth asking for now. */
  #limit(): number {
    const { toHeight } = this.#options
    let claimed = 0
    for (const peer of this.#usable()) {
      claimed = Math.max(claimed, this.#candidates.get(peer)?.claim?.height ?? 0)
    }
    return toHeight === undefined ? claimed : Math.min(toHeight, claimed)
  }

  #plan(): void {
    const { fromHeight, lagMin = 0 } = this.#options
    const limit = this.#limit()
    // One peer ahead is enough to start: others may lag too, and a false claim is penalised once it serves nothing.
    if (!this.#begun && limit < Math.min(fromHeight + lagMin, this.#options.toHeight ?? Infinity)) return
    this.#begun = true
    const last = this.#pieces.at(-1)
    let from = last === undefined ? this.#cursor : last.fromHeight + last.count
    while (from <= limit && this.#pieces.length < WINDOW_RANGES) {
      const count = Math.min(RANGE_COUNT, limit - from + 1)
      this.#pieces.push(newPiece(from, count, []))
      from += count
    }
  }

  #holds(peer: PeerKey, height: number): boolean {
    const claim = this.#candidates.get(peer)?.claim
    return claim !== undefined && claim.height >= height && claim.heightMin <= height
  }

  #ask(piece: Piece, nowMs: number): void {
    if (piece.ready !== undefined) return
    const isLate = piece === this.#pieces[0] && nowMs - piece.askedAtMs >= SLOW_MS && piece.asked.size === 1
    if (piece.asked.size > 0 && !isLate) return
    const holders = this.#usable().filter(
      (peer) => !piece.asked.has(peer) && this.#holds(peer, piece.fromHeight),
    )
    const fresh = holders.filter((peer) => !piece.tried.has(peer))
    // Peers that failed are asked again only when no other peer holds the range, busy or not.
    const choice = this.#quickest(
      (fresh.length > 0 || isLate ? fresh : holders).filter(
        (peer) => this.#candidates.get(peer)!.inFlight < PER_PEER_MAX,
      ),
    )
    if (choice !== undefined) void this.#fetch(choice, piece, nowMs)
  }

  #quickest(peers: readonly PeerKey[]): PeerKey | undefined {
    let best: PeerKey | undefined
    let bestCost = Infinity
    for (const peer of peers) {
      const { inFlight, rangeMs } = this.#candidates.get(peer)!
      const cost = (inFlight + 1) * (rangeMs + 1)
      if (cost < bestCost) {
        best = peer
        bestCost = cost
      }
    }
    return best
  }

  async #fetch(peer: PeerKey, piece: Piece, nowMs: number): Promise<void> {
    const candidate = this.#candidates.get(peer)!
    if (piece.asked.size === 0) piece.askedAtMs = nowMs
    piece.asked.add(peer)
    candidate.inFlight++
    try {
      const items = await this.#source.fetchRange(peer, piece.fromHeight, piece.count)
      const tookMs = performance.now() - nowMs
      candidate.rangeMs = candidate.rangeMs === 0 ? tookMs : 0.7 * candidate.rangeMs + 0.3 * tookMs
      if (items.length === 0) this.#onEmpty(peer, candidate, piece)
      else {
        this.#scores.succeed(peer)
        this.#onItems(peer, piece, items)
      }
    } catch {
      // Time-out, refusal or malformed answer: the request layer has already penalised offences.
      this.#scores.fail(peer)
      piece.tried.add(peer)
    } finally {
      candidate.inFlight--
      piece.asked.delete(peer)
      this.#pump()
    }
  }

  #onItems(peer: PeerKey, piece: Piece, items: readonly RangeItem[]): void {
    const index = this.#pieces.indexOf(piece)
    // Another peer was faster, or the piece was replaced.
    if (index < 0 || piece.ready !== undefined) return
    piece.ready = { peer, fromHeight: piece.fromHeight, items }
    const missing = piece.count - items.length
    if (missing > 0) this.#pieces.splice(index + 1, 0, newPiece(piece.fromHeight + items.length, missing, []))
  }

  #onEmpty(peer: PeerKey, candidate: Candidate, piece: Piece): void {
    piece.tried.add(peer)
    this.#scores.fail(peer)
    if (candidate.claim !== undefined) {
      candidate.claim = { ...candidate.claim, height: Math.min(candidate.claim.height, piece.fromHeight - 1) }
    }
    this.#host.penalise(peer, EMPTY_POINTS, 'claims blocks that it does not serve')
  }

  /** Closes the download once no peer has been able to serve the next height for `patienceMs`. */
  #giveUpWhenLonely(nowMs: number): void {
    const first = this.#pieces[0]
    const { toHeight, patienceMs = 0 } = this.#options
    if (toHeight !== undefined && this.#cursor > toHeight) {
      this.close()
      return
    }
    const isAsking =
      nowMs - this.#startedAtMs < FIRST_STATUS_MS &&
      [...this.#candidates.values()].some(({ asking, claim }) => asking && claim === undefined)
    const isHopeful =
      first !== undefined &&
      (first.ready !== undefined ||
        first.asked.size > 0 ||
        this.#usable().some((peer) => this.#holds(peer, first.fromHeight)))
    if (isAsking || isHopeful) {
      this.#lonelySinceMs = nowMs
      return
    }
    if (this.#waiting !== undefined && nowMs - this.#lonelySinceMs >= patienceMs) this.close()
  }
}

function newPiece(fromHeight: number, count: number, tried: readonly PeerKey[]): Piece {
  return { fromHeight, count, asked: new Set(), tried: new Set(tried), askedAtMs: 0, ready: undefined }
}
