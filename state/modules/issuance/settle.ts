// Storing coverage: once per block for what issuance's own end changed, and once for what later modules change at theirs.
import type { WriteContext } from '../../context.ts'
import { Cover, forgetChanges, storedCover } from './cover.ts'
import { recountAhead, runningWindow } from './external.ts'
import { liftStop } from './minting.ts'
import { events, issuanceTables } from './tables.ts'

/** Counts in what has changed since it was last called. Modules after issuance call it when their block's end is done. */
export function settleCoverage(ctx: WriteContext): void {
  const { state, block } = ctx
  const isInForce = storedCover(state)?.inForce === true
  const cover = new Cover(state)
  const under = recountAhead(state)
  const ahead = under === undefined ? undefined : new Cover(state, under)
  if (!cover.hasChanged && ahead?.hasChanged !== true && isInForce) return
  cover.store(state)
  ahead?.store(state)
  forgetChanges(state)
  const { shortfallBase } = cover.coverage()
  const short = issuanceTables.short.get(state, {})
  const windowIndex = runningWindow(state)
  if (shortfallBase > 0n && short === undefined) {
    issuanceTables.short.set(state, {}, { sinceWindow: windowIndex, sinceHeight: block.height })
    events.ShortfallBegan(ctx, { windowIndex, shortfallBase })
  }
  if (shortfallBase === 0n && short !== undefined) {
    issuanceTables.short.delete(state, {})
    events.ShortfallCured(ctx, { windowIndex })
  }
  // A recount has just formed everything anew from groups and liabilities: a stop that governance wants lifted may end.
  if (!isInForce) liftStop(ctx)
}
