// Proofs for the signer that an epoch has begun (CONSENSUS §5). Owns: finding them in the store and among the accepted
// recoveries. Not: their verification (base/protocol/epochStep.ts).
import { equalBytes } from '../../base/bytes.ts'
import type { EpochStep } from '../../base/protocol/epochStep.ts'
import type { EpochEvidence } from '../../consensus/ports.ts'
import type { ChainStore } from '../../storage/types.ts'
import type { RecoveryBook } from './recoveries.ts'

/** Steps in one answer: a signer verifies them in a few hundred milliseconds. */
const STEPS_MAX = 16
/** Epochs looked at in one turn of the event loop. */
const EPOCHS_PER_TURN = 256

interface Sources {
  readonly store: Pick<ChainStore, 'epochProof'>
  readonly book: Pick<RecoveryBook, 'all'>
}

/** Changes of the set, recoveries and the last boundary, ascending, from `fromEpoch` towards `epoch`. */
export async function epochSteps(
  { store, book }: Sources,
  fromEpoch: number,
  epoch: number,
): Promise<readonly EpochStep[]> {
  const recoveries = book
    .all()
    .filter(({ recovery }) => recovery.epoch > fromEpoch && recovery.epoch <= epoch)
  const steps: EpochStep[] = []
  for (let at = fromEpoch; at < epoch && steps.length < STEPS_MAX; at++) {
    if (at % EPOCHS_PER_TURN === 0) await new Promise((resolve) => setImmediate(resolve))
    const begun = recoveries.find(({ recovery }) => recovery.epoch === at && at > fromEpoch)
    if (begun !== undefined) steps.push({ boundary: undefined, recovery: begun.file })
    // Epochs that a recovery skipped have no proof.
    const boundary = store.epochProof(at)
    if (boundary === undefined) continue
    const { setHash, nextSetHash } = boundary.header
    const changes = nextSetHash !== undefined && !equalBytes(setHash, nextSetHash)
    if (changes || at === epoch - 1) steps.push({ boundary, recovery: undefined })
  }
  const last = recoveries.find(({ recovery }) => recovery.epoch === epoch)
  if (last !== undefined && steps.length < STEPS_MAX) steps.push({ boundary: undefined, recovery: last.file })
  return steps
}

/** Evidence for the epoch of an accepted recovery, wherever this node's head is: the signer's own member signed it. */
export function recoveryEvidence(
  store: Sources['store'],
  book: Sources['book'],
  epoch: number,
): EpochEvidence {
  return (fromEpoch) => epochSteps({ store, book }, fromEpoch, epoch)
}
