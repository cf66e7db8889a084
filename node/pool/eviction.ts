// Whom a full pool drops (WALLETS §1). First what is above an account's guaranteed floor: the highest nonces of the
// largest accounts. Then the last transactions of other accounts that tip less. Chooses only; mempool.ts removes.
import type { PerLane } from '../../base/lanes.ts'
import type { AccountQueue } from './accountQueue.ts'
import { effectiveTip, type PoolEntry } from './poolEntry.ts'
import type { Tails } from './tails.ts'
import type { Head } from './tipHeap.ts'

/** Room to make: bytes and transactions. */
export interface Room {
  readonly bytes: number
  readonly count: number
}

export interface EvictionRequest {
  /** Accounts that have more in the pool than their guaranteed ones. */
  readonly loose: Iterable<AccountQueue>
  /** The last transactions of all accounts, at `baseFees`. */
  readonly tails: Tails
  /** The sender's queue; undefined when none of it is pooled. */
  readonly queueOf: (entry: PoolEntry) => AccountQueue | undefined
  /** Transactions of an account that no larger account displaces. */
  readonly floor: number
  /** What the new transaction lacks. */
  readonly needed: Room
  /** What to free if others have it to give, so that choosing is rare. At least `needed`. */
  readonly goal: Room
  readonly wanted: Pick<PoolEntry, 'transaction' | 'lane'>
  /** The sender's queue, which may still be empty. */
  readonly own: AccountQueue
  readonly baseFees: PerLane<bigint>
}

export type Refusal = 'aboveFloor' | 'outbid'

export type Eviction =
  | { readonly aboveFloor: readonly PoolEntry[]; readonly outbid: readonly PoolEntry[] }
  /** The new transaction would be the next to go. Nothing is dropped for it. */
  | { readonly refused: Refusal }

/** Transactions of a queue that are guaranteed: the lowest ones, as far as they are executable. */
function guaranteed(queue: AccountQueue, { floor, own, wanted }: EvictionRequest): number {
  let end = queue.missing
  // The new transaction may close a gap.
  if (queue === own && end === wanted.transaction.nonce) {
    do end++
    while (end - queue.nonce < floor && queue.get(end) !== undefined)
  }
  return Math.min(floor, end - queue.nonce)
}

class Freed {
  bytes = 0
  count = 0

  add({ transaction }: PoolEntry): void {
    this.bytes += transaction.raw.length
    this.count++
  }

  reaches(room: Room): boolean {
    return this.bytes >= room.bytes && this.count >= room.count
  }
}

/** Whether an account has more in the pool than its guaranteed ones. */
export function isLoose(queue: AccountQueue, floor: number): boolean {
  return queue.size > Math.min(floor, queue.executableCount)
}

/** Chooses what to drop for one transaction, or refuses it. A function of the pool's contents and of arrival order. */
export function chooseEvicted(request: EvictionRequest): Eviction {
  const { needed, goal } = request
  const freed = new Freed()
  const trimmed = trimLargest(request, freed)
  if (freed.reaches(needed)) return { aboveFloor: trimmed, outbid: [] }
  if (!isGuaranteed(request)) return { refused: 'aboveFloor' }
  const outbid = chooseOutbid(request, { freed, goal, trimmed: new Set(trimmed) })
  return freed.reaches(needed) ? { aboveFloor: trimmed, outbid } : { refused: 'outbid' }
}

/** Whether the new transaction would be within its account's floor. */
export function isGuaranteed({
  wanted,
  own,
  floor,
}: Pick<EvictionRequest, 'wanted' | 'own' | 'floor'>): boolean {
  const { nonce } = wanted.transaction
  return nonce <= own.missing && nonce - own.nonce < floor
}

/**
 * Takes the highest nonce of whichever account has most transactions, again and again, until the goal is reached, only
 * floors are left, or the new transaction itself is next.
 */
function trimLargest(request: EvictionRequest, freed: Freed): readonly PoolEntry[] {
  const { goal, own, wanted } = request
  const wantedNonce = wanted.transaction.nonce
  const bySize = new Map<number, Trimmed[]>()
  let size = 0
  const put = (trimmed: Trimmed): void => {
    if (trimmed.size <= trimmed.floor) return
    const same = bySize.get(trimmed.size)
    if (same === undefined) bySize.set(trimmed.size, [trimmed])
    else same.push(trimmed)
    size = Math.max(size, trimmed.size)
  }
  const looked = new Set(request.loose)
  if (own.size > 0) looked.add(own)
  for (const queue of looked) {
    // The new transaction counts as if it were in its queue, unless it takes the place of another.
    const isNew = queue === own && queue.get(wantedNonce) === undefined
    put({ queue, size: queue.size + (isNew ? 1 : 0), floor: guaranteed(queue, request), left: undefined })
  }
  const evicted: PoolEntry[] = []
  for (; size > 0; size--) {
    for (const trimmed of bySize.get(size) ?? []) {
      if (freed.reaches(goal)) return evicted
      trimmed.left ??= trimmed.queue.descending()
      const entry = trimmed.left.next().value
      const isOwn = trimmed.queue === own
      if (entry === undefined || (isOwn && entry.transaction.nonce <= wantedNonce)) return evicted
      evicted.push(entry)
      freed.add(entry)
      trimmed.size--
      put(trimmed)
    }
    bySize.delete(size)
  }
  return evicted
}

interface Trimmed {
  readonly queue: AccountQueue
  size: number
  readonly floor: number
  /** What is left of the queue, once something was taken of it. */
  left: Iterator<PoolEntry, undefined> | undefined
}

/** The last transactions of other accounts whose tips are below the new one's, the cheapest and youngest first. */
function chooseOutbid(
  { tails, queueOf, own, wanted, baseFees }: EvictionRequest,
  at: { readonly freed: Freed; readonly goal: Room; readonly trimmed: ReadonlySet<PoolEntry> },
): readonly PoolEntry[] {
  const tip = effectiveTip(wanted, baseFees)
  const lastOf = (entry: PoolEntry): PoolEntry | undefined => {
    const queue = queueOf(entry)
    return queue === undefined ? undefined : lastKept(queue, at.trimmed)
  }
  // Below what was trimmed others are last.
  for (const last of new Set([...at.trimmed].map(lastOf))) if (last !== undefined) tails.add(last)
  const outbid: PoolEntry[] = []
  const looked = new Map<PoolEntry, Head>()
  while (!at.freed.reaches(at.goal)) {
    const head = tails.pop()
    if (head === undefined) break
    const { entry } = head
    const isLast = at.trimmed.size === 0 ? isQueueLast(queueOf(entry), entry) : lastOf(entry) === entry
    if (!isLast || looked.has(entry)) continue
    looked.set(entry, head)
    if (head.tip >= tip) break
    if (queueOf(entry) === own) continue
    outbid.push(entry)
    at.freed.add(entry)
  }
  // Those that are dropped will be last no more.
  for (const head of looked.values()) tails.put(head)
  return outbid
}

function isQueueLast(queue: AccountQueue | undefined, entry: PoolEntry): boolean {
  return queue !== undefined && queue.size > 0 && queue.last === entry
}

/** The last transaction that was not trimmed. */
function lastKept(queue: AccountQueue, trimmed: ReadonlySet<PoolEntry>): PoolEntry | undefined {
  for (const entry of queue.descending()) if (!trimmed.has(entry)) return entry
  return undefined
}
