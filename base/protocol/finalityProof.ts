// Proof that a header is final: F of the block or of a descendant, with the headers between (CONSENSUS §7), checked
// against a trusted validator set. Not: how a set becomes trusted (epochProof.ts).
import { equalBytes } from '../bytes.ts'
import { bls as fastestBls } from '../crypto/bls.ts'
import type { Bls } from '../crypto/types.ts'
import type { Hash32 } from '../ids.ts'
import { message, t } from '../schema.ts'
import { type Header, headerHash, headerSchema } from './header.ts'
import { quorum, type ValidatorSet, validatorSetHash } from './validators.ts'
import { bitmapSigners, type Certificate, certificateSchema, isWellFormedSubject, voteBytes } from './vote.ts'

/** Most headers between a block and the one its certificate names. */
export const FINALITY_PATH_MAX = 256

/** A header and what makes it final. `path` leads from its child to the block that the certificate names. */
export const finalityProofSchema = message('FinalityProof', {
  header: headerSchema,
  path: t.list(headerSchema, FINALITY_PATH_MAX),
  certificate: certificateSchema,
})
export type FinalityProof = ReturnType<typeof finalityProofSchema.decode>

/** Checks that a proof can fail; stable, for programs. */
export const PROOF_CHECKS = [
  /** Not the canonical bytes of the schema. */
  'encoding',
  /** Another chain, or a document whose hash is not the trusted one. */
  'genesis',
  /** An epoch before the trusted one, or after it with another set; a certificate of another epoch. */
  'epoch',
  /** A height below what is already proven. */
  'height',
  /** The header names another validator set than the trusted one. */
  'setHash',
  /** The headers between do not lead from the block to the certified one. */
  'path',
  /** The certificate is not a finalization of that header. */
  'digest',
  /** Bitmap of the wrong length or with padding bits set. */
  'bitmap',
  /** Fewer signers than a quorum. */
  'quorum',
  /** The aggregate signature does not verify. */
  'signature',
  /** The header is not a boundary. */
  'endsEpoch',
  /** The next set is not the one that the boundary names. */
  'nextSetHash',
  /** Unsorted, empty, or one key or id twice. */
  'validatorSet',
  /** A consensus key that is not a finite point in the right subgroup. */
  'validatorKey',
  /** The transaction is not at that index in the block. */
  'transaction',
  /** The receipt is not at that index in the block. */
  'receipt',
  /** The record is not (or not absent) under the header's state root. */
  'state',
  /** The newest block is older than the caller accepts. */
  'age',
] as const
export type ProofCheck = (typeof PROOF_CHECKS)[number]

export interface ProofFailure {
  readonly check: ProofCheck
  /** A full sentence with the values. */
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
  /** The signers, as indexes in the trusted set. */
  readonly signers: readonly number[]
}

/** The header that the certificate of a proof must name. */
export function certifiedHeader(proof: Pick<FinalityProof, 'header' | 'path'>): Header {
  return proof.path.at(-1) ?? proof.header
}

/** Trusts a set without checking it: for sets from this node's state or already checked (`checkValidatorSet`). */
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

/** Hash of the last header; undefined unless each names its predecessor, one height below. */
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
 * exact bitmap of at least a quorum, one pairing check. An F finalizes all ancestors by hash, in any epoch.
 * Never throws on decoded foreign bytes. `bls` lets tests substitute the scheme.
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
    return proofFails('digest', `the certificate is a ${subject.kind}, not a finalization`)
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
      `a bitmap of ${sizeBytes} bytes does not fit ${validators.length} validators exactly`,
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
