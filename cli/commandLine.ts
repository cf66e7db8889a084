// The `suanli` command line. READ FIRST in cli/. Owns: the list of commands, help, exit codes. Not: the commands (commands/), the process (cli.ts).
import { Command, CommanderError } from 'commander'
import type { ModuleDef } from '../base/moduleDefinition.ts'
import { CLIENT_VERSION, VERSION } from '../node/version.ts'
import { print } from './common.ts'
import { exitCodeOf } from './exitCode.ts'
import { failureText } from './failureText.ts'

type AddCommand = (program: Command, finish: (code: number) => void) => void

/** The command of a native module, which loads its own schema alone. */
async function moduleCommand(schema: Promise<ModuleDef>): Promise<AddCommand> {
  const { addModule } = await import('./commands/module.ts')
  return addModule(await schema)
}
const schemaOf = async (name: keyof typeof import('../state/schemas.ts').schemas): Promise<ModuleDef> =>
  (await import('../state/schemas.ts')).schemas[name]

/** In the order of the help. Each is loaded only when it is named: all of them take four times as long to load as one. */
const COMMANDS: Readonly<Record<string, () => Promise<AddCommand>>> = {
  devnet: async () => (await import('./commands/devnet.ts')).addDevnet,
  init: async () => (await import('./commands/init.ts')).addInit,
  keys: async () => (await import('./commands/keys.ts')).addKeys,
  genesis: async () => (await import('./commands/genesis.ts')).addGenesis,
  start: async () => (await import('./commands/start.ts')).addStart,
  verify: async () => (await import('./commands/verify.ts')).addVerify,
  doctor: async () => (await import('./commands/doctor.ts')).addDoctor,
  rollback: async () => (await import('./commands/rollback.ts')).addRollback,
  member: async () => (await import('./commands/member.ts')).addMember,
  recovery: async () => (await import('./commands/recovery.ts')).addRecovery,
  signer: async () => (await import('./commands/signer.ts')).addSigner,
  wallet: async () => (await import('./commands/wallet.ts')).addWallet,
  balance: async () => (await import('./commands/coins.ts')).addBalance,
  send: async () => (await import('./commands/coins.ts')).addSend,
  tx: async () => (await import('./commands/coins.ts')).addTx,
  accounts: () => moduleCommand(schemaOf('accounts')),
  assets: () => moduleCommand(schemaOf('assets')),
  catalogue: () => moduleCommand(schemaOf('catalogue')),
  providers: () => moduleCommand(schemaOf('providers')),
  oracle: () => moduleCommand(schemaOf('oracle')),
  capacity: () => moduleCommand(schemaOf('capacity')),
  issuance: () => moduleCommand(schemaOf('issuance')),
  redemption: () => moduleCommand(schemaOf('redemption')),
  default: () => moduleCommand(schemaOf('default')),
  evidence: () => moduleCommand(schemaOf('evidence')),
  governance: () => moduleCommand(schemaOf('governance')),
  completion: async () => (await import('./commands/completion.ts')).addCompletion,
  version: async () => (program) =>
    void program
      .command('version')
      .description('print the version that clients see')
      .action(() => print(CLIENT_VERSION)),
}

/** The command that is named; all of them for help, for a mistake and where options come first. */
function commandsFor(name: string | undefined): readonly (() => Promise<AddCommand>)[] {
  const named = name !== undefined && Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined
  // Completion is made of all commands.
  return named === undefined || name === 'completion' ? Object.values(COMMANDS) : [named]
}

/** Parses and runs a command line; resolves with the exit code. */
async function parse(argv: readonly string[]): Promise<number> {
  let exitCode = 0
  const finish = (code: number): void => {
    exitCode = code
  }
  const program = new Command('suanli')
    .description(
      'the app-chain of the AI Computing Power Currency (ACPC): coins fully backed by pledged AI compute',
    )
    .version(VERSION, '-V, --version', 'print the version of this build')
    .showHelpAfterError('(add --help for the options)')
    .configureHelp({ sortSubcommands: false })
    .exitOverride()
    .addHelpText(
      'after',
      `
First steps:
  suanli devnet                      four validators, ten funded accounts, JSON-RPC on http://127.0.0.1:8545
  suanli genesis devnet -o g.json    an example of a genesis document
  suanli init -d node -g g.json      a node of that chain; then: suanli start -d node`,
    )
  for (const load of commandsFor(argv[2])) {
    const add = await load()
    add(program, finish)
  }
  await program.parseAsync([...argv])
  return exitCode
}

/**
 * Runs one command line, and says on standard error why it failed.
 *
 * @param argv as `process.argv` has it; the first two are passed over
 * @returns the exit code (exitCode.ts)
 */
export async function runCommandLine(argv: readonly string[]): Promise<number> {
  try {
    return await parse(argv)
  } catch (error) {
    // Commander has said it already.
    if (!(error instanceof CommanderError)) process.stderr.write(`suanli: ${failureText(error)}\n`)
    return exitCodeOf(error)
  }
}
