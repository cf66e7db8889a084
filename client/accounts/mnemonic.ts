// Accounts of a mnemonic (BIP-39, BIP-32), on Ethereum's path, so that every wallet shows the same ones.
import { HDKey } from '@scure/bip32'
import { generateMnemonic, mnemonicToSeedSync, validateMnemonic } from '@scure/bip39'
import { wordlist } from '@scure/bip39/wordlists/english.js'
import { isWholeNumber } from '../../base/integers.ts'
import { ClientError } from '../clientError.ts'
import { type LocalAccount, privateKeyAccount } from './account.ts'

export interface MnemonicOptions {
  /** Default 0. */
  readonly index?: number
  /** The mnemonic's own password; most have none. */
  readonly passphrase?: string
}

const INDEX_MAX = 0x7fffffff

/**
 * A new mnemonic of 12 words, or of 24.
 *
 * @example
 * newMnemonic(24).split(' ').length // 24
 */
export function newMnemonic(words: 12 | 24 = 12): string {
  return generateMnemonic(wordlist, words === 12 ? 128 : 256)
}

/**
 * The secret key of m/44'/60'/0'/0/index. Throws ClientError `input` when a word or the checksum is wrong.
 *
 * @example
 * mnemonicKey('test test test test test test test test test test test junk', { index: 3 }).length // 32
 */
export function mnemonicKey(mnemonic: string, options: MnemonicOptions = {}): Uint8Array {
  const { index = 0, passphrase = '' } = options
  if (!isWholeNumber(index, 0, INDEX_MAX)) throw new ClientError('input', 'the index is not 0 to 2147483647')
  const words = mnemonic.trim().split(/\s+/).join(' ')
  if (!validateMnemonic(words, wordlist)) {
    throw new ClientError('input', 'the mnemonic has an unknown word, a wrong length or a wrong checksum')
  }
  const { privateKey } = HDKey.fromMasterSeed(mnemonicToSeedSync(words, passphrase)).derive(
    `m/44'/60'/0'/0/${index}`,
  )
  if (privateKey === null) throw new ClientError('input', `the mnemonic has no key at index ${index}`)
  return privateKey
}

/**
 * The account at an index of a mnemonic.
 *
 * @example
 * const first = mnemonicAccount('test test test test test test test test test test test junk')
 * formatAddress(first.address) // '0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266'
 */
export function mnemonicAccount(mnemonic: string, options: MnemonicOptions = {}): LocalAccount {
  return privateKeyAccount(mnemonicKey(mnemonic, options))
}
