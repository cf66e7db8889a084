// The life cycle of a proposal: opened, voted on, passed, locked, concluded. Not: what it does (effects.ts), actions, queries.
import { assert, mustExist } from '../../../base/assert.ts'
import type { ActionContext, WriteContext } from '../../context.ts'
import type { StateReader } from '../../view.ts'
import { getMember, mayVote, memberOf, smallestQuorum, validatorIds, windowLength } from './external.ts'
import { OPEN_PROPOSALS_MAX, type Proposal, type Subject, type Votes } from './schema.ts'
import type { ProposalKind, ProposalOutcome } from './shapes.ts'
import { deleteSubject, writeSubject } from './subjects.ts'
import { events, fail, governanceParams, governanceTables } from './tables.ts'
import { lockWindows, tally, withVote } from './voting.ts'

/** Most proposals concluded in one block; the others follow in the next. */
export const CONCLUDED_PER_BLOCK_MAX = 16
const NONE_OPEN = { nextId: 1, proposals: [] }

/** The open proposals, by id. */
export function openProposals(state: StateReader) {
  return governanceTables.open.get(state, {}) ?? NONE_OPEN
}

/** When the next proposal is due, milliseconds; undefined without open proposals. */
export function dueAtMs(state: StateReader): number | undefined {
  const due = openProposals(state).proposals.map(({ dueMs }) => dueMs)
  return due.length === 0 ? undefined : Math.min(...due)
}

/** Members whose votes count: validators of the running epoch that have not lost the vote since. */
export function votersOf(state: StateReader): readonly number[] {
  return validatorIds(state).filter((id) =>
    mayVote(mustExist(getMember(state, id), 'a validator is a member')),
  )
}

/** Governance never leaves fewer votes than this: the quorum of the smallest set. */
export function votersMin(state: StateReader): number {
  return smallestQuorum(state)
}

/** Whether enough votes remain if this member loses its own. */
export function canLoseVote(state: StateReader, provider: number): boolean {
  const voters = votersOf(state)
  return !voters.includes(provider) || voters.length > votersMin(state)
}

/** The sender as a member whose vote counts. */
export function voterOf(ctx: ActionContext): number | undefined {
  const id = memberOf(ctx.state, ctx.sender)
  return id !== undefined && votersOf(ctx.state).includes(id) ? id : undefined
}

/** The sender as a voter with room for one more proposal. */
export function proposerOf(ctx: ActionContext) {
  const id = voterOf(ctx)
  if (id === undefined) return { refused: fail.NotValidator({ sender: ctx.sender }) }
  const maximum = governanceParams.get(ctx.state).openPerMemberMax
  const own = openProposals(ctx.state).proposals.filter(({ proposer }) => proposer === id).length
  return own >= maximum ? { refused: fail.TooManyProposals({ maximum }) } : { id }
}

const toSeconds = (ms: number): number => Math.ceil(ms / 1000)

/** Opens a proposal with the proposer's approval. The caller has checked bounds and validity. */
export function openProposal(
  ctx: WriteContext,
  opened: Subject & {
    readonly kind: ProposalKind
    readonly provider: number
    readonly proposer: number
  },
): void {
  const { kind, provider, proposer } = opened
  const { nextId: id, proposals } = openProposals(ctx.state)
  assert(proposals.length < OPEN_PROPOSALS_MAX, 'open proposals within the bound')
  const openedMs = ctx.block.timestampMs
  const expiresMs = openedMs + governanceParams.get(ctx.state).votingMs
  governanceTables.proposal.set(
    ctx.state,
    { id },
    { kind, provider, proposer, openedMs, expiresMs, executesMs: 0 },
  )
  writeSubject(ctx.state, id, opened)
  governanceTables.votes.set(ctx.state, { id }, { approve: [], reject: [] })
  const entry = { id, proposer, dueMs: expiresMs }
  governanceTables.open.set(ctx.state, {}, { nextId: id + 1, proposals: [...proposals, entry] })
  const expires = toSeconds(expiresMs)
  events.ProposalOpened(ctx, { proposal: id, proposer, kind, provider, expires })
  castVote(ctx, id, proposer, true)
}

/** Records a member's vote, replacing its earlier one, and applies the result. */
export function castVote(ctx: WriteContext, id: number, provider: number, approve: boolean): void {
  const votes = withVote(governanceTables.votes.mustGet(ctx.state, { id }), provider, approve)
  governanceTables.votes.set(ctx.state, { id }, votes)
  events.Voted(ctx, { proposal: id, provider, approve })
  const proposal = governanceTables.proposal.mustGet(ctx.state, { id })
  const params = governanceParams.get(ctx.state)
  const standing = standingOf(ctx.state, votes)
  const isPassed = proposal.executesMs > 0
  if (standing === 'rejected') conclude(ctx, id, 'rejected')
  else if (standing === 'passed' && !isPassed && ctx.block.timestampMs < proposal.expiresMs) {
    const executesMs = ctx.block.timestampMs + lockWindows(params, proposal.kind) * windowLength(ctx.state)
    schedule(ctx, id, { ...proposal, executesMs })
    events.ProposalPassed(ctx, { proposal: id, executes: toSeconds(executesMs) })
  } else if (standing === 'open' && isPassed) schedule(ctx, id, { ...proposal, executesMs: 0 })
}

function standingOf(state: StateReader, votes: Votes) {
  return tally(votes, votersOf(state), governanceParams.get(state).approvalPpm)
}

/** What changes at the end of a window, before its recount (ECONOMY §3). */
const AT_WINDOW_END: readonly ProposalKind[] = ['parameters', 'class', 'ratings']
/** Due by the end of a window, not by a time. */
const AT_WINDOW_END_MS = Number.MAX_SAFE_INTEGER

/** Writes a proposal and its due time. */
function schedule(ctx: WriteContext, id: number, proposal: Proposal): void {
  governanceTables.proposal.set(ctx.state, { id }, proposal)
  const { executesMs, expiresMs, kind } = proposal
  if (executesMs > 0) setDue(ctx, id, AT_WINDOW_END.includes(kind) ? AT_WINDOW_END_MS : executesMs)
  else setDue(ctx, id, expiresMs)
}

function setDue(ctx: WriteContext, id: number, dueMs: number): void {
  const { nextId, proposals } = openProposals(ctx.state)
  governanceTables.open.set(
    ctx.state,
    {},
    { nextId, proposals: proposals.map((entry) => (entry.id === id ? { ...entry, dueMs } : entry)) },
  )
}

/** Ends and deletes a proposal; `admitted` is the id that an admission assigned. */
export function conclude(ctx: WriteContext, id: number, outcome: ProposalOutcome, admitted?: number): void {
  const { kind, provider } = governanceTables.proposal.mustGet(ctx.state, { id })
  const { nextId, proposals } = openProposals(ctx.state)
  governanceTables.proposal.delete(ctx.state, { id })
  governanceTables.votes.delete(ctx.state, { id })
  governanceTables.text.delete(ctx.state, { id })
  governanceTables.veto.delete(ctx.state, { proposal: id })
  deleteSubject(ctx.state, id, kind)
  governanceTables.open.set(
    ctx.state,
    {},
    { nextId, proposals: proposals.filter((entry) => entry.id !== id) },
  )
  events.ProposalConcluded(ctx, { proposal: id, outcome, provider: admitted ?? provider })
}

/** Whether an unlocked proposal still has its votes; one that has not waits for more, or expires. */
export function stands(ctx: WriteContext, id: number, proposal: Proposal): boolean {
  const votes = governanceTables.votes.mustGet(ctx.state, { id })
  // The set may have changed since the votes were cast.
  if (proposal.executesMs > 0 && standingOf(ctx.state, votes) === 'passed') return true
  if (proposal.expiresMs <= ctx.block.timestampMs) conclude(ctx, id, 'expired')
  else schedule(ctx, id, { ...proposal, executesMs: 0 })
  return false
}

/**
 * Proposals for a window's end whose lock has ended, oldest first and a bounded number; the rest waits for the next window.
 * The caller concludes each.
 */
export function unlockedAtWindowEnd(ctx: WriteContext): readonly (readonly [number, ProposalKind])[] {
  const waiting = openProposals(ctx.state).proposals.filter(({ dueMs }) => dueMs === AT_WINDOW_END_MS)
  const unlocked: (readonly [number, ProposalKind])[] = []
  for (const { id } of waiting) {
    if (unlocked.length === CONCLUDED_PER_BLOCK_MAX) break
    const proposal = governanceTables.proposal.mustGet(ctx.state, { id })
    if (proposal.executesMs > ctx.block.timestampMs || !stands(ctx, id, proposal)) continue
    unlocked.push([id, proposal.kind])
  }
  return unlocked
}
