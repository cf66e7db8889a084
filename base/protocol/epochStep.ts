// One step along the chain of validator sets: a boundary, or a recovery where no boundary leads further (CONSENSUS §5,
// §7). Signers follow it, so that nobody can tell them that an epoch has begun. Not: who supplies the steps (node/).
import { equalBytes, toHex } from '../bytes.ts'
import { bls as fastestBls } from '../crypto/bls.ts'
import type { Bls } from '../crypto/types.ts'
import { message, t } from '../schema.ts'
import { epochProofSchema, verifyEpochProof } from './epochProof.ts'
import type { TrustedSet } from './finalityProof.ts'
import { type RecoveryFile, recoveryFileSchema, recoveryHash } from './recovery.ts'
import { followRecovery } from './recoveryRules.ts'
import { validatorSetHash } from './validators.ts'

/** Exactly one of the two is present. */
export const epochStepSchema = message('EpochStep', {
  boundary: t.optional(epochProofSchema),
  recovery: t.optional(recoveryFileSchema),
})
export type EpochStep = ReturnType<typeof epochStepSchema.decode>

export type Followed =
  | { readonly ok: true; readonly value: TrustedSet }
  /** A full sentence. */
  | { readonly ok: false; readonly reason: string }

type StepBls = Pick<Bls, 'verifyAggregate' | 'isKey' | 'verify' | 'verifyProof'>

/**
 * Verifies one step; the result is the trusted set of the epoch that it begins. A boundary may skip epochs that the same
 * set signed. A recovery counts when it continues from the trusted set, or when `ownKey` is among its signers: that
 * member's operator agreed to it.
 */
export function followStep(
  trusted: TrustedSet,
  step: EpochStep,
  { ownKey, bls = fastestBls }: { readonly ownKey: Uint8Array; readonly bls?: StepBls },
): Followed {
  const { boundary, recovery } = step
  if ((boundary === undefined) === (recovery === undefined)) {
    return { ok: false, reason: 'a step is either a boundary or a recovery' }
  }
  if (boundary !== undefined) {
    const result = verifyEpochProof(trusted, boundary, { epochs: 'sameSet', bls })
    return result.ok ? { ok: true, value: result.value.next } : { ok: false, reason: result.failure.reason }
  }
  const isLinked = equalBytes(validatorSetHash(recovery!.recovery.previous), trusted.setHash)
  if (!isLinked && !isSignedBy(recovery!, ownKey)) {
    const hash = toHex(recoveryHash(recovery!.recovery))
    const reason = `recovery ${hash} neither continues from the trusted set of epoch ${trusted.epoch} nor is signed by this key`
    return { ok: false, reason }
  }
  const pinned = [recoveryHash(recovery!.recovery)]
  const result = followRecovery(trusted, recovery!, { pinned, bls })
  return result.ok ? result : { ok: false, reason: result.fault.reason }
}

/** Whether this key's member signed; `followRecovery` verifies the signature. */
function isSignedBy({ recovery, signatures }: RecoveryFile, key: Uint8Array): boolean {
  const member = recovery.members.find(({ validator }) => equalBytes(validator.consensusKey, key))
  return signatures.some(({ attestation }) => attestation.provider === member?.validator.id)
}
