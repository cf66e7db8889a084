// Asks peers in turn until one sends data that verifies. Owns: order, blame. Not: what is asked.
import { SchemaError } from '../../base/field.ts'
import { PeerScores } from '../../p2p/peerScores.ts'
import type { P2pHost, PeerKey } from '../../p2p/protocol.ts'
import { MalformedAnswerError } from '../../p2p/rangeProtocol.ts'
import { RequestError } from '../../p2p/requestResponse.ts'
import { MONOTONIC, type Timers } from '../../p2p/timers.ts'

/** Penalty points for a lie; after four the peer is refused for a while. */
const LIE_POINTS = 30

const PROCESS = { clock: MONOTONIC, random: Math.random }

/** A peer's data does not verify. */
export class InvalidDataError extends Error {
  readonly code = 'InvalidDataError'
  constructor(reason: string) {
    super(reason)
    this.name = 'InvalidDataError'
  }
}

export class PeerAsker {
  readonly #host: Pick<P2pHost, 'penalise' | 'getPeer'>
  readonly #open: () => readonly PeerKey[]
  readonly #clock: Timers
  readonly #scores: PeerScores
  readonly #liars = new Map<PeerKey, string>()

  /** `random`: 0 ≤ x < 1, for the order of equal peers. */
  constructor(
    host: Pick<P2pHost, 'penalise' | 'getPeer'>,
    open: () => readonly PeerKey[],
    { clock, random }: { readonly clock: Timers; readonly random: () => number } = PROCESS,
  ) {
    this.#host = host
    this.#open = open
    this.#clock = clock
    this.#scores = new PeerScores(() => clock.monotonicMs(), random)
  }

  /** Usable peers, those that this node knows first, then the best; peers that lied are not asked again. */
  peers(): readonly PeerKey[] {
    const usable = this.#scores
      .usable(this.#scores.ranked(this.#open()))
      .filter((peer) => !this.#liars.has(peer))
    const isKnown = (peer: PeerKey): boolean => this.#host.getPeer(peer)?.known === true
    return [...usable.filter(isKnown), ...usable.filter((peer) => !isKnown(peer))]
  }

  isLiar(peer: PeerKey): boolean {
    return this.#liars.has(peer)
  }

  /** Asks one peer; undefined when it does not answer, or when its answer does not verify, for which it is penalised. */
  async ask<T>(peer: PeerKey, call: (peer: PeerKey) => Promise<T>): Promise<T | undefined> {
    try {
      const answer = await call(peer)
      this.#scores.succeed(peer)
      return answer
    } catch (error) {
      if (error instanceof InvalidDataError || error instanceof SchemaError) this.blame(peer, error.message)
      else if (error instanceof RequestError) this.#scores.fail(peer)
      // The protocol has penalised it.
      else if (error instanceof MalformedAnswerError) this.#liars.set(peer, error.message)
      else throw error
      return undefined
    }
  }

  /** Asks peers one after another until an answer verifies; none from `untilMs` on, a monotonic time. */
  async askAny<T>(
    call: (peer: PeerKey) => Promise<T>,
    among: readonly PeerKey[] = this.peers(),
    untilMs = Number.POSITIVE_INFINITY,
  ): Promise<T | undefined> {
    for (const peer of among) {
      if (this.#clock.monotonicMs() >= untilMs) return undefined
      const answer = await this.ask(peer, call)
      if (answer !== undefined) return answer
    }
    return undefined
  }

  blame(peer: PeerKey, reason: string): void {
    this.#liars.set(peer, reason)
    this.#host.penalise(peer, LIE_POINTS, reason)
  }
}
