// Why a header is final: F of the block or of a descendant with the headers between (CONSENSUS §7), checked against a
// validator set that is already trusted. Not: how a set comes to be trusted (epochProof.ts).
import { equalBytes } from '../bytes.ts'
import { bls as fastestBls } from '../crypto/bls.ts'
import type { Bls } from '../crypto/types.ts'
import type { Hash32 } from '../ids.ts'
import { message, t } from '../schema.ts'
import { type Header, headerHash, headerSchema } from './header.ts'
import { quorum, type ValidatorSet, validatorSetHash } from './validators.ts'
import { bitmapSigners, type Certificate, certificateSchema, isWellFormedSubject, voteBytes } from './vote.ts'

/** Headers between a block and the one its certificate names, at most. */
export const FINALITY_PATH_MAX = 256

/** A header with what makes it final. `path` leads from its child to the block that the certificate names. */
export const finalityProofSchema = message('FinalityProof', {
  header: headerSchema,
  path: t.list(headerSchema, FINALITY_PATH_MAX),
  certificate: certificateSchema,
})
export type FinalityProof = ReturnType<typeof finalityProofSchema.decode>

/** What a proof can fail; stable, for programs. */
export const PROOF_CHECKS = [
  /** Bytes that are not the canonical ones of their schema. */
  'encoding',
  /** Another chain, or a document that does not have the trusted hash. */
  'genesis',
  /** An epoch before the trusted one, or after it with another set; a certificate of another epoch. */
  'epoch',
  /** A height below what is already proven. */
  'height',
  /** The header names another validator set than the trusted one. */
  'setHash',
  /** The headers between do not lead from the block to the certified one. */
  'path',
  /** The certificate is no finalization of that header. */
  'digest',
  /** Bitmap of another length, padding bits set. */
  'bitmap',
  /** Fewer signers than a quorum. */
  'quorum',
  /** The aggregate signature does not verify. */
  'signature',
  /** The header is no boundary. */
  'endsEpoch',
  /** The next set is not the one that the boundary names. */
  'nextSetHash',
  /** Unsorted, empty, or one key or id twice. */
  'validatorSet',
  /** A consensus key that is no finite point of the right subgroup. */
  'validatorKey',
  /** The transaction is not at that place of the block. */
  'transaction',
  /** The receipt is not at that place of the block. */
  'receipt',
  /** The record is not (or not absent) under the header's state root. */
  'state',
  /** The newest block is older than the caller takes. */
  'age',
] as const
export type ProofCheck = (typeof PROOF_CHECKS)[number]

export interface ProofFailure {
  readonly check: ProofCheck
  /** A sentence with the figures. */
  readonly reason: string
}

export type Verified<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly failure: ProofFailure }

export function proofFails(check: ProofCheck, reason: string): { ok: false; failure: ProofFailure } {
  return { ok: false, failure: { check, reason } }
}

/** A validator set that is known to sign from `epoch` on, until a boundary names another. */
export interface TrustedSet {
  readonly genesisHash: Hash32
  readonly epoch: number
  /** Height of the boundary that named it; 0 for genesis. */
  readonly height: number
  readonly set: ValidatorSet
  readonly setHash: Hash32
}

/**
 * `exact`: the header must be of the trusted epoch. `sameSet`: of a later one too, as long as it names the same set;
 * a quorum of that set signed this very header, and its honest members sign only headers that name their epoch's set.
 */
export type EpochRule = 'exact' | 'sameSet'

export interface FinalHeader {
  readonly header: Header
  readonly hash: Hash32
  readonly certificate: Certificate
  /** Indexes in the trusted set of those who signed. */
  readonly signers: readonly number[]
}

/** The header that the certificate of a proof is to name. */
export function certifiedHeader(proof: Pick<FinalityProof, 'header' | 'path'>): Header {
  return proof.path.at(-1) ?? proof.header
}

/** A trusted set without any check of it: for sets from the own state or already checked (`checkValidatorSet`). */
export function trustedSet(options: {
  readonly genesisHash: Hash32
  readonly epoch: number
  readonly height: number
  readonly set: ValidatorSet
}): TrustedSet {
  return { ...options, setHash: validatorSetHash(options.set) }
}

function checkHeader(trusted: TrustedSet, header: Header, rule: EpochRule): ProofFailure | undefined {
  const { epoch, height, setHash } = trusted
  if (header.epoch < epoch || (rule === 'exact' && header.epoch !== epoch)) {
    const reason = `block ${header.height} is of epoch ${header.epoch}, the trusted set is of epoch ${epoch}`
    return { check: 'epoch', reason }
  }
  if (header.height <= height && !(height === 0 && header.height === 0)) {
    const reason = `epoch ${header.epoch} cannot have block ${header.height}: the set is known since block ${height}`
    return { check: 'height', reason }
  }
  if (!equalBytes(header.setHash, setHash)) {
    const reason = `block ${header.height} of epoch ${header.epoch} names another validator set than the trusted one of epoch ${epoch}`
    return { check: 'setHash', reason }
  }
  return undefined
}

/** Hash of the last header when each names its predecessor, one height at a time. */
function walkPath(first: Header, path: readonly Header[]): Hash32 | undefined {
  if (path.length > FINALITY_PATH_MAX) return undefined
  let { height } = first
  let hash = headerHash(first)
  for (const header of path) {
    if (header.height !== height + 1 || !equalBytes(header.parentHash, hash)) return undefined
    height = header.height
    hash = headerHash(header)
  }
  return hash
}

/**
 * Verifies that a header is final: hash links to the certified header, whose epoch and set must be the trusted ones,
 * exact bitmap of at least a quorum, one pairing check. An F finalizes all ancestors by hash, of whatever epoch.
 * Never throws on decoded foreign bytes. `bls` only where tests put another scheme in its place.
 */
export function verifyFinality(
  trusted: TrustedSet,
  proof: FinalityProof,
  options: { readonly epochs?: EpochRule; readonly bls?: Pick<Bls, 'verifyAggregate'> } = {},
): Verified<FinalHeader> {
  const { header, path, certificate } = proof
  const hash = walkPath(header, path)
  if (hash === undefined) {
    return proofFails('path', `the ${path.length} headers above block ${header.height} do not follow from it`)
  }
  const certified = certifiedHeader(proof)
  const wrong = checkHeader(trusted, certified, options.epochs ?? 'exact')
  if (wrong !== undefined) return { ok: false, failure: wrong }
  const { subject } = certificate
  if (subject.epoch !== certified.epoch) {
    return proofFails(
      'epoch',
      `the certificate is of epoch ${subject.epoch}, the block of ${certified.epoch}`,
    )
  }
  if (subject.kind !== 'finalize' || !isWellFormedSubject(subject)) {
    return proofFails('digest', `the certificate is no finalization but a ${subject.kind}`)
  }
  if (!equalBytes(subject.digest!, hash)) {
    return proofFails('digest', `the certificate names another block than ${certified.height}`)
  }
  const { validators } = trusted.set
  const signers = bitmapSigners(certificate.bitmap, validators.length)
  if (signers === undefined) {
    const sizeBytes = certificate.bitmap.length
    return proofFails(
      'bitmap',
      `a bitmap of ${sizeBytes} bytes is no exact one of ${validators.length} validators`,
    )
  }
  const needed = quorum(validators.length)
  if (signers.length < needed) {
    return proofFails(
      'quorum',
      `${signers.length} of ${validators.length} validators signed, ${needed} are needed`,
    )
  }
  const keys = signers.map((i) => validators[i]!.consensusKey)
  const { verifyAggregate } = options.bls ?? fastestBls
  if (!verifyAggregate(keys, voteBytes(trusted.genesisHash, subject), certificate.signature)) {
    return proofFails('signature', `the aggregate signature for block ${certified.height} does not verify`)
  }
  return { ok: true, value: { header, hash: headerHash(header), certificate, signers } }
}
