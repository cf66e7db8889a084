// Full recounts of redemption: sums and states, the queue's sets, the books, and the order in which places are served.
// Not: which invariants they belong to and how severe these are (invariants.ts).
import type { ReadContext } from '../../context.ts'
import { EntryCursor, eachItem, type Recount, type Recounting } from '../../recount.ts'
import type { StateReader } from '../../view.ts'
import { coinsWithBonus, countedBonus } from './bonus.ts'
import { holdersOf } from './books.ts'
import { meets } from './candidates.ts'
import { getCursors } from './cursors.ts'
import {
  anchorNow,
  bookedIn,
  countsIn,
  groupsOf,
  hoursLeftIn,
  isAnySuspended,
  isServing,
  legalGroupOf,
  lotGroup,
  memberIds,
  runningWindow,
} from './external.ts'
import { grantsPending } from './grants.ts'
import { growthPending } from './growth.ts'
import { assignableWindows, passWanted } from './matching.ts'
import { orderOf } from './order.ts'
import { hasMember, nextMember } from './orderedSet.ts'
import { bucketSet, deadlineSet, HEADS, mustGetBucket, mustGetFilter, nextHead, waitingAt } from './queue.ts'
import { getTotals, isConstrained, isOpen, lastWindowOf } from './redemptions.ts'
import type { Bucket, Redemption } from './schema.ts'
import { STANDINGS } from './shapes.ts'
import { SIZES, sizeOf, sizeSet } from './sizes.ts'
import { redemptionParams, redemptionTables } from './tables.ts'
import { sweepPending } from './windowEnds.ts'

function idOf(key: string, prefixBytes: number): number {
  let id = 0
  for (let i = prefixBytes; i < prefixBytes + 8; i++) id = id * 256 + key.charCodeAt(i)
  return id
}

function eachRedemption(visit: (id: number, redemption: Redemption) => string | undefined): Recount {
  const { prefix } = redemptionTables.redemption
  return redemptionTables.redemption.each((redemption, key) => visit(idOf(key, prefix.length), redemption))
}

function* membersOf(state: StateReader, set: Uint8Array): Iterable<number> {
  for (let m = nextMember(state, set, 0); m !== undefined; m = nextMember(state, set, m + 1)) yield m
}

interface AssignedSum {
  openBase: bigint
  /** Open assignments by window. */
  readonly windows: Map<number, number>
}

/** What is left of the open assignments of one redemption; `assignments` has not passed it yet, and does then. */
function* assignedTo(id: number, assignments: EntryCursor): Recounting<AssignedSum> {
  const sum: AssignedSum = { openBase: 0n, windows: new Map() }
  const { prefix, decode } = redemptionTables.assignment
  for (;;) {
    const entry = yield* assignments.peek()
    if (entry === undefined || idOf(entry[0], prefix.length) !== id) return sum
    assignments.take()
    const { amountBase, settledBase, window } = decode(entry[1])
    sum.openBase += amountBase - settledBase
    sum.windows.set(window, (sum.windows.get(window) ?? 0) + 1)
  }
}

function checkRedemption(id: number, r: Redemption, assigned: AssignedSum): string | undefined {
  const known = r.queuedBase + r.assignedBase + r.burnedBase + r.transferredBase + r.refundedBase + r.feesBase
  if (r.amountBase !== known) return `redemption ${id}: ${r.amountBase} locked, ${known} accounted for`
  if (assigned.openBase !== r.assignedBase)
    return `redemption ${id}: its assignments do not add up to ${r.assignedBase}`
  if (r.open.length !== assigned.windows.size) return `redemption ${id}: open windows differ`
  for (const { window, count } of r.open)
    if (assigned.windows.get(window) !== count) return `redemption ${id}: window ${window} differs`
  if (isOpen(r) !== r.queuedBase + r.assignedBase > 0n) return `redemption ${id}: open and ended at once`
  return undefined
}

/** Every redemption is in one state and its sums add up; totals and owners agree with those in the state. */
export function* recountRedemptions({ state }: ReadContext): Recount {
  const owners = new Map<string, { openCount: number; count: number; newest: number }>()
  const sum = { openCount: 0, constrainedCount: 0, queuedCount: 0, queuedBase: 0n, assignedBase: 0n }
  // Both tables ascend by the redemption's id, so one walk beside the other needs no memory for the sums.
  const redemptions = new EntryCursor(redemptionTables.redemption.prefix)
  const assignments = new EntryCursor(redemptionTables.assignment.prefix)
  for (;;) {
    const entry = yield* redemptions.peek()
    if (entry === undefined) break
    redemptions.take()
    const id = idOf(entry[0], redemptionTables.redemption.prefix.length)
    const r = redemptionTables.redemption.decode(entry[1])
    const reason = checkRedemption(id, r, yield* assignedTo(id, assignments))
    if (reason !== undefined) return reason
    const key = redemptionTables.owner.key({ owner: r.owner })
    const owner = owners.get(key) ?? { openCount: 0, count: 0, newest: 0 }
    if (r.older !== owner.newest) return `redemption ${id}: the next older one of its owner differs`
    owners.set(key, { openCount: owner.openCount + (isOpen(r) ? 1 : 0), count: owner.count + 1, newest: id })
    sum.queuedBase += r.queuedBase
    sum.assignedBase += r.assignedBase
    if (r.queuedBase > 0n) sum.queuedCount++
    if (!isOpen(r)) continue
    sum.openCount++
    if (isConstrained(r)) sum.constrainedCount++
  }
  if ((yield* assignments.peek()) !== undefined) return 'an assignment belongs to no redemption'
  const totals = getTotals(state)
  for (const [name, value] of Object.entries(sum))
    if (totals[name as keyof typeof sum] !== value)
      return `${name}: ${totals[name as keyof typeof sum]}, recounted ${value}`
  let kept = 0
  const differs = yield* redemptionTables.owner.each((owner, key) => {
    kept++
    const known = owners.get(key)
    return known !== undefined &&
      known.openCount === owner.openCount &&
      known.count === owner.count &&
      known.newest === owner.newest
      ? undefined
      : 'an owner differs from its redemptions'
  })
  return differs ?? (kept === owners.size ? undefined : 'an owner of redemptions is missing')
}

type BucketSum = Pick<Bucket, 'head' | 'count' | 'queuedBase'>

function checkPlaces(state: StateReader, id: number, r: Redemption): string | undefined {
  const last = lastWindowOf(r)
  if (last !== 0 && !hasMember(state, deadlineSet(last), id))
    return `redemption ${id} has no deadline ${last}`
  for (const { sequence } of r.places) {
    if (redemptionTables.place.get(state, { sequence })?.id !== id) return `place ${sequence} is not ${id}'s`
    if (!hasMember(state, bucketSet(r.bucket), sequence)) return `place ${sequence} is not in its bucket`
  }
  const size = sizeOf(r)
  if (size !== undefined && !(hasMember(state, SIZES, size) && hasMember(state, sizeSet(size), id)))
    return `redemption ${id} is missing among those of its size`
  return undefined
}

function checkTerms(state: StateReader, id: number, r: Redemption): string | undefined {
  const bucket = mustGetBucket(state, r.bucket)
  const filter = mustGetFilter(state, bucket.filter)
  const isSame =
    bucket.lastWindow === lastWindowOf(r) &&
    filter.service === r.service &&
    filter.provider === r.provider &&
    filter.tierPpm === r.tierPpm &&
    filter.region === r.region &&
    filter.excluded.join() === r.excluded.join()
  return isSame ? undefined : `redemption ${id} waits in a bucket of other terms`
}

/** Every waiting redemption has its places and is in its bucket; buckets, filters and heads agree with them. */
export function* recountQueue({ state }: ReadContext): Recount {
  const sums = new Map<number, BucketSum>()
  let places = 0
  const broken = yield* eachRedemption((id, r) => {
    if (r.places.length === 0) return r.bucket === 0 ? undefined : `redemption ${id} is in a bucket`
    const reason = checkPlaces(state, id, r) ?? checkTerms(state, id, r)
    if (reason !== undefined) return reason
    const sum = sums.get(r.bucket)
    const first = r.places[0]!.sequence
    sums.set(r.bucket, {
      head: Math.min(first, sum?.head ?? first),
      count: (sum?.count ?? 0) + r.places.length,
      queuedBase: r.places.reduce((total, place) => total + place.queuedBase, sum?.queuedBase ?? 0n),
    })
    places += r.places.length
    return undefined
  })
  if (broken !== undefined) return broken
  return (yield* recountBuckets(state, sums)) ?? (yield* recountPlaces(places))
}

function* recountPlaces(expected: number): Recount {
  let places = 0
  yield* redemptionTables.place.each(() => {
    places++
    return undefined
  })
  return places === expected ? undefined : `${places} places are kept, ${expected} wait`
}

function* recountBuckets(state: StateReader, sums: ReadonlyMap<number, BucketSum>): Recount {
  const filters = new Map<number, number>()
  let buckets = 0
  let matchableBase = 0n
  const broken = yield* redemptionTables.bucket.each((bucket, key) => {
    const id = idOf(key, redemptionTables.bucket.prefix.length)
    const sum = sums.get(id)
    buckets++
    if (bucket.standing !== 'asleep') matchableBase += bucket.queuedBase
    filters.set(bucket.filter, (filters.get(bucket.filter) ?? 0) + 1)
    if (sum === undefined || sum.head !== bucket.head) return `the head of bucket ${id} differs`
    if (sum.count !== bucket.count || sum.queuedBase !== bucket.queuedBase)
      return `bucket ${id} differs from its places`
    return hasMember(state, HEADS[bucket.standing], bucket.head)
      ? undefined
      : `bucket ${id} is not among those of its standing`
  })
  if (broken !== undefined) return broken
  if (buckets !== sums.size) return `${buckets} buckets are kept, ${sums.size} are used`
  const known = getTotals(state).matchableBase
  if (known !== matchableBase) return `${known} may match, recounted ${matchableBase}`
  let heads = 0
  for (const standing of STANDINGS)
    yield* eachItem(membersOf(state, HEADS[standing]), () => {
      heads++
      return undefined
    })
  if (heads !== buckets) return `${heads} heads, ${buckets} buckets`
  let kept = 0
  const differs = yield* redemptionTables.filter.each((filter, key) => {
    kept++
    const id = idOf(key, redemptionTables.filter.prefix.length)
    return filters.get(id) === filter.buckets ? undefined : `the buckets of filter ${id} differ`
  })
  return differs ?? (kept === filters.size ? undefined : 'a filter has no bucket')
}

/** No request outlives its last window by more than the sweep's cursor says. */
export function recountDeadlines({ state }: ReadContext): Recount {
  const current = runningWindow(state)
  const { expiredWindow } = getCursors(state)
  return eachRedemption((id, r) => {
    const last = lastWindowOf(r)
    if (r.places.length === 0 || last === 0) return undefined
    return last < expiredWindow && last < current
      ? `redemption ${id} outlived its last window ${last}`
      : undefined
  })
}

interface BookSums {
  /** Hours and coins by lot group and window. */
  readonly groups: Map<string, { hours: bigint; base: bigint }>
  /** Assignments and coins by provider and window. */
  readonly books: Map<string, { count: number; base: bigint }>
  /** Assignments by window and place. */
  readonly held: Map<string, number>
}

function* sumAssignments(sums: BookSums): Recount {
  const { prefix } = redemptionTables.assignment
  return yield* redemptionTables.assignment.each((a, key) => {
    const left = a.amountBase - a.settledBase
    if (a.voucheredBase < a.settledBase || a.voucheredBase > a.amountBase || left <= 0n)
      return `an assignment of redemption ${idOf(key, prefix.length)} is out of its bounds`
    const group = sums.groups.get(`${a.group}/${a.window}`) ?? { hours: 0n, base: 0n }
    sums.groups.set(`${a.group}/${a.window}`, { hours: group.hours + a.bookedHours, base: group.base + left })
    const book = sums.books.get(`${a.provider}/${a.window}`) ?? { count: 0, base: 0n }
    sums.books.set(`${a.provider}/${a.window}`, { count: book.count + 1, base: book.base + left })
    sums.held.set(`${a.window}/${a.sequence}`, (sums.held.get(`${a.window}/${a.sequence}`) ?? 0) + 1)
    return undefined
  })
}

/** Open assignments add up to the hours and coins booked in capacity, to the providers' books, and to those of places. */
export function* recountBooks({ state }: ReadContext): Recount {
  const sums: BookSums = { groups: new Map(), books: new Map(), held: new Map() }
  const unbounded = yield* sumAssignments(sums)
  if (unbounded !== undefined) return unbounded
  const current = runningWindow(state)
  const { assignAhead } = redemptionParams.get(state)
  for (const provider of memberIds(state)) {
    yield undefined
    for (let window = current; window <= current + assignAhead; window++) {
      const book = redemptionTables.book.get(state, { provider, window })
      const sum = sums.books.get(`${provider}/${window}`)
      if ((book?.openCount ?? 0) !== (sum?.count ?? 0)) return `the book of ${provider}/${window} differs`
      if ((book?.openBase ?? 0n) !== (sum?.base ?? 0n))
        return `the coins in the book of ${provider}/${window} differ`
      for (const group of groupsOf(state, provider)) {
        const booked = bookedIn(state, { group, windowIndex: window })
        const wanted = sums.groups.get(`${group}/${window}`)
        // Hours of the running window stay booked: what is returned from it has perished.
        if (window > current && booked.hours !== (wanted?.hours ?? 0n))
          return `hours booked of group ${group} in window ${window} differ`
        if (booked.amountBase !== (wanted?.base ?? 0n))
          return `coins booked of group ${group} in window ${window} differ`
      }
    }
  }
  return yield* recountHeld(state, sums.held)
}

function* recountHeld(state: StateReader, held: ReadonlyMap<string, number>): Recount {
  return yield* eachItem(held, ([at, expected]) => {
    const [window, sequence] = at.split('/').map(Number) as [number, number]
    const list = redemptionTables.held.get(state, { window, sequence })
    if (list === undefined || !hasMember(state, holdersOf(window), sequence))
      return `place ${sequence} is missing among the holders of window ${window}`
    let count = 0
    let previous = 0
    for (let n = list.first; n !== 0 && count <= expected; count++) {
      const assignment = redemptionTables.assignment.mustGet(state, { id: list.id, assignment: n })
      if (assignment.previous !== previous) return `the list of place ${sequence} is broken`
      previous = n
      n = assignment.next
    }
    return count === expected && list.last === previous
      ? undefined
      : `place ${sequence} holds ${count} in window ${window}, expected ${expected}`
  })
}

/** A lot group with free hours that could serve a sleeping bucket, by a full scan. */
function overlooked(ctx: ReadContext, sequence: number): string | undefined {
  const { state, block } = ctx
  const { bucket: id } = waitingAt(state, sequence)!.redemption
  const bucket = mustGetBucket(state, id)
  const filter = mustGetFilter(state, bucket.filter)
  const { service } = filter
  const isObliged = sequence <= getCursors(state).obligedSequence
  const { minimumBase } = redemptionParams.get(state)
  const current = runningWindow(state)
  const anchor = anchorNow(state)
  for (const provider of orderOf(state)) {
    if (!isServing(state, provider) || isAnySuspended(state, provider)) continue
    if (filter.excluded.includes(legalGroupOf(state, provider))) continue
    const listing = redemptionTables.listing.get(state, { provider, service })
    for (const groupId of groupsOf(state, provider)) {
      const group = lotGroup(state, groupId)!
      const isListed = listing?.classId === group.classId && listing.region === group.region
      if (!meets(filter, group) || !(isListed || (isObliged && countsIn(state, group, current)))) continue
      // With a bonus it takes fewer coins than at par, so this cannot accuse a pass that was at par.
      const bonusPpm = isListed ? countedBonus(state, { provider, window: current }, listing) : 0n
      for (const window of assignableWindows(state, block.timestampMs)) {
        if (bucket.lastWindow !== 0 && window > bucket.lastWindow) continue
        const hours = hoursLeftIn(state, group, window)
        const takes = coinsWithBonus(group, hours, { service, anchor, bonusPpm })
        if (takes >= minimumBase && takes > 0n)
          return `place ${sequence} was overtaken: group ${groupId} can take ${takes} in window ${window}`
      }
    }
  }
  return undefined
}

/** No request that the pass has moved past can take capacity that is free now. */
export function* recountOrder(ctx: ReadContext): Recount {
  const { state, block } = ctx
  const { wakeFrom, obligeFrom } = getCursors(state)
  const isBetween =
    grantsPending(state) ||
    sweepPending(state, block.timestampMs) ||
    passWanted(state) ||
    growthPending(state)
  // Until the pass has told them, sleepers may not know of hours that are free.
  if (isBetween || wakeFrom > 0 || obligeFrom > 0) return undefined
  const first = nextHead(state, 'unlooked', 0)
  return yield* eachItem(membersOf(state, HEADS.asleep), (sequence) =>
    first !== undefined && sequence > first ? undefined : overlooked(ctx, sequence),
  )
}
