// Wallets by number: operators are 1, 2, 3 …, holders follow. Owns: keys and addresses.
import { secretKeyAddress } from '../../../../base/address.ts'
import { toHex, utf8 } from '../../../../base/bytes.ts'
import { sha256 } from '../../../../base/crypto/hash.ts'
import type { Address } from '../../../../base/ids.ts'

export const ISSUER = 90
export const FIRST_HOLDER = 20
export const HOLDERS = 8

/** Accounts that may be appointed as reporters. */
export const reporterWallets: readonly number[] = Array.from({ length: 8 }, (_, i) => 60 + i)

export const holders: readonly number[] = Array.from({ length: HOLDERS }, (_, i) => FIRST_HOLDER + i)

export const keyOf = (wallet: number): Uint8Array => sha256(utf8(`model wallet ${wallet}`))

const known = new Map<number, Address>()

export function walletOf(wallet: number): Address {
  const address = known.get(wallet) ?? secretKeyAddress(keyOf(wallet))
  known.set(wallet, address)
  return address
}

/** The name of a wallet in the model. */
export const nameOf = (wallet: number): string => toHex(walletOf(wallet))
