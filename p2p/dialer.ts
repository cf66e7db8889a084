// Keeps static peers connected: dials with back-off and jitter. Owns: when to dial. Not: the transport, refusals.
import type { PeerKey } from './protocol.ts'

const BACKOFF_FIRST_MS = 50
// A link that was cut is used again within about this time of its return.
const BACKOFF_MAX_MS = 1_000
/** A member may say that it is where others listen: dialling it takes handshakes from those who dial them. */
const ADDRESSES_PER_ATTEMPT = 2
/** A connection shorter than this does not reset the back-off. */
const STABLE_MS = 2_000

export interface DialTarget {
  readonly peer: PeerKey
  readonly addresses: readonly string[]
}

export interface DialerOptions {
  /** Resolves once connected; rejects when no address answers. */
  dial(target: DialTarget): Promise<void>
  isConnected(peer: PeerKey): boolean
  /** How long not to dial a refused peer, ms. */
  refusedForMs(peer: PeerKey): number
  onFailure(peer: PeerKey, error: unknown): void
}

interface Entry {
  target: DialTarget
  attempts: number
  connectedAtMs: number
  timer: NodeJS.Timeout | undefined
  dialling: boolean
}

export class Dialer {
  readonly #options: DialerOptions
  readonly #entries = new Map<PeerKey, Entry>()
  #running = false

  constructor(options: DialerOptions) {
    this.#options = options
  }

  start(): void {
    this.#running = true
    for (const entry of this.#entries.values()) this.#schedule(entry, Math.random() * BACKOFF_FIRST_MS)
  }

  stop(): void {
    this.#running = false
    for (const entry of this.#entries.values()) clearTimeout(entry.timer)
  }

  setTargets(targets: readonly DialTarget[]): void {
    const wanted = new Map(targets.map((target) => [target.peer, target]))
    for (const [peer, entry] of this.#entries) {
      if (wanted.has(peer)) continue
      clearTimeout(entry.timer)
      this.#entries.delete(peer)
    }
    for (const target of wanted.values()) {
      const known = this.#entries.get(target.peer)
      if (known !== undefined) {
        known.target = target
        continue
      }
      const entry: Entry = { target, attempts: 0, connectedAtMs: 0, timer: undefined, dialling: false }
      this.#entries.set(target.peer, entry)
      if (this.#running) this.#schedule(entry, Math.random() * BACKOFF_FIRST_MS)
    }
  }

  onConnected(peer: PeerKey): void {
    const entry = this.#entries.get(peer)
    if (entry === undefined) return
    entry.connectedAtMs = performance.now()
    clearTimeout(entry.timer)
    entry.timer = undefined
  }

  onDisconnected(peer: PeerKey): void {
    const entry = this.#entries.get(peer)
    if (entry === undefined || !this.#running) return
    if (performance.now() - entry.connectedAtMs >= STABLE_MS) entry.attempts = 0
    this.#schedule(entry, this.#backoffMs(entry))
  }

  #backoffMs(entry: Entry): number {
    const baseMs = Math.min(BACKOFF_MAX_MS, BACKOFF_FIRST_MS * 2 ** Math.min(entry.attempts, 10))
    entry.attempts++
    return baseMs * (0.5 + Math.random() / 2)
  }

  #schedule(entry: Entry, delayMs: number): void {
    clearTimeout(entry.timer)
    const waitMs = Math.max(delayMs, this.#options.refusedForMs(entry.target.peer))
    entry.timer = setTimeout(() => void this.#attempt(entry), waitMs)
  }

  async #attempt(entry: Entry): Promise<void> {
    const { peer, addresses } = entry.target
    // Each attempt begins with another address: one that never answers may use up the time of an attempt.
    const turn = entry.attempts % Math.max(1, addresses.length)
    const inTurn = [...addresses.slice(turn), ...addresses.slice(0, turn)]
    const target = { peer, addresses: inTurn.slice(0, ADDRESSES_PER_ATTEMPT) }
    if (entry.dialling || addresses.length === 0 || this.#options.isConnected(peer)) return
    entry.dialling = true
    try {
      await this.#options.dial(target)
    } catch (error) {
      this.#options.onFailure(peer, error)
    } finally {
      entry.dialling = false
    }
    const live = this.#running && this.#entries.get(peer) === entry
    if (live && !this.#options.isConnected(peer)) this.#schedule(entry, this.#backoffMs(entry))
  }
}
