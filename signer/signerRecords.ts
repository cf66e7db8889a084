// Records in a signer's segment files. Owns: their encoding, restoring state, the state that starts each segment.
// Not: when they are written (localSigner.ts), whether a file is whole (signerFile.ts), files moved between machines
// (signerFlags.ts).
import { concatBytes } from '../base/bytes.ts'
import { type Subject, subjectSchema } from '../base/protocol/vote.ts'
import { message, t } from '../base/schema.ts'
import { OwnVotes } from '../consensus/ownVotes.ts'
import { encodeFrame, type Frame } from '../storage/recordFile.ts'
import { type Loss, lossSchema, type TrustRecord, trustSchema } from './signerTrust.ts'

/** First byte of a payload. `observe` is written no more: an older build's record that is lost since some time. */
export const SIGNER_RECORDS = {
  epoch: 1,
  floor: 2,
  signed: 3,
  observe: 4,
  loss: 5,
  trust: 6,
  head: 7,
} as const

const viewSchema = message('SignerFloor', { view: t.u64 })
/** The first record of a segment: ties the file to its place and its key. */
const headSchema = message('SignerHead', {
  sequence: t.u64,
  publicKey: t.fixed(48),
  /** Records of the state that starts the segment, this one included. */
  count: t.u32,
})
export type SegmentHead = ReturnType<typeof headSchema.decode>

/** A signer's state in one epoch. */
export interface FlagState {
  readonly epoch: number
  /** Set while the record of what this key signed is lost; then nothing is signed in this epoch. */
  readonly loss: Loss | undefined
  /** The set of the latest epoch that was proven; undefined: genesis's. */
  readonly trusted: TrustRecord | undefined
  readonly votes: OwnVotes
}

function encodeTagged(epoch: number, tag: number, body: Uint8Array): Uint8Array {
  return encodeFrame(epoch, concatBytes(new Uint8Array([tag]), body))
}

export function encodeFloor(epoch: number, view: number): Uint8Array {
  return encodeTagged(epoch, SIGNER_RECORDS.floor, viewSchema.encode({ view }))
}

export function encodeSigned(subject: Subject): Uint8Array {
  return encodeTagged(subject.epoch, SIGNER_RECORDS.signed, subjectSchema.encode(subject))
}

/** The subject of a `signed` record; undefined for any other. Throws SchemaError when malformed. */
export function signedSubject(frame: Frame): Subject | undefined {
  if (frame.payload[0] !== SIGNER_RECORDS.signed) return undefined
  return subjectSchema.decode(frame.payload.subarray(1))
}

/** The first record of a segment; undefined in a file of a build before it had one. */
export function segmentHead(frames: readonly Frame[]): SegmentHead | undefined {
  const first = frames[0]
  if (first === undefined || first.payload[0] !== SIGNER_RECORDS.head) return undefined
  return headSchema.decode(first.payload.subarray(1))
}

/** All records a restart needs: place and key, epoch, trusted set, loss, floor and every flag above it. */
export function encodeState(
  { epoch, loss, trusted, votes }: FlagState,
  place: { readonly sequence: number; readonly publicKey: Uint8Array },
): readonly Uint8Array[] {
  const parts = [encodeFrame(epoch, new Uint8Array([SIGNER_RECORDS.epoch]))]
  if (trusted !== undefined)
    parts.push(encodeTagged(epoch, SIGNER_RECORDS.trust, trustSchema.encode(trusted)))
  if (loss !== undefined) parts.push(encodeTagged(epoch, SIGNER_RECORDS.loss, lossSchema.encode(loss)))
  if (votes.floor > 0) parts.push(encodeFloor(epoch, votes.floor))
  for (const subject of votes.subjects()) parts.push(encodeSigned(subject))
  const head = headSchema.encode({ ...place, count: parts.length + 1 })
  return [encodeTagged(epoch, SIGNER_RECORDS.head, head), ...parts]
}

/** State in a segment's records. `isLost`: an older build noted that flags are missing, without a number to prove it. */
export type Restored = FlagState & { readonly isLost: boolean }

/** The union of the flags and the highest floor of the latest epoch; the highest trusted set. */
export function restoreState(frames: readonly Frame[]): Restored {
  let epoch = 0
  for (const frame of frames) epoch = Math.max(epoch, frame.epoch)
  const votes = new OwnVotes()
  let isLost = false
  let loss: Loss | undefined
  let trusted: TrustRecord | undefined
  for (const frame of frames) {
    const [kind] = frame.payload
    const body = frame.payload.subarray(1)
    if (kind === SIGNER_RECORDS.trust) {
      const record = trustSchema.decode(body)
      if (trusted === undefined || record.epoch > trusted.epoch) trusted = record
    }
    if (frame.epoch !== epoch) continue
    if (kind === SIGNER_RECORDS.observe) isLost = true
    else if (kind === SIGNER_RECORDS.loss) loss = lossSchema.decode(body)
    else if (kind === SIGNER_RECORDS.floor) votes.raiseFloor(viewSchema.decode(body).view)
    else {
      const subject = signedSubject(frame)
      if (subject !== undefined) votes.adopt(subject)
    }
  }
  return { epoch, loss, trusted, votes, isLost }
}
