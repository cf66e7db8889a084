// How long the queue is against the next window's free hours: while it is long, every assignment is at par (ECONOMY §6).
// Owns: the sum of those hours. Not: what matches (matching.ts).
import { assert } from '../../../base/assert.ts'
import type { StateReader, StateWriter } from '../../view.ts'
import { type Budget, getCursors, takeStep, updateCursors } from './cursors.ts'
import {
  coinsOf,
  countsIn,
  groupsOf,
  hoursLeftIn,
  isAnySuspended,
  isServing,
  lotGroup,
  runningWindow,
} from './external.ts'
import { orderOf } from './order.ts'
import { getTotals } from './redemptions.ts'

/** Sums up the free hours of the next window; false when the steps ran out. One step per provider and lot group. */
export function countNextWindow(state: StateWriter, budget: Budget): boolean {
  const order = orderOf(state)
  const next = runningWindow(state) + 1
  for (;;) {
    const { countedIndex, countedGroup, countedHours } = getCursors(state)
    const provider = order[countedIndex]
    if (provider === undefined) return true
    if (!takeStep(budget)) return false
    const isAssignable = isServing(state, provider) && !isAnySuspended(state, provider)
    const id = isAssignable ? groupsOf(state, provider).find((other) => other > countedGroup) : undefined
    if (id === undefined) {
      updateCursors(state, { countedIndex: countedIndex + 1, countedGroup: 0 })
      continue
    }
    const group = lotGroup(state, id)
    assert(group !== undefined, 'a listed group exists')
    const hours = countsIn(state, group, next) ? hoursLeftIn(state, group, next) : 0n
    updateCursors(state, { countedGroup: id, countedHours: countedHours + hours })
  }
}

/** Keeps the sum of the next window's free hours up to date with a booking or its return. */
export function moveCounted(
  state: StateWriter,
  at: { readonly group: number; readonly window: number },
  hours: bigint,
): void {
  const { passWindow, countedIndex, countedHours } = getCursors(state)
  if (at.window !== passWindow + 1 || countedIndex < orderOf(state).length) return
  const group = lotGroup(state, at.group)
  if (group === undefined || !countsIn(state, group, at.window)) return
  const left = countedHours + hours
  updateCursors(state, { countedHours: left > 0n ? left : 0n })
}

/** Whether every assignment is at par: matchable queued coins exceed half of the next window's free capacity. */
export function isCrowded(state: StateReader, anchor: bigint): boolean {
  return getTotals(state).matchableBase * 2n > coinsOf(getCursors(state).countedHours, anchor)
}
