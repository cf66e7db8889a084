// Invariants of redemption (ECONOMY §12): 1 escrow, 6 sums and states, 13 order, 16 bounded work, and the books
// against capacity. Not: the recounts (recounts.ts), the reaction to a broken one.
import type { ReadContext } from '../../context.ts'
import type { Invariant } from '../../rules.ts'
import { getCursors } from './cursors.ts'
import { coinsAt, REDEMPTION_ESCROW, runningWindow } from './external.ts'
import { recountBooks, recountDeadlines, recountOrder, recountQueue, recountRedemptions } from './recounts.ts'
import { getTotals, lockedInRedemption } from './redemptions.ts'
import { recountDraw } from './requests.ts'

/** Windows by which a walk may lag: more means that the bound on work is too small for the chain. */
const LAG_MAX = 4

function checkEscrow(ctx: ReadContext): string | undefined {
  const held = coinsAt(ctx.state, REDEMPTION_ESCROW)
  const owed = lockedInRedemption(ctx.state)
  return held === owed ? undefined : `escrow holds ${held}, ${owed} is locked in redemption`
}

function checkTotals(ctx: ReadContext): string | undefined {
  const t = getTotals(ctx.state)
  const known = t.queuedBase + t.assignedBase + t.burnedBase + t.transferredBase + t.refundedBase + t.feesBase
  return t.requestedBase === known ? undefined : `${t.requestedBase} requested, ${known} accounted for`
}

function checkWork(ctx: ReadContext): string | undefined {
  const c = getCursors(ctx.state)
  const current = runningWindow(ctx.state)
  const { nextSequence } = getTotals(ctx.state)
  if (c.window > current || c.passWindow > current) return 'a cursor is ahead of the windows'
  // Each walk is done with a window when its cursor is beyond it.
  const lags = {
    'to be swept': current - c.sweptWindow,
    'to be checked for grants': current + 1 - c.grantedWindow,
    'to be penalised': c.grantedWindow - c.penalisedWindow,
    'with requests to expire': current + 1 - c.expiredWindow,
  }
  for (const [what, lag] of Object.entries(lags)) {
    if (lag < 0) return `there are ${lag} windows ${what}`
    if (lag > LAG_MAX) return `${lag} windows are still ${what}`
  }
  if (c.obligedSequence >= nextSequence) return 'a cursor is beyond the queue'
  if (c.settleHead > c.settleTail || c.markHead > c.markTail || c.closedHead > c.closedTail)
    return 'a cursor is beyond its end'
  return undefined
}

export const redemptionInvariants: readonly Invariant[] = [
  {
    id: '1 redemption escrow',
    severity: 'halt',
    doc: 'The escrow account holds exactly what is queued and assigned.',
    check: checkEscrow,
  },
  {
    id: '6 redemption sums',
    severity: 'alert',
    doc: 'locked = burned + transferred + refunded + fees + open, for each redemption and in sum; one state each.',
    check: checkTotals,
    recount: recountRedemptions,
  },
  {
    id: 'redemption.queue',
    severity: 'alert',
    doc: 'The draw, places, buckets, filters and heads agree with the requests; none outlives its last window.',
    *recount(ctx) {
      return (yield* recountDraw(ctx)) ?? (yield* recountQueue(ctx)) ?? (yield* recountDeadlines(ctx))
    },
  },
  {
    id: 'redemption.books',
    severity: 'alert',
    doc: 'Open assignments add up to the hours and coins booked in capacity, and to the books.',
    recount: recountBooks,
  },
  {
    id: '13 order',
    severity: 'alert',
    doc: 'No earlier matchable request is overtaken.',
    recount: recountOrder,
  },
  {
    id: '16 redemption work',
    severity: 'alert',
    doc: 'Cursors advance and stay within what they walk.',
    check: checkWork,
  },
]
