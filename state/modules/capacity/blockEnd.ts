// What capacity does at a window's end, and the recount that follows until it is complete.
import type { WriteContext } from '../../context.ts'
import type { StateReader } from '../../view.ts'
import { moveAnchor } from './external.ts'
import { beginRecount, continueRecount } from './recount.ts'
import { capacitySchema } from './schema.ts'
import { isRecounting, noteParametersChanged } from './sums.ts'
import { capacityParams } from './tables.ts'
import { openEconomyWalk } from './walks.ts'
import { endWindow } from './windows.ts'

/** Ends the window that is over, unless the recount of the one before is still under way. */
export function endWindowWhenCounted(ctx: WriteContext): number | undefined {
  return isRecounting(ctx.state) ? undefined : endWindow(ctx)
}

/** Unused capacity perishes, then the anchor moves, then all capacity is recounted (ECONOMY §3). */
export function onWindowEnd(ctx: WriteContext, ended: number): void {
  moveAnchor(ctx, ended + 1)
  beginRecount(ctx)
}

/** What the recount then finds short is nobody's fault. */
export function onParametersChanged(ctx: WriteContext): void {
  noteParametersChanged(ctx.state)
}

export function endBlock(ctx: WriteContext): void {
  if (!isRecounting(ctx.state)) return
  const walk = openEconomyWalk(ctx, capacitySchema, 'recount')
  const stepsMax = Math.min(walk.left, capacityParams.get(ctx.state).recountStepsMax)
  if (stepsMax > 0) walk.spend(continueRecount(ctx, stepsMax).steps)
}

/** A recount under way needs blocks. */
export function hasWork(state: StateReader): boolean {
  return isRecounting(state)
}
