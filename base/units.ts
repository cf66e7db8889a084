// Integer arithmetic of the economy. Every division goes through here and says who gains the rounding.
import { assert } from './assert.ts'

/** Parts per million: the scale of every rate. */
export const PPM = 1_000_000n
/** Base units of one coin. */
export const COIN = 10n ** 18n
/** Largest amount any ledger cell may hold (2^128 − 1): products of two stay below 2^256. */
export const AMOUNT_MAX = 2n ** 128n - 1n

/** floor(a·b / d) for non-negative operands. */
export function mulDivFloor(a: bigint, b: bigint, d: bigint): bigint {
  assert(a >= 0n && b >= 0n && d > 0n, 'mulDivFloor operands')
  return (a * b) / d
}

/** ceil(a·b / d) for non-negative operands. */
export function mulDivCeil(a: bigint, b: bigint, d: bigint): bigint {
  assert(a >= 0n && b >= 0n && d > 0n, 'mulDivCeil operands')
  return (a * b + d - 1n) / d
}

export function minBigint(a: bigint, b: bigint): bigint {
  return a < b ? a : b
}

export function maxBigint(a: bigint, b: bigint): bigint {
  return a > b ? a : b
}

/**
 * Base units as a decimal coin string without trailing zeros, e.g. 1500000000000000000n → "1.5".
 *
 * @example
 * formatCoins(1_500_000_000_000_000_000n) // '1.5'
 */
export function formatCoins(amountBase: bigint): string {
  const negative = amountBase < 0n
  const abs = negative ? -amountBase : amountBase
  const fraction = (abs % COIN).toString().padStart(18, '0').replace(/0+$/, '')
  return `${negative ? '-' : ''}${abs / COIN}${fraction === '' ? '' : `.${fraction}`}`
}

/** For messages: `1.5 ACPC`. */
export function coinsText(amountBase: bigint): string {
  return `${formatCoins(amountBase)} ACPC`
}

/**
 * Parses a decimal coin string with up to 18 decimals; `undefined` when malformed.
 *
 * @example
 * parseCoins('1.5') // 1_500_000_000_000_000_000n
 * parseCoins('1.5 coins') // undefined
 */
export function parseCoins(text: string): bigint | undefined {
  const match = /^(\d{1,21})(?:\.(\d{1,18}))?$/.exec(text)
  if (match === null) return undefined
  return BigInt(match[1]!) * COIN + BigInt((match[2] ?? '').padEnd(18, '0'))
}
