// `npm run sim:scale [-- --write] [--costs] [--samples N] [--seed K]`: latency, messages and bytes by number of
// validators, on modelled links and machines; `--write` draws docs/plots/*.svg.
import { mkdirSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { bls } from '../../base/crypto/bls.ts'
import { parseWholeNumber } from '../../base/integers.ts'
import { type Axis, lineChart, type Series } from '../../bench/svgPlot.ts'
import {
  FIXED_100_MS,
  measureIdle,
  measureScale,
  type Network,
  type ScaleFigures,
  WIDE_AREA,
} from './scale.ts'

const VALIDATORS = [4, 7, 20, 50, 100] as const
const TARGETS = [
  { network: FIXED_100_MS.name, validators: 20, p50Ms: 700 },
  { network: WIDE_AREA.name, validators: 100, p50Ms: 1_200 },
] as const
const PLOTS = 'docs/plots'

const { values } = parseArgs({
  options: {
    samples: { type: 'string', default: '300' },
    seed: { type: 'string', default: '1' },
    write: { type: 'boolean', default: false },
    costs: { type: 'boolean', default: false },
  },
})
const samples = natural(values.samples, 1)
const seed = natural(values.seed, 0)
if (values.costs) printCosts()
else if (!run()) process.exitCode = 1

function natural(text: string, min: number): number {
  const value = parseWholeNumber(text, min)
  if (value !== undefined) return value
  console.error('--samples and --seed are whole numbers, --samples at least 1')
  process.exit(2)
}

/** False when a target is missed. */
function run(): boolean {
  const figures: ScaleFigures[] = []
  console.log(
    'links         n  p50 ms  p99 ms  block ms  tx/block  messages/block  KiB/block  KiB/block and node',
  )
  for (const network of [FIXED_100_MS, WIDE_AREA]) {
    for (const validators of VALIDATORS) {
      const options = { validators, network, seed, samples, transactionsPerSecond: 20, warmUpMs: 2_000 }
      const one = measureScale(options)
      figures.push(one)
      const kib = one.bytesPerBlock / 1024
      const cells = [
        network.name.padEnd(12),
        `${validators}`.padStart(3),
        `${one.p50Ms}`.padStart(7),
        `${one.p99Ms}`.padStart(7),
        `${one.blockIntervalMs}`.padStart(9),
        one.transactionsPerBlock.toFixed(1).padStart(9),
        `${one.messagesPerBlock}`.padStart(15),
        kib.toFixed(0).padStart(10),
        (kib / validators).toFixed(1).padStart(19),
      ]
      console.log(cells.join(' '))
    }
  }
  printIdle(WIDE_AREA)
  if (values.write) writePlots(figures)
  return checkTargets(figures)
}

function checkTargets(figures: readonly ScaleFigures[]): boolean {
  let isMet = true
  for (const target of TARGETS) {
    const one = figures.find((f) => f.network === target.network && f.validators === target.validators)
    const met = one !== undefined && one.p50Ms <= target.p50Ms
    console.log(
      `${met ? 'met   ' : 'MISSED'} ${target.network}, n = ${target.validators}: p50 ${one?.p50Ms} ms, target ${target.p50Ms} ms`,
    )
    if (!met) isMet = false
  }
  return isMet
}

/** Idle nodes retransmit every 1–2 s, so hours with many validators take long to simulate. */
function printIdle(network: Network): void {
  const hourMs = 3_600_000
  const idles = [
    { validators: 4, idleMs: 5 * hourMs },
    { validators: 7, idleMs: 5 * hourMs },
    { validators: 20, idleMs: hourMs / 2 },
    { validators: 100, idleMs: 30_000 },
  ]
  for (const { validators, idleMs } of idles) {
    const one = measureIdle({ validators, idleMs, network, seed })
    console.log(
      `idle for ${idleMs / 60_000} min, n = ${validators}: one transaction final after ${one.finalMs} ms, ${one.views} view; ` +
        `while idle ${one.messagesPerNodeSecond.toFixed(1)} messages a second and node`,
    )
  }
}

function writePlots(figures: readonly ScaleFigures[]): void {
  mkdirSync(PLOTS, { recursive: true })
  const byNetwork = (network: Network, name: string, of: (f: ScaleFigures) => number): Series => ({
    name,
    marked: true,
    points: figures.filter((f) => f.network === network.name).map((f) => [f.validators, of(f)]),
  })
  const validators: Axis = { label: 'validators', scale: 'log', ticks: VALIDATORS }
  writeFileSync(
    `${PLOTS}/finality.svg`,
    lineChart({
      title: 'Submitted → final at the same node, simulated',
      x: validators,
      y: { label: 'ms', scale: 'linear', ticks: [0, 200, 400, 600, 800, 1_000, 1_200] },
      series: [
        byNetwork(WIDE_AREA, 'wide area, p50', (f) => f.p50Ms),
        byNetwork(WIDE_AREA, 'wide area, p99', (f) => f.p99Ms),
        byNetwork(FIXED_100_MS, '100 ms links, p50', (f) => f.p50Ms),
        byNetwork(FIXED_100_MS, '100 ms links, p99', (f) => f.p99Ms),
      ],
    }),
  )
  writeFileSync(
    `${PLOTS}/traffic.svg`,
    lineChart({
      title: 'Consensus traffic of one final block, all nodes together',
      x: validators,
      y: { label: 'messages, KiB', scale: 'log', ticks: [10, 100, 1_000, 10_000, 100_000] },
      series: [
        byNetwork(WIDE_AREA, 'messages', (f) => f.messagesPerBlock),
        byNetwork(WIDE_AREA, 'KiB', (f) => f.bytesPerBlock / 1024),
      ],
    }),
  )
  const shares = (f: ScaleFigures): Series => ({
    name: `${f.validators} validators, ${f.network}`,
    marked: false,
    points: f.latenciesMs.map((ms, i) => [ms, (100 * (i + 1)) / f.latenciesMs.length]),
  })
  writeFileSync(
    `${PLOTS}/distribution.svg`,
    lineChart({
      title: 'Share of transactions final within this time, simulated',
      x: { label: 'ms', scale: 'linear', ticks: [0, 200, 400, 600, 800, 1_000, 1_200] },
      y: { label: '%', scale: 'linear', ticks: [0, 25, 50, 75, 100] },
      series: figures.filter((f) => f.network === WIDE_AREA.name).map(shares),
    }),
  )
}

/** Measures the constants of scaleModel.ts on this machine. */
function printCosts(): void {
  const keys = Array.from({ length: 100 }, (_, i) => bls.keygen(new Uint8Array(32).fill(i + 1)))
  const message = new Uint8Array(90).fill(7)
  const publicKeys = keys.map((key) => bls.publicKey(key))
  const signatures = keys.map((key) => bls.sign(key, message))
  const one = publicKeys[0]!
  const many = bls.aggregate(signatures)!
  const rows: readonly (readonly [string, () => unknown])[] = [
    ['signMs', () => bls.sign(keys[0]!, message)],
    ['pairingMs', () => bls.verify(one, message, signatures[0]!)],
    ['100 · aggregateMs', () => bls.aggregate(signatures)],
    ['pairingMs + 100 · perKeyMs', () => bls.verifyAggregate(publicKeys, message, many)],
  ]
  for (const [name, work] of rows) {
    work()
    const startedNs = process.hrtime.bigint()
    for (let i = 0; i < 50; i++) work()
    console.log(`${name}: ${(Number(process.hrtime.bigint() - startedNs) / 50e6).toFixed(3)}`)
  }
}
