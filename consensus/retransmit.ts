// What a node repeats while nothing becomes final (CONSENSUS §4 "Timers"), idle or not.
import type { Vote } from '../base/protocol/vote.ts'
import { ask, replyTo } from './fetching.ts'
import type { ConsensusMessage } from './messages.ts'
import { sendProposal } from './proposing.ts'
import type { EpochState } from './state.ts'
import { jitter, QUIET_MS } from './timers.ts'
import type { Sender } from './types.ts'

/** Most own unfinalized finalize votes and own votes in gaps repeated at once. */
const WAITING_MAX = 64
/** A peer gets the proposal of one view again after this long. */
const PROPOSAL_AGAIN_MS = 5_000

/** Repeats every 1 to 2 s while nothing has been finalized for 1 s. */
export function retransmit(state: EpochState, nowMs: number): void {
  const quietAtMs = state.lastFinalityMs + QUIET_MS
  if (nowMs < quietAtMs) {
    state.retransmitAtMs = Math.max(state.retransmitAtMs, quietAtMs)
    return
  }
  if (nowMs < state.retransmitAtMs) return
  state.retransmitCount++
  state.retransmitAtMs = nowMs + 1_000 + jitter(state.shared.jitterSeed, state.retransmitCount, 1_000)
  for (const message of repeated(state)) state.emit({ kind: 'send', to: { kind: 'all' }, message })
  if (state.ended) return
  requestProposal(state)
  const leader = state.leaderOf(state.view)
  if (state.hasWork() && leader !== state.self) state.emit({ kind: 'shareTransactions', leader })
}

/** The vote of the current view's proposal when its body is held. */
function proposalVote(state: EpochState): Vote | undefined {
  const proposal = state.proposals.get(state.view)
  if (proposal === undefined || state.blocks.block(proposal.subject.digest) === undefined) return undefined
  return proposal.own ? ownVote(state, 'notarize') : proposal.vote
}

/** Asks the leader and another for a proposal that this node could still vote for and does not hold. */
function requestProposal(state: EpochState): void {
  const { epoch, view, self } = state
  if (self === undefined || state.armedAtMs === undefined || state.isLeader(view)) return
  if (state.own.of(view).nullified !== undefined || proposalVote(state) !== undefined) return
  const message: ConsensusMessage = { kind: 'proposalRequest', body: { epoch, view } }
  ask(state, { message, attempt: state.retransmitCount, preferred: state.leaderOf(view) })
}

/** Sends the current view's proposal to the peer that asks for it: a whole block, so only now and then. */
export function onProposalRequest(state: EpochState, nowMs: number, from: Sender, view: number): void {
  const vote = view === state.view ? proposalVote(state) : undefined
  if (vote === undefined || !state.allow(`proposal:${view}:${from.peer}`, nowMs, PROPOSAL_AGAIN_MS)) return
  sendProposal(state, vote, replyTo(from))
}

/** A view below the current one without any certificate: lost with a journal, and recoverable from votes. */
function isInGap(state: EpochState, view: number): boolean {
  return view < state.view && state.certificates.isGap(view)
}

function ownVote(state: EpochState, kind: 'notarize' | 'nullify'): Vote | undefined {
  for (const vote of state.ownSigned.values()) {
    if (vote.subject.view === state.view && vote.subject.kind === kind) return vote
  }
  return undefined
}

/** The highest F, the entry certificate, own current votes, own waiting finalizes, own votes of lost certificates, status. */
function repeated(state: EpochState): readonly ConsensusMessage[] {
  const messages: ConsensusMessage[] = []
  const final = state.certificates.highestFinal
  if (final !== undefined) messages.push({ kind: 'certificate', body: final })
  const entry = state.entryCertificate
  if (entry !== undefined && entry !== final && entry.subject.view > state.finalizedView) {
    messages.push({ kind: 'certificate', body: entry })
  }
  const waiting = [...state.ownSigned.values()]
    .filter(({ subject }) => subject.kind === 'finalize' || isInGap(state, subject.view))
    .sort((a, b) => b.subject.view - a.subject.view)
    .slice(0, WAITING_MAX)
  const current = [ownVote(state, 'notarize'), ownVote(state, 'nullify')]
  for (const vote of [...current, ...waiting])
    if (vote !== undefined) messages.push({ kind: 'vote', body: vote })
  messages.push({
    kind: 'status',
    body: {
      epoch: state.epoch,
      view: state.view,
      finalizedView: state.finalizedView,
      finalizedHeight: state.blocks.tip.header.height,
    },
  })
  return messages
}
