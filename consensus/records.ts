// What the core writes to its journal. Owns: record shapes and bytes. Not: framing, CRC and files (storage/journal.ts).
import { assert } from '../base/assert.ts'
import { SchemaError } from '../base/field.ts'
import { BLOCK_BYTES_MAX } from '../base/protocol/limits.ts'
import { certificateSchema, subjectSchema, voteSchema } from '../base/protocol/vote.ts'
import { message, type Message as Schema, t } from '../base/schema.ts'

/** A block's canonical bytes; precedes every own vote for it. */
const blockRecord = message('BlockRecord', {
  epoch: t.u64,
  /** The view under which the core keeps it, never its header's: its segment may be dropped once this view is final. */
  view: t.u64,
  block: t.bytes(BLOCK_BYTES_MAX),
})
/** The first proposal seen in a view, and what its timestamp was judged to be on arrival. */
const proposalRecord = message('ProposalRecord', {
  epoch: t.u64,
  vote: voteSchema,
  timely: t.oneOf(['timely', 'late']),
})
/** An own vote that will be signed once this record is durable. */
const intentRecord = message('IntentRecord', { epoch: t.u64, subject: subjectSchema })
/** A verified certificate. */
const certificateRecord = message('CertificateRecord', { epoch: t.u64, certificate: certificateSchema })
/** What execution said about a block. */
const verdictRecord = message('VerdictRecord', {
  epoch: t.u64,
  digest: t.hash,
  verdict: t.oneOf(['valid', 'invalid', 'mismatch']),
})

/** The order is the tag on disk: append-only. */
const SCHEMAS = {
  block: blockRecord,
  proposal: proposalRecord,
  intent: intentRecord,
  certificate: certificateRecord,
  verdict: verdictRecord,
} as const
export type RecordKind = keyof typeof SCHEMAS
const KINDS = Object.keys(SCHEMAS) as readonly RecordKind[]

/** One journal record: `{ kind, body }`; every body carries its epoch. */
export type JournalRecord = {
  readonly [K in RecordKind]: { readonly kind: K; readonly body: ReturnType<(typeof SCHEMAS)[K]['decode']> }
}[RecordKind]

/** Tag byte, then the canonical bytes. */
export function encodeRecord(record: JournalRecord): Uint8Array {
  const body = (SCHEMAS[record.kind] as Schema<unknown>).encode(record.body)
  const out = new Uint8Array(body.length + 1)
  out[0] = KINDS.indexOf(record.kind) + 1
  out.set(body, 1)
  assert(out[0] > 0, 'unknown record kind')
  return out
}

/** Throws SchemaError: a record that passed its CRC but does not decode is from a foreign or newer journal. */
export function decodeRecord(bytes: Uint8Array): JournalRecord {
  const kind = KINDS[(bytes[0] ?? 0) - 1]
  if (kind === undefined) throw new SchemaError('unknown record tag')
  return { kind, body: (SCHEMAS[kind] as Schema<unknown>).decode(bytes.subarray(1)) } as JournalRecord
}

/** The view whose finality makes a record useless; a verdict has none of its own (0). */
export function recordView(record: JournalRecord): number {
  switch (record.kind) {
    case 'block':
      return record.body.view
    case 'proposal':
      return record.body.vote.subject.view
    case 'intent':
      return record.body.subject.view
    case 'certificate':
      return record.body.certificate.subject.view
    case 'verdict':
      return 0
  }
}
