// `npm run bench:economy -- [--row P,L,R …] [--loads | --load NAME …]`: what one block costs on chains of many sizes, at rest and at
// a window's end, and on chains full of series, reports, auctions and what else modules keep.
// Owns: the sizes and the table. Not: the chains (economyChain.ts), the blocks (economyBlocks.ts), the clocks (threadTime.ts).
import { parseArgs } from 'node:util'
import { mustExist } from '../base/assert.ts'
import { BlockSample } from './blockSample.ts'
import { EconomyBlocks } from './economyBlocks.ts'
import { type EconomySize, makeEconomy } from './economyChain.ts'
import { LOADED_PROVIDERS, LOADS, type Load, type LoadName } from './economyLoads.ts'
import { percentile } from './statistics.ts'
import { Calibration, CLOCK, type Figures } from './threadTime.ts'

const BLOCKS_AT_REST = 30
/** Blocks measured after a recount has ended: sleeping requests wake, obligations fall due. */
const BLOCKS_AFTER = 10
/** Of the ends of windows: many defaults take tens of thousands of blocks, all alike. The seats of those who request last for 6,000. */
const END_BLOCKS_MAX = 4_000
const SIZES: readonly EconomySize[] = [
  { providers: 10, lots: 100, openRequests: 1_000 },
  { providers: 10, lots: 100, openRequests: 3_000 },
  { providers: 100, lots: 100, openRequests: 3_000 },
  { providers: 256, lots: 256, openRequests: 3_000 },
  { providers: 256, lots: 1_000, openRequests: 3_000 },
  { providers: 256, lots: 10_000, openRequests: 3_000 },
  { providers: 256, lots: 60_000, openRequests: 3_000 },
  { providers: 10, lots: 100, openRequests: 10_000 },
  { providers: 10, lots: 100, openRequests: 100_000 },
  { providers: 256, lots: 10_000, openRequests: 100_000 },
  // A few seats of the table are left for the requests of the measured blocks.
  { providers: 10, lots: 100, openRequests: 990_000 },
]
/** The chain of the loads. */
const LOADED: EconomySize = { providers: LOADED_PROVIDERS, lots: 256, openRequests: 1_000 }
const LOAD_NAMES = Object.keys(LOADS) as readonly LoadName[]

/** Run before the first row, so that no row waits for the compiler; of the first all invariants are recounted. */
const WARM_UP: readonly EconomySize[] = [
  { providers: 10, lots: 100, openRequests: 5_000 },
  { providers: 100, lots: 200, openRequests: 1_000 },
]

interface Row {
  readonly rest: BlockSample
  readonly end: BlockSample
  readonly after: BlockSample
  readonly preparedS: number
  readonly calibrationMs: number
}

function workSome(blocks: EconomyBlocks, count: number): BlockSample {
  const sample = new BlockSample()
  for (let i = 0; i < count; i++) blocks.work(sample)
  return sample
}

interface Loaded {
  readonly name: LoadName
  readonly count: number
}

function measure(
  size: EconomySize,
  { isChecked = false, loaded }: { readonly isChecked?: boolean; readonly loaded?: Loaded } = {},
): Row {
  const startMs = performance.now()
  const calibration = new Calibration()
  const blocks = new EconomyBlocks(makeEconomy(size, { isChecked }), calibration)
  const load: Load | undefined = loaded === undefined ? undefined : LOADS[loaded.name]
  const count = loaded?.count ?? 0
  blocks.open()
  workSome(blocks, BLOCKS_AT_REST)
  load?.begin(blocks, count)
  const preparedS = (performance.now() - startMs) / 1_000
  const rest = workSome(blocks, BLOCKS_AT_REST)
  blocks.grantNext()
  load?.late?.(blocks, count)
  const end = new BlockSample()
  for (let window = 1; ; window++) {
    blocks.work(end, blocks.untilEndMs)
    while (blocks.isEnding && end.blocks < END_BLOCKS_MAX) blocks.work(end)
    if (window >= (load?.windows ?? 1)) break
    load?.between?.(blocks, count)
  }
  const after = workSome(blocks, BLOCKS_AFTER)
  blocks.close()
  return { rest, end, after, preparedS, calibrationMs: calibration.ms }
}

/** The rows of a load, each beside what it is compared with: the same chain with the least of it. */
function measureLoad(name: LoadName): void {
  const load: Load = LOADS[name]
  const rows = load.counts.map((count) => {
    const size = { ...LOADED, ...load.size?.(count) }
    const row = measure(size, { loaded: { name, count } })
    printRow(size, row, `${name} ${count}`)
    return row
  })
  printSpread(rows)
}

function loadNamed(text: string): LoadName {
  const name = LOAD_NAMES.find((known) => known === text)
  if (name === undefined) throw new Error(`--load ${text}: expected one of ${LOAD_NAMES.join(', ')}`)
  return name
}

function sizesFrom(rows: readonly string[] | undefined): readonly EconomySize[] {
  if (rows === undefined) return SIZES
  return rows.map((row) => {
    const [providers, lots, openRequests] = row.split(',').map(Number)
    if (!providers || !lots || openRequests === undefined) throw new Error(`--row ${row}: expected P,L,R`)
    return { providers, lots, openRequests }
  })
}

/** What decides: medians of processor time without the collector, milliseconds. */
function decisiveOf({ rest, end, after }: Row) {
  const dearest = [end, after].map(({ dearest }) => mustExist(dearest, 'a block was measured'))
  const medianOf = (sample: BlockSample): number =>
    percentile(
      sample.drawn.map(({ ms }) => ms),
      50,
    )
  return {
    restMs: medianOf(rest),
    endMs: medianOf(end),
    dearest: dearest.reduce((a, b) => (a.ms >= b.ms ? a : b)),
  }
}

/** How much dearer a block is by the clock, and how much of its processor time the collector adds. */
function sharesOf({ rest, end, after }: Row): { readonly clock: number; readonly collector: number } {
  const all: readonly Figures[] = [rest, end, after].flatMap(({ drawn }) => drawn)
  const sum = (of: (figures: Figures) => number): number =>
    all.reduce((total, figures) => total + of(figures), 0)
  const ms = sum((figures) => figures.ms)
  return {
    clock: sum(({ wallMs }) => wallMs) / ms,
    collector: sum(({ collectorMs }) => collectorMs) / ms,
  }
}

const COLUMNS: readonly (readonly [name: string, width: number])[] = [
  ['providers', 9],
  ['lots', 6],
  ['requests', 8],
  ['prepared s', 10],
  ['calibration', 11],
  ['rest', 6],
  ['worst', 6],
  ['end: blocks', 11],
  ['measured', 8],
  ['median', 6],
  ['dearest', 7],
  ['worst', 6],
  ['by the clock', 12],
  ['collector', 9],
  ['load', 20],
]

function print(cells: readonly string[]): void {
  console.log(cells.map((cell, i) => cell.padStart(COLUMNS[i]![1])).join('  '))
}

function printRow({ providers, lots, openRequests }: EconomySize, row: Row, load = ''): void {
  const { rest, end, preparedS, calibrationMs } = row
  const { restMs, endMs, dearest } = decisiveOf(row)
  const { clock, collector } = sharesOf(row)
  const worstMs = Math.max(...rest.drawn.map((figures) => figures.worstMs))
  const ms = (value: number): string => value.toFixed(2)
  print([
    ...[providers, lots, openRequests].map(String),
    preparedS.toFixed(0),
    calibrationMs.toFixed(3),
    ...[restMs, worstMs].map(ms),
    ...[end.blocks, end.measured].map(String),
    ...[endMs, dearest.ms, dearest.worstMs].map(ms),
    `×${clock.toFixed(2)}`,
    `+${(100 * collector).toFixed(0)} %`,
    load,
  ])
}

/** The dearest row against the cheapest, each by the speed of the machine while it was measured. */
function printSpread(rows: readonly Row[]): void {
  const spread = (of: (figures: ReturnType<typeof decisiveOf>) => number): string => {
    const values = rows.map((row) => of(decisiveOf(row)) / row.calibrationMs)
    return (Math.max(...values) / Math.min(...values)).toFixed(2)
  }
  const rest = spread(({ restMs }) => restMs)
  const end = spread(({ endMs }) => endMs)
  const dearest = spread((figures) => figures.dearest.ms)
  console.log(
    `dearest row / cheapest row: at rest ${rest}, median of an end ${end}, dearest block ${dearest}`,
  )
}

const { values } = parseArgs({
  options: {
    row: { type: 'string', multiple: true },
    load: { type: 'string', multiple: true },
    loads: { type: 'boolean', default: false },
  },
})
const loads = values.loads ? LOAD_NAMES : (values.load ?? []).map(loadNamed)
WARM_UP.forEach((size, i) => {
  measure(size, { isChecked: i === 0 })
})
console.log(`ms of the ${CLOCK.of}’s processor time without the collector; “worst” with it`)
print(COLUMNS.map(([name]) => name))
if (loads.length > 0) for (const name of loads) measureLoad(name)
else {
  const rows = sizesFrom(values.row).map((size) => {
    const row = measure(size)
    printRow(size, row)
    return row
  })
  if (rows.length > 1) printSpread(rows)
}
