// Arithmetic of decisions: when votes are enough, how long a lock lasts (ECONOMY §10).
import { mulDivFloor, PPM } from '../../../base/units.ts'
import type { GovernanceParams, Votes } from './schema.ts'
import type { ProposalKind } from './shapes.ts'

/**
 * Windows between enough votes and the effect. A jailing has none: it protects the others. New reporters in the place of absent
 * ones have none either: without a quorum the prices go stale. Freezes, a pause, their ends and a stop of minting act at once.
 */
export function lockWindows(params: GovernanceParams, kind: ProposalKind): number {
  switch (kind) {
    case 'admit':
    case 'remove':
    case 'unjail':
      return params.memberLockWindows
    case 'parameters':
    case 'resumeMinting':
    case 'attest':
    case 'reporters':
    case 'spend':
    case 'class':
    case 'ratings':
    case 'attestors':
    case 'asset':
    case 'requirement':
      return params.parameterLockWindows
    case 'upgrade':
      return params.upgradeLockWindows
    case 'jail':
    case 'absentReporters':
    case 'stopMinting':
    case 'freeze':
    case 'unfreeze':
    case 'pause':
    case 'unpause':
      return 0
  }
}

/**
 * The result so far. Only votes of `voters` count, whoever else has voted.
 * `passed`: more than the share approves; `rejected`: it can no longer pass with these votes.
 */
export function tally(
  votes: Votes,
  voters: readonly number[],
  approvalPpm: bigint,
): 'passed' | 'rejected' | 'open' {
  const of = (ids: readonly number[]): bigint => BigInt(ids.filter((id) => voters.includes(id)).length)
  const needed = BigInt(voters.length) * approvalPpm
  if (of(votes.approve) * PPM > needed) return 'passed'
  return (BigInt(voters.length) - of(votes.reject)) * PPM > needed ? 'open' : 'rejected'
}

/** The least number of voters that is more than the share. */
export function votesNeeded(voters: number, approvalPpm: bigint): number {
  return Number(mulDivFloor(BigInt(voters), approvalPpm, PPM)) + 1
}

/** The votes with one member's replaced. */
export function withVote(votes: Votes, provider: number, approve: boolean): Votes {
  const others = (ids: readonly number[]): number[] => ids.filter((id) => id !== provider)
  const joined = (ids: readonly number[]): number[] => [...others(ids), provider].sort((a, b) => a - b)
  return approve
    ? { approve: joined(votes.approve), reject: others(votes.reject) }
    : { approve: others(votes.approve), reject: joined(votes.reject) }
}
