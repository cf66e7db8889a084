// Un-booking: reservations of later places in windows not begun, given up for coins that a provider's fault returned,
// from the latest down, only until these fit (ECONOMY §6). Owns: who gives up. Not: who takes the hours (matching.ts).
import type { WriteContext } from '../../context.ts'
import type { StateReader } from '../../view.ts'
import { closeAssignment } from './assignments.ts'
import { holderBelow } from './books.ts'
import { meets } from './candidates.ts'
import { type Budget, getCursors, spendSteps, takeStep, updateCursors } from './cursors.ts'
import { isAnySuspended, isServing, legalGroupOf, lotGroup } from './external.ts'
import { mustGetBucket, mustGetFilter, waitingAt } from './queue.ts'
import { lastWindowOf } from './redemptions.ts'
import { firstReturned, settleReturned } from './returned.ts'
import type { AssignmentKey, Filter } from './schema.ts'
import { redemptionTables } from './tables.ts'

/** `unbooked`: a reservation was given up, and the pass goes on; `done`: nothing is left to give up for. */
export type Unbooking = 'unbooked' | 'done' | 'outOfSteps'

/** Gives up the latest reservation that may help the earliest returned place. To be called when the pass is complete. */
export function unbookOne(
  ctx: WriteContext,
  options: { readonly windows: readonly number[]; readonly budget: Budget },
): Unbooking {
  const { state } = ctx
  for (;;) {
    const sequence = firstReturned(state)
    if (sequence === undefined) return 'done'
    if (!takeStep(options.budget)) return 'outOfSteps'
    const waiting = waitingAt(state, sequence)
    if (waiting !== undefined) {
      const last = lastWindowOf(waiting.redemption)
      const windows = options.windows.filter((window) => last === 0 || window <= last)
      const { filter } = mustGetBucket(state, waiting.redemption.bucket)
      const found = latestBelow(state, sequence, {
        windows,
        budget: options.budget,
        filter: mustGetFilter(state, filter),
        writeCursor: (below, number) =>
          updateCursors(state, { unbookFor: sequence, unbookBelow: below, unbookNumber: number }),
      })
      if (found === 'outOfSteps') return found
      if (found !== undefined) {
        spendSteps(options.budget, 'close')
        closeAssignment(ctx, found, 'unbooked', { to: 'place' })
        return 'unbooked'
      }
    }
    settleReturned(state, sequence)
    updateCursors(state, { unbookFor: 0, unbookBelow: 0, unbookNumber: 0 })
  }
}

interface LatestOptions {
  readonly windows: readonly number[]
  readonly budget: Budget
  readonly filter: Filter
  writeCursor(below: number, number: number): void
}

/** The latest assignment above a place that another may use; the cursor is then just below it. */
function latestBelow(
  state: StateReader,
  sequence: number,
  options: LatestOptions,
): AssignmentKey | 'outOfSteps' | undefined {
  for (;;) {
    const { unbookFor, unbookBelow, unbookNumber } = getCursors(state)
    const isNew = unbookFor !== sequence
    const below = isNew ? Number.MAX_SAFE_INTEGER : unbookBelow
    const number = isNew ? 0 : unbookNumber
    // With a number the place just below `below` has been begun.
    const latest = latestHolder(state, options.windows, below)
    if (latest === undefined || latest <= sequence) return undefined
    const limit = number === 0 || latest !== below - 1 ? Number.MAX_SAFE_INTEGER : number
    const found = latestOf(state, latest, limit, options)
    if (found === 'outOfSteps') return found
    if (found === undefined) {
      options.writeCursor(latest, 0)
      continue
    }
    options.writeCursor(latest + 1, found.assignment)
    if (canHelp(state, found, options.filter)) return found
  }
}

function latestHolder(state: StateReader, windows: readonly number[], below: number): number | undefined {
  let latest: number | undefined
  for (const window of windows) {
    const holder = holderBelow(state, window, Math.min(below, HOLDERS_END))
    if (holder !== undefined && (latest === undefined || holder > latest)) latest = holder
  }
  return latest
}

/** Beyond every place that an ordered set can hold. */
const HOLDERS_END = 2 ** 40

/** The assignment with the highest number below a limit that a place holds in any of the windows. */
function latestOf(
  state: StateReader,
  sequence: number,
  limit: number,
  { windows, budget }: LatestOptions,
): AssignmentKey | 'outOfSteps' | undefined {
  let latest: AssignmentKey | undefined
  for (const window of windows) {
    const held = redemptionTables.held.get(state, { window, sequence })
    if (held === undefined) continue
    let assignment = held.last
    while (assignment !== 0) {
      if (!takeStep(budget)) return 'outOfSteps'
      if (assignment < limit) break
      assignment = redemptionTables.assignment.mustGet(state, { id: held.id, assignment }).previous
    }
    if (assignment !== 0 && (latest === undefined || assignment > latest.assignment))
      latest = { id: held.id, assignment }
  }
  return latest
}

/** Whether a returned place could be served with the hours of an assignment. */
function canHelp(state: StateReader, at: AssignmentKey, filter: Filter): boolean {
  const { group: id, provider } = redemptionTables.assignment.mustGet(state, at)
  const group = lotGroup(state, id)
  if (group === undefined || !meets(filter, group) || !isServing(state, provider)) return false
  return !isAnySuspended(state, provider) && !filter.excluded.includes(legalGroupOf(state, provider))
}
