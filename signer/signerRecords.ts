// Records in a signer's segment files. Owns: their encoding, restoring state, the state that starts each segment.
// Not: when they are written (localSigner.ts), files moved between machines (signerFlags.ts).
import { concatBytes } from '../base/bytes.ts'
import type { Hash32 } from '../base/ids.ts'
import { type Subject, subjectSchema } from '../base/protocol/vote.ts'
import { message, t } from '../base/schema.ts'
import { OwnVotes } from '../consensus/ownVotes.ts'
import { truncateDurably } from '../storage/durableFile.ts'
import { encodeFrame, type Frame } from '../storage/recordFile.ts'
import { createSegment, listSegments, readSegment, segmentPath, setAside } from '../storage/segments.ts'

export const SIGNER_PREFIX = 'signer'

/** First byte of a payload. */
export const SIGNER_RECORDS = { epoch: 1, floor: 2, signed: 3, observe: 4 } as const

const viewSchema = message('SignerFloor', { view: t.u64 })
const observeSchema = message('SignerObserve', { lostAtMs: t.u64 })

/** A signer's state in one epoch. */
export interface FlagState {
  readonly epoch: number
  /** When this epoch's flags were found lost (Unix milliseconds); if set, nothing is signed in it. */
  readonly lostAtMs: number | undefined
  readonly votes: OwnVotes
}

/** What a signer's folder holds. `lost`: some records cannot be trusted, so flags are missing. */
export type FolderState =
  | { readonly kind: 'none'; readonly sequence: number }
  | { readonly kind: 'lost'; readonly sequence: number; readonly path: string }
  | {
      readonly kind: 'found'
      readonly sequence: number
      readonly path: string
      readonly bytes: number
      readonly state: FlagState
    }

export function encodeFloor(epoch: number, view: number): Uint8Array {
  return encodeFrame(epoch, concatBytes(new Uint8Array([SIGNER_RECORDS.floor]), viewSchema.encode({ view })))
}

function encodeObserve(epoch: number, lostAtMs: number): Uint8Array {
  const body = observeSchema.encode({ lostAtMs })
  return encodeFrame(epoch, concatBytes(new Uint8Array([SIGNER_RECORDS.observe]), body))
}

export function encodeSigned(subject: Subject): Uint8Array {
  const payload = concatBytes(new Uint8Array([SIGNER_RECORDS.signed]), subjectSchema.encode(subject))
  return encodeFrame(subject.epoch, payload)
}

/** The subject of a `signed` record; undefined for any other. Throws SchemaError when malformed. */
export function signedSubject(frame: Frame): Subject | undefined {
  if (frame.payload[0] !== SIGNER_RECORDS.signed) return undefined
  return subjectSchema.decode(frame.payload.subarray(1))
}

/** All records a restart needs: epoch, whether the signer observes, floor and every flag above it. */
export function encodeState({ epoch, lostAtMs, votes }: FlagState): Uint8Array {
  const parts = [encodeFrame(epoch, new Uint8Array([SIGNER_RECORDS.epoch]))]
  if (lostAtMs !== undefined) parts.push(encodeObserve(epoch, lostAtMs))
  if (votes.floor > 0) parts.push(encodeFloor(epoch, votes.floor))
  for (const subject of votes.subjects()) parts.push(encodeSigned(subject))
  return concatBytes(...parts)
}

/** The union of the flags and the highest floor of the latest epoch. */
export function restoreState(frames: readonly Frame[]): FlagState {
  let epoch = 0
  for (const frame of frames) epoch = Math.max(epoch, frame.epoch)
  const votes = new OwnVotes()
  let lostAtMs: number | undefined
  for (const frame of frames) {
    if (frame.epoch !== epoch) continue
    const kind = frame.payload[0]
    if (kind === SIGNER_RECORDS.observe) {
      lostAtMs = Math.max(lostAtMs ?? 0, observeSchema.decode(frame.payload.subarray(1)).lostAtMs)
    } else if (kind === SIGNER_RECORDS.floor) {
      votes.raiseFloor(viewSchema.decode(frame.payload.subarray(1)).view)
    } else {
      const subject = signedSubject(frame)
      if (subject !== undefined) votes.adopt(subject)
    }
  }
  return { epoch, lostAtMs, votes }
}

/**
 * Reads a signer's folder. A torn tail is truncated: it was never synced, so nothing was signed for it. A damaged file
 * is set aside and its flags count as lost. Throws SegmentError when the folder belongs to another chain.
 */
export async function readFolder(dir: string, genesisHash: Hash32): Promise<FolderState> {
  const last = (await listSegments(dir, SIGNER_PREFIX)).at(-1)
  if (last === undefined) return { kind: 'none', sequence: 0 }
  const { path, sequence } = last
  const scan = await readSegment(path, genesisHash)
  if (scan.damage === 'corrupt' || scan.frames.length === 0) {
    await setAside(path)
    return { kind: 'lost', sequence, path }
  }
  if (scan.damage === 'torn') {
    await truncateDurably(path, scan.validBytes)
  }
  return { kind: 'found', sequence, path, bytes: scan.validBytes, state: restoreState(scan.frames) }
}

/** Starts a new file with `state`; durable when it resolves. */
export async function writeState(
  dir: string,
  options: { readonly genesisHash: Hash32; readonly sequence: number; readonly state: FlagState },
) {
  const body = encodeState(options.state)
  const path = segmentPath(dir, SIGNER_PREFIX, options.sequence)
  return { file: await createSegment(path, options.genesisHash, body), bytes: body.length }
}
