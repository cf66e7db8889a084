// Which peers to ask first: a peer rests after failures; a success clears them. Owns: ranking. Not: penalties (host).
import type { PeerKey } from './protocol.ts'
import { monotonicMs } from './timers.ts'

const REST_FIRST_MS = 500
const REST_MAX_MS = 30_000
const LIE_REST_MS = 30_000
const RECORDS_MAX = 1_024

interface Score {
  failures: number
  restUntilMs: number
  /** From then on the peer is used despite its rest when all peers rest; never earlier for a liar. */
  lastResortMs: number
  /** A lie is not made good by an answer that was on its way. */
  liedUntilMs: number
}

export class PeerScores {
  readonly #scores = new Map<PeerKey, Score>()
  readonly #nowMs: () => number
  readonly #random: () => number

  /** `random`: 0 ≤ x < 1. */
  constructor(nowMs: () => number = monotonicMs, random: () => number = Math.random) {
    this.#nowMs = nowMs
    this.#random = random
  }

  /** An answer as promised. Ends a rest, except a liar's. */
  succeed(peer: PeerKey): void {
    const liedUntilMs = this.#scores.get(peer)?.liedUntilMs ?? 0
    if (liedUntilMs === 0 || liedUntilMs <= this.#nowMs()) this.#scores.delete(peer)
  }

  /** No answer, or not the promised one. */
  fail(peer: PeerKey): void {
    const known = this.#scores.get(peer)
    const failures = (known?.failures ?? 0) + 1
    const nowMs = this.#nowMs()
    const restMs = Math.min(REST_MAX_MS, REST_FIRST_MS * 2 ** Math.min(failures - 1, 10))
    this.#set(peer, {
      failures,
      restUntilMs: Math.max(known?.restUntilMs ?? 0, nowMs + restMs),
      lastResortMs: Math.max(known?.lastResortMs ?? 0, nowMs + REST_FIRST_MS),
      liedUntilMs: known?.liedUntilMs ?? 0,
    })
  }

  /** An answer that did not verify. */
  lied(peer: PeerKey): void {
    const untilMs = this.#nowMs() + LIE_REST_MS
    const failures = (this.#scores.get(peer)?.failures ?? 0) + 1
    this.#set(peer, { failures, restUntilMs: untilMs, lastResortMs: untilMs, liedUntilMs: untilMs })
  }

  /**
   * Peers that are not resting. When all rest, those that only failed to answer, half a second after the failure:
   * the cause is more likely this node's own network, and waiting for the rest to end gains nothing.
   */
  usable(peers: readonly PeerKey[]): readonly PeerKey[] {
    const nowMs = this.#nowMs()
    const awake = peers.filter((peer) => (this.#scores.get(peer)?.restUntilMs ?? 0) <= nowMs)
    if (awake.length > 0) return awake
    return peers.filter((peer) => (this.#scores.get(peer)?.lastResortMs ?? 0) <= nowMs)
  }

  /** Fewest failures first; ties in random order, so that load spreads. */
  ranked(peers: readonly PeerKey[]): readonly PeerKey[] {
    return peers
      .map((peer) => ({ peer, key: (this.#scores.get(peer)?.failures ?? 0) + this.#random() }))
      .sort((a, b) => a.key - b.key)
      .map(({ peer }) => peer)
  }

  #set(peer: PeerKey, score: Score): void {
    this.#scores.delete(peer)
    if (this.#scores.size >= RECORDS_MAX) this.#scores.delete(this.#scores.keys().next().value!)
    this.#scores.set(peer, score)
  }
}
