// When to give up on a view (CONSENSUS §4 "Nullify"): the triggers, one function each. Not: the gate (canSign.ts).
import { canSign } from './canSign.ts'
import { judgeProposal } from './proposalRules.ts'
import type { EpochState } from './state.ts'
import { nullifySubject } from './subject.ts'
import { type Deadlines, deadlines, type LeaderTime } from './timers.ts'
import { isLeaderInactive } from './voteIntake.ts'
import { castVote } from './voting.ts'

export type NullifyTrigger =
  | 'leaderTimer'
  | 'advanceTimer'
  | 'invalidProposal'
  | 'buildFailed'
  | 'leaderNullified'
  | 'enoughNullified'
  | 'leaderInactive'
  | 'leaderUnable'

/** Deadlines of the current view; undefined while it is not needed. */
export function currentDeadlines(state: EpochState): Deadlines | undefined {
  if (state.armedAtMs === undefined) return undefined
  return deadlines({
    parameters: state.parameters,
    armedAtMs: state.armedAtMs,
    waitMs: state.armedWaitMs,
    steps: state.steps(state.view),
    time: leaderTime(state),
  })
}

/** A leader never gives itself up early. */
function leaderTime(state: EpochState): LeaderTime {
  const { view, leaders } = state
  const leader = state.leaderOf(view)
  const divisor = state.isLeader(view) ? 1 : leaders.timeDivisor(leader, state.turnOf(view))
  return { divisor, leastMs: leaders.leastMs(leader) }
}

/** A stored proposal that is not known to be bad or late stops the leader's timer. */
function leaderHasProposed(state: EpochState, nowMs: number): boolean {
  const { kind } = judgeProposal(state, nowMs, state.view)
  return kind !== 'missing' && kind !== 'late' && kind !== 'invalid' && kind !== 'early'
}

function isUnableToPropose(state: EpochState): boolean {
  if (!state.isLeader(state.view) || state.own.of(state.view).notarized !== undefined) return false
  const parent = state.parent()
  return parent === undefined || !state.blocks.isVerified(parent.digest)
}

/** Why the current view should be given up, or undefined. */
export function nullifyTrigger(state: EpochState, nowMs: number): NullifyTrigger | undefined {
  const { view, pool } = state
  if (pool.verifiedCount(view, 'nullify') >= state.faultyMax + 1) return 'enoughNullified'
  if (pool.isVerified(view, 'nullify', state.leaderOf(view))) return 'leaderNullified'
  if (judgeProposal(state, nowMs, view).kind === 'invalid') return 'invalidProposal'
  if (state.buildFailed) return 'buildFailed'
  const times = currentDeadlines(state)
  if (times === undefined) return undefined
  if (nowMs >= times.advanceAtMs) return 'advanceTimer'
  if (nowMs >= times.leaderAtMs && !leaderHasProposed(state, nowMs)) return 'leaderTimer'
  if (nowMs >= times.halfAtMs && isUnableToPropose(state)) return 'leaderUnable'
  if (!leaderHasProposed(state, nowMs) && isLeaderInactive(state)) return 'leaderInactive'
  return undefined
}

/** Nullifies the current view when a trigger fires and the gate allows it; never during range sync. */
export function castNullify(state: EpochState, nowMs: number): boolean {
  if (state.syncing) return false
  const subject = nullifySubject(state.epoch, state.view)
  if (canSign(state, nowMs, subject) !== undefined) return false
  if (nullifyTrigger(state, nowMs) === undefined) return false
  castVote(state, nowMs, subject)
  return true
}

/** Times at which a timer of this view can still fire. */
export function viewDeadlines(state: EpochState, nowMs: number): number[] {
  const times = currentDeadlines(state)
  if (times === undefined || canSign(state, nowMs, nullifySubject(state.epoch, state.view)) !== undefined) {
    return []
  }
  return [times.halfAtMs, times.leaderAtMs, times.advanceAtMs].filter((atMs) => atMs > nowMs)
}
