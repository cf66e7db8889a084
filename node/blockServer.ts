// Answers peers that fetch finalized blocks by hash. Owns: whose turn it is, and that answering leaves most of the main
// thread to consensus. Not: blocks above the tip, which the core holds itself.
import type { Hash32 } from '../base/ids.ts'
import { BLOCK_BYTES_MAX } from '../base/protocol/limits.ts'
import type { Application, Clock } from '../consensus/ports.ts'
import type { Target } from '../consensus/types.ts'

/** Requests of one peer that wait; further ones are dropped, and an honest peer asks again. */
const WAITING_PER_PEER_MAX = 4
/** Pause after an answer, as a multiple of the time it took: peers get at most a third of the main thread. */
const PAUSE_FACTOR = 2
/** Room for the rest of the message. */
const ANSWER_BYTES_MAX = BLOCK_BYTES_MAX - 64 * 1024

interface Request {
  readonly to: Target
  readonly hash: Hash32
  readonly countMax: number
}

export interface BlockServerOptions {
  readonly application: Pick<Application, 'blockByHash'>
  readonly clock: Clock
  readonly send: (to: Target, blocks: readonly Uint8Array[]) => void
  readonly onFailure: (error: unknown) => void
}

export class BlockServer {
  readonly #options: BlockServerOptions
  /** Waiting requests by who asked; the first entry's turn is next. */
  readonly #waiting = new Map<string, Request[]>()
  #isBusy = false
  #isClosed = false
  #cancel: (() => void) | undefined

  constructor(options: BlockServerOptions) {
    this.#options = options
  }

  ask(request: Request): void {
    const who = request.to.kind === 'peer' ? request.to.peer : request.to.kind
    const waiting = this.#waiting.get(who) ?? []
    if (this.#isClosed || waiting.length >= WAITING_PER_PEER_MAX) return
    waiting.push(request)
    this.#waiting.set(who, waiting)
    if (!this.#isBusy) void this.#serveNext()
  }

  close(): void {
    this.#isClosed = true
    this.#waiting.clear()
    this.#cancel?.()
  }

  async #serveNext(): Promise<void> {
    const next = this.#takeNext()
    if (next === undefined) return
    const { clock, onFailure } = this.#options
    this.#isBusy = true
    const startedMs = clock.monotonicMs()
    try {
      await this.#serve(next)
    } catch (error) {
      onFailure(error)
    }
    if (this.#isClosed) return
    const pauseMs = PAUSE_FACTOR * (clock.monotonicMs() - startedMs)
    this.#cancel = clock.after(pauseMs, () => {
      this.#isBusy = false
      void this.#serveNext()
    })
  }

  /** One request of the peer that has waited longest for its turn. */
  #takeNext(): Request | undefined {
    for (const [who, requests] of this.#waiting) {
      this.#waiting.delete(who)
      const request = requests.shift()
      if (requests.length > 0) this.#waiting.set(who, requests)
      return request
    }
    return undefined
  }

  async #serve({ to, hash, countMax }: Request): Promise<void> {
    const { application, send } = this.#options
    const blocks: Uint8Array[] = []
    let bytes = 0
    let next = await application.blockByHash(hash)
    while (next !== undefined && blocks.length < countMax) {
      bytes += next.bytes.length
      if (blocks.length > 0 && bytes > ANSWER_BYTES_MAX) break
      blocks.push(next.bytes)
      next = await application.blockByHash(next.header.parentHash)
    }
    if (blocks.length > 0 && !this.#isClosed) send(to, blocks)
  }
}
