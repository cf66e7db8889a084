// The life cycle of a proposal: opened, voted on, passed, locked, executed or otherwise concluded. Not: actions, queries.
import { assert, mustExist } from '../../../base/assert.ts'
import type { ActionContext, WriteContext } from '../../context.ts'
import type { StateReader } from '../../view.ts'
import type { HardwareClass } from '../catalogue/schema.ts'
import type { ReporterChange } from '../oracle/schema.ts'
import {
  admitMember,
  attest,
  getMember,
  isInJail,
  isKeyTaken,
  jailMember,
  mayBeJailed,
  mayVote,
  memberOf,
  nextMemberId,
  otherSpelling,
  payFromFund,
  refusePeerId,
  removeMember,
  replaceReporters,
  reporterAt,
  resumeMinting,
  smallestQuorum,
  unjailMember,
  validatorIds,
  windowLength,
} from './external.ts'
import {
  type Admission,
  type Attestation,
  OPEN_PROPOSALS_MAX,
  type ParameterChange,
  type Proposal,
  type ProposalKind,
  type ProposalOutcome,
  type Rerating,
  type Spending,
  type Votes,
} from './schema.ts'
import { events, fail, governanceParams, governanceTables } from './tables.ts'
import { lockWindows, tally, withVote } from './voting.ts'

/** Most proposals concluded in one block; the others follow in the next. */
const CONCLUDED_PER_BLOCK_MAX = 16
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

/** What a proposal is about, as its kind has it. */
interface Subject {
  readonly admission?: Admission
  readonly changes?: readonly ParameterChange[]
  readonly attestation?: Attestation
  readonly reporters?: ReporterChange
  readonly spending?: Spending
  readonly hardware?: HardwareClass
  readonly rerating?: Rerating
}

function writeSubject({ state }: WriteContext, id: number, subject: Subject): void {
  const { admission, changes, attestation, reporters, spending, hardware, rerating } = subject
  if (admission !== undefined) governanceTables.admission.set(state, { id }, admission)
  if (changes !== undefined) governanceTables.changes.set(state, { id }, { changes })
  if (attestation !== undefined) governanceTables.attestation.set(state, { id }, attestation)
  if (reporters !== undefined) governanceTables.reporters.set(state, { id }, reporters)
  if (spending !== undefined) governanceTables.spending.set(state, { id }, spending)
  if (hardware !== undefined) governanceTables.class.set(state, { id }, hardware)
  if (rerating !== undefined) governanceTables.rerating.set(state, { id }, rerating)
}

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
  writeSubject(ctx, id, opened)
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
  const { provider } = governanceTables.proposal.mustGet(ctx.state, { id })
  const { nextId, proposals } = openProposals(ctx.state)
  governanceTables.proposal.delete(ctx.state, { id })
  governanceTables.votes.delete(ctx.state, { id })
  governanceTables.admission.delete(ctx.state, { id })
  governanceTables.changes.delete(ctx.state, { id })
  governanceTables.attestation.delete(ctx.state, { id })
  governanceTables.reporters.delete(ctx.state, { id })
  governanceTables.spending.delete(ctx.state, { id })
  governanceTables.class.delete(ctx.state, { id })
  governanceTables.rerating.delete(ctx.state, { id })
  governanceTables.open.set(
    ctx.state,
    {},
    { nextId, proposals: proposals.filter((entry) => entry.id !== id) },
  )
  events.ProposalConcluded(ctx, { proposal: id, outcome, provider: admitted ?? provider })
}

/** Executes unlocked proposals and ends expired ones, oldest first, a bounded number per block. */
export function concludeDue(ctx: WriteContext): void {
  const due = openProposals(ctx.state).proposals.filter(({ dueMs }) => dueMs <= ctx.block.timestampMs)
  for (const { id } of due.slice(0, CONCLUDED_PER_BLOCK_MAX)) {
    const proposal = governanceTables.proposal.mustGet(ctx.state, { id })
    if (stands(ctx, id, proposal)) execute(ctx, id, proposal)
  }
}

/** Whether an unlocked proposal still has its votes; one that has not waits for more, or expires. */
function stands(ctx: WriteContext, id: number, proposal: Proposal): boolean {
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

function execute(ctx: WriteContext, id: number, proposal: Proposal): void {
  const { kind, provider } = proposal
  if (kind === 'admit') {
    const admitted = admit(ctx, governanceTables.admission.mustGet(ctx.state, { id }))
    conclude(ctx, id, admitted === undefined ? 'impossible' : 'executed', admitted)
    return
  }
  if (kind === 'resumeMinting') {
    conclude(ctx, id, resumeMinting(ctx) ? 'executed' : 'impossible')
    return
  }
  if (kind === 'attest') {
    const attested = attest(ctx, governanceTables.attestation.mustGet(ctx.state, { id }))
    conclude(ctx, id, attested ? 'executed' : 'impossible')
    return
  }
  if (kind === 'reporters' || kind === 'absentReporters') {
    const change = governanceTables.reporters.mustGet(ctx.state, { id })
    const isUrgent = kind === 'absentReporters'
    conclude(ctx, id, replaceReporters(ctx, change, isUrgent) ? 'executed' : 'impossible')
    return
  }
  if (kind === 'spend') {
    const paid = payFromFund(ctx, governanceTables.spending.mustGet(ctx.state, { id }))
    conclude(ctx, id, paid ? 'executed' : 'impossible')
    return
  }
  const member = mustExist(getMember(ctx.state, provider), 'a proposal names a member')
  // Another proposal or a conviction may have come first.
  const isPossible =
    kind === 'unjail'
      ? isInJail(ctx.state, provider)
      : (kind === 'remove' ? !member.removed : mayBeJailed(member)) && canLoseVote(ctx.state, provider)
  if (!isPossible) {
    conclude(ctx, id, 'impossible')
    return
  }
  if (kind === 'remove') removeMember(ctx, provider)
  else if (kind === 'jail') jailMember(ctx, provider)
  else unjailMember(ctx, provider)
  conclude(ctx, id, 'executed')
}

/** The new member's id, or undefined when its operator, key, peer id or legal group's spelling has been taken meanwhile, or its operator reports. */
function admit(ctx: WriteContext, admission: Admission): number | undefined {
  const { operator, consensusKey, peerId, ...profile } = admission
  const id = nextMemberId(ctx.state)
  if (id === undefined || memberOf(ctx.state, operator) !== undefined) return undefined
  if (reporterAt(ctx.state, operator) !== undefined) return undefined
  // Possession was proven when the proposal was opened.
  if (isKeyTaken(ctx.state, consensusKey)) return undefined
  if (refusePeerId(ctx.state, peerId) !== undefined) return undefined
  if (otherSpelling(ctx.state, profile.legalGroup) !== undefined) return undefined
  admitMember(ctx, { id, operator, consensusKey, peerId, profile })
  return id
}
