// Receipts and system logs: their root and bloom. Not: their bytes (base/protocol/receipt.ts), the eth_ projection (rpc/).
import { keccak256 } from '../base/crypto/hash.ts'
import type { Hash32 } from '../base/ids.ts'
import { merkleRoot } from '../base/protocol/merkle.ts'
import { type Receipt, receiptSchema, systemLogsSchema } from '../base/protocol/receipt.ts'
import type { Log } from './context.ts'

/** The canonical bytes of each receipt: the leaves of the root, and what is stored. */
export function encodeReceipts(receipts: readonly Receipt[]): readonly Uint8Array[] {
  return receipts.map((receipt) => receiptSchema.encode(receipt))
}

/** Merkle root over the receipts' bytes; the last leaf is the block's system logs. */
export function receiptsRoot(
  receipts: readonly Receipt[],
  systemLogs: readonly Log[],
  encoded: readonly Uint8Array[] = encodeReceipts(receipts),
): Hash32 {
  return merkleRoot([...encoded, systemLogsSchema.encode({ logs: systemLogs })])
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
