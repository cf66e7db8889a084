// Who serves whom: the pass over the queue in order of place (ECONOMY §6). Owns: when buckets are looked at and what is
// assigned. Not: who meets a filter (candidates.ts), the books (books.ts), the sets of the queue (queue.ts).
import { assert } from '../../../base/assert.ts'
import { minBigint } from '../../../base/units.ts'
import type { WriteContext } from '../../context.ts'
import type { StateReader, StateWriter } from '../../view.ts'
import { SERVICES } from '../catalogue/schema.ts'
import { openAssignment } from './assignments.ts'
import { hoursWithBonus } from './bonus.ts'
import { type Candidate, findCandidate, frontierOf, putFrontier, type Search } from './candidates.ts'
import { countNextWindow, isCrowded, moveCounted } from './crowding.ts'
import { type Budget, getCursors, spendSteps, takeStep, updateCursors } from './cursors.ts'
import {
  isLastQuarter,
  isOffered,
  quarterWindowMs,
  recountInForce,
  runningWindow,
  standingOfMembers,
} from './external.ts'
import { tellGrowth } from './growth.ts'
import { orderOf, takeOrder, volunteersOf } from './order.ts'
import { mustGetBucket, mustGetFilter, nextHead, setStanding, waitingAt } from './queue.ts'
import { getTotals } from './redemptions.ts'
import type { Bucket, Filter, Frontier } from './schema.ts'
import { redemptionParams, redemptionTables } from './tables.ts'

/** Windows in which capacity may be reserved now: not begun, within assignAhead, and with time left for a grant. */
export function assignableWindows(state: StateReader, nowMs: number): readonly number[] {
  const { assignAhead } = redemptionParams.get(state)
  const current = runningWindow(state)
  const first = isLastQuarter(state, nowMs) ? 2 : 1
  return Array.from({ length: Math.max(0, assignAhead - first + 1) }, (_, k) => current + first + k)
}

/** Whether a pass is wanted: the window, the capacity in force or who may serve has changed since the last one began. */
export function passWanted(state: StateReader): boolean {
  const { passWindow, recount, standing } = getCursors(state)
  return (
    passWindow !== runningWindow(state) ||
    recount !== recountInForce(state) ||
    standing !== standingOfMembers(state)
  )
}

/** Begins a pass: providers are ranked, sleepers may wake, and the free hours of the next window are to be summed up. */
export function beginPass(state: StateWriter, budget: Budget): void {
  if (!passWanted(state)) return
  takeOrder(state)
  spendSteps(budget, 'rank', orderOf(state).length)
  const hasBonus = SERVICES.some((service) => volunteersOf(state, service).bonusCount > 0)
  const { pass } = getCursors(state)
  updateCursors(state, {
    passWindow: runningWindow(state),
    recount: recountInForce(state),
    standing: standingOfMembers(state),
    pass: pass + 1,
    wakeFrom: 1,
    // Without any bonus the rule of par changes nothing.
    countedIndex: hasBonus ? 0 : orderOf(state).length,
    countedGroup: 0,
    countedHours: 0n,
  })
}

/** Obliges providers to serve requests that have waited a quarter window; those among them that sleep are to be woken. */
export function obligeProviders(ctx: WriteContext, budget: Budget): void {
  const { state, block } = ctx
  const waitMs = quarterWindowMs(state)
  for (;;) {
    const { markHead, markTail, obligedSequence, obligeFrom } = getCursors(state)
    if (markHead === markTail) return
    const mark = redemptionTables.mark.mustGet(state, { index: markHead })
    if (mark.atMs + waitMs > block.timestampMs || !takeStep(budget)) return
    redemptionTables.mark.delete(state, { index: markHead })
    updateCursors(state, {
      markHead: markHead + 1,
      obligedSequence: mark.sequence,
      obligeFrom: obligeFrom === 0 ? obligedSequence + 1 : obligeFrom,
    })
  }
}

/** When providers will next be obliged to serve more of the queue; undefined when nothing in it waits for that. */
export function obligedAtMs(state: StateReader): number | undefined {
  const { markHead, markTail } = getCursors(state)
  if (markHead === markTail || getTotals(state).queuedCount === 0) return undefined
  return redemptionTables.mark.mustGet(state, { index: markHead }).atMs + quarterWindowMs(state)
}

/** Wakes those for whom a pass or an obligation brings something new; false when the steps ran out. */
export function wakeSleepers(state: StateWriter, budget: Budget): boolean {
  const { obligedSequence } = getCursors(state)
  return (
    wake(state, budget, { cursor: 'wakeFrom', until: Number.MAX_SAFE_INTEGER }) &&
    wake(state, budget, { cursor: 'obligeFrom', until: obligedSequence })
  )
}

function wake(
  state: StateWriter,
  budget: Budget,
  range: { readonly cursor: 'wakeFrom' | 'obligeFrom'; readonly until: number },
): boolean {
  for (;;) {
    const from = getCursors(state)[range.cursor]
    if (from === 0) return true
    const head = nextHead(state, 'asleep', from)
    if (head === undefined || head > range.until) {
      updateCursors(state, { [range.cursor]: 0 })
      return true
    }
    if (!takeStep(budget, 'wake')) return false
    updateCursors(state, { [range.cursor]: head + 1 })
    const { id, bucket } = bucketAt(state, head)
    const { service, provider, tierPpm, region } = mustGetFilter(state, bucket.filter)
    if (isOffered(state, { service, provider, ratingMin: tierPpm, region }))
      setStanding(state, id, 'unlooked')
  }
}

function bucketAt(state: StateReader, head: number): { readonly id: number; readonly bucket: Bucket } {
  const waiting = waitingAt(state, head)
  assert(waiting !== undefined, 'a head is a place that waits')
  const { bucket } = waiting.redemption
  return { id: bucket, bucket: mustGetBucket(state, bucket) }
}

type Served =
  | { readonly kind: 'candidate'; readonly window: number; readonly candidate: Candidate }
  | { readonly kind: 'none' }
  | { readonly kind: 'outOfSteps' }

function isSame(a: Frontier, b: Frontier): boolean {
  const keys = ['atPar', 'byBonus', 'obligedAtPar', 'obligedByBonus'] as const
  return (
    a.version === b.version &&
    keys.every((key) => a[key].index === b[key].index && a[key].group === b[key].group)
  )
}

/** Looks for the first candidate of a bucket's head: the nearest window first. */
function search(
  state: StateWriter,
  options: { readonly search: Search; readonly windows: readonly number[] },
  at: { readonly sequence: number; readonly bucket: Bucket; readonly isAtPar: boolean },
): Served {
  const { bucket, isAtPar } = at
  const isObliged = at.sequence <= getCursors(state).obligedSequence
  for (const window of options.windows) {
    if (bucket.lastWindow !== 0 && window > bucket.lastWindow) break
    const filter = mustGetFilter(state, bucket.filter)
    const found = findCandidate(options.search, filter, { window, isAtPar, isObliged })
    keepFrontier(state, { id: bucket.filter, filter }, options.search, found.frontier)
    if (found.isOutOfSteps) return { kind: 'outOfSteps' }
    if (found.candidate !== undefined) return { kind: 'candidate', window, candidate: found.candidate }
  }
  return { kind: 'none' }
}

function keepFrontier(
  state: StateWriter,
  at: { readonly id: number; readonly filter: Filter },
  { pass }: Search,
  frontier: Frontier,
): void {
  const { window, version } = frontier
  const known = frontierOf(at.filter, { window, pass, version })
  const isStored = at.filter.pass === pass && at.filter.frontiers.some((other) => other.window === window)
  if (!isStored || !isSame(known, frontier)) putFrontier(state, at.id, pass, frontier)
}

interface Run {
  readonly search: Search
  readonly windows: readonly number[]
}

/** Finds out of new and woken buckets whether they match; false when the steps ran out. */
function lookAtNew(state: StateWriter, run: Run): boolean {
  for (;;) {
    const sequence = nextHead(state, 'unlooked', 0)
    if (sequence === undefined) return true
    if (!takeStep(run.search.budget)) return false
    const { id, bucket } = bucketAt(state, sequence)
    const found = search(state, run, { sequence, bucket, isAtPar: true })
    if (found.kind === 'outOfSteps') return false
    setStanding(state, id, found.kind === 'none' ? 'asleep' : 'matchable')
    spendSteps(run.search.budget, 'wake')
  }
}

/** Assigns what matches, always to the earliest place; false when the steps ran out. */
function assignMatchable(ctx: WriteContext, run: Run): boolean {
  const { state } = ctx
  for (;;) {
    const sequence = nextHead(state, 'matchable', 0)
    if (sequence === undefined) return true
    if (!takeStep(run.search.budget)) return false
    const { id, bucket } = bucketAt(state, sequence)
    const isAtPar = isCrowded(state, run.search.anchor)
    const found = search(state, run, { sequence, bucket, isAtPar })
    if (found.kind === 'outOfSteps') return false
    if (found.kind === 'none') setStanding(state, id, 'asleep')
    else assign(ctx, run.search, { sequence, ...found })
    spendSteps(run.search.budget, found.kind === 'none' ? 'wake' : 'assign')
    // What is left of a request whose delivery begins may be served longer: it waits in another bucket.
    if (!lookAtNew(state, run)) return false
  }
}

function assign(
  ctx: WriteContext,
  { anchor }: Search,
  match: { readonly sequence: number; readonly window: number; readonly candidate: Candidate },
): void {
  const { state } = ctx
  const { sequence, window, candidate } = match
  const { group, bonusPpm } = candidate
  const waiting = waitingAt(state, sequence)
  assert(waiting !== undefined, 'a head is a place that waits')
  const { redemption } = waiting
  const place = redemption.places.find((other) => other.sequence === sequence)
  assert(place !== undefined, 'a redemption has its places')
  const { service } = redemption
  const amountBase = minBigint(place.queuedBase, candidate.takesBase)
  const bookedHours = hoursWithBonus(group, amountBase, { service, anchor, bonusPpm })
  openAssignment(ctx, waiting.id, {
    provider: group.provider,
    group: candidate.id,
    window,
    sequence,
    amountBase,
    anchor,
    classId: group.classId,
    rating: group.inForce[service],
    bonusPpm,
    bookedHours,
  })
  moveCounted(state, { group: candidate.id, window }, -bookedHours)
  // Whom all must serve tells nothing of whom only volunteers may: the rule of par counts the bucket's rest by its new head.
  const next = redemptionTables.bucket.get(state, { id: redemption.bucket })
  const { obligedSequence } = getCursors(state)
  if (next !== undefined && sequence <= obligedSequence && next.head > obligedSequence)
    setStanding(state, redemption.bucket, 'unlooked')
}

/** Goes on with the pass; false when the steps ran out. Nothing is assigned before all who might match are known. */
export function runPass(ctx: WriteContext, run: Run): boolean {
  const { state } = ctx
  const { budget } = run.search
  return (
    countNextWindow(state, budget) &&
    tellGrowth(state, budget) &&
    wakeSleepers(state, budget) &&
    lookAtNew(state, run) &&
    assignMatchable(ctx, run)
  )
}
