// `npm run test:byzantine`: one of four validators is hostile, in one way after another. Owns: options, the table, the exit
// code. The seed fixes all choices, but not the timing.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command, Option } from 'commander'
import { errorText } from '../../base/errors.ts'
import { wholeNumber } from '../../cli/common.ts'
import { deadlines } from '../../consensus/timers.ts'
import { developmentGenesis } from '../../devnet/genesisOptions.ts'
import { DEVNET_WINDOW_MS } from '../../genesis/devnet.ts'
import { BEHAVIOURS } from '../support/byzantine/behaviours.ts'
import { attack, BLOCK_TIME_MS } from './attackBench.ts'
import { brokenLimits, type Outcome, TABLE_HEAD, tableRow } from './judge.ts'

interface Options {
  readonly behaviour?: readonly string[]
  readonly seconds: number
  readonly seed: number
  readonly accounts: number
  readonly rate: number
  readonly keep: boolean
  readonly json?: string
}

const whole = wholeNumber(0, 999_999_999)
const print = (line: string): void => void process.stdout.write(`${line}\n`)

/** A leader's time-out on an ordinary parent. */
function leaderTimeoutMs(): number {
  const settings = { validators: 4, blockTimeMs: BLOCK_TIME_MS, windowMs: DEVNET_WINDOW_MS }
  const { networkDelayMs, ...timing } = developmentGenesis(settings).consensus
  const parameters = { ...timing, deltaMs: networkDelayMs, minBlockIntervalMs: BLOCK_TIME_MS }
  return deadlines({ parameters, armedAtMs: 0, waitMs: BLOCK_TIME_MS, steps: 0 }).leaderAtMs
}

async function run(options: Options): Promise<number> {
  const names = options.behaviour ?? Object.keys(BEHAVIOURS).filter((name) => name !== 'silent')
  const leaderMs = leaderTimeoutMs()
  print(
    `seed ${options.seed}, ${options.seconds} s silent and ${options.seconds} s of each; a leader has ${leaderMs} ms`,
  )
  for (const line of TABLE_HEAD) print(line)
  const outcomes: Outcome[] = []
  let isBroken = false
  for (const behaviour of names) {
    const dataDir = mkdtempSync(join(tmpdir(), 'suanli-byzantine-'))
    try {
      const { seed, accounts, rate: perSecond } = options
      const outcome = await attack({
        dataDir,
        behaviour,
        phaseMs: options.seconds * 1_000,
        seed,
        accounts,
        perSecond,
      })
      outcomes.push(outcome)
      print(tableRow(outcome, leaderMs))
      const isKept = options.keep || brokenLimits(outcome, leaderMs).length > 0
      if (isKept) process.stderr.write(`${behaviour}: data and logs are in ${dataDir}\n`)
      else rmSync(dataDir, { recursive: true, force: true })
      isBroken ||= brokenLimits(outcome, leaderMs).length > 0
    } catch (error) {
      isBroken = true
      process.stderr.write(`${behaviour}: ${errorText(error)}; data and logs are in ${dataDir}\n`)
    }
  }
  if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(outcomes, null, 2)}\n`)
  return isBroken ? 1 : 0
}

const list = Object.entries(BEHAVIOURS).map(([name, { about }]) => `  ${name}: ${about}`)
const program = new Command('test:byzantine')
  .description(
    'measures what one hostile validator of four costs the others, beside the same validator silent',
  )
  .addOption(
    new Option('--behaviour <names...>', 'only these; default: all but silent').choices(
      Object.keys(BEHAVIOURS),
    ),
  )
  .option('--seconds <number>', 'length of each phase', whole, 15)
  .option('--seed <number>', 'of every choice', whole, Date.now() % 1_000_000_000)
  .option('--accounts <count>', 'accounts that send', whole, 40)
  .option('--rate <count>', 'transfers signed per second', whole, 40)
  .option('--keep', 'keep the data of every run', false)
  .option('--json <file>', 'write the figures here')
  .addHelpText('after', `\nBehaviours:\n${list.join('\n')}`)
program.parse()
process.exit(await run(program.opts<Options>()))
