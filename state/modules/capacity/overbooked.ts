// Lot groups that an audit or a cut of ratings has left with fewer hours than are booked: redemption returns reservations
// of them until the rest fits (ECONOMY §6). Only windows not begun count: in the running one hours are being delivered, and a
// group that had to wait for its end would keep the others behind it waiting. Owns: the queue. Not: which reservations return.
import type { WriteContext } from '../../context.ts'
import type { StateReader, StateWriter } from '../../view.ts'
import { getGroup, ratedHours } from './groups.ts'
import type { LotGroup } from './schema.ts'
import { getCount } from './sums.ts'
import { capacityTables } from './tables.ts'

/** The first window in which more hours of a group are booked than it has; undefined when all fit. */
export function overbookedWindow(state: StateReader, group: LotGroup, from: number): number | undefined {
  return group.booked.find(
    ({ windowIndex, hours }) => windowIndex >= from && hours > ratedHours(state, group, windowIndex),
  )?.windowIndex
}

/** Puts a group into the queue; it is in it at most once, since it is marked. */
export function enqueueOverbooked(state: StateWriter, group: number): void {
  const count = getCount(state)
  capacityTables.overbooked.set(state, { index: count.overbookedTail }, { group })
  capacityTables.count.set(state, {}, { ...count, overbookedTail: count.overbookedTail + 1 })
}

/**
 * The first group that still has more booked than it has; those that fit again leave the queue, each for one `takeStep`.
 * Undefined when there is none, or when the steps have run out.
 */
export function nextOverbooked(ctx: WriteContext, takeStep: () => boolean): number | undefined {
  const { state } = ctx
  for (;;) {
    const count = getCount(state)
    if (count.overbookedHead === count.overbookedTail) return undefined
    const at = { index: count.overbookedHead }
    const { group } = capacityTables.overbooked.mustGet(state, at)
    if (getGroup(state, group)?.overbooked === true) return group
    if (!takeStep()) return undefined
    capacityTables.overbooked.delete(state, at)
    capacityTables.count.set(state, {}, { ...count, overbookedHead: count.overbookedHead + 1 })
  }
}

/** Whether any group is still in the queue. */
export function hasOverbooked(state: StateReader): boolean {
  const { overbookedHead, overbookedTail } = getCount(state)
  return overbookedHead < overbookedTail
}
