// `npm run sim`: plays many seeds of one or all scenarios, or as many as fit into some minutes; prints the replay command.
import { parseArgs } from 'node:util'
import { bls as realBls } from '../../base/crypto/bls.ts'
import type { Bls } from '../../base/crypto/types.ts'
import { parseWholeNumber } from '../../base/integers.ts'
import { standInBls } from '../support/standInBls.ts'
import { Violation } from '../support/violation.ts'
import type { Scenario } from './scenario.ts'
import { play, SCENARIOS } from './scenarios.ts'

const USAGE = `npm run sim -- [--scenario S] [--seeds N] [--first K] [--minutes M] [--bls fast|real] [--trace] [--list]
  --scenario S   one scenario: N seeds of it; without it N seeds are spread over all
  --first K      the first seed (1)
  --minutes M    soak: all (or the one) scenarios over ever new seeds for M minutes
  --bls real     real signatures instead of the stand-in
  --trace        prints every event; meant for one seed of one scenario
  --list         the scenarios, their numbers in CONSENSUS §9 and their properties`

interface Totals {
  seeds: number
  failed: number
  slowestMs: number
  crashes: number
  messages: number
  /** Processor time. */
  tookMs: number
}

interface Options {
  readonly bls: Bls
  readonly blsName: string
  readonly print: ((line: string) => void) | undefined
}

const totals = new Map<string, Totals>()

function fail(text: string): never {
  console.error(`${text}\n${USAGE}`)
  process.exit(2)
}

function natural(text: string, name: string): number {
  return parseWholeNumber(text, 1) ?? fail(`${name}: expected a whole number from 1 on`)
}

function totalsOf(name: string): Totals {
  const known = totals.get(name) ?? { seeds: 0, failed: 0, slowestMs: 0, crashes: 0, messages: 0, tookMs: 0 }
  totals.set(name, known)
  return known
}

function playOne(name: string, scenario: Scenario, seed: number, options: Options): void {
  const sum = totalsOf(name)
  const started = process.cpuUsage()
  const { bls, blsName, print } = options
  try {
    const result = play(scenario, seed, print === undefined ? { bls } : { bls, print })
    sum.slowestMs = Math.max(sum.slowestMs, result.recoveryMs)
    sum.crashes += result.crashes
    sum.messages += result.messages
  } catch (error) {
    sum.failed++
    console.error(
      `${name} seed ${seed}: ${error instanceof Violation ? error.message : (error as Error).stack}`,
    )
    const bls = blsName === 'real' ? ' --bls real' : ''
    console.error(`  replay: npm run sim -- --scenario ${name} --first ${seed} --seeds 1${bls} --trace`)
  }
  sum.seeds++
  const { user, system } = process.cpuUsage(started)
  sum.tookMs += (user + system) / 1_000
}

/** Seeds per scenario when `total` are spread by weight; at least one each. */
function shares(names: readonly string[], total: number): ReadonlyMap<string, number> {
  const weight = names.reduce((sum, name) => sum + SCENARIOS[name]!.weight, 0)
  return new Map(
    names.map((name) => [name, Math.max(1, Math.round((total * SCENARIOS[name]!.weight) / weight))] as const),
  )
}

function line(name: string, sum: Totals): string {
  const rate = sum.tookMs === 0 ? 0 : (1_000 * sum.seeds) / sum.tookMs
  const recovery = `slowest recovery ${Math.round(sum.slowestMs)} ms`
  return `${name}: ${sum.seeds} seeds, ${sum.failed} failed, ${recovery}, ${sum.crashes} crashes, ${rate.toFixed(1)} seeds/s of CPU`
}

function list(): void {
  for (const [name, { numbers, properties, about, weight }] of Object.entries(SCENARIOS)) {
    console.log(
      `${name.padEnd(24)} ${numbers.join(', ').padEnd(18)} ${properties.join(' ').padEnd(12)} ×${weight} ${about}`,
    )
  }
}

function soak(names: readonly string[], first: number, minutes: number, options: Options): void {
  const untilMs = Date.now() + minutes * 60_000
  let reportAtMs = Date.now() + 60_000
  const next = new Map(names.map((name) => [name, first]))
  for (let round = 0; Date.now() < untilMs; round++) {
    for (const [name, seeds] of shares(names, 4 * names.length)) {
      // Costly scenarios run only in some rounds.
      if (SCENARIOS[name]!.weight < 1 && round % Math.round(1 / SCENARIOS[name]!.weight) !== 0) continue
      for (let i = 0; i < seeds && Date.now() < untilMs; i++) {
        const seed = next.get(name)!
        next.set(name, seed + 1)
        playOne(name, SCENARIOS[name]!, seed, options)
      }
    }
    if (Date.now() < reportAtMs) continue
    reportAtMs += 60_000
    const all = [...totals.values()]
    const failed = all.reduce((sum, t) => sum + t.failed, 0)
    const seeds = all.reduce((sum, t) => sum + t.seeds, 0)
    console.log(
      `${Math.max(0, Math.round((untilMs - Date.now()) / 60_000))} minutes left: ${seeds} seeds, ${failed} failed`,
    )
  }
}

function main(): void {
  const { values } = parseArgs({
    options: {
      seeds: { type: 'string', default: '100' },
      first: { type: 'string', default: '1' },
      scenario: { type: 'string' },
      minutes: { type: 'string' },
      bls: { type: 'string', default: 'fast' },
      trace: { type: 'boolean', default: false },
      list: { type: 'boolean', default: false },
    },
  })
  if (values.list) {
    list()
    return
  }
  if (values.bls !== 'fast' && values.bls !== 'real') fail('--bls: expected fast or real')
  const { scenario } = values
  if (scenario !== undefined && SCENARIOS[scenario] === undefined) {
    fail(`unknown scenario ${scenario}; there are: ${Object.keys(SCENARIOS).join(', ')}`)
  }
  const names = scenario === undefined ? Object.keys(SCENARIOS) : [scenario]
  const options: Options = {
    bls: values.bls === 'real' ? realBls : standInBls,
    blsName: values.bls,
    print: values.trace ? (text) => console.log(text) : undefined,
  }
  const first = natural(values.first, '--first')
  if (values.minutes !== undefined) soak(names, first, natural(values.minutes, '--minutes'), options)
  else {
    for (const [name, seeds] of shares(names, natural(values.seeds, '--seeds'))) {
      for (let seed = first; seed < first + seeds; seed++) playOne(name, SCENARIOS[name]!, seed, options)
      console.log(line(name, totalsOf(name)))
    }
  }
  const all = [...totals.values()]
  if (values.minutes !== undefined) for (const [name, sum] of totals) console.log(line(name, sum))
  const failed = all.reduce((sum, t) => sum + t.failed, 0)
  const seeds = all.reduce((sum, t) => sum + t.seeds, 0)
  const seconds = all.reduce((sum, t) => sum + t.tookMs, 0) / 1_000
  console.log(`${seeds} seeds of ${names.length} scenarios, ${failed} failed, ${seconds.toFixed(1)} s of CPU`)
  process.exitCode = failed === 0 ? 0 : 1
}

main()
