// What validators send each other. Owns: shapes, tags and bounds. Not: streams and peers (p2p/), meaning (core.ts).
import { assert } from '../base/assert.ts'
import { SchemaError } from '../base/field.ts'
import { BLOCK_BYTES_MAX, JUSTIFICATION_MAX } from '../base/protocol/limits.ts'
import { certificateSchema, voteSchema } from '../base/protocol/vote.ts'
import { message, type Message as Schema, t } from '../base/schema.ts'

/** Views one certificate request may span. */
export const REQUEST_VIEWS_MAX = 64
/** Certificates in one answer: N, U and F of every requested view, and the highest F. */
export const ANSWER_CERTIFICATES_MAX = 3 * REQUEST_VIEWS_MAX + 1
/** Blocks in one answer; together they stay under BLOCK_BYTES_MAX unless the first alone is larger. */
export const ANSWER_BLOCKS_MAX = 64
/** Votes of one validator in an answer to it, those of the highest views. */
export const HELD_VOTES_MAX = 64
/** Longest encoded message, bytes. Streams refuse longer frames before reading them. */
export const MESSAGE_BYTES_MAX = BLOCK_BYTES_MAX + 128 * 1024

const proposalSchema = message('Proposal', {
  /** The leader's notarize vote; its subject names view, parentView and digest. */
  vote: voteSchema,
  /** Encoded block (`blockSchema`), exactly as hashed and journaled. */
  block: t.bytes(BLOCK_BYTES_MAX),
  /** N or F of the parent view and U of every skipped view, at most 64 U's (the highest). */
  justification: t.list(certificateSchema, JUSTIFICATION_MAX + 1),
})

const statusSchema = message('Status', {
  epoch: t.u64,
  view: t.u64,
  /** View of the highest F held. */
  finalizedView: t.u64,
  /** Height of the highest block this node has finalized: a hint, never a target. */
  finalizedHeight: t.u64,
})

/** Requests every N, U and F held for `fromView` to `toView`, and the highest F. */
const certificatesRequestSchema = message('CertificatesRequest', {
  epoch: t.u64,
  fromView: t.u64,
  toView: t.u64,
})

const certificatesSchema = message('Certificates', {
  certificates: t.list(certificateSchema, ANSWER_CERTIFICATES_MAX),
})

/** Requests the block with this hash and up to `countMax − 1` of its ancestors. */
const blocksRequestSchema = message('BlocksRequest', {
  hash: t.hash,
  countMax: t.u8,
})

/** Newest first: each block is the parent of the one before it. */
const blocksSchema = message('Blocks', {
  blocks: t.list(t.bytes(BLOCK_BYTES_MAX), ANSWER_BLOCKS_MAX),
})

/** Requests F of the boundary that ended `epoch`; answered with `certificate`, or `certificates` from the store. */
const boundaryRequestSchema = message('BoundaryRequest', { epoch: t.u64 })

/** Requests the votes that the receiver holds of the asking validator. */
const ownVotesRequestSchema = message('OwnVotesRequest', { epoch: t.u64 })

const heldVotesSchema = message('HeldVotes', {
  /** Of the answering node. */
  epoch: t.u64,
  /** The highest F held. */
  final: t.optional(certificateSchema),
  votes: t.list(voteSchema, HELD_VOTES_MAX),
})
/** Requests the proposal of the sender's current view, which it lacks. */
const proposalRequestSchema = message('ProposalRequest', { epoch: t.u64, view: t.u64 })

/** The order is the wire tag: append-only. */
const SCHEMAS = {
  proposal: proposalSchema,
  vote: voteSchema,
  certificate: certificateSchema,
  status: statusSchema,
  certificatesRequest: certificatesRequestSchema,
  certificates: certificatesSchema,
  blocksRequest: blocksRequestSchema,
  blocks: blocksSchema,
  boundaryRequest: boundaryRequestSchema,
  ownVotesRequest: ownVotesRequestSchema,
  heldVotes: heldVotesSchema,
  proposalRequest: proposalRequestSchema,
} as const

export type MessageKind = keyof typeof SCHEMAS
const KINDS = Object.keys(SCHEMAS) as readonly MessageKind[]

type Body<K extends MessageKind> = ReturnType<(typeof SCHEMAS)[K]['decode']>
export type Proposal = Body<'proposal'>
export type Status = Body<'status'>
export type HeldVotes = Body<'heldVotes'>

/** One message: `{ kind, body }`. */
export type ConsensusMessage = {
  readonly [K in MessageKind]: { readonly kind: K; readonly body: Body<K> }
}[MessageKind]

/** Tag byte, then the canonical protobuf bytes of the body. */
export function encodeMessage(value: ConsensusMessage): Uint8Array {
  const schema = SCHEMAS[value.kind] as Schema<unknown>
  const body = schema.encode(value.body)
  const out = new Uint8Array(body.length + 1)
  out[0] = KINDS.indexOf(value.kind) + 1
  out.set(body, 1)
  assert(out.length <= MESSAGE_BYTES_MAX, 'consensus message is too long')
  return out
}

/** The kind that a frame claims to be, without decoding it; undefined for an unknown tag. */
export function frameKind(bytes: Uint8Array): MessageKind | undefined {
  return KINDS[(bytes[0] ?? 0) - 1]
}

/** Decodes a frame from a peer. Throws SchemaError on an unknown tag, bad bounds or non-canonical bytes. */
export function decodeMessage(bytes: Uint8Array): ConsensusMessage {
  if (bytes.length > MESSAGE_BYTES_MAX) throw new SchemaError(`expected at most ${MESSAGE_BYTES_MAX} bytes`)
  const kind = frameKind(bytes)
  if (kind === undefined) throw new SchemaError('unknown message tag')
  const schema = SCHEMAS[kind] as Schema<unknown>
  return { kind, body: schema.decode(bytes.subarray(1)) } as ConsensusMessage
}
