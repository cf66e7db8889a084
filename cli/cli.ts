// The `suanli` command line. Owns: commands, options, help, exit codes. Not: what the commands do.
import { writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { Command, Option } from 'commander'
import { toHex } from '../base/bytes.ts'
import { runDevnet } from '../devnet/devnet.ts'
import { developmentGenesis } from '../devnet/directories.ts'
import { DEVNET_VALIDATORS, DEVNET_WINDOW_MS } from '../genesis/devnet.ts'
import { genesisHash } from '../genesis/schema.ts'
import { DEFAULT_CONFIG, LOG_LEVELS, type NodeConfig, parseConfig } from '../node/config.ts'
import { genesisText, noteProofsChecked, readGenesis, writeNodeDir } from '../node/nodeDir.ts'
import { createKeys } from '../node/nodeKeys.ts'
import { CLIENT_VERSION, VERSION } from '../node/version.ts'
import { dataDirOption, passwordOf, passwordOption, print, wholeNumber } from './commands/common.ts'
import { addDoctor } from './commands/doctor.ts'
import { addKeys } from './commands/keys.ts'
import { addMember } from './commands/member.ts'
import { addRecovery } from './commands/recovery.ts'
import { addRollback } from './commands/rollback.ts'
import { addSigner } from './commands/signer.ts'
import { addVerify } from './commands/verify.ts'
import { errorText } from './errorText.ts'

const { min: VALIDATORS_MIN, max: VALIDATORS_MAX } = DEVNET_VALIDATORS
const validatorsOption = () =>
  new Option('-n, --validators <count>', `how many validators, ${VALIDATORS_MIN} to ${VALIDATORS_MAX}`)
    .argParser(wholeNumber(VALIDATORS_MIN, VALIDATORS_MAX))
    .default(4)
const blockTimeOption = () =>
  new Option('-b, --block-time <ms>', 'shortest time between two blocks, milliseconds')
    .argParser(wholeNumber(0, 60_000))
    .default(50)
const windowOption = () =>
  new Option('-w, --window <ms>', 'length of a capacity window, milliseconds')
    .argParser(wholeNumber(1_000, 86_400_000))
    .default(DEVNET_WINDOW_MS)
const logLevelOption = (text: string) => new Option('--log-level <level>', text).choices([...LOG_LEVELS])

function addDevnet(program: Command, finish: (code: number) => void): void {
  program
    .command('devnet')
    .description('run a chain of several validators on this machine, with funded development accounts')
    .addOption(validatorsOption())
    .option(
      '-p, --port <port>',
      'JSON-RPC port of the first validator',
      wholeNumber(1, 64_000),
      DEFAULT_CONFIG.rpcPort,
    )
    .option('-d, --data-dir <dir>', 'where the chain is kept', 'data/devnet')
    .addOption(blockTimeOption())
    .addOption(windowOption())
    .option('--fresh', 'forget the chain of an earlier run', false)
    .addOption(logLevelOption('level of the log files').default('info'))
    .addHelpText(
      'after',
      `
An idle chain proposes the moment a transaction arrives; --block-time only bounds how fast blocks follow
each other under load. Capacity is counted, assigned and delivered per --window: a redemption takes one or
two of them. Keys are public and the same on every machine. Further devnets: --port and --data-dir.`,
    )
    .action(async (options) => {
      const signal = new Promise<void>((done) => {
        for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(name, () => done())
      })
      const code = await runDevnet(
        {
          validators: options.validators,
          port: options.port,
          dataDir: resolve(options.dataDir),
          blockTimeMs: options.blockTime,
          windowMs: options.window,
          isFresh: options.fresh,
          logLevel: options.logLevel,
          print,
        },
        signal,
      )
      finish(code)
    })
}

function addInit(program: Command): void {
  program
    .command('init')
    .description('make the data directory of a node: key files, configuration, genesis')
    .addOption(dataDirOption())
    .requiredOption('-g, --genesis <file>', 'the genesis document of the chain')
    .option('--validator', 'also make a consensus key', false)
    .addOption(passwordOption())
    .option('--peer <multiaddr...>', 'other nodes, each ending in /p2p/<peer id>', [])
    .option('--p2p-listen <multiaddr>', 'where to listen for peers', DEFAULT_CONFIG.p2pListen[0])
    .option('--rpc-port <port>', 'JSON-RPC port', wholeNumber(0, 65_535), DEFAULT_CONFIG.rpcPort)
    .action((options) => {
      const genesis = readGenesis(options.genesis)
      const config = parseConfig({
        peers: options.peer,
        p2pListen: [options.p2pListen],
        rpcPort: options.rpcPort,
      })
      const password = passwordOf(options)
      writeNodeDir(options.dataDir, genesis, config)
      noteProofsChecked(options.dataDir, genesis)
      const keys = createKeys({
        dataDir: options.dataDir,
        password,
        isValidator: options.validator,
        cost: 'standard',
      })
      print(
        JSON.stringify({ dataDir: options.dataDir, genesis: toHex(genesisHash(genesis)), ...keys }, null, 2),
      )
    })
}

function addGenesis(program: Command): void {
  const genesis = program.command('genesis').description('make and check genesis documents')
  genesis
    .command('check <file>')
    .description('check every rule; prints the genesis hash, or the field and the reason')
    .action((file) => {
      const document = readGenesis(file)
      print(
        JSON.stringify(
          { name: document.name, chainId: document.chainId, hash: toHex(genesisHash(document)) },
          null,
          2,
        ),
      )
    })
  genesis
    .command('devnet')
    .description("write the devnet's genesis, as an example or a start")
    .addOption(validatorsOption())
    .addOption(blockTimeOption())
    .addOption(windowOption())
    .option('-o, --out <file>', 'file to write; default standard output')
    .action((options) => {
      const text = genesisText(
        developmentGenesis({
          validators: options.validators,
          blockTimeMs: options.blockTime,
          windowMs: options.window,
        }),
      )
      if (options.out === undefined) process.stdout.write(text)
      else writeFileSync(options.out, text, { flag: 'wx' })
    })
}

function addStart(program: Command, finish: (code: number) => void): void {
  program
    .command('start')
    .description('run the node of a data directory until Ctrl-C')
    .addOption(dataDirOption())
    .addOption(passwordOption())
    .option('--rpc-port <port>', 'JSON-RPC port instead of the configured one', wholeNumber(0, 65_535))
    .option('--rpc-host <address>', 'address JSON-RPC listens on instead of the configured one')
    .addOption(logLevelOption('instead of the configured one'))
    .option('--name <name>', 'name in every log line')
    .option('--state-sync', 'without a chain, take the state of a snapshot from peers', false)
    .option('--checkpoint <height:hash>', 'a block to trust; implies --state-sync')
    .option('--take-over-signer', 'take the remote signer from the node that holds it', false)
    .option(
      '--force-moved-signer',
      'sign although the record was exported: never while a copy may sign',
      false,
    )
    .action(async (options) => {
      const overrides: Partial<NodeConfig> = {
        ...(options.rpcPort === undefined ? {} : { rpcPort: options.rpcPort }),
        ...(options.rpcHost === undefined ? {} : { rpcHost: options.rpcHost }),
        ...(options.logLevel === undefined ? {} : { logLevel: options.logLevel }),
        ...(options.stateSync || options.checkpoint !== undefined ? { stateSync: true } : {}),
        ...(options.checkpoint === undefined ? {} : { checkpoint: options.checkpoint }),
      }
      parseConfig(overrides)
      const dataDir = resolve(options.dataDir)
      const name = options.name === undefined ? {} : { name: options.name as string }
      const { takeOverSigner, forceMovedSigner } = options
      // Networking and storage take half a second to load; the other commands answer without them.
      const { runStart } = await import('./runStart.ts')
      const password = passwordOf(options)
      finish(await runStart({ dataDir, password, overrides, takeOverSigner, forceMovedSigner, ...name }))
    })
}

/** Parses and runs a command line; resolves with the exit code. */
export async function main(argv: readonly string[]): Promise<number> {
  let exitCode = 0
  const finish = (code: number): void => {
    exitCode = code
  }
  const program = new Command('suanli')
    .description(
      'the app-chain of the AI Computing Power Currency (ACPC): coins fully backed by pledged AI compute',
    )
    .version(VERSION, '-V, --version', 'the version of this build')
    .showHelpAfterError('(add --help for the options)')
    .configureHelp({ sortSubcommands: false })
    .addHelpText(
      'after',
      `
First steps:
  suanli devnet                      four validators, ten funded accounts, JSON-RPC on http://127.0.0.1:8545
  suanli genesis devnet -o g.json    an example of a genesis document
  suanli init -d node -g g.json      a node of that chain; then: suanli start -d node`,
    )
  addDevnet(program, finish)
  addInit(program)
  addKeys(program)
  addGenesis(program)
  addStart(program, finish)
  addVerify(program)
  addDoctor(program, finish)
  addRollback(program)
  addMember(program)
  addRecovery(program)
  addSigner(program, finish)
  program
    .command('version')
    .description('the version as clients see it')
    .action(() => print(CLIENT_VERSION))
  await program.parseAsync([...argv])
  return exitCode
}

main(process.argv).then(
  (code) => process.exit(code),
  (error: unknown) => {
    process.stderr.write(`suanli: ${errorText(error)}\n`)
    process.exit(1)
  },
)
