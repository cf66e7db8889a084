// Arithmetic of decisions: which parameters are allowed, when votes suffice, how long a lock lasts (ECONOMY §10).
import type { InferFields } from '../../../base/field.ts'
import type { Params } from '../../../base/moduleDefinition.ts'
import { PPM } from '../../../base/units.ts'
import { type governanceSchema, OPEN_PER_MEMBER_MAX, type ProposalKind } from './schema.ts'

export type GovernanceParams = Params<typeof governanceSchema>
export type Votes = InferFields<(typeof governanceSchema)['records']['votes']['value']>

/** The least share that is more than two thirds for every number of voters up to 256. */
const APPROVAL_PPM_MIN = 666_667n
const YEAR_MS = 366 * 86_400_000

/** Why parameters are refused, with the name of one, or undefined. */
export function checkGovernance(
  params: GovernanceParams,
): { readonly path: keyof GovernanceParams; readonly reason: string } | undefined {
  const { approvalPpm, votingMs, openPerMemberMax } = params
  if (approvalPpm < APPROVAL_PPM_MIN || approvalPpm >= PPM) {
    return { path: 'approvalPpm', reason: `expected ${APPROVAL_PPM_MIN} to ${PPM - 1n}` }
  }
  if (votingMs < 1_000 || votingMs > YEAR_MS) {
    return { path: 'votingMs', reason: 'expected one second to a year' }
  }
  for (const path of ['admitLockMs', 'removeLockMs', 'jailLockMs', 'unjailLockMs'] as const) {
    if (params[path] > YEAR_MS) return { path, reason: 'expected at most a year' }
  }
  if (openPerMemberMax < 1 || openPerMemberMax > OPEN_PER_MEMBER_MAX) {
    return { path: 'openPerMemberMax', reason: `expected 1 to ${OPEN_PER_MEMBER_MAX}` }
  }
  return undefined
}

/** Time between enough votes and the effect, milliseconds. */
export function lockMs(params: GovernanceParams, kind: ProposalKind): number {
  switch (kind) {
    case 'admit':
      return params.admitLockMs
    case 'remove':
      return params.removeLockMs
    case 'jail':
      return params.jailLockMs
    case 'unjail':
      return params.unjailLockMs
  }
}

/**
 * Where the votes stand. Only the votes of `voters` count, whoever voted before.
 * `passed`: more than the share approves; `rejected`: it cannot pass any more as the votes are.
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

/** The votes with one member's replaced. */
export function withVote(votes: Votes, provider: number, approve: boolean): Votes {
  const others = (ids: readonly number[]): number[] => ids.filter((id) => id !== provider)
  const joined = (ids: readonly number[]): number[] => [...others(ids), provider].sort((a, b) => a - b)
  return approve
    ? { approve: joined(votes.approve), reject: others(votes.reject) }
    : { approve: others(votes.approve), reject: joined(votes.reject) }
}
