// Reads LevelDB's log format (write-ahead logs and MANIFEST) and tells a torn tail from damage in the middle.
// LevelDB itself skips damaged records silently unless its paranoid checks are on, which the binding does not offer.
// Not: what the records mean (levelManifest.ts, levelCheck.ts).
import { concatBytes } from '../base/bytes.ts'
import { maskedCrc32c } from './crc32c.ts'

const BLOCK_BYTES = 32_768
/** checksum u32 ‖ length u16 ‖ type u8, little-endian; the checksum covers type and payload. */
const HEAD_BYTES = 7
const FULL = 1
const FIRST = 2
const MIDDLE = 3
const LAST = 4

export interface LevelLog {
  /** Records before the first bad one. */
  readonly records: readonly Uint8Array[]
  /** Where each of them begins. */
  readonly offsets: readonly number[]
  /** Bytes before the first bad record. */
  readonly validBytes: number
  /** `torn`: nothing valid follows the bad record, as after a crash. `damaged`: records in the middle are lost. */
  readonly state: 'whole' | 'torn' | 'damaged'
}

interface Fragment {
  readonly type: number
  readonly payload: Uint8Array
  readonly end: number
}

/** The fragment at `offset`, or undefined if there is no valid one. */
function fragmentAt(bytes: Uint8Array, offset: number): Fragment | undefined {
  const blockEnd = Math.min(bytes.length, (Math.floor(offset / BLOCK_BYTES) + 1) * BLOCK_BYTES)
  if (offset + HEAD_BYTES > blockEnd) return undefined
  const length = bytes[offset + 4]! | (bytes[offset + 5]! << 8)
  const type = bytes[offset + 6]!
  const end = offset + HEAD_BYTES + length
  if (type < FULL || type > LAST || end > blockEnd) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (view.getUint32(offset, true) !== maskedCrc32c(bytes, offset + 6, end)) return undefined
  return { type, payload: bytes.subarray(offset + HEAD_BYTES, end), end }
}

/** The rest of a block that is too short for a head is filled with zeros. */
function skipTrailer(bytes: Uint8Array, offset: number): number {
  const left = BLOCK_BYTES - (offset % BLOCK_BYTES)
  return left < HEAD_BYTES ? Math.min(bytes.length, offset + left) : offset
}

export function readLevelLog(bytes: Uint8Array): LevelLog {
  const records: Uint8Array[] = []
  const offsets: number[] = []
  let parts: Uint8Array[] = []
  let recordStart = 0
  let isOpen = false
  let offset = skipTrailer(bytes, 0)
  const stop = (state: LevelLog['state']): LevelLog => ({ records, offsets, validBytes: recordStart, state })
  while (offset < bytes.length) {
    const fragment = fragmentAt(bytes, offset)
    if (fragment === undefined) {
      if (!isOpen) recordStart = offset
      return stop(hasFragmentAfter(bytes, offset + 1) ? 'damaged' : 'torn')
    }
    const { type, payload, end } = fragment
    const begins = type === FULL || type === FIRST
    // A fragment that does not continue its record: whole blocks are missing in between.
    if (begins === isOpen) return stop('damaged')
    if (begins) {
      recordStart = offset
      parts = []
    }
    parts.push(payload)
    isOpen = type === FIRST || type === MIDDLE
    offset = skipTrailer(bytes, end)
    if (isOpen) continue
    records.push(parts.length === 1 ? parts[0]! : concatBytes(...parts))
    offsets.push(recordStart)
    recordStart = offset
  }
  return stop(isOpen ? 'torn' : 'whole')
}

/** The bad record's length cannot be trusted, so try every later offset; implausible ones are cheap to reject. */
function hasFragmentAfter(bytes: Uint8Array, start: number): boolean {
  for (let offset = start; offset + HEAD_BYTES < bytes.length; offset++) {
    // An empty record is too likely to be found in random bytes.
    if ((bytes[offset + 4]! | bytes[offset + 5]!) !== 0 && fragmentAt(bytes, offset) !== undefined)
      return true
  }
  return false
}
