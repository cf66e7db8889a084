// What this node holds of one validator, for that validator's own check after a start (CONSENSUS §5). Not: the check
// itself (node/ownVoteCheck.ts, signer/localSigner.ts).
import { VOTE_KINDS, type Vote } from '../base/protocol/vote.ts'
import { HELD_VOTES_MAX, type HeldVotes } from './messages.ts'
import type { EpochState } from './state.ts'

/** Its votes, those of the highest views first, and the highest F: at or below it nothing is voted again. */
export function heldVotesOf(
  state: Pick<EpochState, 'epoch' | 'pool' | 'certificates'>,
  signer: number,
): HeldVotes {
  const { epoch, pool, certificates } = state
  const votes: Vote[] = []
  for (const view of [...pool.views()].reverse()) {
    for (const kind of VOTE_KINDS) {
      const vote = pool.get(view, kind, signer)
      if (vote !== undefined && votes.length < HELD_VOTES_MAX) votes.push(vote)
    }
  }
  return { epoch, final: certificates.highestFinal, votes }
}
