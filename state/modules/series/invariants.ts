// Invariants of series (ECONOMY §12): 11 sale, 1 escrows, and the lists that walks and limits go by.
// Not: the recounts (recounts.ts), the reaction to a broken one.
import type { ReadContext } from '../../context.ts'
import type { Invariant } from '../../rules.ts'
import { getClocks } from './clock.ts'
import { runningWindow } from './external.ts'
import { recountDraw } from './purchases.ts'
import { checkSale, recountLists, recountSeries, recountWaiting } from './recounts.ts'
import { seriesTables } from './tables.ts'

/** Windows by which the sweep may lag: more means that the bound on work is too small for the chain. */
const LAG_MAX = 4

function checkSweep({ state }: ReadContext): string | undefined {
  const lag = runningWindow(state) - (seriesTables.sweep.get(state, {})?.window ?? 0)
  if (lag < 0) return 'the sweep of live series is ahead of the windows'
  // Where nothing is live there is nothing to look at: a new series waits for the next sweep at most.
  return lag > LAG_MAX && getClocks(state).length > 0
    ? `live series were last looked at ${lag} windows ago`
    : undefined
}

export const seriesInvariants: readonly Invariant[] = [
  {
    id: '11 sale',
    severity: 'alert',
    doc: 'Of each series: received = waiting + escrow + released + refunded; sold and receipts ≤ cap, coins ≤ receipts.',
    checkChanges(changes) {
      for (const [key, stored] of changes) {
        if (stored === undefined || !key.startsWith(seriesTables.series.prefix)) continue
        const broken = checkSale(seriesTables.series.decode(stored))
        if (broken !== undefined) return broken
      }
      return undefined
    },
    recount: () => seriesTables.series.each(checkSale),
  },
  {
    id: '1 series escrow',
    severity: 'alert',
    doc: 'Each series’ escrow holds its payments, its lock and its coins; its receipts are tokens or handed in.',
    recount: recountSeries,
  },
  {
    id: 'series.lists',
    severity: 'alert',
    doc: 'Live series, clocks and receipts before own mints agree with the series; purchases with the draw and their buyers.',
    *recount(ctx) {
      return (yield* recountDraw(ctx)) ?? (yield* recountLists(ctx)) ?? (yield* recountWaiting(ctx))
    },
  },
  {
    id: '16 series work',
    severity: 'alert',
    doc: 'The sweep of the live series keeps up with the windows.',
    check: checkSweep,
  },
]
