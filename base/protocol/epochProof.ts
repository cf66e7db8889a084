// The chain of validator sets: one proof per change leads from a trusted set to the next (CONSENSUS §7). Light
// clients and state sync walk it. Not: proofs of single blocks (finalityProof.ts), where they are stored (node/).
import { bytesKey, equalBytes } from '../bytes.ts'
import { bls as fastestBls } from '../crypto/bls.ts'
import type { Bls } from '../crypto/types.ts'
import { message, t } from '../schema.ts'
import {
  type EpochRule,
  type FinalHeader,
  type ProofFailure,
  proofFails,
  type TrustedSet,
  trustedSet,
  type Verified,
  verifyFinality,
} from './finalityProof.ts'
import { headerSchema } from './header.ts'
import { type ValidatorSet, validatorSetHash, validatorSetSchema } from './validators.ts'
import { certificateSchema } from './vote.ts'

/** A boundary block, the certificate that makes it final, and the set it names. */
export const epochProofSchema = message('EpochProof', {
  header: headerSchema,
  /** F of exactly this header. */
  certificate: certificateSchema,
  /** Absent when `nextSetHash` is `setHash`: epochs that end by height keep their set. */
  nextSet: t.optional(validatorSetSchema),
})
export type EpochProof = ReturnType<typeof epochProofSchema.decode>

export interface ProvenEpoch {
  /** The trusted set of the epoch after the boundary. */
  readonly next: TrustedSet
  readonly boundary: FinalHeader
}

/** Rules of a foreign set: not empty, ids ascending, no key and no operator twice, keys in the subgroup. */
export function checkValidatorSet(
  set: ValidatorSet,
  bls: Pick<Bls, 'isKey'> = fastestBls,
): ProofFailure | undefined {
  const { validators } = set
  const fails = (reason: string): ProofFailure => ({ check: 'validatorSet', reason })
  if (validators.length === 0) return fails('the validator set is empty')
  const keys = new Set<string>()
  const operators = new Set<string>()
  for (const [i, { id, consensusKey, operator }] of validators.entries()) {
    if (i > 0 && validators[i - 1]!.id >= id)
      return fails(`validator ${id} is out of order or twice in the set`)
    const key = bytesKey(consensusKey)
    if (keys.has(key)) return fails(`validator ${id} has the consensus key of another`)
    keys.add(key)
    if (operators.has(bytesKey(operator))) return fails(`validator ${id} has the operator of another`)
    operators.add(bytesKey(operator))
  }
  const bad = validators.find(({ consensusKey }) => !bls.isKey(consensusKey))
  if (bad === undefined) return undefined
  return {
    check: 'validatorKey',
    reason: `the consensus key of validator ${bad.id} is not a point of the subgroup`,
  }
}

/**
 * Verifies the step from one epoch's set to the next: hash, epoch, set, exact bitmap, quorum, one pairing check, then
 * the next set by its hash, its order and its keys. `epochs: 'sameSet'` also accepts the boundary of a later epoch that
 * the same set signs, so that only changes of the set need a proof.
 */
export function verifyEpochProof(
  trusted: TrustedSet,
  proof: EpochProof,
  options: { readonly epochs?: EpochRule; readonly bls?: Pick<Bls, 'verifyAggregate' | 'isKey'> } = {},
): Verified<ProvenEpoch> {
  const { header, certificate, nextSet } = proof
  const boundary = verifyFinality(trusted, { header, path: [], certificate }, options)
  if (!boundary.ok) return boundary
  if (!header.endsEpoch || header.nextSetHash === undefined) {
    return proofFails('endsEpoch', `block ${header.height} does not end epoch ${header.epoch}`)
  }
  const set = nextSet ?? trusted.set
  if (!equalBytes(validatorSetHash(set), header.nextSetHash)) {
    const what =
      nextSet === undefined ? 'no set was given, and the boundary changes it' : 'another set was given'
    return proofFails('nextSetHash', `block ${header.height} names the next validator set; ${what}`)
  }
  const wrong = nextSet === undefined ? undefined : checkValidatorSet(nextSet, options.bls)
  if (wrong !== undefined) return { ok: false, failure: wrong }
  const { genesisHash } = trusted
  const next = trustedSet({ genesisHash, epoch: header.epoch + 1, height: header.height, set })
  return { ok: true, value: { next, boundary: boundary.value } }
}
