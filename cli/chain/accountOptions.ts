// The options by which a command line names the account that sends. Not: opening it (account.ts).
import { type Command, Option } from 'commander'
import { passwordOption, wholeNumber } from '../common.ts'

export interface AccountOptions {
  readonly keystore?: string
  readonly mnemonicFile?: string
  readonly index: number
  readonly dev?: number
  readonly dataDir?: string
  readonly passwordFile?: string
}

const INDEX_MAX = 0x7fffffff

/** Adds the options by which an account is named. */
export function withAccount(command: Command): Command {
  return command
    .addOption(new Option('--keystore <file>', 'send from the key file of a wallet (version 3)'))
    .addOption(new Option('--mnemonic-file <file>', 'send from an account of the mnemonic in a file'))
    .addOption(
      new Option('--index <number>', 'which account of the mnemonic')
        .default(0)
        .argParser(wholeNumber(0, INDEX_MAX)),
    )
    .addOption(
      new Option(
        '--dev <number>',
        "send from a devnet's account: 0 to 9 hold coins, 10 on are operators",
      ).argParser(wholeNumber(0, 99)),
    )
    .addOption(new Option('-d, --data-dir <dir>', "send from the operator's account of a node"))
    .addOption(passwordOption())
}
