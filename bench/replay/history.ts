// What happened: shipments, rental prices, bitcoin, the index to compare with, from the CSV files of data/.
// Owns: reading them. Not: what follows from them (stock.ts, prices.ts); how the files are made (deriveData.ts).
import { readFileSync } from 'node:fs'
import { mustExist } from '../../base/assert.ts'
import { parseCsv } from '../../genesis/catalogueFiles.ts'
import { dayOf, monthNumber } from './calendar.ts'

/** Devices of one class that were shipped in a quarter, worldwide, by estimate. */
export interface Shipment {
  /** Quarters since 2022Q1. */
  readonly quarter: number
  readonly classId: string
  readonly units: number
}

/** What a device of a class rented for in the middle of a month. */
export interface Rental {
  readonly classId: string
  /** The 15th of the month. */
  readonly day: number
  /** Thousandths of a dollar per device-hour. */
  readonly milliUsd: bigint
}

export interface IndexWeek {
  readonly week: number
  readonly medianClass: string
  /** Composite rating of that class, ppm of the reference device. */
  readonly ratingPpm: bigint
  /** The simulated index: at most 1 % up and 0.25 % down a week. */
  readonly indexPpm: bigint
}

export interface Close {
  readonly day: number
  readonly cents: bigint
}

export interface History {
  readonly shipments: readonly Shipment[]
  readonly rentals: readonly Rental[]
  readonly index: readonly IndexWeek[]
  readonly bitcoin: readonly Close[]
  /** Composite ratings, ppm of the reference device. */
  readonly ratings: ReadonlyMap<string, bigint>
}

const FIRST_YEAR = 2022
const MID_MONTH = '15'

type Cells = (name: string) => string

/** Rows of a file; a path from the root of the repository, for the files are not compiled. */
function rowsOf(path: string): readonly Cells[] {
  const text = readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8')
  return parseCsv(text).map(
    ({ cells }) =>
      (name) =>
        mustExist(cells.get(name), `${path} has a column ${name}`),
  )
}

/** Quarters since 2022Q1 of a text such as `2024Q3`. */
export function quarterNumber(text: string): number {
  return 4 * (Number(text.slice(0, 4)) - FIRST_YEAR) + Number(text.slice(5)) - 1
}

export function readHistory(): History {
  return {
    shipments: rowsOf('bench/replay/data/shipments.csv').map((cell) => ({
      quarter: quarterNumber(cell('quarter')),
      classId: cell('class_id'),
      units: Number(cell('units')),
    })),
    rentals: rowsOf('bench/replay/data/rental_prices.csv')
      .map((cell) => ({
        classId: cell('class_id'),
        day: dayOf(`${cell('month')}-${MID_MONTH}`),
        month: monthNumber(cell('month')),
        milliUsd: BigInt(cell('milli_usd_per_hour')),
      }))
      .sort((a, b) => a.month - b.month),
    index: rowsOf('bench/replay/data/index_path.csv').map((cell) => ({
      week: Number(cell('week')),
      medianClass: cell('median_class'),
      ratingPpm: BigInt(cell('rating_ppm')),
      indexPpm: BigInt(cell('index_ppm')),
    })),
    bitcoin: rowsOf('bench/replay/data/bitcoin_weekly.csv').map((cell) => ({
      day: dayOf(cell('date')),
      cents: BigInt(cell('close_usd_cents')),
    })),
    ratings: new Map(
      rowsOf('genesis/data/class_ratings.csv').map((cell) => [
        cell('class_id'),
        BigInt(cell('rating_composite')) * 1_000n,
      ]),
    ),
  }
}
