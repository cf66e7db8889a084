// `suanli oracle run`: a reporter of the oracle, beside the commands that are derived from the module. Owns: options.
// Not: what it does (oracle/runReporter.ts).
import { resolve } from 'node:path'
import { type Command, Option } from 'commander'
import { assert } from '../../base/assert.ts'
import { type AccountOptions, withAccount } from '../chain/accountOptions.ts'
import { askNodeOf, clientOf, type NodeOptions, withNode } from '../chain/send.ts'
import { print, wholeNumber } from '../common.ts'
import { onStopSignal } from '../stopSignals.ts'

interface RunOptions extends NodeOptions, AccountOptions {
  readonly sources: string
  readonly state: string
  readonly once?: true
  readonly poll: number
  readonly wait: number
}

/** Adds it to the command of the module, which must be there. */
export function addOracleRun(program: Command, finish: (code: number) => void): void {
  const oracle = program.commands.find((command) => command.name() === 'oracle')
  assert(oracle !== undefined, 'the command of the module comes first')
  const run = oracle
    .command('run')
    .summary('report rating and prices from files and HTTP in every window')
    .description(
      'Reports what its sources say: commits and reveals by itself in every window, until Ctrl-C. ' +
        'Every reason why a report does not count is an alarm (docs/operations/oracle.md).',
    )
    .requiredOption('--sources <file>', 'JSON that names the sources of rating and prices')
    .addOption(
      new Option('--state <dir>', 'folder for the report between commit and reveal, and the log').default(
        'oracle',
      ),
    )
    .addOption(
      new Option('--poll <seconds>', 'longest pause between two looks at the chain')
        .default(30)
        .argParser(wholeNumber(1, 3_600)),
    )
    .option('--once', 'do what is due now and end; an alarm makes the exit code 1, or 4')
  askNodeOf(withNode(withAccount(run)), 'dataDir')
    .addOption(
      new Option('--wait <seconds>', 'how long to wait for a final block')
        .default(60)
        .argParser(wholeNumber(1, 3_600)),
    )
    .action(async (options: RunOptions) => finish(await start(options)))
}

async function start(options: RunOptions): Promise<number> {
  const [{ openAccount }, { readSourcesFile }, { runReporter }] = await Promise.all([
    import('../chain/account.ts'),
    import('../oracle/sourcesFile.ts'),
    import('../oracle/runReporter.ts'),
  ])
  const sources = readSourcesFile(options.sources)
  const [client, account] = await Promise.all([clientOf(options), openAccount(options)])
  const ending = new AbortController()
  const isOnce = options.once === true
  if (!isOnce) onStopSignal(['SIGINT', 'SIGTERM'], () => ending.abort())
  return runReporter({
    client,
    account,
    sources,
    folder: resolve(options.state),
    timeoutMs: options.wait * 1_000,
    isOnce,
    pollMs: options.poll * 1_000,
    isJson: options.json === true,
    signal: ending.signal,
    print,
  })
}
