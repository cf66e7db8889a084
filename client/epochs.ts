// Walks the chain of validator sets with one provider, in bounded batches (CONSENSUS §7). Owns: asking and order.
// Not: the checks (base/protocol), what is kept (lightClient.ts).
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

/** Proofs asked for at once; what a node gives at most. */
const BATCH = 64
/** Answers in a row that bring nothing: a provider may claim epochs without end. */
const EMPTY_ANSWERS_MAX = 64

/** One link: the set it leads to, and the boundary that named it (absent for a recovery). */
export interface EpochStep {
  readonly trusted: TrustedSet
  readonly boundary?: { readonly epoch: number; readonly hash: Hash32 }
}

export interface WalkOptions {
  readonly provider: Provider
  readonly from: TrustedSet
  /** Recovery files that the user named: they lead on where a quorum was lost. */
  readonly recoveries: readonly RecoveryFile[]
  /** Every link in order; answer true to stop there. */
  readonly onStep: (step: EpochStep) => boolean
}

/** The sets of the recoveries that stand between `from` and a block of `epoch`. Throws when a file is refused. */
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
    // Whoever hands over the file names its hash with it.
    const result = followRecovery(trusted, file, { pinned: [pin] })
    if (!result.ok) {
      const { rule, reason } = result.fault
      throw new LightClientError('input', `recovery ${toHex(pin)} breaks its rule ${rule}: ${reason}`)
    }
    trusted = result.value
    yield trusted
  }
}

/** Verifies every change of the set from `from` to the provider's running epoch. Throws LightClientError. */
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
      const reason = `${provider.name} claims epoch ${answer.epoch} and proves no way there from epoch ${fromEpoch}`
      throw new LightClientError('provider', reason, { provider: provider.name })
    }
    fromEpoch = answer.nextEpoch
  }
}
