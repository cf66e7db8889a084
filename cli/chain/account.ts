// Which account a command sends from: a key file, a mnemonic, or an account of the devnet. Not: the options (accountOptions.ts).
import { scrypt } from 'node:crypto'
import { errorText, OperatorError } from '../../base/errors.ts'
import { type LocalAccount, privateKeyAccount } from '../../client/accounts/account.ts'
import { decryptKeystore, type Scrypt, scryptMemory } from '../../client/accounts/keystore.ts'
import { mnemonicKey } from '../../client/accounts/mnemonic.ts'
import { DEVELOPMENT_MNEMONIC } from '../../genesis/devKeys.ts'
import { openOperatorKey } from '../../signer/operatorKey.ts'
import { readText as readWhole } from '../../storage/durableFile.ts'
import { passwordOf } from '../common.ts'
import { UsageError } from '../usageError.ts'
import type { AccountOptions } from './accountOptions.ts'

/** A file's text; throws OperatorError naming it. */
export function readText(file: string): string {
  try {
    return readWhole(file)
  } catch (error) {
    throw new OperatorError(`${file}: ${errorText(error)}`)
  }
}

/** Node's own, on another thread. */
export const nodeScrypt: Scrypt = (secret, salt, { n, r, p }) =>
  new Promise((resolve, reject) => {
    const cost = { N: n, r, p, maxmem: scryptMemory(n, r, p) }
    scrypt(secret, salt, 32, cost, (error, key) =>
      error === null ? resolve(Uint8Array.from(key)) : reject(error),
    )
  })

/** The key in a wallet's file. */
export async function openKeystore(file: string, password: string): Promise<Uint8Array> {
  let json: unknown
  try {
    json = JSON.parse(readText(file))
  } catch (error) {
    if (error instanceof OperatorError) throw error
    throw new OperatorError(`${file} is not JSON`)
  }
  return decryptKeystore(json, password, { scrypt: nodeScrypt }).catch((error: unknown) => {
    throw new OperatorError(`${file}: ${errorText(error)}`)
  })
}

/** The secret key of the account that the options name; throws UsageError when they name none, or several. */
export async function openSecret(options: AccountOptions): Promise<Uint8Array> {
  const { keystore, mnemonicFile, index, dev, dataDir } = options
  const named = [keystore, mnemonicFile, dev, dataDir].filter((one) => one !== undefined)
  if (named.length !== 1) {
    throw new UsageError(
      `name ${named.length === 0 ? 'the account to send from' : 'one account only'}: ` +
        '--keystore, --mnemonic-file, --data-dir, or --dev on a devnet',
    )
  }
  if (dev !== undefined) return mnemonicKey(DEVELOPMENT_MNEMONIC, { index: dev })
  if (mnemonicFile !== undefined) return mnemonicKey(readText(mnemonicFile), { index })
  if (keystore !== undefined) return openKeystore(keystore, passwordOf(options))
  const secret = openOperatorKey(dataDir!, passwordOf(options))
  if (secret === undefined)
    throw new OperatorError(`${dataDir} has no account: run \`suanli member account\``)
  return secret
}

/** The account that the options name; throws UsageError when they name none, or several. */
export async function openAccount(options: AccountOptions): Promise<LocalAccount> {
  return privateKeyAccount(await openSecret(options))
}
