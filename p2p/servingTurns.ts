// Whose request is served next, and that serving leaves most of the main thread to consensus: a few peers, each within its
// allowance, could otherwise ask for more than a processor can read and encode. Owns: order and pace. Not: allowances per peer
// (requestResponse.ts).
import type { PeerKey } from './protocol.ts'
import type { Timers } from './timers.ts'

/** Pause after each answer, as a multiple of the time it took: serving has at most a quarter of the thread. */
const PAUSE_FACTOR = 3
/**
 * Framing, encryption and writing of an answer's bytes come after it and stay on this thread: of 4 MiB 30 ms, several times what
 * it takes to read and encode them.
 */
const MS_PER_BYTE = 7e-6
/** A wait for the thread itself counts as work, so one answer must not stop the others for long. */
const PAUSE_MAX_MS = 100
/** Then a stranger has one turn: one member that asks without end must not keep everybody from joining. */
const MEMBERS_IN_A_ROW = 3

export class ServingTurns {
  readonly #clock: Timers
  readonly #isKnown: (peer: PeerKey) => boolean
  /** Waiting work by peer; the first entry's turn is next. Bounded by what each peer may have in flight. */
  readonly #waiting = new Map<PeerKey, (() => Promise<number>)[]>()
  #isBusy = false
  /** Members served since a stranger was. */
  #membersInARow = 0
  /** Bytes of answers since the last pause. */
  #answeredBytes = 0

  /** `isKnown`: peers that have three turns before each of all others. */
  constructor(options: { readonly clock: Timers; readonly isKnown: (peer: PeerKey) => boolean }) {
    this.#clock = options.clock
    this.#isKnown = options.isKnown
  }

  /**
   * Runs `work` when it is this peer's turn; at once when nobody waits. It resolves with the bytes of the answer that it has
   * sent, and never rejects.
   */
  add(peer: PeerKey, work: () => Promise<number>): void {
    const queue = this.#waiting.get(peer) ?? []
    queue.push(work)
    this.#waiting.set(peer, queue)
    if (!this.#isBusy) void this.#next()
  }

  /** Forgets what a peer that has gone waits for. */
  forget(peer: PeerKey): void {
    this.#waiting.delete(peer)
  }

  async #next(): Promise<void> {
    const work = this.#take()
    if (work === undefined) return
    this.#isBusy = true
    const startedMs = this.#clock.monotonicMs()
    // Work that waits for a disk does not hold up the others: its time counts until it waits.
    const answered = work().then((bytes) => {
      this.#answeredBytes += bytes
    })
    await Promise.race([answered, new Promise<void>((resolve) => void this.#clock.after(0, resolve))])
    const tookMs = this.#clock.monotonicMs() - startedMs
    const sendsMs = this.#answeredBytes * MS_PER_BYTE
    this.#answeredBytes = 0
    const pauseMs =
      Math.min(PAUSE_MAX_MS, Math.ceil(PAUSE_FACTOR * tookMs)) + Math.ceil((1 + PAUSE_FACTOR) * sendsMs)
    void this.#clock.after(pauseMs, () => {
      this.#isBusy = false
      void this.#next()
    })
  }

  /** Work of the peer that has waited longest for its turn, known ones first, but not for ever. */
  #take(): (() => Promise<number>) | undefined {
    const peers = [...this.#waiting.keys()]
    const member = peers.find((one) => this.#isKnown(one))
    const stranger = peers.find((one) => !this.#isKnown(one))
    const isMembersTurn = this.#membersInARow < MEMBERS_IN_A_ROW || stranger === undefined
    const peer = isMembersTurn ? (member ?? stranger) : stranger
    if (peer === undefined) return undefined
    this.#membersInARow = peer === member ? this.#membersInARow + 1 : 0
    const queue = this.#waiting.get(peer)!
    this.#waiting.delete(peer)
    const work = queue.shift()
    if (queue.length > 0) this.#waiting.set(peer, queue)
    return work
  }
}
