// Queries of the oracle: the anchor and prices, its status, reporters and what they reported, and what the chain sees itself.
import { mustExist } from '../../../base/assert.ts'
import type { ReadContext } from '../../context.ts'
import type { Rules } from '../../rules.ts'
import type { StateReader } from '../../view.ts'
import { emptyRecord, recordOf, reportOf, type Seat, seatOf } from './chambers.ts'
import { runningWindow } from './clock.ts'
import { legalGroups } from './external.ts'
import { observe } from './observation.ts'
import { getPrice } from './prices.ts'
import { getReporters, isAbsent } from './reporters.ts'
import { type oracleSchema, REPORT_WINDOWS, RESULT_WINDOWS } from './schema.ts'
import { HISTORY_PAGE_MAX } from './shapes.ts'
import { oracleStatus } from './status.ts'
import { oracleParams, oracleTables } from './tables.ts'
import { resultOf } from './tally.ts'

function reporterInfo(state: StateReader, id: number) {
  const reporter = mustExist(oracleTables.reporter.get(state, { id }), 'a listed reporter exists')
  const { account, name, sinceWindow } = reporter
  return { id, account, name, sinceWindow, absent: isAbsent(state, reporter) }
}

function reportsIn({ state }: ReadContext, window: number) {
  const now = runningWindow(state)
  if (window > now || window + REPORT_WINDOWS <= now) return undefined
  const seats: readonly Seat[] = [
    ...getReporters(state).ids.map((member) => ({ chamber: 'reporters', member }) as const),
    ...legalGroups(state).map((member) => ({ chamber: 'providers', member }) as const),
  ]
  const reports = seats.flatMap((seat) => {
    const report = reportOf(state, seat, window)
    if (report === undefined) return []
    const { windowIndex: _, ...shown } = report
    return [{ ...seat, ...shown }]
  })
  return { windowIndex: window, reports }
}

/** Newest first; the cursor is the window above those of the page. */
function historyOf({ state }: ReadContext, page: { readonly cursor: number; readonly limit: number }) {
  const tallied = oracleTables.tallied.get(state, {})
  if (tallied === undefined) return { results: [], nextCursor: 0 }
  const oldest = Math.max(tallied.firstWindow, tallied.lastWindow - RESULT_WINDOWS + 1)
  const from = page.cursor === 0 ? tallied.lastWindow + 1 : Math.min(page.cursor, tallied.lastWindow + 1)
  const size = page.limit === 0 ? HISTORY_PAGE_MAX : Math.min(page.limit, HISTORY_PAGE_MAX)
  const until = Math.max(oldest, from - size)
  const results = []
  for (let window = from - 1; window >= until; window--)
    results.push(mustExist(resultOf(state, window), 'results have no gap'))
  return { results, nextCursor: until > oldest ? until : 0 }
}

export const oracleQueries: Rules<typeof oracleSchema>['queries'] = {
  anchor: (ctx) => {
    const { anchor, nextAnchor, sinceWindow } = oracleTables.anchor.mustGet(ctx.state, {})
    return { anchor, nextAnchor, sinceWindow, driftPpm: oracleParams.get(ctx.state).driftPpm }
  },
  price: (ctx, args) => getPrice(ctx.state, args.asset)?.priceBase,
  status: oracleStatus,
  reporters: (ctx) => getReporters(ctx.state).ids.map((id) => reporterInfo(ctx.state, id)),
  reporter: (ctx, { account }) => {
    const seat = seatOf(ctx.state, account)
    return seat === undefined ? undefined : (recordOf(ctx.state, seat) ?? emptyRecord(ctx.state, seat))
  },
  record: (ctx, { chamber, member }) => recordOf(ctx.state, { chamber, member }),
  reports: (ctx, { window }) => reportsIn(ctx, window),
  history: (ctx, page) => historyOf(ctx, page),
  observation: (ctx) => observe(ctx.state),
}
