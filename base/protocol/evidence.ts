// Double votes: the one rule by which consensus, state, nodes and clients judge them, and the encoding of evidence
// (CONSENSUS §6).
import { SchemaError } from '../field.ts'
import type { Hash32 } from '../ids.ts'
import { message } from '../schema.ts'
import type { ValidatorSet } from './validators.ts'
import {
  bitmapSigners,
  type Certificate,
  certificateSchema,
  isWellFormedSubject,
  type Subject,
  sameBlock,
  signersBitmap,
  type Vote,
  voteBytes,
} from './vote.ts'

/** Encoded evidence, bytes: two subjects, bitmaps and signatures. */
export const EVIDENCE_BYTES_MAX = 512

/**
 * Two statements of which no honest validator signs both. A single vote is a certificate with one bit in its bitmap.
 * Whoever is in both bitmaps is convicted; no quorum is needed.
 */
export const evidenceSchema = message('Evidence', { first: certificateSchema, second: certificateSchema })
export type Evidence = ReturnType<typeof evidenceSchema.decode>

/** The four faults of CONSENSUS §6, in its order. */
export const EQUIVOCATION_KINDS = [
  'doubleNotarize',
  'doubleFinalize',
  'nullifyAndFinalize',
  'notarizeAndFinalize',
] as const
export type EquivocationKind = (typeof EQUIVOCATION_KINDS)[number]

/**
 * The fault of a validator that signed both, or undefined. Only within one epoch and view; notarize + nullify is no
 * fault. Both subjects must be well formed.
 */
export function equivocationOf(a: Subject, b: Subject): EquivocationKind | undefined {
  if (a.epoch !== b.epoch || a.view !== b.view) return undefined
  const kinds = new Set([a.kind, b.kind])
  if (kinds.has('nullify')) return kinds.has('finalize') ? 'nullifyAndFinalize' : undefined
  if (sameBlock(a, b)) return undefined
  if (kinds.size === 2) return 'notarizeAndFinalize'
  return a.kind === 'notarize' ? 'doubleNotarize' : 'doubleFinalize'
}

export type EvidenceFault = 'malformed' | 'notAFault' | 'foreignSigners' | 'nobodyInBoth' | 'badSignature'

/** What evidence proves: the fault, and the culprits as ascending indexes in the epoch's set. */
export interface Conviction {
  readonly kind: EquivocationKind
  readonly epoch: number
  readonly view: number
  readonly culprits: readonly number[]
}

/** Decodes and checks what needs no validator set: canonical bytes and a fault in the subjects. */
export function openEvidence(
  bytes: Uint8Array,
): { readonly evidence: Evidence; readonly kind: EquivocationKind } | { readonly fault: EvidenceFault } {
  if (bytes.length > EVIDENCE_BYTES_MAX) return { fault: 'malformed' }
  let evidence: Evidence
  try {
    evidence = evidenceSchema.decode(bytes)
  } catch (error) {
    if (error instanceof SchemaError) return { fault: 'malformed' }
    throw error
  }
  const [a, b] = [evidence.first.subject, evidence.second.subject]
  const isSound = isWellFormedSubject(a) && isWellFormedSubject(b)
  const kind = isSound ? equivocationOf(a, b) : undefined
  return kind === undefined ? { fault: 'notAFault' } : { evidence, kind }
}

/**
 * Judges evidence against the set of its epoch. Two pairing checks at most. An honest validator is never convicted: with
 * proven keys, an aggregate that verifies contains the share of each honest signer named in it.
 */
export function judgeEvidence(options: {
  readonly bytes: Uint8Array
  readonly genesisHash: Hash32
  readonly set: ValidatorSet
  /** `bls.verifyAggregate`. */
  readonly verifyAggregate: (
    publicKeys: readonly Uint8Array[],
    message: Uint8Array,
    signature: Uint8Array,
  ) => boolean
}): { readonly conviction: Conviction } | { readonly fault: EvidenceFault } {
  const opened = openEvidence(options.bytes)
  if ('fault' in opened) return opened
  const { validators } = options.set
  const sides = [opened.evidence.first, opened.evidence.second]
  const named = sides.map(({ bitmap }) => bitmapSigners(bitmap, validators.length))
  const [first, second] = named
  if (first === undefined || second === undefined) return { fault: 'foreignSigners' }
  const culprits = first.filter((signer) => second.includes(signer))
  if (culprits.length === 0) return { fault: 'nobodyInBoth' }
  const isSigned = sides.every(({ subject, signature }, i) =>
    options.verifyAggregate(
      named[i]!.map((signer) => validators[signer]!.consensusKey),
      voteBytes(options.genesisHash, subject),
      signature,
    ),
  )
  if (!isSigned) return { fault: 'badSignature' }
  const { epoch, view } = opened.evidence.first.subject
  return { conviction: { kind: opened.kind, epoch, view, culprits } }
}

/** A single vote as a certificate of one signer. */
export function voteAsCertificate(vote: Vote, validatorCount: number): Certificate {
  const { subject, signer, signature } = vote
  return { subject, bitmap: signersBitmap([signer], validatorCount), signature }
}
