// Two certificates that exclude each other: what was seen and whom it convicts (CONSENSUS §6). Not: finding it (witness.ts).
import { toHex } from '../base/bytes.ts'
import type { Json } from '../base/field.ts'
import { type FinalityProof, finalityProofSchema, type TrustedSet } from '../base/protocol/finalityProof.ts'
import { certificateSigners } from '../base/protocol/vote.ts'

/** Both proofs verify against the same set, and no honest chain holds both. */
export interface Conflict {
  /** First epoch of the set that signed both. */
  readonly epoch: number
  readonly first: { readonly provider: string; readonly proof: FinalityProof }
  readonly second: { readonly provider: string; readonly proof: FinalityProof }
  /** Ids of the validators whose signatures stand under both. */
  readonly signers: readonly number[]
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
  return { epoch: trusted.epoch, first, second, signers: signers.map((i) => validators[i]!.id) }
}

/** For a file or a report: the canonical bytes of both proofs, and who signed both. */
export function conflictJson({ epoch, first, second, signers }: Conflict): Json {
  const side = ({ provider, proof }: Conflict['first']): Json => ({
    provider,
    height: proof.header.height,
    bytes: toHex(finalityProofSchema.encode(proof)),
  })
  return { epoch, signers, first: side(first), second: side(second) }
}
