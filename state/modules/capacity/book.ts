// Capacity of each provider per window: V from its lots, D from reservations, C cached. Not: lots themselves (lots.ts).
import { assert } from '../../../base/assert.ts'
import type { Reserve } from '../../../base/protocol/header.ts'
import type { WriteContext } from '../../context.ts'
import type { StateReader, StateWriter } from '../../view.ts'
import { anchorNow, growthAhead, isServing, lotRating } from './external.ts'
import { lotIdsOf } from './lots.ts'
import { classCounts, coinsOfHours, countedRating, lotHours, quarterPoints } from './rating.ts'
import { ALL_SERVICES, type CapacitySummary, type Lot, type WindowHours } from './schema.ts'
import { capacityParams, capacityTables } from './tables.ts'
import { currentWindow } from './windows.ts'

const NO_HOURS: WindowHours = { ratedHours: 0n, reservedHours: 0n }
const NO_CAPACITY: CapacitySummary = { capacityBase: 0n, quarterBase: [0n, 0n, 0n], counts: false }

/** The factors from hours to coins at present, read once per rule. */
export interface Measures {
  readonly windowIndex: number
  readonly horizon: number
  readonly anchor: bigint
  /** G_0 … G_K. */
  readonly growth: readonly bigint[]
  readonly quarters: readonly [number, number, number]
}

export function getMeasures(state: StateReader): Measures {
  const { horizonWindows: horizon } = capacityParams.get(state)
  return {
    windowIndex: currentWindow(state),
    horizon,
    anchor: anchorNow(state),
    growth: growthAhead(state, horizon),
    quarters: quarterPoints(horizon),
  }
}

/** V and D of a provider in a window; zero for windows that have ended or lie beyond the horizon. */
export function getWindow(
  state: StateReader,
  at: { readonly provider: number; readonly windowIndex: number },
): WindowHours {
  return capacityTables.window.get(state, at) ?? NO_HOURS
}

/** Cached C of a provider; all zero if it never pledged. */
export function getSummary(state: StateReader, provider: number): CapacitySummary {
  return capacityTables.summary.get(state, { provider }) ?? NO_CAPACITY
}

/** Sum of C over all providers, base units. */
export function getTotalCapacity(state: StateReader): bigint {
  return capacityTables.totals.get(state, {})?.capacityBase ?? 0n
}

/** This module's part of the header's reserve (ECONOMY §11). */
export function reserve(state: StateReader): Partial<Reserve> {
  return { capacityBase: getTotalCapacity(state) }
}

/** Increases with every change of a summary, so that a cache can tell whether it is stale. */
export function capacityRevision(state: StateReader): number {
  return capacityTables.totals.get(state, {})?.revision ?? 0
}

/** Rated hours not reserved, 10^-18 of a reference device-hour; 0 while the provider's status does not count. */
export function freeHours(
  state: StateReader,
  at: { readonly provider: number; readonly windowIndex: number },
): bigint {
  if (!getSummary(state, at.provider).counts) return 0n
  const { ratedHours, reservedHours } = getWindow(state, at)
  return ratedHours > reservedHours ? ratedHours - reservedHours : 0n
}

/** Coins that a provider can still deliver in a window at the anchor in force, base units, rounded down. */
export function freeCoins(
  state: StateReader,
  at: { readonly provider: number; readonly windowIndex: number },
): bigint {
  return coinsOfHours(freeHours(state, at), anchorNow(state))
}

/** c of a window k ahead: coins with the largest drift charged, base units. */
export function windowCoins(hours: WindowHours, k: number, measures: Measures): bigint {
  assert(k >= 0 && k <= measures.horizon, 'the window lies within the horizon')
  const { ratedHours, reservedHours } = hours
  if (ratedHours <= reservedHours) return 0n
  return coinsOfHours(ratedHours - reservedHours, measures.anchor, measures.growth[k]!)
}

/** Stores a summary and moves the total by the difference to the one before. */
function setSummary(
  state: StateWriter,
  provider: number,
  change: { readonly before: CapacitySummary; readonly after: CapacitySummary },
): void {
  const totals = capacityTables.totals.get(state, {})
  const grown = change.after.capacityBase - change.before.capacityBase
  const capacityBase = (totals?.capacityBase ?? 0n) + grown
  assert(capacityBase >= 0n, 'the total covers each summary')
  capacityTables.summary.set(state, { provider }, change.after)
  capacityTables.totals.set(state, {}, { capacityBase, revision: (totals?.revision ?? 0) + 1 })
}

/** C as a sum over windows: k = 2 … K, since a last-block request may miss the next window (ECONOMY §3). */
export function summarize(
  hoursAt: (k: number) => WindowHours,
  measures: Measures,
): Pick<CapacitySummary, 'capacityBase' | 'quarterBase'> {
  const quarterBase = [0n, 0n, 0n]
  let capacityBase = 0n
  for (let k = 2; k <= measures.horizon; k++) {
    capacityBase += windowCoins(hoursAt(k), k, measures)
    for (let q = 0; q < 3; q++) if (measures.quarters[q] === k) quarterBase[q] = capacityBase
  }
  return { capacityBase, quarterBase }
}

/** V per window k = 0 … K of a set of lots, net of audit haircut, class limit and notice. */
export function ratedWindows(
  state: StateReader,
  lots: readonly Lot[],
  measures: Measures,
): readonly bigint[] {
  const { minClassPpm, availabilityHaircutPpm, windowHours } = capacityParams.get(state)
  const { horizon, windowIndex, anchor, growth } = measures
  // Each lot counts over one run of windows: add its hours where the run begins, subtract them where it ends.
  const steps = new Array<bigint>(horizon + 2).fill(0n)
  const ratings = new Map<number, bigint>()
  for (const lot of lots) {
    if (lot.status !== 'attested' || lot.services !== ALL_SERVICES) continue
    let present = ratings.get(lot.classId)
    if (present === undefined) {
      present = lotRating(state, lot.classId) ?? 0n
      ratings.set(lot.classId, present)
    }
    const ratingPpm = countedRating(lot.ratingPpm, present)
    const from = Math.max(0, Math.max(lot.countsFrom, lot.firstWindow) - windowIndex)
    let until = lot.lastWindow === undefined ? horizon : Math.min(horizon, lot.lastWindow - windowIndex)
    // Growth factors never fall with k, so the class drops out at the far end.
    while (until >= from && !classCounts({ ratingPpm, minClassPpm, anchor, growthPpm: growth[until]! }))
      until--
    if (until < from) continue
    const hours = lotHours({ ...lot, ratingPpm, windowHours, availabilityHaircutPpm })
    steps[from]! += hours
    steps[until + 1]! -= hours
  }
  let running = 0n
  return steps.slice(0, horizon + 1).map((step) => (running += step))
}

/**
 * Recomputes V, C and the notice of a provider from its lots; at most lots + K steps. Call it after anything that
 * changes a lot, a rating or the provider's status; capacity itself calls it for all providers at a window's end.
 */
export function recountProvider(ctx: WriteContext, provider: number): void {
  const { state } = ctx
  const measures = getMeasures(state)
  const lots = lotIdsOf(state, provider).map((id) => capacityTables.lot.mustGet(state, { id }))
  const rated = ratedWindows(state, lots, measures)
  const windows = rated.map((ratedHours, k) => {
    const at = { provider, windowIndex: measures.windowIndex + k }
    const before = getWindow(state, at)
    const hours = { ratedHours, reservedHours: before.reservedHours }
    if (before.ratedHours !== ratedHours) setWindow(state, at, hours)
    return hours
  })
  const counts = isServing(state, provider)
  const sums = counts ? summarize((k) => windows[k]!, measures) : NO_CAPACITY
  const notice = lots.reduce((last, lot) => Math.max(last, lot.lastWindow ?? -1), -1)
  const { capacityBase, quarterBase } = sums
  const noticeUntil = notice >= 0 ? { noticeUntil: notice } : {}
  setSummary(state, provider, {
    before: getSummary(state, provider),
    after: { capacityBase, quarterBase, counts, ...noticeUntil },
  })
}

function setWindow(
  state: StateWriter,
  at: { readonly provider: number; readonly windowIndex: number },
  hours: WindowHours,
): void {
  if (hours.ratedHours === 0n && hours.reservedHours === 0n) capacityTables.window.delete(state, at)
  else capacityTables.window.set(state, at, hours)
}

/** Deletes a window that has ended: its unused hours have perished. */
export function perishWindow(
  state: StateWriter,
  at: { readonly provider: number; readonly windowIndex: number },
): void {
  if (capacityTables.window.has(state, at)) capacityTables.window.delete(state, at)
}

/** Changes D of one window, and C with it, without touching the other windows. */
function moveReserved(
  state: StateWriter,
  at: { readonly provider: number; readonly windowIndex: number },
  change: bigint,
): void {
  const measures = getMeasures(state)
  const before = getWindow(state, at)
  const after = { ratedHours: before.ratedHours, reservedHours: before.reservedHours + change }
  assert(after.reservedHours >= 0n, 'no more is returned than was reserved')
  setWindow(state, at, after)
  const k = at.windowIndex - measures.windowIndex
  const summary = getSummary(state, at.provider)
  if (k < 2 || k > measures.horizon || !summary.counts) return
  const gained = windowCoins(after, k, measures) - windowCoins(before, k, measures)
  setSummary(state, at.provider, {
    before: summary,
    after: {
      ...summary,
      capacityBase: summary.capacityBase + gained,
      quarterBase: summary.quarterBase.map((sum, q) => (k <= measures.quarters[q]! ? sum + gained : sum)),
    },
  })
}

/**
 * Books rated hours (rating.ts `hoursOfCoins` at the anchor of the reservation) in a window not yet begun.
 * Asserts that they are free: check `freeHours` first.
 */
export function reserveHours(
  ctx: WriteContext,
  booking: { readonly provider: number; readonly windowIndex: number; readonly hours: bigint },
): void {
  const { provider, windowIndex, hours } = booking
  const current = currentWindow(ctx.state)
  const { horizonWindows } = capacityParams.get(ctx.state)
  assert(windowIndex > current && windowIndex <= current + horizonWindows, 'the window has not begun')
  assert(hours > 0n && hours <= freeHours(ctx.state, booking), 'the hours are free')
  moveReserved(ctx.state, { provider, windowIndex }, hours)
}

/** Returns booked hours; no effect for a window that has ended. */
export function unreserveHours(
  ctx: WriteContext,
  booking: { readonly provider: number; readonly windowIndex: number; readonly hours: bigint },
): void {
  const { provider, windowIndex, hours } = booking
  assert(hours >= 0n, 'returned hours are not negative')
  if (hours === 0n || windowIndex < currentWindow(ctx.state)) return
  assert(hours <= getWindow(ctx.state, booking).reservedHours, 'the hours were booked')
  moveReserved(ctx.state, { provider, windowIndex }, -hours)
}
