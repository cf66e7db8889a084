// Seeded randomness and the simulator's event queue: one seed determines the whole run.

export class Random {
  #state: number

  constructor(seed: number) {
    this.#state = (seed ^ 0x6d2b79f5) >>> 0
  }

  /** 0 ≤ x < 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let x = this.#state
    x = Math.imul(x ^ (x >>> 15), x | 1)
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61)
    return ((x ^ (x >>> 14)) >>> 0) / 0x1_0000_0000
  }

  /** Integer from `low` to `high`, both included. */
  between(low: number, high: number): number {
    return low + Math.floor(this.next() * (high - low + 1))
  }

  chance(probability: number): boolean {
    return probability > 0 && this.next() < probability
  }

  pick<T>(list: readonly T[]): T {
    return list[this.between(0, list.length - 1)]!
  }

  shuffled<T>(list: readonly T[]): T[] {
    const out = [...list]
    for (let i = out.length - 1; i > 0; i--) {
      const j = this.between(0, i)
      const kept = out[i]!
      out[i] = out[j]!
      out[j] = kept
    }
    return out
  }
}

interface Event {
  readonly atMs: number
  readonly order: number
  readonly run: () => void
}

/** Virtual time: a binary heap of events; ties in order of creation. */
export class Scheduler {
  readonly #heap: Event[] = []
  #order = 0
  nowMs: number

  constructor(startMs: number) {
    this.nowMs = startMs
  }

  at(atMs: number, run: () => void): void {
    this.#heap.push({ atMs: Math.max(atMs, this.nowMs), order: this.#order++, run })
    let i = this.#heap.length - 1
    while (i > 0) {
      const parent = (i - 1) >> 1
      if (!before(this.#heap[i]!, this.#heap[parent]!)) break
      this.#swap(i, parent)
      i = parent
    }
  }

  after(delayMs: number, run: () => void): void {
    this.at(this.nowMs + delayMs, run)
  }

  /** Runs events until `done` or `untilMs`; returns whether `done`. */
  run(untilMs: number, done: () => boolean): boolean {
    while (this.#heap.length > 0 && this.#heap[0]!.atMs <= untilMs) {
      const event = this.#pop()
      this.nowMs = event.atMs
      event.run()
      if (done()) return true
    }
    this.nowMs = Math.max(this.nowMs, untilMs)
    return done()
  }

  /** Runs the next event if it is due by `untilMs`; otherwise advances to `untilMs` and returns false. */
  step(untilMs: number): boolean {
    const isDue = this.#heap.length > 0 && this.#heap[0]!.atMs <= untilMs
    this.run(isDue ? this.#heap[0]!.atMs : untilMs, () => true)
    return isDue
  }

  #pop(): Event {
    const top = this.#heap[0]!
    const last = this.#heap.pop()!
    if (this.#heap.length > 0) {
      this.#heap[0] = last
      this.#sink()
    }
    return top
  }

  #sink(): void {
    let i = 0
    for (;;) {
      const left = 2 * i + 1
      if (left >= this.#heap.length) return
      const right = left + 1
      const least = right < this.#heap.length && before(this.#heap[right]!, this.#heap[left]!) ? right : left
      if (!before(this.#heap[least]!, this.#heap[i]!)) return
      this.#swap(i, least)
      i = least
    }
  }

  #swap(a: number, b: number): void {
    const kept = this.#heap[a]!
    this.#heap[a] = this.#heap[b]!
    this.#heap[b] = kept
  }
}

function before(a: Event, b: Event): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)
}
