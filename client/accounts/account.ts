// Who signs. Owns: accounts by secret key, and accounts of a wallet. Not: key files (keystore.ts), mnemonics (mnemonic.ts).
import { checksumAddress, parseChecksumAddress, secretKeyAddress } from '../../base/address.ts'
import { parseHex } from '../../base/bytes.ts'
import { ADDRESS_BYTES, type Address } from '../../base/ids.ts'
import { signTransaction, type TransactionFields } from '../../state/transaction.ts'
import { ClientError } from '../clientError.ts'

/** An account whose key this program holds. */
export interface LocalAccount {
  readonly kind: 'local'
  readonly address: Address
  /** The raw envelope, which `eth_sendRawTransaction` takes. */
  sign(transaction: TransactionFields): Uint8Array
}

/** An account whose key a wallet holds; it signs and submits by itself (`eth_sendTransaction`). */
export interface WalletAccount {
  readonly kind: 'wallet'
  readonly address: Address
}

export type Account = LocalAccount | WalletAccount

/**
 * An account by its secret key, 32 bytes or hex. Throws ClientError `input`, and never prints the key.
 *
 * @example
 * const account = privateKeyAccount(`0x${'01'.repeat(32)}`)
 * formatAddress(account.address) // '0x1a642f0E3c3aF545E7AcBD38b07251B3990914F1'
 */
export function privateKeyAccount(secretKey: Uint8Array | string): LocalAccount {
  const key = typeof secretKey === 'string' ? parseHex(secretKey.replace(/^0x/, '')) : secretKey
  let address: Address
  try {
    if (key?.length !== 32) throw new Error('not 32 bytes')
    address = secretKeyAddress(key)
  } catch {
    throw new ClientError('input', 'the secret key is not 32 bytes of a valid secp256k1 key')
  }
  const held = Uint8Array.from(key)
  return { kind: 'local', address, sign: (transaction) => signTransaction(transaction, held) }
}

/**
 * The account of a wallet behind `injectedTransport`.
 *
 * @example
 * const account = walletAccount('0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266')
 * account.kind // 'wallet'
 */
export function walletAccount(address: Address | string): WalletAccount {
  return { kind: 'wallet', address: parseAddress(address) }
}

/**
 * 20 bytes; hex is taken in one case, or with the right EIP-55 checksum. Throws ClientError `input`.
 *
 * @example
 * parseAddress('0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266').length // 20
 */
export function parseAddress(address: Address | string): Address {
  const parsed = typeof address === 'string' ? parseChecksumAddress(address) : address
  if (parsed?.length === ADDRESS_BYTES) return parsed
  throw new ClientError(
    'input',
    `${String(address).slice(0, 80)} is not an address: 20 bytes of hex, in one case or with the right checksum`,
  )
}

/**
 * With its EIP-55 checksum.
 *
 * @example
 * formatAddress(parseAddress('0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266')) // '0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266'
 */
export function formatAddress(address: Address): `0x${string}` {
  return checksumAddress(address)
}
