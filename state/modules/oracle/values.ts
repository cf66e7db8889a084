// The revealed values of the running window, kept in order as they come, so that a median costs one read. Not: what they
// decide (decide.ts).
import { assert } from '../../../base/assert.ts'
import type { StateReader, StateWriter } from '../../view.ts'
import { CHAMBER_MAX } from './schema.ts'
import type { Chamber } from './shapes.ts'
import { oracleTables } from './tables.ts'

/** The list of ratings; prices have the number of their asset, which is above 0. */
export const RATING_TOPIC = 0

interface Topic {
  readonly chamber: Chamber
  readonly topic: number
  readonly window: number
}

/** The values of a chamber in a window, ascending; none once the next window has some. */
export function valuesOf(state: StateReader, { chamber, topic, window }: Topic): readonly bigint[] {
  const known = oracleTables.values.get(state, { chamber, topic })
  return known?.windowIndex === window ? known.values : []
}

/** How many values are below this one. */
function rankOf(values: readonly bigint[], value: bigint): number {
  let [low, high] = [0, values.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (values[middle]! < value) low = middle + 1
    else high = middle
  }
  return low
}

/** Adds a value of a window. */
export function addValue(state: StateWriter, at: Topic, value: bigint): void {
  const { chamber, topic, window } = at
  const values = valuesOf(state, at)
  assert(values.length < CHAMBER_MAX, 'no more values than members')
  const rank = rankOf(values, value)
  oracleTables.values.set(
    state,
    { chamber, topic },
    { windowIndex: window, values: [...values.slice(0, rank), value, ...values.slice(rank)] },
  )
}

/** Takes a value of a window out again. Asserts that it is there. */
export function removeValue(state: StateWriter, at: Topic, value: bigint): void {
  const { chamber, topic, window } = at
  const values = valuesOf(state, at)
  const rank = rankOf(values, value)
  assert(values[rank] === value, 'the value was added')
  oracleTables.values.set(
    state,
    { chamber, topic },
    { windowIndex: window, values: [...values.slice(0, rank), ...values.slice(rank + 1)] },
  )
}
