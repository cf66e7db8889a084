// Invariants of the oracle (ECONOMY §12): 7 the anchor, and its own: values and seats are those of the reports.
import type { ReadContext } from '../../context.ts'
import { eachItem, type Recount } from '../../recount.ts'
import type { Invariant } from '../../rules.ts'
import type { StateReader } from '../../view.ts'
import { clampAnchor } from './anchor.ts'
import { getClock, runningWindow } from './clock.ts'
import { ANCHOR_MAX, anchorBound } from './drift.ts'
import { getReporters, reporterOf } from './reporters.ts'
import { CHAMBERS } from './shapes.ts'
import { oracleParams, oracleTables } from './tables.ts'
import { resultOf } from './tally.ts'
import { RATING_TOPIC, valuesOf } from './values.ts'

function checkAnchor(ctx: ReadContext): string | undefined {
  const record = oracleTables.anchor.mustGet(ctx.state, {})
  const { driftPpm } = oracleParams.get(ctx.state)
  const steps = [
    [record.previousAnchor, record.anchor],
    [record.anchor, record.nextAnchor],
  ] as const
  for (const [before, after] of steps) {
    if (after < before) return `the anchor falls from ${before} to ${after}`
    const bound = anchorBound(before, driftPpm)
    if (after > bound) return `the anchor rises from ${before} to ${after}, the bound is ${bound}`
  }
  return checkDecision(ctx.state)
}

/** The last step is within what the reports of its window allowed. */
function checkDecision(state: StateReader): string | undefined {
  const { anchor, previousAnchor, sinceWindow } = oracleTables.anchor.mustGet(state, {})
  const result = sinceWindow === 0 ? undefined : resultOf(state, sinceWindow - 1)
  if (result === undefined || previousAnchor === anchor) return undefined
  const bound = clampAnchor(previousAnchor, ANCHOR_MAX, result.boundPpm)
  return anchor > bound
    ? `the anchor rises from ${previousAnchor} to ${anchor}, the reports allowed ${bound}`
    : undefined
}

/** It moves only in a block that ends a window, and by the step that its record tells. */
function checkMove(parent: StateReader, state: StateReader): string | undefined {
  const before = oracleTables.anchor.get(parent, {})
  const { anchor, sinceWindow, previousAnchor } = oracleTables.anchor.mustGet(state, {})
  if (before === undefined || before.anchor === anchor) return undefined
  if (previousAnchor !== before.anchor)
    return `the anchor was ${before.anchor}, its record says ${previousAnchor}`
  const [ended, running] = [getClock(parent)?.windowIndex, getClock(state)?.windowIndex]
  return running === sinceWindow && ended === sinceWindow - 1
    ? undefined
    : `the anchor moves to ${anchor} while no window ends`
}

const anchorInvariant: Invariant = {
  id: '7 anchor',
  severity: 'stopMinting',
  doc: 'The anchor never falls, rises by at most what the reports of a window allow, and moves only at its end.',
  check: checkAnchor,
  checkChanges: (_changes, parent, ctx) => checkMove(parent, ctx.state),
  *recount(ctx) {
    yield undefined
    return checkAnchor(ctx)
  },
}

function* recountReports({ state }: ReadContext): Recount {
  const window = runningWindow(state)
  let revealed = 0
  const broken = yield* oracleTables.report.each((report) => {
    if (report.windowIndex > window) return `a report is of window ${report.windowIndex}, which has not begun`
    if (report.windowIndex === window && report.outcome === 'revealed') revealed++
    return undefined
  })
  if (broken !== undefined) return broken
  let listed = 0
  for (const chamber of CHAMBERS) listed += valuesOf(state, { chamber, topic: RATING_TOPIC, window }).length
  if (listed !== revealed)
    return `${revealed} reports of window ${window} are revealed, ${listed} ratings listed`
  return yield* oracleTables.values.each(({ values }) =>
    values.some((value, i) => i > 0 && value < values[i - 1]!) ? 'listed values are not in order' : undefined,
  )
}

function* recountReporters({ state }: ReadContext): Recount {
  const { ids, nextId } = getReporters(state)
  const broken = yield* eachItem(ids, (id) => {
    if (id >= nextId) return `reporter ${id} has a number that was not given`
    const reporter = oracleTables.reporter.get(state, { id })
    if (reporter === undefined || reporterOf(state, reporter.account) !== id)
      return `reporter ${id} has no account`
    const seat = { chamber: 'reporters', member: id } as const
    return oracleTables.standing.has(state, seat) ? undefined : `reporter ${id} has no record`
  })
  if (broken !== undefined) return broken
  let records = 0
  yield* oracleTables.reporterAccount.each(() => {
    records++
    return undefined
  })
  return records === ids.length ? undefined : `${records} accounts of reporters, the index has ${ids.length}`
}

export const oracleInvariants: readonly Invariant[] = [
  anchorInvariant,
  {
    id: 'oracle.reports',
    severity: 'alert',
    doc: 'The values of the running window are those of its revealed reports, in order.',
    recount: recountReports,
  },
  {
    id: 'oracle.reporters',
    severity: 'alert',
    doc: 'Every reporter has its account and its record, and nobody else has.',
    recount: recountReporters,
  },
]
