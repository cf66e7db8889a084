// Keys and records of the chain database. Owns: their bytes. Not: when they are written (chainStore.ts).
import { concatBytes, u64be, utf8 } from '../base/bytes.ts'
import type { Hash32, TxId } from '../base/ids.ts'
import { BLOCK_BYTES_MAX, BLOCK_TXS_MAX } from '../base/protocol/limits.ts'
import { logSchema, receiptSchema, SYSTEM_LOGS_MAX } from '../base/protocol/receipt.ts'
import { message, t } from '../base/schema.ts'
import type { StateKey } from '../state/view.ts'

/** Version of this layout; any other is refused. */
export const LAYOUT_VERSION = 2

/** First byte of every key. Numbers after it are u64 big-endian, so that key order is height order. */
const SPACE = {
  /** → block bytes, by height. */
  block: 0x62,
  /** → certificate bytes, by height. */
  certificate: 0x63,
  /** → reverse difference, by height: prior values of the keys the block changed. */
  difference: 0x64,
  /** → height, by epoch: the boundary that ended it. */
  boundary: 0x65,
  /** → epoch proof, by epoch; never pruned. */
  epochProof: 0x66,
  /** → height, by block hash. */
  hash: 0x68,
  meta: 0x6d,
  /** → receipts and system logs, by height. */
  receipts: 0x72,
  /** → value, by state key. */
  state: 0x73,
  /** → height and index, by transaction id. */
  transaction: 0x74,
  /** → size of the reverse difference in bytes, by height. */
  size: 0x7a,
} as const
type Space = keyof typeof SPACE

export const META_KEY = concatBytes(Uint8Array.of(SPACE.meta), utf8('tip'))
/** → lowest stored block height, u64; absent until blocks are pruned or skipped by state sync. */
export const BASE_KEY = concatBytes(Uint8Array.of(SPACE.meta), utf8('base'))

export function numberKey(space: Space, value: number): Uint8Array {
  const out = new Uint8Array(9)
  out[0] = SPACE[space]
  out.set(u64be(value), 1)
  return out
}

export function hashKey(space: 'hash' | 'transaction', hash: Hash32 | TxId): Uint8Array {
  const out = new Uint8Array(1 + hash.length)
  out[0] = SPACE[space]
  out.set(hash, 1)
  return out
}

export function stateKeyBytes(key: StateKey): Uint8Array {
  const out = new Uint8Array(1 + key.length)
  out[0] = SPACE.state
  for (let i = 0; i < key.length; i++) out[i + 1] = key.charCodeAt(i)
  return out
}

/** Like `stateKeyBytes`, from the key's raw bytes. */
export function rawStateKey(key: Uint8Array): Uint8Array {
  const out = new Uint8Array(1 + key.length)
  out[0] = SPACE.state
  out.set(key, 1)
  return out
}

/** Inverse of `stateKeyBytes`. */
export function stateKeyOf(bytes: Uint8Array): StateKey {
  let out = ''
  for (let i = 1; i < bytes.length; i++) out += String.fromCharCode(bytes[i]!)
  return out
}

/** All keys of a space lie in [gte, lt). */
export function spaceRange(space: Space): { readonly gte: Uint8Array; readonly lt: Uint8Array } {
  return { gte: Uint8Array.of(SPACE[space]), lt: Uint8Array.of(SPACE[space] + 1) }
}

/** State keys with this prefix lie in [gte, lt). */
export function stateRange(prefix: StateKey): { readonly gte: Uint8Array; readonly lt: Uint8Array } {
  const gte = stateKeyBytes(prefix)
  const lt = gte.slice()
  // The space byte is below 0xff, so there is always a byte to increment.
  let last = lt.length - 1
  while (lt[last] === 0xff) last--
  lt[last]!++
  return { gte, lt: lt.slice(0, last + 1) }
}

export const tipSchema = message('StoredTip', { layout: t.u32, height: t.u64, hash: t.hash })

export const storedReceiptsSchema = message('StoredReceipts', {
  receipts: t.list(receiptSchema, BLOCK_TXS_MAX),
  senders: t.list(t.address, BLOCK_TXS_MAX),
  systemLogs: t.list(logSchema, SYSTEM_LOGS_MAX),
})

/** Same bytes as `storedReceiptsSchema`, from already encoded receipts. */
export const encodedReceiptsSchema = message('StoredReceipts', {
  receipts: t.list(t.bytes(BLOCK_BYTES_MAX), BLOCK_TXS_MAX),
  senders: t.list(t.address, BLOCK_TXS_MAX),
  systemLogs: t.list(logSchema, SYSTEM_LOGS_MAX),
})
