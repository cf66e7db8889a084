// Receipts and system logs: their canonical bytes, roots and bloom. Not: the eth_ projection of them (rpc/).
import { keccak256 } from '../base/crypto/hash.ts'
import type { Hash32 } from '../base/ids.ts'
import { merkleRoot } from '../base/protocol/merkle.ts'
import { message, t } from '../base/schema.ts'
import type { Log } from './context.ts'

/** Logs of one transaction. */
export const RECEIPT_LOGS_MAX = 4096
/** Logs of all hooks of one block. */
export const SYSTEM_LOGS_MAX = 65_536
const LOG_DATA_MAX = 64 * 1024
const FAILURE_BYTES_MAX = 256

export const logSchema = message('Log', {
  address: t.address,
  topics: t.list(t.hash, 4),
  data: t.bytes(LOG_DATA_MAX),
})

export const receiptSchema = message('Receipt', {
  /** Envelope type 0, 1 or 2. */
  type: t.u8,
  succeeded: t.bool,
  /** Gas of the block up to and including this transaction. */
  cumulativeGasUsed: t.u64,
  gasUsed: t.u64,
  /** Base fee plus tip, base units per gas. */
  effectiveGasPrice: t.amount,
  logs: t.list(logSchema, RECEIPT_LOGS_MAX),
  /** First bytes of the custom error when it failed, else empty. */
  failure: t.bytes(FAILURE_BYTES_MAX),
})
export type Receipt = ReturnType<typeof receiptSchema.decode>

export const systemLogsSchema = message('SystemLogs', { logs: t.list(logSchema, SYSTEM_LOGS_MAX) })

/** Merkle root over the receipts' bytes; the last leaf is the block's system logs. */
export function receiptsRoot(receipts: readonly Receipt[], systemLogs: readonly Log[]): Hash32 {
  const leaves = receipts.map((receipt) => receiptSchema.encode(receipt))
  leaves.push(systemLogsSchema.encode({ logs: systemLogs }))
  return merkleRoot(leaves)
}

const BLOOM_BYTES = 256

function addToBloom(bloom: Uint8Array, item: Uint8Array): void {
  const hash = keccak256(item)
  for (let pair = 0; pair < 6; pair += 2) {
    const bit = ((hash[pair]! << 8) | hash[pair + 1]!) & 2047
    bloom[BLOOM_BYTES - 1 - (bit >> 3)]! |= 1 << (bit & 7)
  }
}

/** The 2048-bit Ethereum bloom of addresses and topics (yellow paper §4.3.1). */
export function logsBloom(logs: readonly Log[]): Uint8Array {
  const bloom = new Uint8Array(BLOOM_BYTES)
  for (const log of logs) {
    addToBloom(bloom, log.address)
    for (const topic of log.topics) addToBloom(bloom, topic)
  }
  return bloom
}
