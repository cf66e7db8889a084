// Appointing and dismissing reporters: genesis and governance do it. Owns: which changes are possible. Not: who decides them
// (governance), what reporters do (reports.ts).
import { assert, mustExist } from '../../../base/assert.ts'
import { bytesKey } from '../../../base/bytes.ts'
import { type Address, ZERO_ADDRESS } from '../../../base/ids.ts'
import { isSystemAddress } from '../../../base/moduleDefinition.ts'
import { foldedName, nameFault } from '../../../base/names.ts'
import type { WriteContext } from '../../context.ts'
import type { StateReader, StateWriter } from '../../view.ts'
import { forgetSeat, openStanding, reportOf, type Seat } from './chambers.ts'
import { runningWindow } from './clock.ts'
import { isOperator } from './external.ts'
import { getReporters, isAbsent, reporterOf, silenceOf } from './reporters.ts'
import { REPORTERS_MAX, REPORTERS_MIN, type ReporterChange } from './schema.ts'
import { events, oracleTables } from './tables.ts'
import { RATING_TOPIC, removeValue } from './values.ts'

export type ChangeRefusal =
  | { readonly code: 'NothingToChange' }
  | { readonly code: 'UnknownReporter'; readonly reporter: number }
  /** Nobody's key, or the operator of a member: a reporter is independent. */
  | { readonly code: 'AccountRefused'; readonly account: Address }
  | { readonly code: 'AlreadyReporter'; readonly reporter: number }
  | { readonly code: 'NameRefused'; readonly name: string }
  | {
      readonly code: 'CountOutOfRange'
      readonly count: number
      readonly minimum: number
      readonly maximum: number
    }
  /** More than a third in K windows, without those who were absent. */
  | { readonly code: 'TooManyReplaced'; readonly replaced: number; readonly maximum: number }

/** How many of a change count towards the third: those dismissed who were present, or those who come beside replacing absent ones. */
function weightOf(state: StateReader, { appoint, dismiss }: ReporterChange): number {
  const absent = dismiss.filter((id) => isAbsentId(state, id)).length
  return Math.max(dismiss.length - absent, appoint.length - absent)
}

function isAbsentId(state: StateReader, id: number): boolean {
  return isAbsent(state, oracleTables.reporter.mustGet(state, { id }))
}

/** Whether a possible change only replaces reporters that were absent for so long that it need not wait. */
export function isUrgent(state: StateReader, change: ReporterChange): boolean {
  return change.dismiss.length > 0 && weightOf(state, change) <= 0
}

/** Why a change of reporters is impossible in `lockWindows` from now, or undefined. */
export function refuseChange(
  state: StateReader,
  change: ReporterChange,
  terms: { readonly horizon: number; readonly lockWindows: number },
): ChangeRefusal | undefined {
  const { appoint, dismiss } = change
  if (appoint.length === 0 && dismiss.length === 0) return { code: 'NothingToChange' }
  const { ids } = getReporters(state)
  const unknown = dismiss.find((id, i) => !ids.includes(id) || dismiss.indexOf(id) !== i)
  if (unknown !== undefined) return { code: 'UnknownReporter', reporter: unknown }
  const count = ids.length - dismiss.length + appoint.length
  if (count < REPORTERS_MIN || count > REPORTERS_MAX)
    return { code: 'CountOutOfRange', count, minimum: REPORTERS_MIN, maximum: REPORTERS_MAX }
  return refuseAppointments(state, change) ?? refuseThird(state, change, terms)
}

function refuseAppointments(state: StateReader, change: ReporterChange): ChangeRefusal | undefined {
  const { ids } = getReporters(state)
  const kept = ids.filter((id) => !change.dismiss.includes(id))
  const names = new Set(kept.map((id) => foldedName(oracleTables.reporter.mustGet(state, { id }).name)))
  const accounts = new Set<string>()
  for (const { account, name } of change.appoint) {
    if (!isOwned(account) || isOperator(state, account) || accounts.has(bytesKey(account)))
      return { code: 'AccountRefused', account }
    const reporter = reporterOf(state, account)
    if (reporter !== undefined) return { code: 'AlreadyReporter', reporter }
    if (nameFault(name) !== undefined || names.has(foldedName(name))) return { code: 'NameRefused', name }
    accounts.add(bytesKey(account))
    names.add(foldedName(name))
  }
  return undefined
}

const isOwned = (account: Address): boolean =>
  !isSystemAddress(account) && bytesKey(account) !== bytesKey(ZERO_ADDRESS)

/** At most a third is replaced per K windows (ECONOMY §5); the first reporters replace nobody. */
function refuseThird(
  state: StateReader,
  change: ReporterChange,
  terms: { readonly horizon: number; readonly lockWindows: number },
): ChangeRefusal | undefined {
  const { ids, replaced } = getReporters(state)
  if (ids.length === 0) return undefined
  const oldest = runningWindow(state) + terms.lockWindows - terms.horizon
  const before = replaced.reduce((sum, { window, count }) => (window > oldest ? sum + count : sum), 0)
  const after = before + Math.max(0, weightOf(state, change))
  const maximum = Math.floor(ids.length / 3)
  return after > maximum ? { code: 'TooManyReplaced', replaced: after, maximum } : undefined
}

/** Makes a change that `refuseChange` accepts; those appointed report from the next window on. */
export function changeReporters(ctx: WriteContext, change: ReporterChange, horizon: number): void {
  const { state } = ctx
  const now = runningWindow(state)
  const weight = Math.max(0, weightOf(state, change))
  const isFirst = getReporters(state).ids.length === 0
  for (const id of change.dismiss) dismissReporter(ctx, id)
  for (const appointed of change.appoint) appointReporter(ctx, appointed, now + 1)
  if (isFirst || weight === 0) return
  const reporters = getReporters(state)
  const recent = reporters.replaced.filter(({ window }) => window > now - horizon)
  const last = recent.at(-1)
  const replaced =
    last?.window === now
      ? [...recent.slice(0, -1), { window: now, count: last.count + weight }]
      : [...recent, { window: now, count: weight }]
  oracleTables.reporters.set(state, {}, { ...reporters, replaced })
}

/** Appoints the reporters of genesis, who report from the first window on. The caller has checked them. */
export function openReporters(ctx: WriteContext, reporters: ReporterChange['appoint']): void {
  for (const reporter of reporters) appointReporter(ctx, reporter, 0)
}

function appointReporter(
  ctx: WriteContext,
  { account, name }: ReporterChange['appoint'][number],
  sinceWindow: number,
): void {
  const { state } = ctx
  const reporters = getReporters(state)
  const { ids, nextId: id } = reporters
  assert(ids.length < REPORTERS_MAX, 'reporters within the bound')
  assert(reporterOf(state, account) === undefined, 'the account is no reporter yet')
  const first = oracleTables.reporters.has(state, {}) ? reporters.sinceWindow : sinceWindow
  oracleTables.reporters.set(
    state,
    {},
    { ...reporters, ids: [...ids, id], nextId: id + 1, sinceWindow: first },
  )
  if (ids.length === 0) oracleTables.silence.set(state, {}, { ...silenceOf(state), sinceWindow })
  oracleTables.reporter.set(state, { id }, { account, name, sinceWindow, runSince: 0, runReports: 0 })
  oracleTables.reporterAccount.set(state, { account }, { id })
  openStanding(state, { chamber: 'reporters', member: id }, sinceWindow)
  events.ReporterAppointed(ctx, { reporter: id, account, name, sinceWindow })
}

/** What it has revealed in the running window no longer counts. */
function dismissReporter(ctx: WriteContext, id: number): void {
  const { state } = ctx
  const seat: Seat = { chamber: 'reporters', member: id }
  const { account } = mustExist(oracleTables.reporter.get(state, { id }), 'the reporter was checked')
  withdrawReport(state, seat)
  forgetSeat(state, seat)
  oracleTables.reporter.delete(state, { id })
  oracleTables.reporterAccount.delete(state, { account })
  const reporters = getReporters(state)
  oracleTables.reporters.set(state, {}, { ...reporters, ids: reporters.ids.filter((other) => other !== id) })
  events.ReporterDismissed(ctx, { reporter: id, account })
}

function withdrawReport(state: StateWriter, seat: Seat): void {
  const { chamber } = seat
  const window = runningWindow(state)
  const report = reportOf(state, seat, window)
  if (report === undefined) return
  const { committed } = oracleTables.turnout.mustGet(state, { chamber })
  oracleTables.turnout.set(state, { chamber }, { windowIndex: window, committed: committed - 1 })
  if (report.outcome !== 'revealed') return
  removeValue(state, { chamber, topic: RATING_TOPIC, window }, report.rating)
  for (const { asset, priceBase } of report.prices)
    removeValue(state, { chamber, topic: asset, window }, priceBase)
}
