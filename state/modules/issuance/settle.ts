// Storing coverage: once per block for what issuance's own end changed, and once for what later modules change at theirs.
import type { WriteContext } from '../../context.ts'
import { Cover } from './cover.ts'
import { lastRecount, runningWindow } from './external.ts'
import { liftStop } from './minting.ts'
import { events, issuanceTables } from './tables.ts'

/** Counts in what has changed since it was last called. Modules after issuance call it when their block's end is done. */
export function settleCoverage(ctx: WriteContext): void {
  const { state, block } = ctx
  const pass = issuanceTables.cover.get(state, {})?.pass
  const cover = new Cover(state)
  if (!cover.hasChanged) return
  cover.store(state)
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
  // Everything has just been formed anew from groups and liabilities: a stop that governance wants lifted may end.
  if ((pass ?? 0) !== lastRecount(state).pass) liftStop(ctx)
}
