// Invariants of redemption (ECONOMY §12): 1 escrow, 6 sums and states, 13 order, 16 bounded work, and the books
// against capacity and issuance. Not: the reaction to a broken one.
import type { ReadContext } from '../../context.ts'
import type { Invariant } from '../../rules.ts'
import type { FullState, StateReader } from '../../view.ts'
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
import { nextMember } from './orderedSet.ts'
import { bucketOf, HEADS, lastWindowOf } from './queue.ts'
import { getTotals, isOpen, lockedInRedemption } from './redemptions.ts'
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

function* redemptions(full: FullState): Iterable<readonly [number, Redemption]> {
  const { prefix } = redemptionTables.redemption
  for (const [key, redemption] of redemptionTables.redemption.entries(full))
    yield [idOf(key, prefix.length), redemption] as const
}

/** Sums of the open assignments of each redemption, from the assignments themselves. */
function assignedSums(
  full: FullState,
): ReadonlyMap<number, { openBase: bigint; windows: Map<number, number> }> {
  const sums = new Map<number, { openBase: bigint; windows: Map<number, number> }>()
  const { prefix } = redemptionTables.assignment
  for (const [key, a] of redemptionTables.assignment.entries(full)) {
    const id = idOf(key, prefix.length)
    const known = sums.get(id) ?? { openBase: 0n, windows: new Map<number, number>() }
    known.openBase += a.amountBase - a.settledBase
    known.windows.set(a.window, (known.windows.get(a.window) ?? 0) + 1)
    sums.set(id, known)
  }
  return sums
}

function checkRedemption(
  id: number,
  r: Redemption,
  assigned: { openBase: bigint; windows: Map<number, number> } | undefined,
): string | undefined {
  const known = r.queuedBase + r.assignedBase + r.burnedBase + r.transferredBase + r.refundedBase
  if (r.amountBase !== known) return `redemption ${id}: ${r.amountBase} locked, ${known} accounted for`
  if ((assigned?.openBase ?? 0n) !== r.assignedBase)
    return `redemption ${id}: its assignments do not add up to ${r.assignedBase}`
  if (r.open.length !== (assigned?.windows.size ?? 0)) return `redemption ${id}: open windows differ`
  for (const { window, count } of r.open)
    if (assigned?.windows.get(window) !== count) return `redemption ${id}: window ${window} differs`
  if (isOpen(r) !== r.queuedBase + r.assignedBase > 0n) return `redemption ${id}: open and ended at once`
  return undefined
}

function recountRedemptions(full: FullState): string | undefined {
  const assigned = assignedSums(full)
  const owners = new Map<string, number>()
  const sum = { openCount: 0, queuedCount: 0, queuedBase: 0n, assignedBase: 0n, requestedBase: 0n }
  for (const [id, r] of redemptions(full)) {
    const reason = checkRedemption(id, r, assigned.get(id))
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
  const totals = getTotals(full)
  for (const [name, value] of Object.entries(sum))
    if (totals[name as keyof typeof sum] !== value)
      return `${name}: ${totals[name as keyof typeof sum]}, recounted ${value}`
  for (const [key, owner] of redemptionTables.owner.entries(full))
    if (owner.openCount !== (owners.get(key) ?? 0)) return "an owner's open count differs"
  return undefined
}

function recountQueue(full: FullState): string | undefined {
  const buckets = new Map<string, { set: Uint8Array; members: number[] }>()
  const heads: number[] = []
  for (const [id, r] of redemptions(full)) {
    const bucket = bucketOf(r)
    if (bucket === undefined) continue
    if (redemptionTables.place.get(full, { sequence: r.sequence })?.id !== id)
      return `place ${r.sequence} is not ${id}'s`
    const known = buckets.get(bucket.name) ?? { set: bucket.set, members: [] }
    known.members.push(r.sequence)
    buckets.set(bucket.name, known)
  }
  for (const [name, { set, members }] of buckets) {
    members.sort((a, b) => a - b)
    if (membersOf(full, set).join() !== members.join()) return `bucket ${name} differs from its requests`
    heads.push(members[0]!)
  }
  heads.sort((a, b) => a - b)
  return membersOf(full, HEADS).join() === heads.join() ? undefined : 'the heads of the buckets differ'
}

function membersOf(state: StateReader, set: Uint8Array): number[] {
  const out: number[] = []
  for (let m = nextMember(state, set, 0); m !== undefined; m = nextMember(state, set, m + 1)) out.push(m)
  return out
}

function recountBooks(full: FullState): string | undefined {
  const hours = new Map<string, bigint>()
  const coins = new Map<string, bigint>()
  const open = new Map<string, { count: number; base: bigint }>()
  for (const a of redemptionTables.assignment.values(full)) {
    const key = `${a.provider}/${a.window}`
    const left = a.amountBase - a.settledBase
    if (a.voucheredBase < a.settledBase || a.voucheredBase > a.amountBase || left <= 0n)
      return `an assignment in ${key} is out of its bounds`
    hours.set(key, (hours.get(key) ?? 0n) + a.bookedHours)
    coins.set(key, (coins.get(key) ?? 0n) + left)
    const known = open.get(key) ?? { count: 0, base: 0n }
    open.set(key, { count: known.count + 1, base: known.base + left })
  }
  const current = runningWindow(full)
  const { assignAhead } = redemptionParams.get(full)
  for (const provider of memberIds(full)) {
    for (let windowIndex = current; windowIndex <= current + assignAhead; windowIndex++) {
      const key = `${provider}/${windowIndex}`
      const bookedHours = bookedHoursIn(full, { provider, windowIndex })
      // Hours of the running window stay booked: what is returned from it has perished.
      if (windowIndex > current && bookedHours !== (hours.get(key) ?? 0n))
        return `hours booked in ${key} differ`
      const reserved = reservedCoinsIn(full, { provider, windowIndex })
      if (reserved !== (coins.get(key) ?? 0n)) return `coins reserved in ${key} differ`
      const book = redemptionTables.book.get(full, { provider, window: windowIndex })
      if ((book?.openCount ?? 0) !== (open.get(key)?.count ?? 0)) return `the book of ${key} differs`
      if ((book?.openBase ?? 0n) !== (open.get(key)?.base ?? 0n))
        return `the coins in the book of ${key} differ`
    }
  }
  return undefined
}

/** No request that the pass has moved past can take capacity that is free now. */
function recountOrder(full: FullState, ctx: ReadContext): string | undefined {
  const cursors = getCursors(full)
  // The pass sees changes made outside it only at the next block's end.
  if (sweepsPending(cursors) || cursors.capacityRevision !== capacityVersion(full)) return undefined
  if (cursors.window !== runningWindow(full)) return undefined
  // With a bonus a listing serves fewer coins, so a request without a match at par has none with bonuses either.
  const supply = readSupply(full, { longQueue: false })
  for (const sequence of membersOf(full, HEADS)) {
    if (sequence >= cursors.passSequence) return undefined
    const { id } = redemptionTables.place.mustGet(full, { sequence })
    const r = redemptionTables.redemption.mustGet(full, { id })
    const match = firstMatch({ ...ctx, state: full }, supply, r)
    if (match !== undefined)
      return `request ${id} at place ${sequence} was overtaken: ${match.takesBase} are free in window ${match.window}`
  }
  return undefined
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

function recountDeadlines(full: FullState): string | undefined {
  const current = runningWindow(full)
  const { expiredWindow } = getCursors(full)
  for (const [id, r] of redemptions(full)) {
    const last = lastWindowOf(r)
    if (bucketOf(r) === undefined || last === 0) continue
    if (last < expiredWindow && last < current) return `redemption ${id} outlived its last window ${last}`
  }
  return undefined
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
    doc: 'Buckets, heads and places agree with the requests; none outlives its last window.',
    recount: (full) => recountQueue(full) ?? recountDeadlines(full),
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
