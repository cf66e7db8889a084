// The last transactions of all accounts, the cheapest first, kept while a full pool changes: looking through all accounts for each
// transaction would cost more than its signature. Owns: the order. Not: who is dropped (eviction.ts).
import { LANES, type PerLane } from '../../base/lanes.ts'
import type { AccountQueue } from './accountQueue.ts'
import { effectiveTip, type PoolEntry } from './poolEntry.ts'
import { better, type Head, heapify, popBest, siftUp } from './tipHeap.ts'

/** Entries that are last no more stay until they come up; from so many on, the order is made anew. */
const STALE_MAX = 1_024

/** The cheapest first; of those that tip the same, the youngest. */
const cheaper = (a: Head, b: Head): boolean => better(b, a)

export class Tails {
  readonly #baseFees: PerLane<bigint>
  readonly #heap: Head[] = []
  readonly #sizeMax: number

  constructor(queues: Iterable<AccountQueue>, baseFees: PerLane<bigint>) {
    this.#baseFees = baseFees
    for (const { last } of queues) this.#heap.push({ entry: last, tip: effectiveTip(last, baseFees) })
    heapify(this.#heap, cheaper)
    this.#sizeMax = 2 * this.#heap.length + STALE_MAX
  }

  /** Whether this order is that of these base fees, and not mostly of what has gone. */
  isFor(baseFees: PerLane<bigint>): boolean {
    return (
      this.#heap.length <= this.#sizeMax && LANES.every((lane) => baseFees[lane] === this.#baseFees[lane])
    )
  }

  /** An account's last transaction is another one. */
  add(entry: PoolEntry): void {
    this.put({ entry, tip: effectiveTip(entry, this.#baseFees) })
  }

  put(head: Head): void {
    this.#heap.push(head)
    siftUp(this.#heap, cheaper)
  }

  /** Takes out the cheapest, which may be last no more, or was taken before. */
  pop(): Head | undefined {
    const head = this.#heap[0]
    if (head !== undefined) popBest(this.#heap, cheaper)
    return head
  }
}
