// The end of a block for capacity: it may end a window, and the recount that follows goes on until it is complete.
import type { WriteContext } from '../../context.ts'
import { moveAnchor } from './external.ts'
import { beginRecount, continueRecount } from './recount.ts'
import { isRecounting } from './sums.ts'
import { capacityParams } from './tables.ts'
import { advanceClock } from './windows.ts'

/**
 * At a window's end unused capacity perishes, then the anchor moves, then all capacity is recounted (ECONOMY §3). A window
 * does not end while the recount of the one before is under way.
 */
export function endBlock(ctx: WriteContext): void {
  if (!isRecounting(ctx.state)) {
    const ended = advanceClock(ctx)
    if (ended === undefined) return
    moveAnchor(ctx, ended + 1)
    beginRecount(ctx)
  }
  continueRecount(ctx, capacityParams.get(ctx.state).recountStepsMax)
}
