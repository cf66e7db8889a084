// The bounded work at the beginning and end of a block, in order, and whether any is left or falls due.
import type { WriteContext } from '../../context.ts'
import type { StateReader } from '../../view.ts'
import { openSearch } from './candidates.ts'
import { type Budget, getCursors } from './cursors.ts'
import { anchorNow, openWalk, runningWindow, storeCoverage } from './external.ts'
import { penalise } from './faults.ts'
import { grantsPending, recallSuspended, returnMissing } from './grants.ts'
import { growthPending } from './growth.ts'
import { removeHistory } from './history.ts'
import {
  assignableWindows,
  beginPass,
  obligedAtMs,
  obligeProviders,
  passWanted,
  runPass,
} from './matching.ts'
import { returnOverbooked } from './overbooked.ts'
import { nextHead } from './queue.ts'
import { getTotals } from './redemptions.ts'
import { drawPlaces, requestsToDraw } from './requests.ts'
import { firstReturned } from './returned.ts'
import { redemptionParams } from './tables.ts'
import { unbookOne } from './unbooking.ts'
import { settleVouchered } from './vouchers.ts'
import { expireRequests, noteTurn, sweepDueAtMs, sweepEnded, sweepPending } from './windowEnds.ts'

/** Each walk of a block takes at most M steps, M being `stepsPerBlockMax`, and its part of the block's measured ones. */
function budgetOf(ctx: WriteContext, walk: Parameters<typeof openWalk>[1]): Budget {
  return { left: redemptionParams.get(ctx.state).stepsPerBlockMax, walk: openWalk(ctx, walk) }
}

/** In a window's first block missing grants return, then penalties are paid; then the last block's requests are drawn. */
export function beginBlock(ctx: WriteContext): void {
  returnMissing(ctx, budgetOf(ctx, 'missingGrants'))
  recallSuspended(ctx, budgetOf(ctx, 'recalls'))
  penalise(ctx, budgetOf(ctx, 'penalties'))
  returnOverbooked(ctx, budgetOf(ctx, 'overbooked'))
  drawPlaces(ctx, budgetOf(ctx, 'draw'))
}

/** What is vouchered through the block that ends a window settles before the recount, the locks' turn and the snapshot. */
export function onWindowEnd(ctx: WriteContext): void {
  settleVouchered(ctx, budgetOf(ctx, 'settlement'))
}

export function endBlock(ctx: WriteContext): void {
  const { state, block } = ctx
  // In the block that ends a window it has settled already.
  if (getCursors(state).window === runningWindow(state)) settleVouchered(ctx, budgetOf(ctx, 'settlement'))
  noteTurn(ctx)
  sweepEnded(ctx, budgetOf(ctx, 'sweep'))
  expireRequests(ctx, budgetOf(ctx, 'expiry'))
  obligeProviders(ctx, budgetOf(ctx, 'obligation'))
  removeHistory(state, budgetOf(ctx, 'history'))
  // Nothing is assigned while coins are on their way to earlier places.
  if (!sweepPending(state, block.timestampMs) && !grantsPending(state)) match(ctx)
  storeCoverage(ctx)
}

function match(ctx: WriteContext): void {
  const { state, block } = ctx
  const budget = budgetOf(ctx, 'matching')
  if (!beginPass(state, budget)) return
  const { minimumBase } = redemptionParams.get(state)
  const { pass } = getCursors(state)
  const search = openSearch(state, { budget, anchor: anchorNow(state), minimumBase, pass })
  const windows = assignableWindows(state, block.timestampMs)
  while (runPass(ctx, { search, windows })) if (unbookOne(ctx, { windows, budget }) !== 'unbooked') return
}

/** Whether redemption has work for the next block, so that an idle chain should not wait for its heartbeat. */
export function hasWork(state: StateReader): boolean {
  const cursors = getCursors(state)
  const isWaiting = getTotals(state).queuedCount > 0
  return (
    requestsToDraw(state) > 0 ||
    cursors.settleHead < cursors.settleTail ||
    cursors.expiredWindow <= cursors.window ||
    cursors.penalisedWindow < cursors.grantedWindow ||
    grantsPending(state) ||
    (cursors.sweptWindow < runningWindow(state) && cursors.sweepAfterMs === 0) ||
    (isWaiting && (passWanted(state) || cursors.wakeFrom > 0 || cursors.obligeFrom > 0)) ||
    (isWaiting && growthPending(state)) ||
    nextHead(state, 'unlooked', 0) !== undefined ||
    nextHead(state, 'matchable', 0) !== undefined ||
    firstReturned(state) !== undefined
  )
}

/** When redemption has work by the clock: an obligation, or the end of a window that waited. Undefined: never. */
export function dueAtMs(state: StateReader): number | undefined {
  const times = [obligedAtMs(state), sweepDueAtMs(state)].filter((time) => time !== undefined)
  return times.length === 0 ? undefined : Math.min(...times)
}
