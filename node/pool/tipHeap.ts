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

export function siftUp(heap: Head[]): void {
  let at = heap.length - 1
  while (at > 0) {
    const above = (at - 1) >> 1
    if (!better(heap[at]!, heap[above]!)) return
    const kept = heap[at]!
    heap[at] = heap[above]!
    heap[above] = kept
    at = above
  }
}

export function popBest(heap: Head[]): PoolEntry {
  const best = heap[0]!
  const last = heap.pop()!
  if (heap.length === 0) return best.entry
  heap[0] = last
  let at = 0
  for (;;) {
    let next = at
    for (const child of [2 * at + 1, 2 * at + 2]) {
      if (child < heap.length && better(heap[child]!, heap[next]!)) next = child
    }
    if (next === at) return best.entry
    const kept = heap[at]!
    heap[at] = heap[next]!
    heap[next] = kept
    at = next
  }
}
