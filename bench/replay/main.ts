// `npm run replay [-- --days N] [-- --first-day N] [-- --write] [-- --out DIR]`: plays 2022–2026 and prints what came of it.
// `--out` writes the weekly rows as CSV, `--write` draws docs/plots/replay-*.svg and writes docs/plots/replay.csv.
import { mkdirSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { mustExist } from '../../base/assert.ts'
import { parseWholeNumber } from '../../base/integers.ts'
import { COIN } from '../../base/units.ts'
import { DAYS, dateOf } from './calendar.ts'
import { chartsOf } from './charts.ts'
import { compare, HOLDINGS, statisticsOf, type Values } from './comparison.ts'
import { readHistory } from './history.ts'
import { type Played, play } from './play.ts'
import { Prices } from './prices.ts'
import { csvOf, decimal, type Row, SHOWN_CLASSES } from './rows.ts'
import { WorldStock } from './stock.ts'

const PLOTS = new URL('../../../docs/plots/', import.meta.url)
/** A row is printed for every so many weeks. */
const PRINTED_EVERY = 26

const percent = (part: number): string => `${(100 * part).toFixed(1)} %`
const kilo = (base: bigint): string => `${base / (1_000n * COIN)}k`

function printRows(rows: readonly Row[]): void {
  console.log('date        mainstream      anchor   $/coin  supply  limit      C      hours per coin')
  rows.forEach((row, i) => {
    if (i % PRINTED_EVERY !== 0 && i !== rows.length - 1) return
    const hours = SHOWN_CLASSES.map((name, c) => `${name} ${decimal(row.microHours[c]!).slice(0, 5)}`)
    console.log(
      [
        dateOf(row.day),
        row.mainstream.padEnd(13),
        decimal(row.anchorPpm),
        decimal(row.coinMicro).slice(0, 5).padStart(7),
        kilo(row.supplyBase).padStart(7),
        kilo(row.limitBase).padStart(6),
        kilo(row.capacityBase).padStart(7),
        hours.join(', '),
      ].join('  '),
    )
  })
}

function printComparison(values: readonly Values[]): void {
  console.log('\n           at the end  volatility monthly  weekly  worst fall')
  for (const holding of HOLDINGS) {
    const s = statisticsOf(values, holding)
    console.log(
      [
        holding.padEnd(9),
        s.last.toFixed(1).padStart(11),
        percent(s.monthlyVolatility).padStart(18),
        percent(s.weeklyVolatility).padStart(7),
        `${percent(s.worstFall)} from ${dateOf(s.fallFromDay)} to ${dateOf(s.fallToDay)}`,
      ].join('  '),
    )
  }
}

/** With seconds by the clock and of the processor. */
function timed(run: () => Played) {
  const startMs = performance.now()
  const before = process.cpuUsage()
  const played = run()
  const { user, system } = process.cpuUsage(before)
  return { played, clock: (performance.now() - startMs) / 1_000, processor: (user + system) / 1_000_000 }
}

const { values: options } = parseArgs({
  options: {
    days: { type: 'string' },
    'first-day': { type: 'string', default: '0' },
    out: { type: 'string' },
    write: { type: 'boolean', default: false },
  },
})
const firstDay = mustExist(
  parseWholeNumber(options['first-day'], 0, DAYS - 1),
  '--first-day, a day of the replay',
)
const daysMax = DAYS - firstDay
const days = mustExist(parseWholeNumber(options.days ?? `${daysMax}`, 1, daysMax), '--days, up to the last')
const history = readHistory()
const { played, clock, processor } = timed(() => play({ history, firstDay, days }))
const { rows, blocks, transactions } = played
const values = compare(rows, new Prices(history, new WorldStock(history)), history.bitcoin)
printRows(rows)
printComparison(values)
console.log(`\n${days} windows, ${blocks} blocks, ${transactions} transactions; every invariant held`)
console.log(`${processor.toFixed(0)} s of the processor, ${clock.toFixed(0)} s by the clock`)
if (options.out !== undefined) {
  mkdirSync(options.out, { recursive: true })
  writeFileSync(`${options.out}/replay.csv`, csvOf(rows))
}
if (options.write) {
  for (const [name, svg] of chartsOf(rows, values)) writeFileSync(new URL(name, PLOTS), svg)
  writeFileSync(new URL('replay.csv', PLOTS), csvOf(rows))
}
