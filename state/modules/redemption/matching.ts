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
import { ACT_STEPS, type Budget, getCursors, spendSteps, takeStep, updateCursors } from './cursors.ts'
import {
  isLastQuarter,
  isOffered,
  memberIds,
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

/**
 * Begins a pass: providers are ranked, sleepers may wake, and the free hours of the next window are to be summed up. Ranking
 * all members is one act: it waits for a block that has the steps, or for its turn. False while it waits: by the pass before,
 * places might overtake those that are to be woken.
 */
export function beginPass(state: StateWriter, budget: Budget): boolean {
  if (!passWanted(state)) return true
  const { walk } = budget
  if (walk.left < memberIds(state).length * ACT_STEPS.rank && !walk.isTurn) return false
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
  return true
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

type Looked = 'looked' | 'outOfSteps'

/** Finds out of the new or woken bucket with this head whether it matches. */
function lookAt(state: StateWriter, run: Run, sequence: number): Looked {
  const { budget } = run.search
  if (!takeStep(budget)) return 'outOfSteps'
  const { id, bucket } = bucketAt(state, sequence)
  const found = search(state, run, { sequence, bucket, isAtPar: true })
  if (found.kind === 'outOfSteps') return 'outOfSteps'
  setStanding(state, id, found.kind === 'none' ? 'asleep' : 'matchable')
  spendSteps(budget, 'wake')
  return 'looked'
}

/** Assigns to a place that matches, or finds that it no longer does. */
function serve(ctx: WriteContext, run: Run, sequence: number): Looked {
  const { state } = ctx
  const { budget, anchor } = run.search
  if (!takeStep(budget)) return 'outOfSteps'
  const { id, bucket } = bucketAt(state, sequence)
  const found = search(state, run, { sequence, bucket, isAtPar: isCrowded(state, anchor) })
  if (found.kind === 'outOfSteps') return 'outOfSteps'
  if (found.kind === 'none') setStanding(state, id, 'asleep')
  else assign(ctx, run.search, { sequence, ...found })
  spendSteps(budget, found.kind === 'none' ? 'wake' : 'assign')
  return 'looked'
}

/**
 * Assigns what matches, always to the earliest place; false when the steps ran out. All who might match are looked at
 * first, but those behind a place that does with half of the steps only: whoever brings new terms in every block would
 * else keep those before him waiting.
 */
function serveQueue(ctx: WriteContext, run: Run): boolean {
  const { state } = ctx
  const { budget } = run.search
  const half = budget.walk.half()
  const keptSteps = Math.floor(budget.left / 2)
  for (;;) {
    const unlooked = nextHead(state, 'unlooked', 0)
    const matchable = nextHead(state, 'matchable', 0)
    if (unlooked === undefined && matchable === undefined) return true
    if (unlooked !== undefined && matchable !== undefined && unlooked > matchable) {
      const ahead: Budget = { left: Math.max(0, budget.left - keptSteps), walk: half }
      const { left } = ahead
      const outcome = lookAt(state, { ...run, search: { ...run.search, budget: ahead } }, unlooked)
      budget.left -= left - ahead.left
      if (outcome === 'looked') continue
    }
    const outcome =
      unlooked !== undefined && (matchable === undefined || unlooked < matchable)
        ? lookAt(state, run, unlooked)
        : serve(ctx, run, matchable!)
    if (outcome === 'outOfSteps') return false
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

/** Goes on with the pass; false when the steps ran out. */
export function runPass(ctx: WriteContext, run: Run): boolean {
  const { state } = ctx
  const { budget } = run.search
  return (
    countNextWindow(state, budget) &&
    tellGrowth(state, budget) &&
    wakeSleepers(state, budget) &&
    serveQueue(ctx, run)
  )
}
