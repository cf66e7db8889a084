// What a coin was worth in dollars beside a fixed claim, a rolled index future and bitcoin, all begun at 100. Pure.
// Owns: the four holdings and their statistics. Not: the anchor, which the chain decided (play.ts).
import { mustExist } from '../../base/assert.ts'
import { mulDivFloor } from '../../base/units.ts'
import { dateOf, isMonthStart, monthOf } from './calendar.ts'
import type { Close } from './history.ts'
import type { Prices } from './prices.ts'
import type { Row } from './rows.ts'

/** 100, in millionths. */
const BEGUN_MICRO = 100_000_000n

/** Values of a day in millionths; each began at 100. */
export interface Values {
  readonly day: number
  /** One coin: what its SCU-hour rents for at the anchor of the day. */
  readonly coin: bigint
  /** One hour of the reference device's performance, for ever the same. */
  readonly fixed: bigint
  /** An index future, settled in cash and rolled every month. */
  readonly future: bigint
  readonly bitcoin: bigint
}

export const HOLDINGS = ['coin', 'fixed', 'future', 'bitcoin'] as const
export type Holding = (typeof HOLDINGS)[number]

const ofFirst = (value: bigint, first: bigint): bigint => mulDivFloor(BEGUN_MICRO, value, first)

/**
 * Values of a fully paid future on the rent of the benchmark device, on some days in ascending order. On the first of each
 * month it is settled in cash at the index and bought again for all of the proceeds, on what is the benchmark by then: so a
 * better device enters without a gain. It is bought at the index: no basis, no interest, no fees.
 */
export function rolledFuture(prices: Prices, days: readonly number[]): readonly bigint[] {
  const rentOf = (classId: string, day: number): bigint =>
    mustExist(prices.rentOf(classId, day), `${classId} has a price`)
  const first = days[0]!
  let held = { classId: prices.benchmarkAt(first), boughtDay: first, paid: BEGUN_MICRO }
  const valueAt = (day: number): bigint =>
    mulDivFloor(held.paid, rentOf(held.classId, day), rentOf(held.classId, held.boughtDay))
  const wanted = new Set(days)
  const values: bigint[] = []
  for (let day = first; day <= days.at(-1)!; day++) {
    if (isMonthStart(day)) held = { paid: valueAt(day), classId: prices.benchmarkAt(day), boughtDay: day }
    if (wanted.has(day)) values.push(valueAt(day))
  }
  return values
}

/** The four holdings on the days of the rows. */
export function compare(
  rows: readonly Pick<Row, 'day' | 'coinMicro' | 'referenceMicro'>[],
  prices: Prices,
  bitcoin: readonly Close[],
): readonly Values[] {
  const closes = new Map(bitcoin.map(({ day, cents }) => [day, cents]))
  const closeOf = (day: number): bigint => mustExist(closes.get(day), `a close of ${dateOf(day)}`)
  const first = mustExist(rows[0], 'a first row')
  const futures = rolledFuture(
    prices,
    rows.map(({ day }) => day),
  )
  return rows.map(({ day, coinMicro, referenceMicro }, i) => ({
    day,
    coin: ofFirst(coinMicro, first.coinMicro),
    fixed: ofFirst(referenceMicro, first.referenceMicro),
    future: futures[i]!,
    bitcoin: ofFirst(closeOf(day), closeOf(first.day)),
  }))
}

export interface Statistics {
  /** At the end; it began at 100. */
  readonly last: number
  /** Standard deviation of monthly changes of the logarithm, for a year. */
  readonly monthlyVolatility: number
  /** The same of weekly changes. */
  readonly weeklyVolatility: number
  /** Deepest fall below an earlier height, as a part of it. */
  readonly worstFall: number
  readonly fallFromDay: number
  readonly fallToDay: number
}

/** Standard deviation of the changes of the logarithms, times the root of the changes in a year; 0 of fewer than two. */
function volatility(values: readonly bigint[], perYear: number): number {
  const changes = values.slice(1).map((value, i) => Math.log(Number(value) / Number(values[i]!)))
  if (changes.length < 2) return 0
  const mean = changes.reduce((sum, change) => sum + change, 0) / changes.length
  const squares = changes.reduce((sum, change) => sum + (change - mean) ** 2, 0)
  return Math.sqrt((squares / (changes.length - 1)) * perYear)
}

const WEEKS_PER_YEAR = 365.25 / 7
const MONTHS_PER_YEAR = 12

/** The first value of each month. */
function monthly(values: readonly Values[]): readonly Values[] {
  return values.filter(({ day }, i) => i === 0 || monthOf(day) !== monthOf(values[i - 1]!.day))
}

/** Statistics of one holding over weekly values. */
export function statisticsOf(values: readonly Values[], holding: Holding): Statistics {
  let height = values[0]!
  let worst = { fall: 0, from: values[0]!.day, to: values[0]!.day }
  for (const value of values) {
    if (value[holding] > height[holding]) height = value
    const fall = 1 - Number(value[holding]) / Number(height[holding])
    if (fall > worst.fall) worst = { fall, from: height.day, to: value.day }
  }
  return {
    last: Number(values.at(-1)![holding]) / 1_000_000,
    monthlyVolatility: volatility(
      monthly(values).map((value) => value[holding]),
      MONTHS_PER_YEAR,
    ),
    weeklyVolatility: volatility(
      values.map((value) => value[holding]),
      WEEKS_PER_YEAR,
    ),
    worstFall: worst.fall,
    fallFromDay: worst.from,
    fallToDay: worst.to,
  }
}
