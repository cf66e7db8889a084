// Single votes from peers, and the checks that some rules need on them. Not: aggregation (certificateIntake.ts).
import { isWellFormedSubject, VOTE_KINDS, type Vote } from '../base/protocol/vote.ts'
import { checkVotes, mayJoin } from './certificateIntake.ts'
import type { EpochState } from './state.ts'
import type { Sender } from './types.ts'
import { FUTURE_VIEWS_MAX } from './votePool.ts'

/**
 * Handles a vote of this epoch (the router checks that). An unverified vote counts only from its signer's own authenticated
 * connection (CONSENSUS §2), so its signer is in the set.
 */
export function onVote(state: EpochState, from: Sender, vote: Vote): void {
  const { subject, signer } = vote
  if (!isWellFormedSubject(subject)) {
    state.emit({ kind: 'penalise', peer: from.peer, reason: 'malformed vote' })
    return
  }
  if (from.validator !== signer || signer === state.self) return
  if (subject.view > state.view + FUTURE_VIEWS_MAX) return
  state.voteSenders.set(vote, from.peer)
  noteLatest(state, vote)
  admitVote(state, vote, 'unverified')
}

function noteLatest(state: EpochState, vote: Vote): void {
  const latest = state.latestVotes.get(vote.signer)
  if (latest === undefined || latest.subject.view < vote.subject.view) {
    state.latestVotes.set(vote.signer, vote)
  }
}

/** Adds a vote to the pool and looks for conflicts with the signer's earlier votes. */
export function admitVote(state: EpochState, vote: Vote, trust: 'verified' | 'unverified'): void {
  // Older than the pool keeps: no longer of use.
  if (vote.subject.view + 16 < state.finalizedView) return
  if (!state.pool.add(vote, trust)) return
  if (trust === 'verified') {
    state.proofs.set(vote, 'proven')
    state.activity.note(vote.subject.view, [vote.signer])
  }
  settleConflicts(state, vote.subject.view, vote.signer)
}

/**
 * Verifies both sides of an apparent conflict, then reports it as misbehaviour: one vote of a signer and view at a time,
 * because an invalid first vote makes the second one's check needless, and once, because one proof convicts.
 */
export function settleConflicts(state: EpochState, view: number, signer: number): void {
  for (const { first, second } of state.pool.conflicts(view, signer)) {
    const isByLeader = state.leaderOf(view) === signer
    const twoProposals = first.subject.kind === 'notarize' && second.subject.kind === 'notarize' && isByLeader
    const key = `${view}:${signer}`
    const isReported = state.reportedMisbehaviour.has(key)
    if (isReported && (!twoProposals || state.equivocated.has(view))) continue
    const proofs = [first, second].map((vote) => state.proofs.get(vote))
    if (proofs.includes('disproven')) continue
    if (proofs.includes('checking')) return
    const open = [first, second].find((vote) => state.proofs.get(vote) === undefined)
    if (open !== undefined) {
      state.proofs.set(open, 'checking')
      checkVotes(state, [open])
      return
    }
    if (twoProposals) state.equivocated.add(view)
    if (isReported) continue
    if (state.reportedMisbehaviour.size >= 1024) state.reportedMisbehaviour.clear()
    state.reportedMisbehaviour.add(key)
    state.emit({ kind: 'misbehaviour', misbehaviour: { kind: 'votes', first, second } })
  }
}

/** Verifies votes of the current view that a rule waits for: f+1 nullifies, the leader's nullify, need (e). */
export function checkVotesThatMatter(state: EpochState): void {
  const { view, pool } = state
  const mayNullify = state.self !== undefined && state.own.of(view).nullified === undefined
  const nullifies = pool.unverified(view, 'nullify')
  const leaders = nullifies.filter((vote) => vote.signer === state.leaderOf(view))
  const total = pool.votes(view, 'nullify').length
  if (mayNullify && nullifies.length > 0 && total >= state.faultyMax + 1) {
    const joined = nullifies.filter((vote) => mayJoin(state, vote))
    if (joined.length > 0) checkVotes(state, joined)
  } else if (mayNullify && leaders.length > 0) checkVotes(state, leaders)
  if (state.armedAtMs !== undefined || pool.hasVerified(view) || pool.isChecking(view)) return
  for (const kind of VOTE_KINDS) {
    const first = pool.unverified(view, kind)[0]
    if (first === undefined) continue
    checkVotes(state, [first])
    return
  }
}

/** Whether the leader is inactive; first verifies its latest vote when only that could prove it active. */
export function isLeaderInactive(state: EpochState): boolean {
  const leader = state.leaderOf(state.view)
  if (leader === state.self || !state.activity.isInactive(leader, state.view)) return false
  const latest = state.latestVotes.get(leader)
  if (latest === undefined || latest.subject.view < state.view - 2 * state.validatorCount) return true
  state.latestVotes.delete(leader)
  const trust = state.pool.trustOf(latest)
  if (trust === 'verified') state.activity.note(latest.subject.view, [leader])
  else checkVotes(state, [latest])
  return false
}
