// A heap of the next transactions of accounts: best effective tip first, then order of arrival.
import type { PoolEntry } from './poolEntry.ts'

/** The next transaction of one account, with its tip. */
export interface Head {
  readonly entry: PoolEntry
  readonly tip: bigint
}

export function better(a: Head, b: Head): boolean {
  return a.tip === b.tip ? a.entry.sequence < b.entry.sequence : a.tip > b.tip
}

/** `isBefore`: the order; default: the best first. */
export function siftUp(heap: Head[], isBefore = better): void {
  let at = heap.length - 1
  while (at > 0) {
    const above = (at - 1) >> 1
    if (!isBefore(heap[at]!, heap[above]!)) return
    const kept = heap[at]!
    heap[at] = heap[above]!
    heap[above] = kept
    at = above
  }
}

export function popBest(heap: Head[], isBefore = better): PoolEntry {
  const best = heap[0]!
  const last = heap.pop()!
  if (heap.length === 0) return best.entry
  heap[0] = last
  siftDown(heap, 0, isBefore)
  return best.entry
}

/** Puts heads of any order into the order of a heap, in time proportional to their number. */
export function heapify(heap: Head[], isBefore: typeof better): void {
  for (let at = (heap.length >> 1) - 1; at >= 0; at--) siftDown(heap, at, isBefore)
}

function siftDown(heap: Head[], from: number, isBefore: typeof better): void {
  for (let at = from; ; ) {
    let next = at
    for (let child = 2 * at + 1; child <= 2 * at + 2 && child < heap.length; child++) {
      if (isBefore(heap[child]!, heap[next]!)) next = child
    }
    if (next === at) return
    const kept = heap[at]!
    heap[at] = heap[next]!
    heap[next] = kept
    at = next
  }
}
