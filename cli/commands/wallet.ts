// `suanli wallet`: key files of accounts that hold coins. Not: keys of validators (keys.ts).
import { existsSync } from 'node:fs'
import { type Command, Option } from 'commander'
import { parseHex, utf8 } from '../../base/bytes.ts'
import { OperatorError } from '../../base/errors.ts'
import { writeNewDurablySync } from '../../storage/durableFile.ts'
import { withProgress } from '../chain/progress.ts'
import { printAnswer } from '../chain/send.ts'
import { jsonOption, passwordOf, passwordOption, wholeNumber } from '../common.ts'
import { UsageError } from '../usageError.ts'

interface FileOptions {
  readonly out: string
  readonly passwordFile?: string
  readonly json?: true
}

const outOption = (): Option => new Option('-o, --out <file>', 'the key file to write').makeOptionMandatory()

/** Encrypts a key into a new file; a file that exists is left alone. */
async function store(secret: Uint8Array, options: FileOptions): Promise<string> {
  const { out } = options
  const [{ encryptKeystore }, { nodeScrypt }, { formatAddress, privateKeyAccount }] = await Promise.all([
    import('../../client/accounts/keystore.ts'),
    import('../chain/account.ts'),
    import('../../client/accounts/account.ts'),
  ])
  if (existsSync(out)) throw new OperatorError(`${out} exists already: choose another name`)
  const file = await withProgress('encrypting the key', () =>
    encryptKeystore(secret, passwordOf(options), { scrypt: nodeScrypt }),
  )
  writeNewDurablySync(out, utf8(`${JSON.stringify(file, null, 2)}\n`))
  return formatAddress(privateKeyAccount(secret).address)
}

function addNew(wallet: Command): void {
  wallet
    .command('new')
    .description('make an account: prints its mnemonic once, and writes its key file')
    .addOption(outOption())
    .addOption(new Option('--words <count>', 'length of the mnemonic').choices(['12', '24']).default('12'))
    .addOption(passwordOption())
    .addOption(jsonOption())
    .action(async (options: FileOptions & { readonly words: string }) => {
      const { mnemonicKey, newMnemonic } = await import('../../client/accounts/mnemonic.ts')
      const mnemonic = newMnemonic(options.words === '24' ? 24 : 12)
      const address = await store(mnemonicKey(mnemonic), options)
      printAnswer(options, { address, file: options.out, mnemonic })
    })
}

function addImport(wallet: Command): void {
  wallet
    .command('import')
    .description('write the key file of an account that exists')
    .addOption(outOption())
    .addOption(new Option('--mnemonic-file <file>', 'file with a mnemonic'))
    .addOption(new Option('--key-file <file>', 'file with a secret key in hex').conflicts('mnemonicFile'))
    .addOption(
      new Option('--index <number>', 'which account of the mnemonic')
        .default(0)
        .argParser(wholeNumber(0, 0x7fffffff)),
    )
    .addOption(passwordOption())
    .addOption(jsonOption())
    .action(async (options: FileOptions & { mnemonicFile?: string; keyFile?: string; index: number }) => {
      const { mnemonicFile, keyFile, index } = options
      const [{ mnemonicKey }, { readText }] = await Promise.all([
        import('../../client/accounts/mnemonic.ts'),
        import('../chain/account.ts'),
      ])
      let secret: Uint8Array | undefined
      if (mnemonicFile !== undefined) secret = mnemonicKey(readText(mnemonicFile), { index })
      else if (keyFile !== undefined) {
        secret = parseHex(readText(keyFile).trim().replace(/^0x/, ''))
        if (secret?.length !== 32) throw new OperatorError(`${keyFile} does not hold 32 bytes of hex`)
      } else throw new UsageError('name what to import: --mnemonic-file or --key-file')
      printAnswer(options, { address: await store(secret, options), file: options.out })
    })
}

function addShow(wallet: Command): void {
  wallet
    .command('show')
    .description('show the address of a key file, after checking its password')
    .argument('<file>', 'a key file (version 3)')
    .addOption(passwordOption())
    .addOption(jsonOption())
    .action(async (file: string, options: Omit<FileOptions, 'out'>) => {
      const [{ openKeystore }, { formatAddress, privateKeyAccount }] = await Promise.all([
        import('../chain/account.ts'),
        import('../../client/accounts/account.ts'),
      ])
      const secret = await withProgress('decrypting the key', () => openKeystore(file, passwordOf(options)))
      printAnswer(options, { address: formatAddress(privateKeyAccount(secret).address), file })
    })
}

export function addWallet(program: Command): void {
  const wallet = program.command('wallet').description('make, import and show key files of accounts')
  for (const add of [addNew, addImport, addShow]) add(wallet)
}
