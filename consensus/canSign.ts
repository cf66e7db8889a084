// The one gate before every own vote (CONSENSUS §4). The signer repeats the flag checks on its own record.
import { type Subject, sameBlock } from '../base/protocol/vote.ts'
import type { FlagRefusal } from './ownVotes.ts'
import { certifiedSubject, judgeProposal } from './proposalRules.ts'
import type { EpochState } from './state.ts'

export type SignRefusal =
  | FlagRefusal
  | 'observer'
  | 'stopped'
  | 'wrongEpoch'
  | 'notCurrent'
  | 'notTheProposal'
  | 'equivocation'
  | 'notReady'
  | 'notCertified'
  | 'notVerified'

/** Why this vote must not be cast now, or undefined. Every code path that votes goes through here. */
export function canSign(state: EpochState, nowMs: number, subject: Subject): SignRefusal | undefined {
  if (state.self === undefined) return 'observer'
  if (state.halted || state.isEnding) return 'stopped'
  if (subject.epoch !== state.epoch) return 'wrongEpoch'
  const flags = state.own.refuses(subject)
  if (flags !== undefined) return flags
  if (state.own.has(subject))
    return subject.kind === 'notarize' ? 'notarized' : subject.kind === 'nullify' ? 'nullified' : 'finalized'
  if (subject.kind === 'nullify') return subject.view === state.view ? undefined : 'notCurrent'
  if (subject.kind === 'notarize') return canNotarize(state, nowMs, subject)
  return canFinalize(state, subject)
}

function canNotarize(state: EpochState, nowMs: number, subject: Subject): SignRefusal | undefined {
  if (subject.view !== state.view) return 'notCurrent'
  if (state.equivocated.has(subject.view)) return 'equivocation'
  const proposal = state.proposals.get(subject.view)
  if (proposal === undefined || !sameBlock(proposal.subject, subject)) return 'notTheProposal'
  return judgeProposal(state, nowMs, subject.view).kind === 'ready' ? undefined : 'notReady'
}

/** `refuses` has already checked v > lastFinalized: it is the floor of the flags. */
function canFinalize(state: EpochState, subject: Subject): SignRefusal | undefined {
  const certified = certifiedSubject(state, subject.view)
  if (certified === undefined || !sameBlock(certified, subject)) return 'notCertified'
  return state.blocks.isVerified(certified.digest) ? undefined : 'notVerified'
}
