// The file that moves a signer's record to another machine (docs/operations/keys.md). Owns: its format, strict parsing,
// merging two records. Not: folders, locks and marks (signerDir.ts).
import { bytesKey, equalBytes, toHex } from '../base/bytes.ts'
import { sha256 } from '../base/crypto/hash.ts'
import { OperatorError } from '../base/errors.ts'
import { type Json, SchemaError } from '../base/field.ts'
import type { Hash32 } from '../base/ids.ts'
import { isWellFormedSubject, type Subject, subjectSchema, VOTE_KINDS } from '../base/protocol/vote.ts'
import { message, t } from '../base/schema.ts'
import { FLAGGED_VIEWS_MAX, OwnVotes } from '../consensus/ownVotes.ts'
import type { FlagState } from './signerRecords.ts'
import { lossSchema, mergeLoss, type TrustRecord, trustSchema } from './signerTrust.ts'
import { type DoubleVote, findDoubleVotes } from './voteAudit.ts'

export const FLAGS_FORMAT = 'suanli-signer-flags'
export const FLAGS_VERSION = 2
/** Size of a full record. */
export const FLAGS_BYTES_MAX = 96 * 1024 * 1024

const recordSchema = message('SignerFlags', {
  genesisHash: t.hash,
  publicKey: t.fixed(48),
  exportedAtMs: t.u64,
  /** The epoch of all votes in `signed`; older epochs can never be signed again. */
  epoch: t.u64,
  /** Nothing at or below this view may be signed. */
  floor: t.u64,
  /** Present while the record is incomplete: its key signs nothing in this epoch. */
  loss: t.optional(lossSchema),
  /** The latest proven validator set; absent: genesis's. */
  trusted: t.optional(trustSchema),
  /** Every vote signed above the floor, ascending by view. */
  signed: t.list(subjectSchema, VOTE_KINDS.length * FLAGGED_VIEWS_MAX),
})
export type FlagsRecord = ReturnType<typeof recordSchema.decode>

/** SHA-256 of the record's canonical bytes: detects damage and identifies the file. */
export function flagsChecksum(record: FlagsRecord): string {
  return toHex(sha256(recordSchema.encode(record)))
}

export function flagsRecord(
  state: FlagState,
  owner: { readonly genesisHash: Hash32; readonly publicKey: Uint8Array; readonly exportedAtMs: number },
): FlagsRecord {
  const { epoch, loss, trusted, votes } = state
  return { ...owner, epoch, floor: votes.floor, loss, trusted, signed: votes.subjects() }
}

/** The file's text. */
export function flagsText(record: FlagsRecord): string {
  const file = {
    format: FLAGS_FORMAT,
    version: FLAGS_VERSION,
    checksum: flagsChecksum(record),
    record: recordSchema.toJson(record),
  }
  return `${JSON.stringify(file, null, 1)}\n`
}

/** Parses a file's text; throws OperatorError saying what is wrong with it. */
export function parseFlags(
  text: string,
  owner: { readonly genesisHash: Hash32; readonly publicKey: Uint8Array },
): FlagsRecord {
  const record = decodeFile(text)
  if (!equalBytes(record.publicKey, owner.publicKey)) {
    throw new OperatorError(
      `the record is for the key ${toHex(record.publicKey)}, this key is ${toHex(owner.publicKey)}`,
    )
  }
  if (!equalBytes(record.genesisHash, owner.genesisHash)) {
    throw new OperatorError(
      `the record is for the chain ${toHex(record.genesisHash)}, this chain is ${toHex(owner.genesisHash)}`,
    )
  }
  return record
}

function decodeFile(text: string): FlagsRecord {
  const { record, checksum } = openEnvelope(text)
  let decoded: FlagsRecord
  try {
    decoded = recordSchema.fromJson(record)
  } catch (cause) {
    if (cause instanceof SchemaError) throw new OperatorError(`the record is malformed: ${cause.message}`)
    throw cause
  }
  const reason = recordSchema.check(decoded)
  if (reason !== undefined) throw new OperatorError(`the record is malformed: ${reason}`)
  if (flagsChecksum(decoded) !== checksum) {
    throw new OperatorError('the checksum does not match: the file was truncated or changed')
  }
  for (const subject of decoded.signed) {
    const isSound =
      isWellFormedSubject(subject) && subject.epoch === decoded.epoch && subject.view > decoded.floor
    if (!isSound) throw new OperatorError(`the record has an impossible vote in view ${subject.view}`)
  }
  return decoded
}

function openEnvelope(text: string): { readonly record: Json; readonly checksum: unknown } {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    throw new OperatorError('the file is not JSON')
  }
  if (json === null || typeof json !== 'object') throw new OperatorError(`the file is not a ${FLAGS_FORMAT}`)
  const { format, version, checksum, record } = json as { readonly [name: string]: unknown }
  if (format !== FLAGS_FORMAT) throw new OperatorError(`the file is not a ${FLAGS_FORMAT}`)
  if (version !== FLAGS_VERSION) {
    throw new OperatorError(
      `the file has version ${String(version)}, this build reads version ${FLAGS_VERSION}`,
    )
  }
  return { record: record as Json, checksum }
}

/** Whether a record forbids everything the folder's own does, as an export that comes back from another machine does. */
export function coversFlags(record: FlagsRecord, own: FlagState): boolean {
  if (record.epoch !== own.epoch) return record.epoch > own.epoch
  if (record.floor < own.votes.floor) return false
  const keyOf = (subject: Subject): string => bytesKey(subjectSchema.encode(subject))
  const known = new Set(record.signed.map(keyOf))
  return own.votes.subjects().every((subject) => subject.view <= record.floor || known.has(keyOf(subject)))
}

/** Merge of a folder and a file. `unchanged`: the folder already has everything. */
export type Merged =
  | { readonly kind: 'state'; readonly state: FlagState }
  | { readonly kind: 'unchanged' }
  | { readonly kind: 'contradiction'; readonly fault: DoubleVote }

/**
 * Union of the flags and the highest floor of the later epoch; nothing that either side forbids becomes possible. Two
 * records that contradict each other are refused: the key has signed twice. `fresh`: a new number for two losses.
 */
export function mergeFlags(own: FlagState | undefined, record: FlagsRecord, fresh: Uint8Array): Merged {
  if (own !== undefined && own.epoch > record.epoch) return { kind: 'unchanged' }
  const isSameEpoch = own !== undefined && own.epoch === record.epoch
  const subjects = isSameEpoch ? [...own.votes.subjects(), ...record.signed] : record.signed
  const [fault] = findDoubleVotes(subjects.map((subject) => ({ source: 'signer', subject })))
  if (fault !== undefined) return { kind: 'contradiction', fault }
  const votes = new OwnVotes()
  votes.raiseFloor(record.floor)
  if (isSameEpoch) votes.raiseFloor(own.votes.floor)
  for (const subject of subjects) votes.adopt(subject)
  const loss = mergeLoss(own?.loss, record.loss, fresh)
  const trusted = later(own?.trusted, record.trusted)
  return { kind: 'state', state: { epoch: record.epoch, loss, trusted, votes } }
}

function later(a: TrustRecord | undefined, b: TrustRecord | undefined): TrustRecord | undefined {
  if (a === undefined || b === undefined) return a ?? b
  return a.epoch >= b.epoch ? a : b
}
