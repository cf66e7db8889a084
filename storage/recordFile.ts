// Framing of append-only record files: length, CRC-32, epoch, payload. Owns: frames, damage detection. Not: payloads.
import { crc32 } from 'node:zlib'
import { assert } from '../base/assert.ts'

/** length u32 ‖ crc32 u32 ‖ epoch u64, big-endian; the CRC covers epoch and payload. */
export const FRAME_HEAD_BYTES = 16
/** A block record, with headroom. */
export const FRAME_PAYLOAD_BYTES_MAX = 8 * 1024 * 1024

export interface Frame {
  readonly epoch: number
  readonly payload: Uint8Array
}

/**
 * Result of a read. `torn`: the process died while writing the last record; everything before it is intact.
 * `corrupt`: a bad record *before* a valid one, so records are lost.
 */
export interface Scan {
  readonly frames: readonly Frame[]
  /** Bytes before the first bad record. */
  readonly validBytes: number
  readonly damage: 'none' | 'torn' | 'corrupt'
}

export function encodeFrame(epoch: number, payload: Uint8Array): Uint8Array {
  assert(payload.length <= FRAME_PAYLOAD_BYTES_MAX, 'record is too long')
  const out = new Uint8Array(FRAME_HEAD_BYTES + payload.length)
  const view = new DataView(out.buffer)
  view.setUint32(0, payload.length)
  view.setBigUint64(8, BigInt(epoch))
  out.set(payload, FRAME_HEAD_BYTES)
  view.setUint32(4, crc32(out.subarray(8)))
  return out
}

/** The frame at `offset`, or undefined if there is no valid one. */
export function frameAt(bytes: Uint8Array, offset: number): Frame | undefined {
  if (offset + FRAME_HEAD_BYTES > bytes.length) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const length = view.getUint32(offset)
  const end = offset + FRAME_HEAD_BYTES + length
  if (length === 0 || length > FRAME_PAYLOAD_BYTES_MAX || end > bytes.length) return undefined
  const epoch = view.getBigUint64(offset + 8)
  if (epoch > BigInt(Number.MAX_SAFE_INTEGER)) return undefined
  if (crc32(bytes.subarray(offset + 8, end)) !== view.getUint32(offset + 4)) return undefined
  return { epoch: Number(epoch), payload: bytes.subarray(offset + FRAME_HEAD_BYTES, end) }
}

/** Reads frames from `start` on and distinguishes a torn tail from a corrupt middle. */
export function scanFrames(bytes: Uint8Array, start: number): Scan {
  const frames: Frame[] = []
  let offset = start
  while (offset < bytes.length) {
    const frame = frameAt(bytes, offset)
    if (frame === undefined) {
      const damage = hasFrameAfter(bytes, offset + 1) ? 'corrupt' : 'torn'
      return { frames, validBytes: offset, damage }
    }
    frames.push(frame)
    offset += FRAME_HEAD_BYTES + frame.payload.length
  }
  return { frames, validBytes: offset, damage: 'none' }
}

/** A bad record's length cannot be trusted, so try every later offset; implausible ones are cheap to reject. */
function hasFrameAfter(bytes: Uint8Array, start: number): boolean {
  for (let offset = start; offset + FRAME_HEAD_BYTES < bytes.length; offset++) {
    if (frameAt(bytes, offset) !== undefined) return true
  }
  return false
}
