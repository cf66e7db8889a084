// `suanli keys`: creates, shows, exports and imports the key files of a node. Owns: options and output.
// Not: the files (node/nodeKeys.ts, signer/keyFiles.ts), what a key has signed (commands/signer.ts).
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type Command, Option } from 'commander'
import { toHex } from '../../base/bytes.ts'
import { CONFIG_FILE, loadConfig, saveConfig } from '../../node/config.ts'
import { createKeys, showConsensusKey, showKeys } from '../../node/nodeKeys.ts'
import { exportConsensusKey, importConsensusKey, keyFile } from '../../signer/keyFiles.ts'
import { dataDirOption, PASSWORD_VARIABLE, passwordOf, passwordOption, printJson } from '../common.ts'

const filePasswordOption = () =>
  new Option('--file-password-file <file>', 'file with the password of the EIP-2335 file, if it differs')

function filePasswordOf(options: { filePasswordFile?: string; passwordFile?: string }): string {
  const { filePasswordFile } = options
  return passwordOf(filePasswordFile === undefined ? options : { passwordFile: filePasswordFile })
}

export function addKeys(program: Command): void {
  const keys = program.command('keys').description('create, show, export and import the key files of a node')
  keys
    .command('new')
    .description('create key files before there is a genesis; prints what the genesis document needs')
    .addOption(dataDirOption())
    .option('--validator', 'also create a consensus key', false)
    .addOption(passwordOption())
    .action((options) => {
      const { dataDir, validator: isValidator } = options
      const password = passwordOf(options)
      createKeys({ dataDir, password, isValidator, cost: 'standard' })
      printJson(showKeys(dataDir, password))
    })
  keys
    .command('show')
    .description('show the public keys; with the password also the proof of possession')
    .addOption(dataDirOption())
    .addOption(passwordOption())
    .action((options) => {
      const hasPassword = options.passwordFile !== undefined || process.env[PASSWORD_VARIABLE] !== undefined
      const password = hasPassword ? passwordOf(options) : undefined
      const ofSigner = showConsensusKey(options.dataDir, password)
      const isSigner = ofSigner.consensusKey !== undefined && !existsSync(keyFile(options.dataDir, 'peer'))
      printJson(isSigner ? ofSigner : showKeys(options.dataDir, password))
    })
  keys
    .command('export')
    .description(
      'write the consensus key to an EIP-2335 file (only the key: move its record with `signer export`)',
    )
    .addOption(dataDirOption())
    .requiredOption('-o, --out <file>', 'file to write')
    .addOption(passwordOption())
    .addOption(filePasswordOption())
    .action((options) => {
      const { dataDir, out } = options
      const password = passwordOf(options)
      const publicKey = exportConsensusKey(dataDir, { out, password, filePassword: filePasswordOf(options) })
      printJson({ out, consensusKey: toHex(publicKey) })
    })
  keys
    .command('import <file>')
    .description('import the consensus key from an EIP-2335 file; refuses to replace one')
    .addOption(dataDirOption())
    .addOption(passwordOption())
    .addOption(filePasswordOption())
    .action((file, options) => {
      const { dataDir } = options
      const password = passwordOf(options)
      const filePassword = filePasswordOf(options)
      // A signer's directory has none.
      const config = existsSync(join(dataDir, CONFIG_FILE)) ? loadConfig(dataDir) : undefined
      const publicKey = importConsensusKey(dataDir, { file, filePassword, password })
      // From now on it signs: without the key it must not follow in silence.
      if (config !== undefined) saveConfig(dataDir, { ...config, validator: true })
      const isNode = config === undefined ? {} : { validator: true }
      printJson({ dataDir, consensusKey: toHex(publicKey), ...isNode })
    })
}
