// Which peers to ask first: failures rest a peer for a while, quick ones recover. Owns: ranking. Not: penalties (host).
import type { PeerKey } from './protocol.ts'

const REST_FIRST_MS = 500
const REST_MAX_MS = 30_000
const LIE_REST_MS = 30_000
const RECORDS_MAX = 1_024

interface Score {
  failures: number
  restUntilMs: number
}

export class PeerScores {
  readonly #scores = new Map<PeerKey, Score>()
  readonly #nowMs: () => number

  constructor(nowMs: () => number = Date.now) {
    this.#nowMs = nowMs
  }

  succeed(peer: PeerKey): void {
    this.#scores.delete(peer)
  }

  /** No answer, or not the one promised. */
  fail(peer: PeerKey): void {
    const failures = (this.#scores.get(peer)?.failures ?? 0) + 1
    this.#set(peer, failures, Math.min(REST_MAX_MS, REST_FIRST_MS * 2 ** Math.min(failures - 1, 10)))
  }

  /** An answer that did not verify. */
  lied(peer: PeerKey): void {
    this.#set(peer, (this.#scores.get(peer)?.failures ?? 0) + 1, LIE_REST_MS)
  }

  /** Peers that are not resting. */
  usable(peers: readonly PeerKey[]): readonly PeerKey[] {
    const nowMs = this.#nowMs()
    return peers.filter((peer) => (this.#scores.get(peer)?.restUntilMs ?? 0) <= nowMs)
  }

  /** Fewest failures first, equals in random order so that load spreads. */
  ranked(peers: readonly PeerKey[]): readonly PeerKey[] {
    return peers
      .map((peer) => ({ peer, key: (this.#scores.get(peer)?.failures ?? 0) + Math.random() }))
      .sort((a, b) => a.key - b.key)
      .map(({ peer }) => peer)
  }

  #set(peer: PeerKey, failures: number, restMs: number): void {
    this.#scores.delete(peer)
    if (this.#scores.size >= RECORDS_MAX) this.#scores.delete(this.#scores.keys().next().value!)
    this.#scores.set(peer, { failures, restUntilMs: this.#nowMs() + restMs })
  }
}
