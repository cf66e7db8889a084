// `npm run test:kill`: kills validators under load, repeatedly, and checks that nothing shown to a client is lost.
// Owns: options, the order of scenarios, the summary. The seed fixes all choices, but not the timing.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command } from 'commander'
import { wholeNumber } from '../../cli/common.ts'
import { killAllAtOnce, killOneByOne, loseFiles, oneDown, restartEach, twoDown } from './scenarios.ts'
import { Trial } from './trial.ts'

interface Options {
  readonly kills: number
  readonly stops: number
  readonly seed: number
  readonly accounts: number
  readonly rate: number
  readonly blockTime: number
  readonly keep: boolean
  readonly json?: string
}

const whole = wholeNumber(0, 999_999_999)

async function run(options: Options): Promise<number> {
  const dataDir = mkdtempSync(join(tmpdir(), 'suanli-kill-'))
  const print = (line: string): void => void process.stdout.write(`${line}\n`)
  print(`seed ${options.seed}, data in ${dataDir}`)
  let trial: Trial | undefined
  try {
    trial = await Trial.begin({
      dataDir,
      seed: options.seed,
      validators: 4,
      blockTimeMs: options.blockTime,
      accounts: options.accounts,
      perSecond: options.rate,
      print,
    })
    await oneDown(trial, 20)
    await twoDown(trial, 3_000)
    await killAllAtOnce(trial, options.stops)
    await restartEach(trial)
    await killOneByOne(trial, options.kills)
    await twoDown(trial, 20_000)
    await loseFiles(trial, 'journal')
    await loseFiles(trial, 'chain')
    await loseFiles(trial, 'signer')
    await trial.finish()
    const summary = trial.summary()
    print(JSON.stringify(summary, null, 2))
    if (trial.traffic.refusals.size > 0) print(`refusals: ${JSON.stringify([...trial.traffic.refusals])}`)
    if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(summary, null, 2)}\n`)
    if (!options.keep) rmSync(dataDir, { recursive: true, force: true })
    return 0
  } catch (error) {
    await trial?.abandon()
    const { message, stack } = error as Error
    process.stderr.write(`${error instanceof Error && error.name === 'TrialFailure' ? message : stack}\n`)
    process.stderr.write(`data and logs are in ${dataDir}\n`)
    process.stderr.write(`again: npm run test:kill -- --seed ${options.seed} --kills ${options.kills}\n`)
    if (trial !== undefined) print(JSON.stringify(trial.summary(), null, 2))
    return 1
  }
}

const program = new Command('test:kill')
  .description('kills validators of a devnet under load and checks that nothing is lost')
  .option('--kills <count>', 'validators killed one by one at random moments', whole, 50)
  .option('--stops <count>', 'times all are killed at once', whole, 5)
  .option('--seed <number>', 'of every choice', whole, Date.now() % 1_000_000_000)
  .option('--accounts <count>', 'accounts that send', whole, 60)
  .option('--rate <count>', 'transfers signed per second', whole, 150)
  .option('--block-time <ms>', 'shortest time between two blocks', whole, 100)
  .option('--keep', 'keep the data of a run that held', false)
  .option('--json <file>', 'write the figures here')
program.parse()
process.exit(await run(program.opts<Options>()))
