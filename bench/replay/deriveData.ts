// `node dist/bench/replay/deriveData.js --from DIR`: makes the files of data/ from a folder of collected figures.
// Owns: which columns and quotes are taken, and the monthly prices. Sources and licences: data/README.md.
import { readFileSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { assert, mustExist } from '../../base/assert.ts'
import { parseCsv } from '../../genesis/catalogueFiles.ts'
import { DAYS, dateOf, monthNumber, WEEK_DAYS } from './calendar.ts'

/** Their list prices are two to four times what others ask, and would decide every median they are in. */
const HYPERSCALERS: ReadonlySet<string> = new Set(['aws', 'azure', 'gcp', 'oracle'])
/** Places where strangers offer single machines; their quotes are not of a provider. */
const MARKETPLACES: ReadonlySet<string> = new Set(['market', 'runpod-community', 'salad', 'vast'])
/** Classes whose prices are taken. */
const PRICED: ReadonlySet<string> = new Set(['a100-sxm-80', 'h100-sxm', 'b200-sxm'])
/** A quote stands for this many months, its own among them: providers come and go in the sources. */
const QUOTE_MONTHS = 6
/** Providers that a price needs. */
const PROVIDERS_MIN = 2
/** The smaller A100 stands for the larger one in proportion to their ratings, where a provider has quoted it alone. */
const SMALL_A100 = { from: 'a100-sxm-40', to: 'a100-sxm-80', numerator: 388n, denominator: 355n } as const

type Row = ReadonlyMap<string, string>

function rowsOf(folder: string, file: string): readonly Row[] {
  return parseCsv(readFileSync(`${folder}/${file}`, 'utf8')).map(({ cells }) => cells)
}

const cell = (row: Row, name: string): string => mustExist(row.get(name), `a column ${name}`)

/** Thousandths of a dollar. */
function milliOf(dollars: string): bigint {
  const [whole, fraction = ''] = dollars.split('.')
  return BigInt(whole!) * 1_000n + BigInt(fraction.padEnd(3, '0').slice(0, 3))
}

function median(values: readonly bigint[]): bigint {
  const sorted = [...values].sort((a, b) => (a < b ? -1 : 1))
  const at = Math.floor((sorted.length - 1) / 2)
  return sorted.length % 2 === 1 ? sorted[at]! : (sorted[at]! + sorted[at + 1]!) / 2n
}

interface Quote {
  readonly classId: string
  readonly provider: string
  readonly month: number
  readonly milliUsd: bigint
  /** What is quoted; lower is better: the source's own figure for one contract, a list price, one of the smaller device. */
  readonly kind: number
}

function quoteOf(row: Row): Quote | undefined {
  const type = cell(row, 'price_type')
  const provider = cell(row, 'provider')
  if (type !== 'on_demand' && type !== 'on_demand_restated') return undefined
  if (HYPERSCALERS.has(provider) || MARKETPLACES.has(provider)) return undefined
  const listed = cell(row, 'class_id')
  const isSmall = listed === SMALL_A100.from
  const classId = isSmall ? SMALL_A100.to : listed
  if (!PRICED.has(classId)) return undefined
  const milli = milliOf(cell(row, 'usd_per_gpu_hour'))
  return {
    classId,
    provider,
    month: monthNumber(cell(row, 'date').slice(0, 7)),
    milliUsd: isSmall ? (milli * SMALL_A100.numerator) / SMALL_A100.denominator : milli,
    kind: type === 'on_demand_restated' ? 0 : isSmall ? 2 : 1,
  }
}

/** The median of one provider's quotes of one kind in its newest month of the last few. */
function figureOf(quotes: readonly Quote[], month: number): bigint | undefined {
  const known = quotes.filter((quote) => quote.month <= month && quote.month > month - QUOTE_MONTHS)
  if (known.length === 0) return undefined
  const newest = Math.max(...known.map((quote) => quote.month))
  return median(known.filter((quote) => quote.month === newest).map(({ milliUsd }) => milliUsd))
}

const FIRST_MONTH = monthNumber('2022-01')
const LAST_MONTH = monthNumber('2026-07')
const MONTHS = Array.from({ length: LAST_MONTH - FIRST_MONTH + 1 }, (_, i) => FIRST_MONTH + i)

/** The quotes of a class, apart by provider and kind. */
function seriesOf(quotes: readonly Quote[]): readonly (readonly Quote[])[] {
  const series = new Map<string, Quote[]>()
  for (const quote of quotes) {
    const key = `${quote.provider} ${quote.kind}`
    series.set(key, [...(series.get(key) ?? []), quote])
  }
  return [...series].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, own]) => own)
}

/** What a month's providers ask: the best kind of figure of each. */
function levelsOf(series: readonly (readonly Quote[])[], month: number): readonly bigint[] {
  const best = new Map<string, { readonly kind: number; readonly milliUsd: bigint }>()
  for (const own of series) {
    const milliUsd = figureOf(own, month)
    const { provider, kind } = own[0]!
    const known = best.get(provider)
    if (milliUsd !== undefined && (known === undefined || kind < known.kind))
      best.set(provider, { kind, milliUsd })
  }
  return [...best.values()].map(({ milliUsd }) => milliUsd)
}

/** Mean change of the logarithm from the month before, of those who are quoted in both alike; undefined when nobody is. */
function changeOf(series: readonly (readonly Quote[])[], month: number): number | undefined {
  const changes = series.flatMap((own) => {
    const [before, after] = [figureOf(own, month - 1), figureOf(own, month)]
    return before === undefined || after === undefined ? [] : [Math.log(Number(after) / Number(before))]
  })
  if (changes.length === 0) return undefined
  return changes.reduce((sum, change) => sum + change, 0) / changes.length
}

/**
 * Monthly prices of a class: the median of the month with the most providers, and from it forward and back the mean change of
 * providers that are quoted in both months. So nobody who enters or leaves the sources moves the price.
 */
function pricesOf(quotes: readonly Quote[]): readonly { month: number; milli: number; providers: number }[] {
  const series = seriesOf(quotes)
  const counts = MONTHS.map((month) => levelsOf(series, month).length)
  const base = MONTHS[counts.indexOf(Math.max(...counts))]!
  const milliUsd = new Map([[base, Number(median(levelsOf(series, base)))]])
  for (const step of [1, -1]) {
    for (let month = base + step; month >= FIRST_MONTH && month <= LAST_MONTH; month += step) {
      const change = changeOf(series, step > 0 ? month : month + 1)
      if (change === undefined) break
      milliUsd.set(month, milliUsd.get(month - step)! * Math.exp(step * change))
    }
  }
  return MONTHS.flatMap((month, i) => {
    const milli = milliUsd.get(month)
    return milli === undefined || counts[i]! < PROVIDERS_MIN
      ? []
      : [{ month, milli: Math.round(milli), providers: counts[i]! }]
  })
}

function monthName(month: number): string {
  return `${Math.floor((month - 1) / 12)}-${String(((month - 1) % 12) + 1).padStart(2, '0')}`
}

function rentalLines(folder: string): readonly string[] {
  const quotes = rowsOf(folder, 'gpu_prices.csv').flatMap((row) => quoteOf(row) ?? [])
  return [...PRICED]
    .sort()
    .flatMap((classId) =>
      pricesOf(quotes.filter((quote) => quote.classId === classId)).map(
        ({ month, milli, providers }) => `${monthName(month)},${classId},${milli},${providers}`,
      ),
    )
}

/** Graphics processors that have a class; rows of others and those without a class are left out. */
function shipmentLines(folder: string): readonly string[] {
  return rowsOf(folder, 'chip_shipments.csv')
    .filter(
      (row) => !/^(tpu|trainium|inferentia)/.test(cell(row, 'class_id')) && cell(row, 'class_id') !== '',
    )
    .map((row) => `${cell(row, 'quarter')},${cell(row, 'class_id')},${cell(row, 'units_median')}`)
}

function indexLines(folder: string): readonly string[] {
  const columns = ['week', 'median_class', 'median_rating_micro', 'index_micro_up100bp_dn25bp']
  return rowsOf(folder, 'index_path.csv').map((row) => columns.map((name) => cell(row, name)).join(','))
}

function bitcoinLines(folder: string): readonly string[] {
  const closes = new Map(
    rowsOf(folder, 'btc_daily.csv').map((row) => [cell(row, 'date'), cell(row, 'close_usd')]),
  )
  const lines: string[] = []
  for (let day = 0; day <= DAYS; day += WEEK_DAYS) {
    const date = dateOf(day)
    lines.push(`${date},${milliOf(mustExist(closes.get(date), `a close of ${date}`)) / 10n}`)
  }
  return lines
}

const { values } = parseArgs({ options: { from: { type: 'string' } } })
const folder = mustExist(values.from, '--from, a folder with the collected figures')
const files: readonly (readonly [string, string, readonly string[]])[] = [
  ['shipments.csv', 'quarter,class_id,units', shipmentLines(folder)],
  ['rental_prices.csv', 'month,class_id,milli_usd_per_hour,providers', rentalLines(folder)],
  ['index_path.csv', 'week,median_class,rating_ppm,index_ppm', indexLines(folder)],
  ['bitcoin_weekly.csv', 'date,close_usd_cents', bitcoinLines(folder)],
]
for (const [name, heading, lines] of files) {
  assert(lines.length > 0, `rows for ${name}`)
  writeFileSync(
    new URL(`../../../bench/replay/data/${name}`, import.meta.url),
    `${heading}\n${lines.join('\n')}\n`,
  )
  console.log(`${name}: ${lines.length} rows`)
}
