// Sweeps: bounded walks over a table that continue in later blocks. Owns: the cursor. Not: what a visit does, or the
// index that names the items in order (rules never iterate the store).
import { assert } from '../base/assert.ts'
import type { WriteContext } from './context.ts'
import type { Table } from './table.ts'
import type { StateReader, StateWriter } from './view.ts'

/** A table made of `sweepRecord` (recordShapes.ts). */
export type SweepCursor = Table<
  object,
  { readonly at: number; readonly isRunning: boolean; readonly again: boolean }
>

export interface Sweep {
  /**
   * Begins at the first item. A sweep under way is not set back, or whoever starts it often enough would keep the later
   * items from ever being visited: it begins once more when it has reached the end.
   */
  start(state: StateWriter): void
  /** Whether every item has been visited since the last `start`. */
  isDone(state: StateReader): boolean
  /**
   * Visits items in ascending order until `stepsMax` steps are used or none is left; returns the steps used. A visit
   * returns its own steps, at least 1, and keeps them within what is left to it.
   */
  run(
    ctx: WriteContext,
    stepsMax: number,
    visit: (ctx: WriteContext, item: number, stepsLeft: number) => number,
  ): number
}

const AT_REST = { at: 0, isRunning: false, again: false }

/** `next` is the first item at or above a number, e.g. of an ordered set; what it costs belongs to the visit. */
export function sweepOf(
  cursor: SweepCursor,
  next: (state: StateReader, from: number) => number | undefined,
): Sweep {
  const read = (state: StateReader) => cursor.get(state, {}) ?? AT_REST
  return {
    start(state) {
      const known = read(state)
      cursor.set(state, {}, known.isRunning ? { ...known, again: true } : { ...AT_REST, isRunning: true })
    },
    isDone: (state) => !read(state).isRunning,
    run(ctx, stepsMax, visit) {
      const before = read(ctx.state)
      if (!before.isRunning || stepsMax <= 0) return 0
      let { at, again } = before
      let steps = 0
      while (steps < stepsMax) {
        const item = next(ctx.state, at)
        if (item === undefined) {
          // The end costs a step, so that an empty table swept again and again ends within the bound, too.
          steps++
          if (!again) {
            cursor.delete(ctx.state, {})
            return steps
          }
          again = false
          at = 0
          cursor.set(ctx.state, {}, { at, isRunning: true, again })
          continue
        }
        assert(item >= at, 'a sweep goes forward')
        const used = visit(ctx, item, stepsMax - steps)
        assert(used >= 1 && used <= stepsMax - steps, 'a visit keeps within its steps')
        steps += used
        at = item + 1
        // A visit may have asked for one more sweep.
        again = read(ctx.state).again
      }
      cursor.set(ctx.state, {}, { at, isRunning: true, again })
      return steps
    },
  }
}
