// Votes and certificates: the exact bytes that are signed and the shapes on the wire (CONSENSUS §2).
import { assert } from '../assert.ts'
import { concatBytes, equalBytes, u64be, utf8 } from '../bytes.ts'
import { sha256 } from '../crypto/hash.ts'
import type { Hash32 } from '../ids.ts'
import { message, t } from '../schema.ts'
import { VALIDATORS_MAX } from './limits.ts'
import { quorum } from './validators.ts'

export const VOTE_KINDS = ['notarize', 'nullify', 'finalize'] as const
export type VoteKind = (typeof VOTE_KINDS)[number]

/** What a vote is about. `parentView` and `digest` are absent exactly for nullify. */
export const subjectSchema = message('Subject', {
  kind: t.oneOf(VOTE_KINDS),
  epoch: t.u64,
  view: t.u64,
  parentView: t.optional(t.u64),
  digest: t.optional(t.hash),
})
export type Subject = ReturnType<typeof subjectSchema.decode>

export const voteSchema = message('Vote', {
  subject: subjectSchema,
  /** Index in the epoch's validator set. */
  signer: t.u16,
  /** BLS, 96 bytes. */
  signature: t.fixed(96),
})
export type Vote = ReturnType<typeof voteSchema.decode>

export const certificateSchema = message('Certificate', {
  subject: subjectSchema,
  /** Bit i (LSB first in byte ⌊i/8⌋) = validator i signed; exactly ⌈n/8⌉ bytes, padding bits zero. */
  bitmap: t.bytes(VALIDATORS_MAX / 8),
  /** Aggregate BLS signature, 96 bytes. */
  signature: t.fixed(96),
})
export type Certificate = ReturnType<typeof certificateSchema.decode>

// All tags are 16 bytes, so that no signed string is a prefix of another kind's.
const VOTE_TAGS = {
  notarize: utf8('suanli.notarize\0'),
  nullify: utf8('suanli.nullify\0\0'),
  finalize: utf8('suanli.finalize\0'),
} as const
const RANDAO_TAG = utf8('suanli.randao\0\0\0')

/** Whether the optional fields match the kind, and the view allows it. */
export function isWellFormedSubject(subject: Subject): boolean {
  const hasBlock = subject.parentView !== undefined && subject.digest !== undefined
  const hasNothing = subject.parentView === undefined && subject.digest === undefined
  if (subject.kind === 'nullify') return hasNothing && subject.view >= 1
  return hasBlock && subject.parentView! < subject.view
}

/** Whether both name the same (parentView, digest): "another digest" always means another pair (CONSENSUS §2). */
export function sameBlock(a: Subject, b: Subject): boolean {
  if (a.digest === undefined || b.digest === undefined) return a.digest === b.digest
  return a.parentView === b.parentView && equalBytes(a.digest, b.digest)
}

export function sameSubject(a: Subject, b: Subject): boolean {
  return a.kind === b.kind && a.epoch === b.epoch && a.view === b.view && sameBlock(a, b)
}

/** tag ‖ genesisHash ‖ epoch ‖ view [‖ parentView ‖ digest], integers u64 big-endian. */
export function voteBytes(genesisHash: Hash32, subject: Subject): Uint8Array {
  assert(isWellFormedSubject(subject), 'vote subject is malformed')
  const head = concatBytes(VOTE_TAGS[subject.kind], genesisHash, u64be(subject.epoch), u64be(subject.view))
  if (subject.kind === 'nullify') return head
  return concatBytes(head, u64be(subject.parentView!), subject.digest!)
}

/** What a proposer signs as `randaoReveal` (AUDIT §4). */
export function randaoBytes(genesisHash: Hash32, epoch: number, height: number): Uint8Array {
  return concatBytes(RANDAO_TAG, genesisHash, u64be(epoch), u64be(height))
}

/** mix_h = SHA256("caudit1.mix" ‖ mix_{h−1} ‖ h ‖ reveal_h). */
export function nextMix(parentMix: Hash32, height: number, randaoReveal: Uint8Array): Hash32 {
  return sha256(concatBytes(utf8('caudit1.mix'), parentMix, u64be(height), randaoReveal))
}

/** Leader order of an epoch: Fisher–Yates over SHA256 streams of the seed (CONSENSUS §4). `floorMix`: the floor header's mix. */
export function leaderPermutation(options: {
  genesisHash: Hash32
  epoch: number
  floorMix: Hash32
  validatorCount: number
}): readonly number[] {
  const { genesisHash, epoch, floorMix, validatorCount } = options
  const seed = sha256(concatBytes(utf8('perm'), genesisHash, u64be(epoch), floorMix))
  const order = Array.from({ length: validatorCount }, (_, i) => i)
  for (let i = validatorCount - 1; i > 0; i--) {
    const draw = sha256(concatBytes(seed, u64be(i)))
    // 48 bits modulo at most 256: the bias is below 2^-40.
    const value = draw.slice(0, 6).reduce((n, b) => n * 256 + b, 0)
    const j = value % (i + 1)
    const kept = order[i]!
    order[i] = order[j]!
    order[j] = kept
  }
  return order
}

/** Signer indexes of a bitmap, or undefined when its length or padding is wrong for `validatorCount`. */
export function bitmapSigners(bitmap: Uint8Array, validatorCount: number): readonly number[] | undefined {
  if (bitmap.length !== Math.ceil(validatorCount / 8)) return undefined
  const signers: number[] = []
  for (let i = 0; i < bitmap.length * 8; i++) {
    if ((bitmap[i >> 3]! & (1 << (i & 7))) === 0) continue
    if (i >= validatorCount) return undefined
    signers.push(i)
  }
  return signers
}

export function signersBitmap(signers: readonly number[], validatorCount: number): Uint8Array {
  const bitmap = new Uint8Array(Math.ceil(validatorCount / 8))
  for (const i of signers) {
    assert(i >= 0 && i < validatorCount, 'signer outside the set')
    bitmap[i >> 3]! |= 1 << (i & 7)
  }
  return bitmap
}

/** Structural check before any pairing: exact bitmap, quorum, well-formed subject. */
export function certificateSigners(
  certificate: Certificate,
  validatorCount: number,
): readonly number[] | undefined {
  if (!isWellFormedSubject(certificate.subject)) return undefined
  const signers = bitmapSigners(certificate.bitmap, validatorCount)
  if (signers === undefined || signers.length < quorum(validatorCount)) return undefined
  return signers
}
