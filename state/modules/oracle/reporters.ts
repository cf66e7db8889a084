// The independent reporters: who they are, how long they have lacked a quorum, and who of them was absent. Not: appointing
// them (appointments.ts), what they report (reports.ts).
import type { Address } from '../../../base/ids.ts'
import type { StateReader, StateWriter } from '../../view.ts'
import { runningWindow } from './clock.ts'
import type { Reporter } from './schema.ts'
import { oracleParams, oracleTables } from './tables.ts'

const NONE = { ids: [], nextId: 1, sinceWindow: 0, replaced: [] }

/** The reporters, by id; nobody before the first are appointed. */
export function getReporters(state: StateReader) {
  return oracleTables.reporters.get(state, {}) ?? NONE
}

/** The first window that reporters were to report; undefined before any are appointed. */
export function reportedSince(state: StateReader): number | undefined {
  return oracleTables.reporters.get(state, {})?.sinceWindow
}

/** The reporter whose account this is. */
export function reporterOf(state: StateReader, account: Address): number | undefined {
  return oracleTables.reporterAccount.get(state, { account })?.id
}

/** The run of windows in a row without a quorum of reporters, and the window that began it or will. */
export function silenceOf(state: StateReader): { readonly sinceWindow: number; readonly windows: number } {
  return oracleTables.silence.get(state, {}) ?? { sinceWindow: 0, windows: 0 }
}

/** Counts a window that has ended: one with a quorum ends the run. Returns its length. */
export function noteQuorum(state: StateWriter, window: number, hadQuorum: boolean): number {
  const { sinceWindow, windows } = silenceOf(state)
  const next = hadQuorum ? { sinceWindow: window + 1, windows: 0 } : { sinceWindow, windows: windows + 1 }
  oracleTables.silence.set(state, {}, next)
  return next.windows
}

/** Counts a report of the running window: whoever reports in a run without a quorum is not absent. */
export function notePresence(state: StateWriter, id: number): void {
  const reporter = oracleTables.reporter.mustGet(state, { id })
  const { sinceWindow: runSince } = silenceOf(state)
  const runReports = reporter.runSince === runSince ? reporter.runReports + 1 : 1
  oracleTables.reporter.set(state, { id }, { ...reporter, runSince, runReports })
}

/**
 * Whether a reporter may be replaced at once: the quorum has been missing for the whole grace, and in that time the reporter
 * has reported in less than half of the windows. What it has reported in the running window counts for it.
 */
export function isAbsent(state: StateReader, reporter: Reporter): boolean {
  const { graceWindows } = oracleParams.get(state)
  const { sinceWindow, windows } = silenceOf(state)
  const expected = Math.min(windows, Math.max(0, runningWindow(state) - reporter.sinceWindow))
  const reported = reporter.runSince === sinceWindow ? reporter.runReports : 0
  return expected >= graceWindows && 2 * reported < expected
}
