// The bounded work of the market at the end of a block, and whether any is left.
import type { WriteContext } from '../../context.ts'
import type { StateReader } from '../../view.ts'
import { holdAuctions } from './auctions.ts'
import { nextDirty } from './books.ts'
import { beginBookWalk, isWalkDue, removeBooks, removeClosed } from './history.ts'
import { openAuctions, openUpkeep } from './steps.ts'

export function onWindowEnd(ctx: WriteContext): void {
  beginBookWalk(ctx)
}

export function endBlock(ctx: WriteContext): void {
  holdAuctions(ctx, openAuctions(ctx))
  removeClosed(ctx, openUpkeep(ctx))
  removeBooks(ctx, openUpkeep(ctx))
}

/** Whether the market has work for the next block, so that an idle chain should not wait for its heartbeat. */
export function hasWork(state: StateReader): boolean {
  return nextDirty(state, 0) !== undefined || isWalkDue(state)
}
