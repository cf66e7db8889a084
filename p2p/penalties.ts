// Penalties of peers: points that decay, and a temporary refusal at the limit; never a permanent ban.
import type { PeerKey } from './protocol.ts'

/** Points at which a peer is refused. */
export const PENALTY_LIMIT = 100
const FADE_POINTS_PER_SECOND = 1
export const REFUSAL_FIRST_MS = 5_000
const REFUSAL_KNOWN_MAX_MS = 60_000
const REFUSAL_UNKNOWN_MAX_MS = 300_000
/** Time without an offence after which the next refusal counts as the first again. */
const FORGET_MS = 600_000
const RECORDS_MAX = 2_048

interface Offender {
  points: number
  atMs: number
  refusals: number
  refusedUntilMs: number
}

export class Penalties {
  readonly #offenders = new Map<PeerKey, Offender>()
  readonly #refusalFirstMs: number
  readonly #nowMs: () => number

  /** `refusalFirstMs`: a peer's first refusal; each further one doubles. */
  constructor(options: { refusalFirstMs?: number | undefined; nowMs?: () => number } = {}) {
    this.#refusalFirstMs = options.refusalFirstMs ?? REFUSAL_FIRST_MS
    this.#nowMs = options.nowMs ?? (() => performance.now())
  }

  /**
   * Adds points; returns how long the peer is refused from now, or 0 while it is tolerated. A peer that is refused already
   * collects no more: results of checks on what it sent before may still arrive.
   */
  add(peer: PeerKey, points: number, known: boolean): number {
    const nowMs = this.#nowMs()
    const record = this.#offenders.get(peer) ?? { points: 0, atMs: nowMs, refusals: 0, refusedUntilMs: 0 }
    if (nowMs < record.refusedUntilMs) return 0
    const idleMs = Math.max(0, nowMs - record.atMs)
    if (idleMs > FORGET_MS) record.refusals = 0
    record.points = Math.max(0, record.points - (idleMs / 1000) * FADE_POINTS_PER_SECOND) + points
    record.atMs = nowMs
    // Re-inserted, so that the map evicts the peer whose last offence is oldest.
    this.#offenders.delete(peer)
    if (this.#offenders.size >= RECORDS_MAX) this.#offenders.delete(this.#offenders.keys().next().value!)
    this.#offenders.set(peer, record)
    if (record.points < PENALTY_LIMIT) return 0
    const maxMs = known ? REFUSAL_KNOWN_MAX_MS : REFUSAL_UNKNOWN_MAX_MS
    const refusedMs = Math.min(maxMs, this.#refusalFirstMs * 2 ** Math.min(record.refusals, 16))
    record.points = 0
    record.refusals++
    record.refusedUntilMs = nowMs + refusedMs
    return refusedMs
  }

  /** Points that have not faded yet. */
  pointsOf(peer: PeerKey): number {
    const record = this.#offenders.get(peer)
    if (record === undefined) return 0
    const idleMs = Math.max(0, this.#nowMs() - record.atMs)
    return Math.max(0, record.points - (idleMs / 1000) * FADE_POINTS_PER_SECOND)
  }

  /** Milliseconds until the peer is admitted again; 0 when it is not refused. */
  refusedForMs(peer: PeerKey): number {
    const record = this.#offenders.get(peer)
    return record === undefined ? 0 : Math.max(0, record.refusedUntilMs - this.#nowMs())
  }
}
