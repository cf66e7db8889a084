// Receipts and system logs of a block: the exact bytes under `receiptsRoot`.
// Owns: the shapes. Not: roots and bloom (state/receipt.ts), the eth_ projection (rpc/).
import { LANES } from '../lanes.ts'
import { message, t } from '../schema.ts'

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
  /** The lane whose base fee it paid. */
  lane: t.oneOf(LANES),
})
export type Receipt = ReturnType<typeof receiptSchema.decode>

export const systemLogsSchema = message('SystemLogs', { logs: t.list(logSchema, SYSTEM_LOGS_MAX) })
