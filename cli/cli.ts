// The `suanli` command line. READ FIRST in cli/. Owns: the list of commands, help, exit codes. Not: the commands (commands/).
import { Command } from 'commander'
import { CLIENT_VERSION, VERSION } from '../node/version.ts'
import { print } from './commands/common.ts'
import { addDevnet } from './commands/devnet.ts'
import { addDoctor } from './commands/doctor.ts'
import { addGenesis } from './commands/genesis.ts'
import { addInit } from './commands/init.ts'
import { addKeys } from './commands/keys.ts'
import { addMember } from './commands/member.ts'
import { addRecovery } from './commands/recovery.ts'
import { addRollback } from './commands/rollback.ts'
import { addSigner } from './commands/signer.ts'
import { addStart } from './commands/start.ts'
import { addVerify } from './commands/verify.ts'
import { failureText } from './failureText.ts'

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
    .version(VERSION, '-V, --version', 'print the version of this build')
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
    .description('print the version that clients see')
    .action(() => print(CLIENT_VERSION))
  await program.parseAsync([...argv])
  return exitCode
}

main(process.argv).then(
  (code) => process.exit(code),
  (error: unknown) => {
    process.stderr.write(`suanli: ${failureText(error)}\n`)
    process.exit(1)
  },
)
