// Invariants of redemption (ECONOMY §12): 1 escrow, 6 sums and states, 13 order, 16 bounded work, and the books
// against capacity and issuance. Not: the reaction to a broken one.
import type { ReadContext } from '../../context.ts'
import { EntryCursor, eachItem, type Recount, type Recounting } from '../../recount.ts'
import type { Invariant } from '../../rules.ts'
import type { StateReader } from '../../view.ts'
import { getCursors } from './cursors.ts'
import {
  bookedHoursIn,
  capacityVersion,
  coinsAt,
  memberIds,
  REDEMPTION_ESCROW,
  reservedCoinsIn,
  runningWindow,
} from './external.ts'
import { firstMatch } from './matching.ts'
import { hasMember, nextMember } from './orderedSet.ts'
import { bucketOf, HEADS, lastWindowOf } from './queue.ts'
import { getTotals, isOpen, lockedInRedemption } from './redemptions.ts'
import { recountDraw } from './requests.ts'
import type { Redemption } from './schema.ts'
import { readSupply } from './supply.ts'
import { sweepsPending } from './sweeps.ts'
import { redemptionParams, redemptionTables } from './tables.ts'

/** Windows by which the sweep of books may lag: more means that the bound on work is too small for the chain. */
const SWEEP_LAG_MAX = 4

function checkEscrow(ctx: ReadContext): string | undefined {
  const held = coinsAt(ctx.state, REDEMPTION_ESCROW)
  const owed = lockedInRedemption(ctx.state)
  return held === owed ? undefined : `escrow holds ${held}, ${owed} is locked in redemption`
}

function checkTotals(ctx: ReadContext): string | undefined {
  const t = getTotals(ctx.state)
  const known = t.queuedBase + t.assignedBase + t.burnedBase + t.transferredBase + t.refundedBase
  return t.requestedBase === known ? undefined : `${t.requestedBase} requested, ${known} accounted for`
}

function idOf(key: string, prefixBytes: number): number {
  let id = 0
  for (let i = prefixBytes; i < prefixBytes + 8; i++) id = id * 256 + key.charCodeAt(i)
  return id
}

function eachRedemption(visit: (id: number, redemption: Redemption) => string | undefined): Recount {
  const { prefix } = redemptionTables.redemption
  return redemptionTables.redemption.each((redemption, key) => visit(idOf(key, prefix.length), redemption))
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
  const known = r.queuedBase + r.assignedBase + r.burnedBase + r.transferredBase + r.refundedBase
  if (r.amountBase !== known) return `redemption ${id}: ${r.amountBase} locked, ${known} accounted for`
  if (assigned.openBase !== r.assignedBase)
    return `redemption ${id}: its assignments do not add up to ${r.assignedBase}`
  if (r.open.length !== assigned.windows.size) return `redemption ${id}: open windows differ`
  for (const { window, count } of r.open)
    if (assigned.windows.get(window) !== count) return `redemption ${id}: window ${window} differs`
  if (isOpen(r) !== r.queuedBase + r.assignedBase > 0n) return `redemption ${id}: open and ended at once`
  return undefined
}

function* recountRedemptions({ state }: ReadContext): Recount {
  const owners = new Map<string, number>()
  const sum = { openCount: 0, queuedCount: 0, queuedBase: 0n, assignedBase: 0n, requestedBase: 0n }
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
    sum.requestedBase += r.amountBase
    sum.queuedBase += r.queuedBase
    sum.assignedBase += r.assignedBase
    if (r.queuedBase > 0n) sum.queuedCount++
    if (!isOpen(r)) continue
    sum.openCount++
    const owner = redemptionTables.owner.key({ owner: r.owner })
    owners.set(owner, (owners.get(owner) ?? 0) + 1)
  }
  if ((yield* assignments.peek()) !== undefined) return 'an assignment belongs to no redemption'
  const totals = getTotals(state)
  for (const [name, value] of Object.entries(sum))
    if (totals[name as keyof typeof sum] !== value)
      return `${name}: ${totals[name as keyof typeof sum]}, recounted ${value}`
  return yield* redemptionTables.owner.each(({ openCount }, key) =>
    openCount === (owners.get(key) ?? 0) ? undefined : "an owner's open count differs",
  )
}

interface BucketSum {
  readonly set: Uint8Array
  count: number
  head: number
}

/** Every waiting request has its place and is in its bucket, and the sets have no other members. */
function* recountQueue({ state }: ReadContext): Recount {
  const buckets = new Map<string, BucketSum>()
  const missing = yield* eachRedemption((id, r) => {
    const bucket = bucketOf(r)
    if (bucket === undefined) return undefined
    if (redemptionTables.place.get(state, { sequence: r.sequence })?.id !== id)
      return `place ${r.sequence} is not ${id}'s`
    if (!hasMember(state, bucket.set, r.sequence)) return `bucket ${bucket.name} differs from its requests`
    const known = buckets.get(bucket.name) ?? { set: bucket.set, count: 0, head: r.sequence }
    known.count++
    known.head = Math.min(known.head, r.sequence)
    buckets.set(bucket.name, known)
    return undefined
  })
  if (missing !== undefined) return missing
  for (const [name, { set, count, head }] of buckets) {
    let members = 0
    yield* eachItem(membersOf(state, set), () => {
      members++
      return undefined
    })
    if (members !== count) return `bucket ${name} differs from its requests`
    if (!hasMember(state, HEADS, head)) return 'the heads of the buckets differ'
    yield undefined
  }
  let heads = 0
  yield* eachItem(membersOf(state, HEADS), () => {
    heads++
    return undefined
  })
  return heads === buckets.size ? undefined : 'the heads of the buckets differ'
}

function* membersOf(state: StateReader, set: Uint8Array): Iterable<number> {
  for (let m = nextMember(state, set, 0); m !== undefined; m = nextMember(state, set, m + 1)) yield m
}

function* recountBooks({ state }: ReadContext): Recount {
  const hours = new Map<string, bigint>()
  const coins = new Map<string, bigint>()
  const open = new Map<string, { count: number; base: bigint }>()
  const unbounded = yield* redemptionTables.assignment.each((a) => {
    const key = `${a.provider}/${a.window}`
    const left = a.amountBase - a.settledBase
    if (a.voucheredBase < a.settledBase || a.voucheredBase > a.amountBase || left <= 0n)
      return `an assignment in ${key} is out of its bounds`
    hours.set(key, (hours.get(key) ?? 0n) + a.bookedHours)
    coins.set(key, (coins.get(key) ?? 0n) + left)
    const known = open.get(key) ?? { count: 0, base: 0n }
    open.set(key, { count: known.count + 1, base: known.base + left })
    return undefined
  })
  if (unbounded !== undefined) return unbounded
  const current = runningWindow(state)
  const { assignAhead } = redemptionParams.get(state)
  for (const provider of memberIds(state)) {
    yield undefined
    for (let windowIndex = current; windowIndex <= current + assignAhead; windowIndex++) {
      const key = `${provider}/${windowIndex}`
      const bookedHours = bookedHoursIn(state, { provider, windowIndex })
      // Hours of the running window stay booked: what is returned from it has perished.
      if (windowIndex > current && bookedHours !== (hours.get(key) ?? 0n))
        return `hours booked in ${key} differ`
      const reserved = reservedCoinsIn(state, { provider, windowIndex })
      if (reserved !== (coins.get(key) ?? 0n)) return `coins reserved in ${key} differ`
      const book = redemptionTables.book.get(state, { provider, window: windowIndex })
      if ((book?.openCount ?? 0) !== (open.get(key)?.count ?? 0)) return `the book of ${key} differs`
      if ((book?.openBase ?? 0n) !== (open.get(key)?.base ?? 0n))
        return `the coins in the book of ${key} differ`
    }
  }
  return undefined
}

/** No request that the pass has moved past can take capacity that is free now. */
function* recountOrder(ctx: ReadContext): Recount {
  const { state } = ctx
  const cursors = getCursors(state)
  // The pass sees changes made outside it only at the next block's end.
  if (sweepsPending(cursors) || cursors.capacityRevision !== capacityVersion(state)) return undefined
  if (cursors.window !== runningWindow(state)) return undefined
  // With a bonus a listing serves fewer coins, so a request without a match at par has none with bonuses either.
  const supply = readSupply(state, { longQueue: false })
  return yield* eachItem(membersOf(state, HEADS), (sequence) => {
    if (sequence >= cursors.passSequence) return undefined
    const { id } = redemptionTables.place.mustGet(state, { sequence })
    const r = redemptionTables.redemption.mustGet(state, { id })
    const match = firstMatch(ctx, supply, r)
    return match === undefined
      ? undefined
      : `request ${id} at place ${sequence} was overtaken: ${match.takesBase} are free in window ${match.window}`
  })
}

function checkWork(ctx: ReadContext): string | undefined {
  const e = getCursors(ctx.state)
  const { nextSequence } = getTotals(ctx.state)
  if (e.window > runningWindow(ctx.state)) return 'the engine is ahead of the windows'
  if (e.swept.window > e.window || e.window - e.swept.window > SWEEP_LAG_MAX)
    return `books of ${e.window - e.swept.window} ended windows are still unswept`
  if (e.passSequence > nextSequence || e.obligedSequence >= nextSequence)
    return 'a cursor is beyond the queue'
  if (e.settleHead > e.settleTail || e.markHead > e.markTail) return 'a cursor is beyond its end'
  return undefined
}

function recountDeadlines({ state }: ReadContext): Recount {
  const current = runningWindow(state)
  const { expiredWindow } = getCursors(state)
  return eachRedemption((id, r) => {
    const last = lastWindowOf(r)
    if (bucketOf(r) === undefined || last === 0) return undefined
    return last < expiredWindow && last < current
      ? `redemption ${id} outlived its last window ${last}`
      : undefined
  })
}

export const redemptionInvariants: readonly Invariant[] = [
  {
    id: '1 redemption escrow',
    severity: 'halt',
    doc: 'The escrow account holds exactly what is queued and assigned.',
    check: checkEscrow,
  },
  {
    id: '6 redemption sums',
    severity: 'alert',
    doc: 'requested = queued + assigned + burned + transferred + refunded, for each redemption and in sum; one state each.',
    check: checkTotals,
    recount: recountRedemptions,
  },
  {
    id: 'redemption.queue',
    severity: 'alert',
    doc: 'The draw, buckets, heads and places agree with the requests; none outlives its last window.',
    *recount(ctx) {
      return (yield* recountDraw(ctx)) ?? (yield* recountQueue(ctx)) ?? (yield* recountDeadlines(ctx))
    },
  },
  {
    id: 'redemption.books',
    severity: 'alert',
    doc: 'Open assignments add up to the hours booked in capacity, the coins reserved in issuance and the books.',
    recount: recountBooks,
  },
  {
    id: '13 order',
    severity: 'alert',
    doc: 'No earlier matchable request is overtaken.',
    recount: recountOrder,
  },
  {
    id: '16 redemption work',
    severity: 'alert',
    doc: 'Cursors advance and stay within what they walk.',
    check: checkWork,
  },
]
