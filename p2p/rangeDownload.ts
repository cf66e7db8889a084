// Downloads a stretch of heights from several peers at once, in order, through a bounded window of ranges.
// Owns: peer selection, time-outs, reassignment, peers' claims. Not: verification (the caller rejects ranges).

import type { PeerScores } from './peerScores.ts'
import type { P2pHost, PeerKey } from './protocol.ts'
import { type DownloadedRange, isCutOpen, newPiece, type Piece } from './rangePieces.ts'
import type { RangeItem, SyncStatus } from './syncMessages.ts'
import { MONOTONIC, type Timers } from './timers.ts'

/** Blocks per request. */
export const RANGE_COUNT = 64
/** Ranges in flight or not yet taken: at most 4 MiB each. */
const WINDOW_RANGES = 12
const PER_PEER_MAX = 2
/** The first range is also requested from a second peer after this long. */
const SLOW_MS = 1_500
/**
 * Strangers are asked for what no peer that this node knows has had for so long. They come by themselves, ever new ones, and each
 * could hold up two ranges until a request times out.
 */
const STRANGERS_AFTER_MS = 1_500
/** A peer that needs this many times as long as the quickest one is not asked while a quicker one has the range. */
const SLOW_FACTOR = 4
const STATUS_EVERY_MS = 2_000
/** While only strangers claim the next height: a follower learns of it as soon as without them. */
const STATUS_WAITING_MS = 250
/** How long to wait for peers' first status when no other peer has more blocks. */
const FIRST_STATUS_MS = 1_000
/** Peers whose claims are remembered. */
const STATUS_PEERS_MAX = 64
const TICK_MS = 100
/** Points for no blocks where the peer claimed to have some. */
const EMPTY_POINTS = 20
/** Points for a range that does not verify: after four the peer is refused for a while. */
const LIE_POINTS = 30

export interface DownloadOptions {
  readonly fromHeight: number
  /** Last height wanted; default: the highest that peers claim. */
  readonly toHeight?: number
  /** Fetch nothing until peers claim more than this many blocks; default 0. */
  readonly lagMin?: number
  /** How long `next` waits while no peer can be asked; default 0. */
  readonly patienceMs?: number
  readonly signal?: AbortSignal | undefined
  /** Default: the process's monotonic one. */
  readonly clock?: Timers
}

export interface RangeDownload {
  /** The next range in order; undefined at the end, or when no peer is left to ask. One call at a time. */
  next(): Promise<DownloadedRange | undefined>
  /** Rejects an invalid range: blames the peer and refetches from that height. */
  reject(range: Pick<DownloadedRange, 'peer' | 'fromHeight'>, reason: string): void
  /** Penalises a peer; this download asks it for nothing more and drops what it sent but `next` has not returned. */
  blame(peer: PeerKey, reason: string): void
  /** Fault not attributable yet: refetch from this height, preferring other peers. */
  rewind(fromHeight: number, peers: readonly PeerKey[]): void
  /**
   * Fetches these heights once more, next, for the certificates that answers of `peers` left out; what follows is kept.
   * Those peers rest. False when no other peer has these heights.
   */
  again(options: {
    readonly fromHeight: number
    readonly count: number
    readonly peers: ReadonlySet<PeerKey>
  }): boolean
  /** Makes `next` return this range once more, after what a rewind fetches below it. */
  putBack(range: DownloadedRange): void
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

interface Candidate {
  claim: SyncStatus | undefined
  claimAtMs: number
  asking: boolean
  inFlight: number
  /** Smoothed time for a whole range at the pace of its answers, ms. */
  rangeMs: number
  /** Height at which it had no blocks although it claimed them; its next status decides. */
  emptyAt: number | undefined
}

export class WindowedDownload implements RangeDownload {
  readonly #source: RangeSource
  readonly #host: Pick<P2pHost, 'penalise' | 'getPeer'>
  readonly #scores: PeerScores
  readonly #options: DownloadOptions
  readonly #candidates = new Map<PeerKey, Candidate>()
  /** Contiguous from the cursor, by height. */
  #pieces: Piece[] = []
  #cursor: number
  #begun = false
  /** Peers that lied; this download does not ask them again. */
  readonly #blamed = new Set<PeerKey>()
  /** Peers that rest because answers lacked certificates. */
  readonly #unhelpful = new Set<PeerKey>()
  readonly #clock: Timers
  readonly #startedAtMs: number
  #lonelySinceMs: number
  #waiting: ((range: DownloadedRange | undefined) => void) | undefined
  #closed = false
  #cancelTimer: (() => void) | undefined
  readonly #onAbort = (): void => this.close()

  constructor(
    source: RangeSource,
    host: Pick<P2pHost, 'penalise' | 'getPeer'>,
    scores: PeerScores,
    options: DownloadOptions,
  ) {
    this.#source = source
    this.#host = host
    this.#scores = scores
    this.#options = options
    this.#cursor = options.fromHeight
    this.#clock = options.clock ?? MONOTONIC
    this.#startedAtMs = this.#clock.monotonicMs()
    this.#lonelySinceMs = this.#startedAtMs
    this.#tick()
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

  reject({ peer, fromHeight }: Pick<DownloadedRange, 'peer' | 'fromHeight'>, reason: string): void {
    this.#blame(peer, `blocks from ${fromHeight}: ${reason}`)
    this.rewind(fromHeight, [peer])
  }

  blame(peer: PeerKey, reason: string): void {
    this.#blame(peer, reason)
    this.#pump()
  }

  /** Delivers nothing yet: what was put back waits for what a rewind fetches below it. */
  #blame(peer: PeerKey, reason: string): void {
    this.#blamed.add(peer)
    this.#scores.lied(peer)
    this.#host.penalise(peer, LIE_POINTS, reason)
    this.#pieces = this.#pieces.map((piece) =>
      piece.ready?.peer === peer ? newPiece({ ...piece, tried: [peer] }) : piece,
    )
  }

  rewind(fromHeight: number, peers: readonly PeerKey[]): void {
    const again: Piece[] = []
    for (let at = fromHeight; at < this.#cursor; at += RANGE_COUNT) {
      again.push(newPiece({ fromHeight: at, count: Math.min(RANGE_COUNT, this.#cursor - at), tried: peers }))
    }
    this.#pieces.unshift(...again)
    this.#cursor = Math.min(this.#cursor, fromHeight)
    this.#pump()
  }

  again({ fromHeight, count, peers }: Parameters<RangeDownload['again']>[0]): boolean {
    const piece = newPiece({ fromHeight, count, tried: peers, isRepeat: true })
    for (const peer of peers) {
      if (!this.#unhelpful.has(peer)) this.#scores.fail(peer)
      this.#unhelpful.add(peer)
    }
    if (!this.#mayHelp(piece)) return false
    const known = this.#pieces.findIndex((piece) => piece.isRepeat)
    if (known >= 0) this.#pieces.splice(known, 1)
    this.#pieces.unshift(piece)
    this.#pump()
    return true
  }

  /** Whether a peer that was not asked yet has a repeated range, or may have it once its first status is here. */
  #mayHelp({ fromHeight, tried, asked, ready }: Piece): boolean {
    if (asked.size > 0 || ready !== undefined) return true
    return this.#usable().some((peer) => {
      if (tried.has(peer)) return false
      const isUnknown = this.#candidates.get(peer)?.claim === undefined && this.#isFirstStatusDue()
      return isUnknown || this.#holds(peer, fromHeight)
    })
  }

  #isFirstStatusDue(): boolean {
    return this.#clock.monotonicMs() - this.#startedAtMs < FIRST_STATUS_MS
  }

  putBack(range: DownloadedRange): void {
    const { fromHeight, items, peer } = range
    const piece = newPiece({ fromHeight, count: items.length, tried: [] })
    piece.ready = range
    // A liar's other ranges are not trusted either.
    this.#pieces.unshift(this.#blamed.has(peer) ? newPiece(piece) : piece)
    this.#cursor = Math.min(this.#cursor, fromHeight)
  }

  claimedHeight(): number {
    const claims = this.#usable()
      .flatMap((peer) => this.#candidates.get(peer)?.claim?.height ?? [])
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
    this.#cancelTimer?.()
    this.#options.signal?.removeEventListener('abort', this.#onAbort)
    this.#pieces = []
    this.#settle(undefined)
  }

  #settle(range: DownloadedRange | undefined): void {
    const waiting = this.#waiting
    this.#waiting = undefined
    waiting?.(range)
  }

  #tick(): void {
    this.#cancelTimer = this.#clock.after(TICK_MS, () => {
      this.#pump()
      if (!this.#closed) this.#tick()
    })
  }

  /** Does whatever is possible now: refresh claims, deliver to `next`, plan pieces, send requests. */
  #pump(): void {
    if (this.#closed) {
      this.#settle(undefined)
      return
    }
    const nowMs = this.#clock.monotonicMs()
    this.#refreshClaims(nowMs)
    this.#deliver()
    this.#pieces = this.#pieces.filter((piece) => !piece.isRepeat || this.#mayHelp(piece))
    this.#plan()
    for (const piece of this.#pieces) this.#ask(piece, nowMs)
    this.#giveUpWhenLonely(nowMs)
  }

  #deliver(): void {
    const first = this.#pieces[0]
    if (this.#waiting === undefined || first?.ready === undefined) return
    this.#pieces.shift()
    if (!first.isRepeat) this.#cursor = first.ready.fromHeight + first.ready.items.length
    this.#settle(first.ready)
  }

  #usable(): readonly PeerKey[] {
    return this.#scores.usable(this.#source.peers().filter((peer) => !this.#blamed.has(peer)))
  }

  #refreshClaims(nowMs: number): void {
    const open = new Set(this.#source.peers())
    const [next] = this.#pieces
    const isWaiting =
      next !== undefined && next.ready === undefined && ![...next.asked].some((peer) => this.#isKnown(peer))
    for (const [peer, { inFlight }] of this.#candidates) {
      if (!open.has(peer) && inFlight === 0) this.#candidates.delete(peer)
    }
    for (const peer of this.#usable()) {
      let candidate = this.#candidates.get(peer)
      if (candidate === undefined) {
        if (this.#candidates.size >= STATUS_PEERS_MAX) continue
        candidate = {
          claim: undefined,
          claimAtMs: -STATUS_EVERY_MS,
          asking: false,
          inFlight: 0,
          rangeMs: 0,
          emptyAt: undefined,
        }
        this.#candidates.set(peer, candidate)
      }
      const everyMs = isWaiting && this.#isKnown(peer) ? STATUS_WAITING_MS : STATUS_EVERY_MS
      if (!candidate.asking && nowMs - candidate.claimAtMs >= everyMs) this.#askStatus(peer, candidate)
    }
  }

  #askStatus(peer: PeerKey, candidate: Candidate): void {
    candidate.asking = true
    this.#source
      .fetchStatus(peer)
      .then(
        (claim) => {
          candidate.claim = claim
          this.#judgeEmpty(peer, candidate)
        },
        () => this.#scores.fail(peer),
      )
      .finally(() => {
        candidate.asking = false
        candidate.claimAtMs = this.#clock.monotonicMs()
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
    const last = this.#pieces.findLast((piece) => !piece.isRepeat)
    let from = last === undefined ? this.#cursor : last.fromHeight + last.count
    while (from <= limit && this.#pieces.length < WINDOW_RANGES) {
      const count = Math.min(RANGE_COUNT, limit - from + 1)
      this.#pieces.push(newPiece({ fromHeight: from, count, tried: [] }))
      from += count
    }
  }

  #holds(peer: PeerKey, height: number): boolean {
    const claim = this.#candidates.get(peer)?.claim
    return claim !== undefined && claim.height >= height && claim.heightMin <= height
  }

  #ask(piece: Piece, nowMs: number): void {
    if (piece.ready !== undefined) return
    piece.sinceMs ??= nowMs
    const isLate = piece === this.#pieces[0] && nowMs - piece.askedAtMs >= SLOW_MS && piece.asked.size === 1
    // A known peer need not wait for what strangers may never answer.
    const isForKnown = !isLate && piece.asked.size > 0
    if (isForKnown && [...piece.asked].some((peer) => this.#isKnown(peer))) return
    const holders = this.#usable().filter(
      (peer) => !piece.asked.has(peer) && this.#holds(peer, piece.fromHeight),
    )
    const untried = holders.filter((peer) => !piece.tried.has(peer))
    const fresh = this.#knownFirst(untried, isForKnown ? 0 : nowMs - piece.sinceMs)
    if (isForKnown ? !fresh.some((peer) => this.#isKnown(peer)) : fresh.length === 0 && untried.length > 0)
      return
    // Peers that failed are asked again only when no other peer holds the range, busy or not.
    const wanted = this.#withoutSlow(fresh.length > 0 || isLate || piece.isRepeat ? fresh : holders)
    const choice = this.#quickest(
      wanted.filter((peer) => this.#candidates.get(peer)!.inFlight < PER_PEER_MAX),
    )
    if (choice !== undefined) void this.#fetch(choice, piece, nowMs)
  }

  /** Those that this node knows; if there are none, strangers, once there has been time for others or nobody else. */
  #knownFirst(peers: readonly PeerKey[], waitedMs: number): readonly PeerKey[] {
    const known = peers.filter((peer) => this.#isKnown(peer))
    if (known.length > 0) return known
    const isAlone = !this.#usable().some((peer) => this.#isKnown(peer))
    return isAlone || waitedMs >= STRANGERS_AFTER_MS ? peers : []
  }

  #isKnown(peer: PeerKey): boolean {
    return this.#host.getPeer(peer)?.known === true
  }

  /** Rather wait for a busy peer than hold up everything above for one that is far slower. */
  #withoutSlow(peers: readonly PeerKey[]): readonly PeerKey[] {
    const msOf = (peer: PeerKey): number => this.#candidates.get(peer)!.rangeMs
    const known = peers.map(msOf).filter((ms) => ms > 0)
    const limitMs = Math.max(SLOW_MS, SLOW_FACTOR * Math.min(...known))
    return known.length === 0 ? peers : peers.filter((peer) => msOf(peer) <= limitMs)
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
      if (items.length === 0) this.#onEmpty(peer, candidate, piece)
      else {
        // At the pace of this answer: blocks sent one by one make a peer slow, not quick.
        const tookMs = Math.max(1, this.#clock.monotonicMs() - nowMs) * (piece.count / items.length)
        candidate.rangeMs = candidate.rangeMs === 0 ? tookMs : 0.7 * candidate.rangeMs + 0.3 * tookMs
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
    const isOpen = isCutOpen(items, piece.count)
    if (isOpen) this.#scores.fail(peer)
    else this.#scores.succeed(peer)
    if (this.#blamed.has(peer)) return
    const index = this.#pieces.indexOf(piece)
    // Another peer was faster, or the piece was replaced.
    if (index < 0 || piece.ready !== undefined) return
    piece.ready = { peer, fromHeight: piece.fromHeight, items }
    const missing = piece.count - items.length
    if (missing === 0 || piece.isRepeat) return
    const rest = newPiece({
      fromHeight: piece.fromHeight + items.length,
      count: missing,
      tried: isOpen ? [peer] : [],
    })
    this.#pieces.splice(index + 1, 0, rest)
  }

  #onEmpty(peer: PeerKey, candidate: Candidate, piece: Piece): void {
    piece.tried.add(peer)
    this.#scores.fail(peer)
    if (candidate.claim === undefined) return
    candidate.claim = { ...candidate.claim, height: Math.min(candidate.claim.height, piece.fromHeight - 1) }
    // It may have pruned or rolled back since its last status; its next one says so, unless it lies.
    candidate.emptyAt ??= piece.fromHeight
    if (!candidate.asking) this.#askStatus(peer, candidate)
  }

  #judgeEmpty(peer: PeerKey, candidate: Candidate): void {
    const { emptyAt, claim } = candidate
    candidate.emptyAt = undefined
    if (emptyAt === undefined || claim === undefined || !this.#holds(peer, emptyAt)) return
    candidate.claim = { ...claim, height: emptyAt - 1 }
    this.#host.penalise(peer, EMPTY_POINTS, 'claims blocks that it does not serve')
  }

  /** Closes the download once no peer has been able to serve the next height for `patienceMs`. */
  #giveUpWhenLonely(nowMs: number): void {
    const first = this.#pieces[0]
    const { toHeight, patienceMs = 0 } = this.#options
    if (toHeight !== undefined && this.#cursor > toHeight && first === undefined) {
      this.close()
      return
    }
    const isAsking =
      this.#isFirstStatusDue() &&
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
