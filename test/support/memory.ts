// Bounds on a core's memory, whatever peers send (CONSENSUS §2, §9 scenario 22).
import { BLOCK_BYTES_MAX } from '../../base/protocol/limits.ts'
import type { EpochState } from '../../consensus/state.ts'

/** Entry counts of a core's containers by name, each with its maximum. */
export function memoryOf(state: EpochState): readonly { name: string; count: number; most: number }[] {
  const n = state.validatorCount
  // Views that may still matter: those without finality, the window ahead, those kept to detect contradictions, and
  // those dropped only at the next view.
  const open = Math.max(0, state.view - state.finalizedView)
  const views = open + 64 + 16 + 128
  return [
    { name: 'votes', count: state.pool.size, most: 3 * 2 * n * views },
    { name: 'vote views', count: state.pool.views().length, most: views },
    { name: 'certificates', count: state.certificates.size, most: 3 * (open + 64 + 2) },
    { name: 'blocks', count: state.blocks.size, most: 256 + open },
    { name: 'block bytes', count: state.blocks.bytes, most: (64 + 8 + open) * BLOCK_BYTES_MAX },
    { name: 'proposals', count: state.proposals.size, most: open + 8 + 2 },
    { name: 'checks', count: state.checks.size, most: 64 },
    // Each peer may have a full answer and a justification waiting.
    { name: 'jobs', count: state.jobs.size, most: 64 + 260 * n },
    { name: 'certificate loads', count: state.certificateLoads.size, most: 2 * n },
    { name: 'wants', count: state.wants.size, most: 1024 },
    { name: 'rate limits', count: state.peerLimits.size, most: 1024 },
    { name: 'own votes', count: state.ownSigned.size, most: 3 * (open + 2) },
    { name: 'latest votes', count: state.latestVotes.size, most: n },
    { name: 'suspects', count: state.suspects.size, most: n },
    { name: 'equivocations', count: state.equivocated.size, most: views },
    { name: 'reported misbehaviour', count: state.reportedMisbehaviour.size, most: 1024 },
  ]
}

export function memoryFault(state: EpochState): string | undefined {
  const over = memoryOf(state).find(({ count, most }) => count > most)
  return over === undefined ? undefined : `${over.count} ${over.name}, at most ${over.most}`
}
