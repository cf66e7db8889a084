// Follows the chain of validator sets through one provider, in bounded batches (CONSENSUS §7). Owns: requests, order.
// Not: the checks (base/protocol), the stored state (lightClient.ts).
import { equalBytes, toHex } from '../base/bytes.ts'
import type { Hash32 } from '../base/ids.ts'
import { verifyEpochProof } from '../base/protocol/epochProof.ts'
import type { TrustedSet } from '../base/protocol/finalityProof.ts'
import { type RecoveryFile, recoveryHash } from '../base/protocol/recovery.ts'
import { followRecovery } from '../base/protocol/recoveryRules.ts'
import { validatorSetHash } from '../base/protocol/validators.ts'
import { AnswerReader } from './answers.ts'
import { LightClientError } from './errors.ts'
import type { Provider } from './provider.ts'

/** Proofs per request; a node's maximum. */
const BATCH = 64
/** Consecutive answers without a proof: a provider may claim endless epochs. */
const EMPTY_ANSWERS_MAX = 64

/** One step: the next set, and the boundary that named it (absent for a recovery). */
export interface EpochStep {
  readonly trusted: TrustedSet
  readonly boundary?: { readonly epoch: number; readonly hash: Hash32 }
}

export interface WalkOptions {
  readonly provider: Provider
  readonly from: TrustedSet
  /** Recovery files that the user trusts: they continue the chain after a lost quorum. */
  readonly recoveries: readonly RecoveryFile[]
  /** Called for each step in order; return true to stop. */
  readonly onStep: (step: EpochStep) => boolean
}

/** The sets of the recoveries between `from` and a block of `epoch`. Throws when a file is refused. */
function* recoveredSets(
  from: TrustedSet,
  epoch: number,
  files: readonly RecoveryFile[],
): Generator<TrustedSet, void> {
  let trusted = from
  for (;;) {
    const file = files.find(({ recovery }) => {
      const leads = recovery.epoch > trusted.epoch && recovery.epoch <= epoch
      return leads && equalBytes(validatorSetHash(recovery.previous), trusted.setHash)
    })
    if (file === undefined) return
    const pin = recoveryHash(file.recovery)
    // The user vouches for the file, so its own hash is the pin.
    const result = followRecovery(trusted, file, { pinned: [pin] })
    if (!result.ok) {
      const { rule, reason } = result.fault
      throw new LightClientError('input', `recovery ${toHex(pin)} breaks its rule ${rule}: ${reason}`)
    }
    trusted = result.value
    yield trusted
  }
}

/** Verifies every set change from `from` to the provider's current epoch. Throws LightClientError. */
export async function walkEpochs({ provider, from, recoveries, onStep }: WalkOptions): Promise<void> {
  const reader = new AnswerReader(provider.name)
  let trusted = from
  let fromEpoch = from.epoch
  let emptyAnswers = 0
  for (;;) {
    const params = { fromEpoch, max: BATCH, changesOnly: true }
    const answer = reader.epochProofs(await provider.request('chain_epochProofs', params), BATCH)
    for (const proof of answer.proofs) {
      for (const next of recoveredSets(trusted, proof.header.epoch, recoveries)) {
        trusted = next
        if (onStep({ trusted })) return
      }
      const result = verifyEpochProof(trusted, proof, { epochs: 'sameSet' })
      if (!result.ok) return reader.fails(result.failure.check, result.failure.reason)
      const { next, boundary } = result.value
      trusted = next
      if (onStep({ trusted, boundary: { epoch: boundary.header.epoch, hash: boundary.hash } })) return
    }
    if (answer.nextEpoch >= answer.epoch) {
      for (const next of recoveredSets(trusted, answer.epoch, recoveries))
        if (onStep({ trusted: next })) return
      return
    }
    emptyAnswers = answer.proofs.length === 0 ? emptyAnswers + 1 : 0
    if (answer.nextEpoch <= fromEpoch || emptyAnswers > EMPTY_ANSWERS_MAX) {
      const reason = `${provider.name} claims epoch ${answer.epoch} without proofs from epoch ${fromEpoch} on`
      throw new LightClientError('provider', reason, { provider: provider.name })
    }
    fromEpoch = answer.nextEpoch
  }
}
