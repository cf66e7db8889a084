// Days, weeks and months of the replay. Owns: the calendar. Not: what happened (history.ts).

export const DAY_MS = 86_400_000
/** Midnight UTC of day 0. */
export const START_MS = Date.UTC(2022, 0, 1)
/** Through 2026-06-30: 54 whole months; the last closes of bitcoin are of 2026-07-03. */
export const DAYS = 1_642
export const WEEK_DAYS = 7
/** The index that the figures are compared with has quarters of 13 weeks. */
export const WEEKS_PER_QUARTER = 13

/** `2022-01-01` of day 0. */
export function dateOf(day: number): string {
  return new Date(START_MS + day * DAY_MS).toISOString().slice(0, 10)
}

/** The day of a date; negative before day 0. */
export function dayOf(date: string): number {
  return Math.round((Date.parse(`${date}T00:00:00Z`) - START_MS) / DAY_MS)
}

/** `2022-01`. */
export function monthOf(day: number): string {
  return dateOf(day).slice(0, 7)
}

/** Whether a day is the first of a month. */
export function isMonthStart(day: number): boolean {
  return dateOf(day).endsWith('-01')
}

export function weekOf(day: number): number {
  return Math.floor(day / WEEK_DAYS)
}

/** Months since January of year 0: `2022-01` and `2022-02` differ by one. */
export function monthNumber(month: string): number {
  const [year, inYear] = month.split('-').map(Number)
  return 12 * year! + inYear!
}

/** For the axis of a chart: 2022.5 is the middle of 2022. */
export function yearOf(day: number): number {
  const year = Number(dateOf(day).slice(0, 4))
  const [from, to] = [dayOf(`${year}-01-01`), dayOf(`${year + 1}-01-01`)]
  return year + (day - from) / (to - from)
}
