// Two conflicting certificates: both proofs and the validators convicted (CONSENSUS §6). Not: detection (witness.ts).
import { toHex } from '../base/bytes.ts'
import type { Json } from '../base/field.ts'
import { equivocationOf, evidenceSchema } from '../base/protocol/evidence.ts'
import { type FinalityProof, finalityProofSchema, type TrustedSet } from '../base/protocol/finalityProof.ts'
import { certificateSigners } from '../base/protocol/vote.ts'

/** Both proofs verify against the same set, but no honest chain contains both. */
export interface Conflict {
  /** First epoch of the set that signed both. */
  readonly epoch: number
  readonly first: { readonly provider: string; readonly proof: FinalityProof }
  readonly second: { readonly provider: string; readonly proof: FinalityProof }
  /** Ids of the validators that signed both. */
  readonly signers: readonly number[]
  /**
   * Input of `submitEvidence`, which convicts the signers. Undefined for certificates of different views: they prove
   * that a quorum broke the rules, but not which validators did.
   */
  readonly evidence: Uint8Array | undefined
}

export function conflictOf(
  trusted: TrustedSet,
  first: Conflict['first'],
  second: Conflict['second'],
): Conflict {
  const { validators } = trusted.set
  const signersOf = ({ proof }: Conflict['first']): readonly number[] =>
    certificateSigners(proof.certificate, validators.length) ?? []
  const both = new Set(signersOf(second))
  const signers = signersOf(first).filter((i) => both.has(i))
  const pair = { first: first.proof.certificate, second: second.proof.certificate }
  const isFault = equivocationOf(pair.first.subject, pair.second.subject) !== undefined
  return {
    epoch: trusted.epoch,
    first,
    second,
    signers: signers.map((i) => validators[i]!.id),
    evidence: isFault ? evidenceSchema.encode(pair) : undefined,
  }
}

/**
 * For a file or a report: canonical bytes of both proofs, validators that signed both, evidence to submit.
 *
 * @example
 * async function report(client: LightClient): Promise<string | undefined> {
 *   try {
 *     await client.sync()
 *   } catch (error) {
 *     if (!(error instanceof LightClientError) || error.conflict === undefined) throw error
 *     return JSON.stringify(conflictJson(error.conflict))
 *   }
 * }
 */
export function conflictJson({ epoch, first, second, signers, evidence }: Conflict): Json {
  const side = ({ provider, proof }: Conflict['first']): Json => ({
    provider,
    height: proof.header.height,
    bytes: toHex(finalityProofSchema.encode(proof)),
  })
  const submit = evidence === undefined ? null : toHex(evidence)
  return { epoch, signers, first: side(first), second: side(second), evidence: submit }
}
