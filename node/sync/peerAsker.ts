// Asks peers in turn until one sends data that verifies. Owns: order, blame. Not: what is asked.
import { SchemaError } from '../../base/field.ts'
import { PeerScores } from '../../p2p/peerScores.ts'
import type { P2pHost, PeerKey } from '../../p2p/protocol.ts'
import { MalformedAnswerError } from '../../p2p/rangeProtocol.ts'
import { RequestError } from '../../p2p/requestResponse.ts'

/** Penalty points for a lie; after four the peer is refused for a while. */
const LIE_POINTS = 30

/** A peer's data does not verify. */
export class InvalidDataError extends Error {
  readonly code = 'InvalidDataError'
  constructor(reason: string) {
    super(reason)
    this.name = 'InvalidDataError'
  }
}

export class PeerAsker {
  readonly #host: Pick<P2pHost, 'penalise'>
  readonly #open: () => readonly PeerKey[]
  readonly #scores = new PeerScores()
  readonly #liars = new Map<PeerKey, string>()

  constructor(host: Pick<P2pHost, 'penalise'>, open: () => readonly PeerKey[]) {
    this.#host = host
    this.#open = open
  }

  /** Usable peers, best first; peers that lied are not asked again. */
  peers(): readonly PeerKey[] {
    return this.#scores.usable(this.#scores.ranked(this.#open())).filter((peer) => !this.#liars.has(peer))
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
      else if (error instanceof RequestError || error instanceof MalformedAnswerError) this.#scores.fail(peer)
      else throw error
      return undefined
    }
  }

  /** Asks peers one after another until an answer verifies. */
  async askAny<T>(
    call: (peer: PeerKey) => Promise<T>,
    among: readonly PeerKey[] = this.peers(),
  ): Promise<T | undefined> {
    for (const peer of among) {
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
