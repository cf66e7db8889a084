// Proposals from peers: origin, justification, and keeping the first of each view. Not: validity (proposalRules.ts).
import { equalBytes } from '../base/bytes.ts'
import { SchemaError } from '../base/field.ts'
import { openBlock, type SealedBlock } from '../base/protocol/header.ts'
import { isWellFormedSubject, randaoBytes, sameBlock, voteBytes } from '../base/protocol/vote.ts'
import { offerCertificates } from './certificateIntake.ts'
import type { Proposal } from './messages.ts'
import { judgeTimestamp } from './proposalRules.ts'
import type { EpochState, OfferedProposal } from './state.ts'
import { hasBlock } from './subject.ts'
import type { Sender } from './types.ts'
import { admitVote } from './voteIntake.ts'

/** Bodies of proposals this many views ahead are kept; later ones are fetched when their view comes. */
const FUTURE_BODIES_MAX = 8

/** Handles a proposal message: the justification first, since it may advance the view. */
export function onProposal(state: EpochState, nowMs: number, from: Sender, proposal: Proposal): void {
  const { vote, justification } = proposal
  const { subject, signer } = vote
  if (subject.epoch !== state.epoch) return
  if (
    subject.kind !== 'notarize' ||
    !isWellFormedSubject(subject) ||
    signer !== state.leaderOf(subject.view)
  ) {
    state.emit({ kind: 'penalise', peer: from.peer, reason: 'malformed proposal' })
    return
  }
  if (!offerCertificates(state, justification, from.peer)) return
  if (signer === state.self || subject.view <= state.finalizedView) return
  if (subject.view > state.view + FUTURE_BODIES_MAX && justification.length === 0) return
  const held = state.proposals.get(subject.view)
  if (held !== undefined && sameBlock(held.subject, subject) && state.blocks.block(held.subject.digest))
    return
  const block = openBody(state, from, proposal)
  if (block === undefined) return
  if (from.validator === signer) {
    admitProposal(state, { vote, block, trust: 'unverified', arrivedAtMs: state.wallMs(nowMs) })
    return
  }
  // Relayed: only the leader's signature proves its origin.
  if (!state.allow(`relay:${subject.view}:${from.peer}`, nowMs, state.parameters.deltaMs)) return
  const arrivedAtMs = state.wallMs(nowMs)
  const id = state.expect({ kind: 'proposal', vote, block, peer: from.peer, arrivedAtMs })
  const message = voteBytes(state.shared.genesisHash, subject)
  const checks = [{ signers: [signer], message, signature: vote.signature }]
  state.emit({ kind: 'checkSignatures', id, epoch: state.epoch, checks })
}

function openBody(state: EpochState, from: Sender, proposal: Proposal): SealedBlock | undefined {
  try {
    const block = openBlock(proposal.block)
    const { digest } = proposal.vote.subject
    if (digest !== undefined && equalBytes(block.hash, digest)) return block
  } catch (error) {
    if (!(error instanceof SchemaError)) throw error
  }
  state.emit({ kind: 'penalise', peer: from.peer, reason: 'proposal without its block' })
  return undefined
}

/** Keeps the first signed proposal of a view and judges its timestamp once; a second one is only evidence. */
export function admitProposal(state: EpochState, offered: OfferedProposal): void {
  const { vote, block, trust, arrivedAtMs } = offered
  const { subject } = vote
  if (!hasBlock(subject) || subject.view <= state.finalizedView) return
  if (subject.view > state.view + FUTURE_BODIES_MAX) {
    state.farProposal = offered
    return
  }
  const held = state.proposals.get(subject.view)
  if (held === undefined) {
    const timestampMs = block.header.timestampMs
    const timely = judgeTimestamp(state, arrivedAtMs, { view: subject.view, timestampMs })
    state.proposals.set(subject.view, { vote, subject, own: false, timely, reveal: 'unchecked' })
    state.blocks.add(block, state.keepsBody)
    if (state.blocks.block(block.hash) !== undefined) state.journalBlock(block.hash)
    state.emit({
      kind: 'journal',
      record: { kind: 'proposal', body: { epoch: state.epoch, vote, timely } },
    })
  } else if (sameBlock(held.subject, subject)) {
    state.blocks.add(block, state.keepsBody)
  }
  admitVote(state, vote, trust)
}

/** Admits the proposal that was too far ahead once its view is near. */
export function admitFarProposal(state: EpochState): void {
  const far = state.farProposal
  if (far === undefined || far.vote.subject.view > state.view + FUTURE_BODIES_MAX) return
  state.farProposal = undefined
  admitProposal(state, far)
}

/** Requests one check that the randao reveal of a fresh proposal is the leader's. */
export function requestRevealCheck(state: EpochState, view: number): void {
  const proposal = state.proposals.get(view)
  const block = proposal === undefined ? undefined : state.blocks.block(proposal.subject.digest)
  if (proposal === undefined || block === undefined || proposal.reveal !== 'unchecked') return
  proposal.reveal = 'checking'
  const { header } = block
  const id = state.expect({ kind: 'reveal', view })
  const message = randaoBytes(state.shared.genesisHash, header.epoch, header.height)
  const checks = [{ signers: [state.leaderOf(view)], message, signature: header.randaoReveal }]
  state.emit({ kind: 'checkSignatures', id, epoch: state.epoch, checks })
}

export function onRevealChecked(state: EpochState, view: number, valid: boolean): void {
  const proposal = state.proposals.get(view)
  if (proposal !== undefined && proposal.reveal === 'checking') proposal.reveal = valid ? 'valid' : 'invalid'
}
