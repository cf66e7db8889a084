// The protocol of a node and its remote signer (docs/operations/remote-signer.md). Owns: messages, tags, frames, bounds.
// Not: sockets (signerTransport.ts), who may hold the signer (signerServer.ts).
import { assert } from '../base/assert.ts'
import { concatBytes, u32be } from '../base/bytes.ts'
import { SchemaError } from '../base/field.ts'
import { epochStepSchema } from '../base/protocol/epochStep.ts'
import { TX_BYTES_MAX } from '../base/protocol/limits.ts'
import { receiptProofSchema } from '../base/protocol/receiptProof.ts'
import { RECOVERY_FILE_BYTES_MAX } from '../base/protocol/recovery.ts'
import { subjectSchema, VOTE_KINDS, voteSchema } from '../base/protocol/vote.ts'
import { message, type Message as Schema, t } from '../base/schema.ts'
import { FLAGGED_VIEWS_MAX } from '../consensus/ownVotes.ts'
import { LOSS_NONCE_BYTES } from './signerTrust.ts'

/** Both sides must speak the same version; a signer names its own in every refusal. */
export const SIGNER_PROTOCOL_VERSION = 2
/** Subjects in one request. */
export const REQUEST_SUBJECTS_MAX = 256
/** Longest frame a signer reads, bytes: a recovery file, or the proof of a transaction 256 blocks below its certificate. */
export const REQUEST_BYTES_MAX = RECOVERY_FILE_BYTES_MAX + 256 * 1024
/** Longest frame a node reads, bytes: the flags of a full signer. */
export const REPLY_BYTES_MAX = 16 * 1024 * 1024
const TEXT_MAX = 512

/** Why a signer ends a connection. `held` and `takenOver` concern who holds it, the others are mistakes. */
export const REFUSALS = ['version', 'chain', 'key', 'held', 'takenOver', 'malformed', 'stopping'] as const
export type Refusal = (typeof REFUSALS)[number]

/** Why one vote was not signed; same as `SignRefusal`. */
export const VOTE_REFUSALS = [
  'belowFloor',
  'full',
  'notarized',
  'nullified',
  'finalized',
  'otherDigest',
  'otherEpoch',
  'malformed',
  'observing',
  'stopped',
] as const

const hello = message('SignerHello', {
  version: t.u16,
  genesisHash: t.hash,
  publicKey: t.fixed(48),
  /** The node's peer id, for the signer's log. */
  client: t.text(TEXT_MAX),
  /** Random per process of a node, so that its new connection replaces its old one. */
  instance: t.fixed(16),
  /** Takes the signer over from the node that holds it. */
  takeOver: t.bool,
})
const beginEpoch = message('SignerBeginEpoch', { id: t.u32, epoch: t.u64 })
const sign = message('SignerSign', {
  id: t.u32,
  epoch: t.u64,
  /** Nothing at or below this view of `epoch` is signed again. */
  floor: t.u64,
  /** Index in the validator set; part of the vote message, not of what is signed. */
  signer: t.u16,
  subjects: t.list(subjectSchema, REQUEST_SUBJECTS_MAX),
})
const randao = message('SignerRandao', { id: t.u32, epoch: t.u64, height: t.u64 })
/** One step from the signer's proven epoch towards a later one. */
const follow = message('SignerFollow', { id: t.u32, step: epochStepSchema })
/** Shows the number that the signer drew when it found its record lost. */
const prove = message('SignerProve', {
  id: t.u32,
  transaction: t.bytes(TX_BYTES_MAX),
  proof: receiptProofSchema,
})
/** Votes of this key that peers hold. */
const held = message('SignerHeld', { id: t.u32, votes: t.list(voteSchema, REQUEST_SUBJECTS_MAX) })
const ping = message('SignerPing', { id: t.u32 })
const health = message('SignerHealthRequest', { version: t.u16 })

/** The order is the wire tag: append-only. */
const REQUESTS = { hello, beginEpoch, sign, randao, ping, health, follow, prove, held } as const

const welcome = message('SignerWelcome', { version: t.u16, software: t.text(TEXT_MAX) })
const refused = message('SignerRefused', {
  code: t.oneOf(REFUSALS),
  version: t.u16,
  reason: t.text(TEXT_MAX),
})
const epoch = message('SignerEpoch', {
  id: t.u32,
  epoch: t.u64,
  floor: t.u64,
  observing: t.bool,
  /** The latest proven epoch: steps must lead on from it. */
  trustedEpoch: t.u64,
  /** Present while a lost record waits for a proof. */
  lossNonce: t.optional(t.fixed(LOSS_NONCE_BYTES)),
  /** Every flag above the floor. */
  subjects: t.list(subjectSchema, VOTE_KINDS.length * FLAGGED_VIEWS_MAX),
})
/** Exactly one of the two is present. */
const result = message('SignerResult', {
  signature: t.optional(t.fixed(96)),
  refusal: t.optional(t.oneOf(VOTE_REFUSALS)),
})
const signed = message('SignerSigned', { id: t.u32, results: t.list(result, REQUEST_SUBJECTS_MAX) })
const reveal = message('SignerReveal', { id: t.u32, signature: t.fixed(96) })
const pong = message('SignerPong', { id: t.u32, observing: t.bool })
/** Answer to `follow`, `prove` and `held`. */
const taken = message('SignerTaken', {
  id: t.u32,
  /** A full sentence; absent when the request was accepted. */
  refusal: t.optional(t.text(TEXT_MAX)),
  observing: t.bool,
  lossNonce: t.optional(t.fixed(LOSS_NONCE_BYTES)),
})
const healthReply = message('SignerHealth', {
  version: t.u16,
  software: t.text(TEXT_MAX),
  genesisHash: t.hash,
  publicKey: t.fixed(48),
  /** Absent before the first epoch. */
  epoch: t.optional(t.u64),
  floor: t.u64,
  observing: t.bool,
  /** Present while a lost record waits for a proof. */
  lossNonce: t.optional(t.fixed(LOSS_NONCE_BYTES)),
  holder: t.optional(t.text(TEXT_MAX)),
  heldForMs: t.u64,
  signedCount: t.u64,
  refusedCount: t.u64,
  runningForMs: t.u64,
})

/** The order is the wire tag: append-only. */
const REPLIES = { welcome, refused, epoch, signed, reveal, pong, health: healthReply, taken } as const

type Table = { readonly [kind: string]: { decode(bytes: Uint8Array): unknown } }
type Union<T extends Table> = {
  readonly [K in keyof T]: { readonly kind: K; readonly body: ReturnType<T[K]['decode']> }
}[keyof T]
export type Request = Union<typeof REQUESTS>
export type Reply = Union<typeof REPLIES>
export type RequestBody<K extends Request['kind']> = Extract<Request, { kind: K }>['body']
export type ReplyBody<K extends Reply['kind']> = Extract<Reply, { kind: K }>['body']
export type SignResult = ReturnType<typeof result.decode>

function encode(table: Table, value: { kind: string; body: unknown }, sizeMax: number): Uint8Array {
  const body = (table[value.kind] as Schema<unknown>).encode(value.body)
  assert(body.length < sizeMax, 'a signer message is too long')
  const tag = Object.keys(table).indexOf(value.kind) + 1
  return concatBytes(u32be(body.length + 1), new Uint8Array([tag]), body)
}

function decode(table: Table, frame: Uint8Array): { kind: string; body: unknown } {
  const kind = Object.keys(table)[(frame[0] ?? 0) - 1]
  if (kind === undefined) throw new SchemaError('unknown message tag')
  return { kind, body: table[kind]!.decode(frame.subarray(1)) }
}

/** A whole frame: length (u32 big-endian, of what follows), tag, canonical protobuf bytes. */
export function encodeRequest(request: Request): Uint8Array {
  return encode(REQUESTS, request, REQUEST_BYTES_MAX)
}

export function encodeReply(reply: Reply): Uint8Array {
  return encode(REPLIES, reply, REPLY_BYTES_MAX)
}

/** Decodes a frame from a FrameReader. Throws SchemaError on an unknown tag, exceeded bounds or non-canonical bytes. */
export function decodeRequest(frame: Uint8Array): Request {
  return decode(REQUESTS, frame) as Request
}

/** Decodes a frame from a FrameReader. Throws SchemaError. */
export function decodeReply(frame: Uint8Array): Reply {
  return decode(REPLIES, frame) as Reply
}

/** Splits a byte stream into frames; buffers at most one frame and the rest of its chunk. */
export class FrameReader {
  readonly #sizeMax: number
  #parts: Uint8Array[] = []
  #size = 0

  constructor(sizeMax: number) {
    this.#sizeMax = sizeMax
  }

  /** Returns the frames completed by `chunk`, without their lengths. Throws SchemaError on an empty or oversized one. */
  push(chunk: Uint8Array): readonly Uint8Array[] {
    this.#parts.push(chunk)
    this.#size += chunk.length
    const frames: Uint8Array[] = []
    for (;;) {
      const length = this.#peekLength()
      if (length === undefined) return frames
      if (length === 0 || length > this.#sizeMax) {
        throw new SchemaError(`a frame of ${length} bytes; expected 1 to ${this.#sizeMax}`)
      }
      if (this.#size < 4 + length) return frames
      const bytes = concatBytes(...this.#parts)
      frames.push(bytes.slice(4, 4 + length))
      const rest = bytes.subarray(4 + length)
      this.#parts = rest.length === 0 ? [] : [rest]
      this.#size = rest.length
    }
  }

  #peekLength(): number | undefined {
    if (this.#size < 4) return undefined
    if (this.#parts[0]!.length < 4) this.#parts = [concatBytes(...this.#parts)]
    const first = this.#parts[0]!
    return new DataView(first.buffer, first.byteOffset, 4).getUint32(0)
  }
}
