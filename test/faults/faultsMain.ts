// `npm run test:faults`: faults of links, processes, disks and clocks against validator processes under load, repeatedly.
// Owns: options, the order of faults, the table. The seed fixes all choices, but not the timing.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command, Option } from 'commander'
import { errorText } from '../../base/errors.ts'
import { percentile } from '../../bench/statistics.ts'
import { wholeNumber } from '../../cli/common.ts'
import { Random } from '../support/random.ts'
import { DISK_FAULTS } from './diskFaults.ts'
import { type Fault, FaultBench, type Outcome } from './faultBench.ts'
import { LINK_FAULTS } from './linkFaults.ts'
import { PROCESS_FAULTS, settle } from './processFaults.ts'

const FAULTS: readonly Fault[] = [...LINK_FAULTS, ...PROCESS_FAULTS, ...DISK_FAULTS]

interface Options {
  readonly minutes?: number
  readonly rounds: number
  readonly seed: number
  readonly only?: readonly string[]
  readonly accounts: number
  readonly rate: number
  readonly blockTime: number
  readonly byzantine: boolean
  readonly keep: boolean
  readonly json?: string
}

const whole = wholeNumber(0, 999_999_999)

const print = (line: string): void => void process.stdout.write(`${line}\n`)
const seconds = (ms: number): string => (ms / 1000).toFixed(1)

/** Outcomes by fault. */
class Table {
  readonly #rows = new Map<string, Outcome[]>()

  add(name: string, outcome: Outcome): void {
    const row = this.#rows.get(name) ?? []
    row.push(outcome)
    this.#rows.set(name, row)
  }

  figures(): readonly Readonly<Record<string, string | number>>[] {
    return [...this.#rows].map(([fault, outcomes]) => {
      const stood = outcomes.map(({ standstillMs }) => standstillMs).filter((ms) => ms !== undefined)
      const recovered = outcomes.map(({ recoveryMs }) => recoveryMs)
      return {
        fault,
        times: outcomes.length,
        ...(stood.length === 0
          ? {}
          : { standstillP50Ms: percentile(stood, 50), standstillMaxMs: Math.max(...stood) }),
        recoveryP50Ms: percentile(recovered, 50),
        recoveryMaxMs: Math.max(...recovered),
      }
    })
  }

  lines(): readonly string[] {
    const head = '| fault | times | longest standstill meanwhile, p50 / max | healed → all level, p50 / max |'
    const pair = (row: Readonly<Record<string, string | number>>, name: string): string => {
      const p50 = row[`${name}P50Ms`]
      return p50 === undefined
        ? 'stands'
        : `${seconds(Number(p50))} / ${seconds(Number(row[`${name}MaxMs`]))} s`
    }
    return [
      head,
      '|---|---|---|---|',
      ...this.figures().map(
        (row) => `| ${row.fault} | ${row.times} | ${pair(row, 'standstill')} | ${pair(row, 'recovery')} |`,
      ),
    ]
  }
}

async function round(bench: FaultBench, table: Table, faults: readonly Fault[], isOver: () => boolean) {
  for (const fault of faults) {
    if (isOver()) return
    const startedMs = performance.now()
    const behaviour = await bench.changeBehaviour()
    let outcome: Outcome
    try {
      outcome = await fault.run(bench)
    } catch (error) {
      throw new Error(`${fault.name}, ${behaviour ?? 'all honest'}: ${errorText(error)}`, { cause: error })
    }
    table.add(fault.name, outcome)
    const { standstillMs, recoveryMs } = outcome
    const stood =
      standstillMs === undefined ? 'the chain stood' : `longest standstill ${seconds(standstillMs)} s`
    const took = seconds(performance.now() - startedMs)
    const beside = behaviour === undefined ? '' : ` beside ${behaviour}`
    print(`${fault.name}${beside}: ${stood}, all level after ${seconds(recoveryMs)} s (${took} s)`)
    bench.trial.check()
    await settle()
  }
}

async function run(options: Options): Promise<number> {
  const dataDir = mkdtempSync(join(tmpdir(), 'suanli-faults-'))
  print(`seed ${options.seed}, data in ${dataDir}`)
  const chosen = FAULTS.filter(
    ({ name, stopsFour }) =>
      (options.only?.includes(name) ?? true) && !(options.byzantine && stopsFour === true),
  )
  const order = new Random(options.seed + 3)
  const table = new Table()
  const endsMs = performance.now() + (options.minutes ?? 0) * 60_000
  const isOver = (): boolean => options.minutes !== undefined && performance.now() > endsMs
  let bench: FaultBench | undefined
  let isStopping = false
  const stop = async (): Promise<void> => {
    isStopping = true
    await bench?.trial.abandon()
    await bench?.cleanUp()
    process.exit(130)
  }
  // Clean up on signals too: a mounted file system would outlive the run.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void stop())
  try {
    bench = await FaultBench.begin({
      dataDir,
      seed: options.seed,
      blockTimeMs: options.blockTime,
      accounts: options.accounts,
      perSecond: options.rate,
      isByzantine: options.byzantine,
      print,
    })
    for (let i = 0; options.minutes === undefined ? i < options.rounds : !isOver(); i++) {
      await round(bench, table, order.shuffled(chosen), isOver)
    }
    await bench.trial.finish(bench.expectedAlarms)
    const summary = { ...bench.trial.summary(), faults: table.figures() }
    await bench.cleanUp()
    for (const line of table.lines()) print(line)
    print(JSON.stringify(bench.trial.summary()))
    if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(summary, null, 2)}\n`)
    if (!options.keep) rmSync(dataDir, { recursive: true, force: true })
    return 0
  } catch (error) {
    if (isStopping) return new Promise(() => {})
    await bench?.trial.abandon()
    await bench?.cleanUp()
    process.stderr.write(`${errorText(error)}\n`)
    if ((error as Error).cause === undefined) process.stderr.write(`${(error as Error).stack}\n`)
    process.stderr.write(`data and logs are in ${dataDir}\n`)
    const only = options.only === undefined ? '' : ` --only ${options.only.join(' ')}`
    const beside = options.byzantine ? ' --byzantine' : ''
    process.stderr.write(`again: npm run test:faults -- --seed ${options.seed}${only}${beside}\n`)
    for (const line of table.lines()) print(line)
    return 1
  }
}

const program = new Command('test:faults')
  .description(
    'injects faults into links, processes, disks and clocks of a devnet under load, and checks what must hold',
  )
  .option('--minutes <count>', 'start new rounds for this long', whole)
  .option('--rounds <count>', 'runs of every fault', whole, 1)
  .option('--seed <number>', 'of every choice', whole, Date.now() % 1_000_000_000)
  .addOption(new Option('--only <name...>', 'only these faults').choices(FAULTS.map(({ name }) => name)))
  .option('--accounts <count>', 'accounts that send', whole, 40)
  .option('--rate <count>', 'transfers signed per second', whole, 60)
  .option('--block-time <ms>', 'shortest time between two blocks', whole, 250)
  .option('--byzantine', 'six validators beside a hostile seventh, in a new way with each fault', false)
  .option('--keep', 'keep the data of a run that held', false)
  .option('--json <file>', 'write the figures here')
  .addHelpText(
    'after',
    `\nFaults:\n${FAULTS.map(({ name, what }) => `  ${name.padEnd(14)}${what}`).join('\n')}`,
  )
program.parse()
process.exit(await run(program.opts<Options>()))
