// The charts of a replay as SVG. Owns: what is drawn. Not: how (bench/svgPlot.ts).
import { COIN } from '../../base/units.ts'
import { type Axis, lineChart, type Series } from '../svgPlot.ts'
import { WEEK_DAYS, yearOf } from './calendar.ts'
import { HOLDINGS, type Holding, type Values } from './comparison.ts'
import { type Row, SHOWN_CLASSES } from './rows.ts'

const PPM = 1_000_000
/** Thousands of coins: enough digits for a chart. */
const KILO = 1_000n * COIN
const YEARS: Axis = {
  label: '',
  scale: 'linear',
  ticks: [2022, 2023, 2024, 2025, 2026, 2027],
  textOf: (tick) => `${tick}`,
}

type Point = readonly [x: number, y: number]

function curve(name: string, points: readonly Point[]): Series {
  return { name, points, marked: false }
}

/** A curve of the rows; `undefined` leaves a point out. */
function curveOf(name: string, rows: readonly Row[], of: (row: Row) => number | undefined): Series {
  return curve(
    name,
    rows.flatMap((row): readonly Point[] => {
      const value = of(row)
      return value === undefined ? [] : [[yearOf(row.day), value]]
    }),
  )
}

function anchorChart(rows: readonly Row[]): string {
  return lineChart({
    title: 'The anchor, the mainstream device and the simulated index',
    x: YEARS,
    y: { label: 'rating, H100 = 1', scale: 'linear', ticks: [0, 0.5, 1, 1.5, 2, 2.5, 3] },
    series: [
      curveOf('mainstream device: median of shipments', rows, (row) => Number(row.ratingPpm) / PPM),
      curveOf('index: 1 % up or 0.25 % down a week at most', rows, (row) => Number(row.indexPpm) / PPM),
      curveOf('anchor on the chain: 0.15 % a window at most', rows, (row) => Number(row.anchorPpm) / PPM),
    ],
  })
}

const COVERAGE_TICKS = [0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50]

function coverageChart(rows: readonly Row[]): string {
  const millions = (base: bigint): number => Number(base / KILO) / 1_000
  return lineChart({
    title: 'Coins and what covers them',
    x: YEARS,
    y: { label: 'millions of coins', scale: 'log', ticks: COVERAGE_TICKS },
    series: [
      curveOf('capacity within 120 windows, C', rows, (row) => millions(row.capacityBase)),
      curveOf('mint limits of all', rows, (row) => millions(row.limitBase)),
      curveOf('supply', rows, (row) => millions(row.supplyBase)),
      curveOf('of it locked', rows, (row) => millions(row.lockedBase)),
    ],
  })
}

function hoursChart(rows: readonly Row[]): string {
  return lineChart({
    title: 'Device-hours of inference that one coin buys',
    x: YEARS,
    y: { label: 'device-hours', scale: 'log', ticks: [0.1, 0.2, 0.5, 1, 2, 5, 10, 20] },
    series: SHOWN_CLASSES.map((name, i) => curveOf(name, rows, (row) => Number(row.microHours[i]!) / PPM)),
  })
}

function hardwareChart(rows: readonly Row[]): string {
  return lineChart({
    title: 'Devices pledged; one stands for a thousand of the world’s',
    x: YEARS,
    y: { label: 'devices', scale: 'linear', ticks: [0, 1_000, 2_000, 3_000, 4_000, 5_000] },
    series: SHOWN_CLASSES.map((name, i) => curveOf(name, rows, (row) => row.devices[i])),
  })
}

function deliveryChart(rows: readonly Row[]): string {
  const daily = (base: bigint): number => Number(base / KILO) / WEEK_DAYS
  const later = rows.slice(1)
  return lineChart({
    title: 'What was delivered and what perished, weekly means',
    x: YEARS,
    y: { label: 'thousands of coins a day', scale: 'linear', ticks: [0, 50, 100, 150, 200] },
    series: [
      curveOf('perished', later, (row) => daily(row.perishedBase)),
      curveOf('delivered', later, (row) => daily(row.deliveredBase)),
      curveOf('minted', later, (row) => daily(row.mintedBase)),
    ],
  })
}

const NAMES: Readonly<Record<Holding, string>> = {
  coin: 'a coin: what its SCU-hour rents for',
  fixed: 'an hour of fixed performance',
  future: 'a rolled index future',
  bitcoin: 'bitcoin',
}

function valueChart(values: readonly Values[]): string {
  return lineChart({
    title: 'Value in dollars, 2022-01-01 = 100',
    x: YEARS,
    y: { label: '', scale: 'log', ticks: [25, 50, 100, 200, 400] },
    series: HOLDINGS.map((holding) =>
      curve(
        NAMES[holding],
        values.map((value): Point => [yearOf(value.day), Number(value[holding]) / PPM]),
      ),
    ),
  })
}

/** All charts by file name. */
export function chartsOf(rows: readonly Row[], values: readonly Values[]): ReadonlyMap<string, string> {
  return new Map([
    ['replay-anchor.svg', anchorChart(rows)],
    ['replay-coverage.svg', coverageChart(rows)],
    ['replay-hours.svg', hoursChart(rows)],
    ['replay-hardware.svg', hardwareChart(rows)],
    ['replay-delivery.svg', deliveryChart(rows)],
    ['replay-value.svg', valueChart(values)],
  ])
}
