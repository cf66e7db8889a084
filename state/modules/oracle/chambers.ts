// The two chambers: whose report an account's is, how many members each has, and what became of the reports of each.
// Not: the rules of commit and reveal (reports.ts), who is appointed (reporters.ts).
import type { Address } from '../../../base/ids.ts'
import type { StateReader, StateWriter } from '../../view.ts'
import { runningWindow } from './clock.ts'
import { groupOfOperator, votingGroups } from './external.ts'
import { getReporters, reporterOf } from './reporters.ts'
import { REPORT_WINDOWS, type Report, type Standing } from './schema.ts'
import type { Absence, Chamber, Outcome } from './shapes.ts'
import { oracleTables } from './tables.ts'

/** A seat in a chamber: a reporter by its id, or a legal group by its lowest member. */
export interface Seat {
  readonly chamber: Chamber
  readonly member: number
}

/**
 * The seat for which an account reports; undefined without one. Members of one legal group share a seat, as they are one in
 * coverage: several ids of one owner must not be several voices.
 */
export function seatOf(state: StateReader, account: Address): Seat | undefined {
  const reporter = reporterOf(state, account)
  if (reporter !== undefined) return { chamber: 'reporters', member: reporter }
  const group = groupOfOperator(state, account)
  return group === undefined ? undefined : { chamber: 'providers', member: group }
}

/** The members of a chamber that are to report in a window. */
export function membersOf(state: StateReader, chamber: Chamber, window: number): readonly number[] {
  if (chamber === 'providers') return votingGroups(state)
  return getReporters(state).ids.filter(
    (id) => oracleTables.reporter.mustGet(state, { id }).sinceWindow <= window,
  )
}

const slotOf = (window: number): number => window % REPORT_WINDOWS

/** The report of a seat in a window; undefined without a commitment, or once it is gone. */
export function reportOf(state: StateReader, seat: Seat, window: number): Report | undefined {
  const report = oracleTables.report.get(state, { ...seat, slot: slotOf(window) })
  return report?.windowIndex === window ? report : undefined
}

/** Writes the report of a seat in its window. */
export function putReport(state: StateWriter, seat: Seat, report: Report): void {
  oracleTables.report.set(state, { ...seat, slot: slotOf(report.windowIndex) }, report)
}

/** Why a seat has no report in a window that has ended, or undefined. */
export function absenceOf(report: Report | undefined): Absence | undefined {
  if (report === undefined) return 'notCommitted'
  if (report.outcome === 'revealed') return undefined
  return report.outcome === 'committed' ? 'notRevealed' : report.outcome
}

const COUNT_OF = {
  committed: 'unrevealed',
  revealed: 'revealed',
  mismatched: 'mismatched',
  malformed: 'malformed',
} as const satisfies Record<Outcome, keyof Standing>

/** Counts what became of the last commitment, whose window has ended. */
function settled(state: StateReader, seat: Seat, standing: Standing): Standing {
  if (standing.commitments === 0) return standing
  const report = reportOf(state, seat, standing.latestWindow)
  const count = COUNT_OF[report?.outcome ?? 'committed']
  return { ...standing, [count]: standing[count] + 1 }
}

function newStanding(sinceWindow: number): Standing {
  const counts = { revealed: 0, unrevealed: 0, mismatched: 0, malformed: 0 }
  return { sinceWindow, latestWindow: 0, commitments: 0, ...counts }
}

/** Begins the record of a reporter; a legal group's begins with its first commitment. */
export function openStanding(state: StateWriter, seat: Seat, sinceWindow: number): void {
  oracleTables.standing.set(state, seat, newStanding(sinceWindow))
}

/** Notes that a seat commits in a window for the first time; before the report of that window is written. */
export function noteCommitment(state: StateWriter, seat: Seat, window: number): void {
  const known = oracleTables.standing.get(state, seat) ?? newStanding(window)
  const { commitments } = known
  oracleTables.standing.set(state, seat, {
    ...settled(state, seat, known),
    latestWindow: window,
    commitments: commitments + 1,
  })
  const turnout = oracleTables.turnout.get(state, { chamber: seat.chamber })
  const committed = turnout?.windowIndex === window ? turnout.committed : 0
  oracleTables.turnout.set(
    state,
    { chamber: seat.chamber },
    { windowIndex: window, committed: committed + 1 },
  )
}

/** Commitments of a chamber in a window. */
export function committedIn(state: StateReader, chamber: Chamber, window: number): number {
  const turnout = oracleTables.turnout.get(state, { chamber })
  return turnout?.windowIndex === window ? turnout.committed : 0
}

/** What a seat has reported and missed in the windows that have ended; undefined when it was never to report. */
export function recordOf(state: StateReader, seat: Seat) {
  const standing = oracleTables.standing.get(state, seat)
  if (standing === undefined) return undefined
  const now = runningWindow(state)
  const isRunning = standing.commitments > 0 && standing.latestWindow === now
  const { sinceWindow, revealed, unrevealed, mismatched, malformed } = isRunning
    ? standing
    : settled(state, seat, standing)
  const windows = Math.max(0, now - sinceWindow)
  const running = isRunning ? reportOf(state, seat, now)?.outcome : undefined
  return {
    ...seat,
    sinceWindow,
    windows,
    revealed,
    notCommitted: windows - revealed - unrevealed - mismatched - malformed,
    notRevealed: unrevealed,
    mismatched,
    malformed,
    ...(running === undefined ? {} : { running }),
  }
}

/** The record of a seat that has never committed. */
export function emptyRecord(state: StateReader, seat: Seat) {
  const counts = { windows: 0, revealed: 0, notCommitted: 0, notRevealed: 0, mismatched: 0, malformed: 0 }
  return { ...seat, sinceWindow: runningWindow(state), ...counts }
}

/** Forgets a seat: its record and its reports. */
export function forgetSeat(state: StateWriter, seat: Seat): void {
  oracleTables.standing.delete(state, seat)
  for (let slot = 0; slot < REPORT_WINDOWS; slot++)
    if (oracleTables.report.has(state, { ...seat, slot }))
      oracleTables.report.delete(state, { ...seat, slot })
}
