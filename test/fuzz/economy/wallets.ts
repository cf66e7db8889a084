// Who acts in a fuzzed economy, by number. Owns: the numbers and their keys. Not: what they do (actors/).
import { bytesKey } from '../../../base/bytes.ts'
import type { Address } from '../../../base/ids.ts'
import { developmentAccounts, developmentValidator } from '../../../genesis/devKeys.ts'

export interface Wallet {
  readonly address: Address
  readonly secretKey: Uint8Array
}

/** Operators of members and of those who would be have the member's id as number. */
export const OPERATORS_MAX = 9
/** Accounts that are, or may become, reporters. */
export const REPORTERS = [10, 11, 12, 13, 14, 15] as const
export const HOLDERS = [20, 21, 22, 23, 24, 25, 26, 27, 28, 29] as const
export const ISSUER = 30

const known = new Map<number, Wallet>()
const numbers = new Map<string, number>()

export function walletOf(number: number): Wallet {
  const before = known.get(number)
  if (before !== undefined) return before
  const made =
    number >= HOLDERS[0] && number < ISSUER
      ? developmentAccounts()[number - HOLDERS[0]]!
      : developmentValidator(number - 1).operator
  known.set(number, made)
  numbers.set(bytesKey(made.address), number)
  return made
}

export const addressOf = (number: number): Address => walletOf(number).address

/** Number of the wallet with this address; undefined for any other. */
export function numberOf(address: Address): number | undefined {
  if (numbers.size === 0) for (let number = 1; number <= ISSUER; number++) walletOf(number)
  return numbers.get(bytesKey(address))
}
