// Boundary header, F and next set of every epoch, kept for ever (CONSENSUS §4, §7). Owns: making them at a commit.
// Not: when they are written (chainStore.ts), their verification (base/protocol/epochProof.ts).
import { equalBytes } from '../../base/bytes.ts'
import { type EpochProof, epochProofSchema } from '../../base/protocol/epochProof.ts'
import { validatorSet } from '../../state/modules/providers/validatorSet.ts'
import type { StateReader } from '../../state/view.ts'
import type { CommitBlock } from './types.ts'

/** Bytes of the proofs of those `blocks` that end an epoch and are certified; `state` is that before the first. */
export function epochProofsOf(
  blocks: readonly CommitBlock[],
  state: StateReader,
): readonly { readonly epoch: number; readonly bytes: Uint8Array }[] {
  const proofs: { epoch: number; bytes: Uint8Array }[] = []
  for (const [i, { block, certificate }] of blocks.entries()) {
    const { header } = block
    if (!header.endsEpoch || header.nextSetHash === undefined || certificate === undefined) continue
    const latest = blocks.slice(0, i + 1).reverse()
    const after: StateReader = {
      get: (key) => {
        const changed = latest.find(({ changes }) => changes.has(key))
        return changed === undefined ? state.get(key) : changed.changes.get(key)
      },
    }
    const keepsSet = equalBytes(header.nextSetHash, header.setHash)
    const proof: EpochProof = { header, certificate, ...(keepsSet ? {} : { nextSet: validatorSet(after) }) }
    proofs.push({ epoch: header.epoch, bytes: epochProofSchema.encode(proof) })
  }
  return proofs
}
