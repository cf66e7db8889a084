// Wire messages of block range sync. Owns: encoding and bounds. Not: blocks and certificates, carried as bytes.
import type { Hash32 } from '../base/ids.ts'
import { BLOCK_BYTES_MAX } from '../base/protocol/limits.ts'
import { RECOVERY_FILE_BYTES_MAX } from '../base/protocol/recovery.ts'
import { message, t } from '../base/schema.ts'
import { SYNC_CERTIFICATE_BYTES_MAX, SYNC_RANGE_COUNT_MAX } from './limits.ts'

export const SYNC_REQUEST_BYTES_MAX = 64

export const syncRequestSchema = message('SyncRequest', {
  kind: t.oneOf(['status', 'range']),
  fromHeight: t.u64,
  /** 0 for a status. */
  count: t.u32,
})

export const statusSchema = message('SyncStatus', {
  height: t.u64,
  hash: t.hash,
  heightMin: t.u64,
})

const rangeItemSchema = message('RangeItem', {
  block: t.bytes(BLOCK_BYTES_MAX),
  certificate: t.optional(t.bytes(SYNC_CERTIFICATE_BYTES_MAX)),
  /** The recovery file that began this block's epoch; with its first block only. */
  recovery: t.optional(t.bytes(RECOVERY_FILE_BYTES_MAX)),
})

export const rangeSchema = message('Range', {
  items: t.list(rangeItemSchema, SYNC_RANGE_COUNT_MAX),
})

/** A peer's claimed tip: a hint, never a target (CONSENSUS §4 catch-up). */
export interface SyncStatus {
  readonly height: number
  readonly hash: Hash32
  /** Lowest height whose block is served. */
  readonly heightMin: number
}

export interface RangeItem {
  readonly block: Uint8Array
  /** Finalization bytes; absent when the next certified block covers it. */
  readonly certificate?: Uint8Array | undefined
  /** The recovery file that began this block's epoch; with its first block only, at most one per range. */
  readonly recovery?: Uint8Array | undefined
}
