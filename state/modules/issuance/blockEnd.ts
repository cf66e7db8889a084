// The end of a block for liabilities: a window's end, the stored coverage, and the time to cure a shortfall.
import type { WriteContext } from '../../context.ts'
import { capacityVersion, memberIds, runningWindow } from './external.ts'
import { getLiability, getTotals, markBondShort, releaseLock, turnWindow } from './ledger.ts'
import { getCoverage, isBondShort } from './limits.ts'
import { events, issuanceTables } from './tables.ts'

/** Locks release their part, reservations of the ended window go, and short bonds are marked. */
export function onWindowEnd(ctx: WriteContext, ended: number): void {
  for (const provider of memberIds(ctx.state)) {
    releaseLock(ctx, provider, ended)
    turnWindow(ctx, provider, ended)
    const since = getLiability(ctx.state, provider).bondShortSince
    const short = isBondShort(ctx.state, provider)
    markBondShort(ctx.state, provider, short ? (since ?? ended + 1) : undefined)
  }
}

/** Starts and ends the time to cure a shortfall (ECONOMY §3). */
function trackShortfall(ctx: WriteContext, shortfallBase: bigint): void {
  const cure = issuanceTables.cure.get(ctx.state, {})
  const windowIndex = runningWindow(ctx.state)
  if (shortfallBase > 0n && cure === undefined) {
    issuanceTables.cure.set(ctx.state, {}, { sinceWindow: windowIndex })
    events.ShortfallBegan(ctx, { windowIndex, shortfallBase })
  }
  if (shortfallBase === 0n && cure !== undefined) {
    issuanceTables.cure.delete(ctx.state, {})
    events.ShortfallCured(ctx, { windowIndex })
  }
}

/** Stores coverage when its inputs have changed. */
export function endBlock(ctx: WriteContext): void {
  const coverage = getCoverage(ctx.state)
  const issuanceRevision = getTotals(ctx.state).revision
  const capacityRevision = capacityVersion(ctx.state)
  const stored = issuanceTables.coverage.get(ctx.state, {})
  if (stored?.issuanceRevision === issuanceRevision && stored.capacityRevision === capacityRevision) return
  issuanceTables.coverage.set(ctx.state, {}, { ...coverage, issuanceRevision, capacityRevision })
  trackShortfall(ctx, coverage.shortfallBase)
}
