// Branded byte strings and numbers, so that a hash is never passed where an address belongs.
import { parseHex } from './bytes.ts'

declare const brand: unique symbol
type Brand<T, B> = T & { readonly [brand]?: B }

/** 20 bytes. */
export type Address = Brand<Uint8Array, 'Address'>
/** 32 bytes. */
export type Hash32 = Brand<Uint8Array, 'Hash32'>
/** keccak-256 of the raw envelope, 32 bytes. */
export type TxId = Brand<Uint8Array, 'TxId'>
/** Block height, genesis = 0. */
export type Height = Brand<number, 'Height'>
/** Consensus view within an epoch, floor = 0. */
export type View = Brand<number, 'View'>
/** Coins or assets in base units (1 ACPC = 10^18). */
export type AmountBase = Brand<bigint, 'AmountBase'>

export const ADDRESS_BYTES = 20
export const HASH_BYTES = 32
export const ZERO_ADDRESS: Address = new Uint8Array(ADDRESS_BYTES)
export const ZERO_HASH: Hash32 = new Uint8Array(HASH_BYTES)

/** `undefined` unless `text` is `0x` and 40 hex digits (any case). */
export function parseAddress(text: string): Address | undefined {
  if (!/^0x[0-9a-fA-F]{40}$/.test(text)) return undefined
  return parseHex(text)
}

/**
 * `undefined` unless `text` is `0x` and 64 hex digits.
 *
 * @example
 * parseHash32(`0x${'ab'.repeat(32)}`)?.length // 32
 * parseHash32('0xab') // undefined
 */
export function parseHash32(text: string): Hash32 | undefined {
  if (!/^0x[0-9a-fA-F]{64}$/.test(text)) return undefined
  return parseHex(text)
}
