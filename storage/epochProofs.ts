// Boundary header, F and next set of every epoch, never pruned (CONSENSUS §4, §7). Owns: making them at a commit.
// Not: when they are written (chainStore.ts), their verification (base/protocol/epochProof.ts).
import { equalBytes } from '../base/bytes.ts'
import { type EpochProof, epochProofSchema } from '../base/protocol/epochProof.ts'
import type { Header } from '../base/protocol/header.ts'
import { type ValidatorSet, validatorSetHash } from '../base/protocol/validators.ts'
import { validatorSet } from '../state/modules/providers/validatorSet.ts'
import type { StateReader } from '../state/view.ts'
import type { ChainStore, CommitBlock } from './types.ts'

/** Encoded proofs of the certified boundary blocks among `blocks`; `state` is the state before the first block. */
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

/** The set that a boundary names: `current` if its hash matches, else from the stored proofs. */
export function setAfter(
  store: Pick<ChainStore, 'epochProof'>,
  boundary: Header,
  current: ValidatorSet,
): ValidatorSet | undefined {
  const { nextSetHash } = boundary
  if (nextSetHash === undefined) return undefined
  if (equalBytes(validatorSetHash(current), nextSetHash)) return current
  // The last change at or before the boundary made this set.
  for (let epoch = boundary.epoch; epoch >= 0; epoch--) {
    const set = store.epochProof(epoch)?.nextSet
    if (set !== undefined) return equalBytes(validatorSetHash(set), nextSetHash) ? set : undefined
  }
  return undefined
}

/** How far back to look for a set on a peer's request; beyond that the peer can walk the proofs itself. */
const EPOCHS_BACK_MAX = 256

/**
 * The validator set of `epoch`, from the last change before it; the genesis set if none changed it. Undefined when this node
 * does not know the epoch, or the change is too far back.
 */
export function setOfEpoch(
  store: Pick<ChainStore, 'epochProof'>,
  epoch: number,
  genesisSet: ValidatorSet,
): ValidatorSet | undefined {
  const last = Math.max(0, epoch - EPOCHS_BACK_MAX)
  for (let before = epoch - 1; before >= last; before--) {
    const proof = store.epochProof(before)
    if (proof === undefined) return undefined
    if (proof.nextSet !== undefined) return proof.nextSet
  }
  return last === 0 ? genesisSet : undefined
}
