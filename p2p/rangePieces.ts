// The parts that a download of block ranges is split into, and what arrives for them. Not: peers, time (rangeDownload.ts).
import { SYNC_RANGE_BYTES_MAX } from './limits.ts'
import type { PeerKey } from './protocol.ts'
import type { RangeItem } from './syncMessages.ts'

export interface DownloadedRange {
  readonly peer: PeerKey
  readonly fromHeight: number
  /** At least one, at most as many as requested. */
  readonly items: readonly RangeItem[]
}

export interface Piece {
  readonly fromHeight: number
  readonly count: number
  readonly asked: Set<PeerKey>
  readonly tried: Set<PeerKey>
  /** Fetched before: a shorter answer leaves no gap. */
  readonly isRepeat: boolean
  askedAtMs: number
  /** When it was first to be asked for. */
  sinceMs: number | undefined
  ready: DownloadedRange | undefined
}

/**
 * Whether an answer neither ends at a certified block nor has all that was asked for, nor is cut because it is large. Honest
 * peers hardly ever send one, so others are asked first; the caller judges what is missing.
 */
export function isCutOpen(items: readonly RangeItem[], count: number): boolean {
  const last = items.at(-1)!
  if (last.certificate !== undefined || last.recovery !== undefined || items.length >= count) return false
  return items.reduce((sum, { block }) => sum + block.length, 0) <= SYNC_RANGE_BYTES_MAX / 2
}

export function newPiece(options: {
  readonly fromHeight: number
  readonly count: number
  readonly tried: Iterable<PeerKey>
  readonly isRepeat?: boolean
}): Piece {
  const { fromHeight, count, tried, isRepeat = false } = options
  return {
    fromHeight,
    count,
    asked: new Set(),
    tried: new Set(tried),
    isRepeat,
    askedAtMs: 0,
    sinceMs: undefined,
    ready: undefined,
  }
}
