// Slots of one backend, shared by the assignments that use it in proportion to what is assigned to them. Owns: who is next.
// Work-conserving: a free slot goes to whoever waits with the least of its share in use, up to `burst` times the share.
import { assert } from '../../base/assert.ts'

/** Whoever asks for slots; its weight may change between two requests. */
export interface Sharer {
  /** Rated hours booked, in any unit; from 1. */
  readonly weight: bigint
}

interface Waiter {
  readonly enter: () => void
}

interface Line {
  readonly sharer: Sharer
  inUse: number
  readonly waiting: Set<Waiter>
}

export type Refusal =
  /** Too many wait already. */
  | 'full'
  /** No slot came in time. */
  | 'timeout'
  /** The client went away. */
  | 'gone'

export type Entered = { readonly kind: 'entered'; readonly leave: () => void } | { readonly kind: Refusal }

export interface QueueLimits {
  readonly slots: number
  readonly burst: number
  readonly queuedMax: number
  readonly queuedPerAssignmentMax: number
  readonly queueMs: number
}

export class FairQueue {
  readonly #limits: QueueLimits
  /** Only of those that use or await a slot: bounded by slots and queue. */
  readonly #lines = new Map<Sharer, Line>()
  /** Sum of the weights of all that could use slots now, from the assignments in force. */
  readonly #totalWeight: () => bigint
  #inUse = 0
  #waiting = 0

  constructor(limits: QueueLimits, totalWeight: () => bigint) {
    this.#limits = limits
    this.#totalWeight = totalWeight
  }

  get inUse(): number {
    return this.#inUse
  }

  get waiting(): number {
    return this.#waiting
  }

  /** Slots that one may use at once: its share, rounded up, times the burst. */
  slotsMax(sharer: Sharer): number {
    const { slots, burst } = this.#limits
    const total = this.#totalWeight()
    if (total <= sharer.weight) return slots
    const share = Number((BigInt(slots) * sharer.weight + total - 1n) / total)
    return Math.min(slots, Math.max(1, share) * burst)
  }

  /** Resolves with a slot, to be left exactly once, or with why there is none. */
  async enter(sharer: Sharer, signal: AbortSignal): Promise<Entered> {
    if (signal.aborted) return { kind: 'gone' }
    const line = this.#lineOf(sharer)
    const { queuedMax, queuedPerAssignmentMax } = this.#limits
    if (line.waiting.size === 0 && this.#mayEnter(line)) return this.#take(line)
    if (this.#waiting >= queuedMax || line.waiting.size >= queuedPerAssignmentMax) {
      this.#forget(line)
      return { kind: 'full' }
    }
    return this.#wait(line, signal)
  }

  #lineOf(sharer: Sharer): Line {
    let line = this.#lines.get(sharer)
    if (line === undefined) this.#lines.set(sharer, (line = { sharer, inUse: 0, waiting: new Set() }))
    return line
  }

  #forget(line: Line): void {
    if (line.inUse === 0 && line.waiting.size === 0) this.#lines.delete(line.sharer)
  }

  #mayEnter(line: Line): boolean {
    return this.#inUse < this.#limits.slots && line.inUse < this.slotsMax(line.sharer)
  }

  #take(line: Line): Entered {
    line.inUse++
    this.#inUse++
    let hasLeft = false
    const leave = (): void => {
      assert(!hasLeft, 'a slot is left once')
      hasLeft = true
      line.inUse--
      this.#inUse--
      this.#forget(line)
      this.#next()
    }
    return { kind: 'entered', leave }
  }

  #wait(line: Line, signal: AbortSignal): Promise<Entered> {
    return new Promise((resolve) => {
      const end = (result: Entered): void => {
        clearTimeout(timer)
        signal.removeEventListener('abort', gone)
        resolve(result)
      }
      const giveUp = (kind: Refusal): void => {
        if (!line.waiting.delete(waiter)) return
        this.#waiting--
        this.#forget(line)
        end({ kind })
      }
      const gone = (): void => giveUp('gone')
      const timer = setTimeout(() => giveUp('timeout'), this.#limits.queueMs)
      const waiter: Waiter = { enter: () => end(this.#take(line)) }
      line.waiting.add(waiter)
      this.#waiting++
      signal.addEventListener('abort', gone, { once: true })
    })
  }

  /** Gives free slots to those that wait, least of its share in use first; ties to whoever came to the queue first. */
  #next(): void {
    while (this.#waiting > 0 && this.#inUse < this.#limits.slots) {
      let best: Line | undefined
      for (const line of this.#lines.values()) {
        if (line.waiting.size === 0 || !this.#mayEnter(line)) continue
        const isLess =
          best === undefined ||
          BigInt(line.inUse) * best.sharer.weight < BigInt(best.inUse) * line.sharer.weight
        if (isLess) best = line
      }
      const waiter = best?.waiting.values().next().value
      if (best === undefined || waiter === undefined) return
      best.waiting.delete(waiter)
      this.#waiting--
      waiter.enter()
    }
  }
}
