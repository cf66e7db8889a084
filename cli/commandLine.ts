// The `suanli` command line. READ FIRST in cli/. Owns: help, exit codes. Not: the list of commands (commandList.ts), the process (cli.ts).
import { Command, CommanderError, InvalidArgumentError } from 'commander'
import { VERSION } from '../node/version.ts'
import { COMMANDS } from './commandList.ts'
import { exitCodeOf } from './exitCode.ts'
import { failureText } from './failureText.ts'
import { checkKinds } from './optionKinds.ts'

/** The command that a line names, also as `suanli help NAME`. */
function namedBy([, , first, second]: readonly string[]): string | undefined {
  const name = first === 'help' ? second : first
  return name !== undefined && Object.hasOwn(COMMANDS, name) ? name : undefined
}

/** Commands that print nothing but JSON, unless they have the option themselves: they take `--json` like all others. */
const ALWAYS_JSON: ReadonlySet<string> = new Set([
  'init',
  'keys',
  'genesis',
  'rollback',
  'member',
  'recovery',
  'signer',
])

function acceptJson(command: Command): void {
  command.commands.forEach(acceptJson)
  // `signer run` prints a log until it is ended.
  const isLeaf = command.commands.length === 0 && command.name() !== 'run'
  if (isLeaf && command.options.every(({ long }) => long !== '--json')) {
    command.option('--json', 'print JSON, as this command always does')
  }
}

/** Adds what a line needs: one command; all of them for completion, which is made of them; only their names for help and mistakes. */
async function addCommands(
  program: Command,
  argv: readonly string[],
  finish: (code: number) => void,
): Promise<void> {
  const named = namedBy(argv)
  if (named === undefined) {
    for (const [name, { text }] of Object.entries(COMMANDS)) program.command(name).description(text)
    return
  }
  const names = named === 'completion' ? Object.keys(COMMANDS) : [named]
  for (const name of names) (await COMMANDS[name]!.load())(program, finish)
  program.commands.filter((command) => ALWAYS_JSON.has(command.name())).forEach(acceptJson)
  checkKinds(program)
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
    .showHelpAfterError('(add --help for the commands and options)')
    .configureHelp({ sortSubcommands: false, subcommandTerm: (command) => command.name() })
    .exitOverride()
    .addHelpText(
      'after',
      `
First steps:
  suanli devnet                      four validators and ten funded accounts;
                                     JSON-RPC on http://127.0.0.1:8545
  suanli genesis devnet -o g.json    an example of a genesis document
  suanli init -d node -g g.json      a node of that chain; suanli start -d node`,
    )
  await addCommands(program, argv, finish)
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
    // Commander has said what it found itself, but not what a command found later by the same checks.
    const isSaid = error instanceof CommanderError && !(error instanceof InvalidArgumentError)
    if (!isSaid) process.stderr.write(`suanli: ${failureText(error)}\n`)
    return exitCodeOf(error)
  }
}
