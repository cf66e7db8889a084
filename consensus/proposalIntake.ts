// Proposals from peers: origin, justification, and keeping the first of each view. Not: validity (proposalRules.ts).
import { equalBytes } from '../base/bytes.ts'
import { SchemaError } from '../base/field.ts'
import { decodeBlock, hasOwnBody, type SealedBlock } from '../base/protocol/header.ts'
import { isWellFormedSubject, randaoBytes, sameBlock, type Vote, voteBytes } from '../base/protocol/vote.ts'
import { offerCertificates } from './certificateIntake.ts'
import type { Proposal } from './messages.ts'
import { judgeTimestamp } from './proposalRules.ts'
import type { EpochState, OfferedProposal } from './state.ts'
import { hasBlock } from './subject.ts'
import type { Sender } from './types.ts'
import { admitVote } from './voteIntake.ts'

/** Bodies of proposals this many views ahead are kept; later ones are fetched when their view comes. */
const FUTURE_BODIES_MAX = 8
/** Signature checks of proposals that may run at once: of those on their leader's own connection, per peer. */
const OWN_CHECKS_MAX = 2
/** Of relayed ones, in all; at most one per peer. */
const RELAYED_CHECKS_MAX = 8

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
  if (!mayCheck(state, nowMs, from, vote)) return
  const block = openBody(state, from, proposal)
  if (block === undefined) return
  // Whoever sends or relays it must have checked this signature too, so a bad one is always the sender's fault.
  const offered = { vote, block, arrivedAtMs: state.wallMs(nowMs) }
  const direct = from.validator === signer
  const id = state.expect({ kind: 'proposal', offered, peer: from.peer, direct })
  const message = voteBytes(state.shared.genesisHash, subject)
  const checks = [{ signers: [signer], message, signature: vote.signature }]
  state.emit({ kind: 'checkSignatures', id, epoch: state.epoch, checks })
}

/** Bounds hashing, signature checks and bodies that wait for one; the leader itself comes before those who relay. */
function mayCheck(state: EpochState, nowMs: number, from: Sender, { subject, signer }: Vote): boolean {
  const { view } = subject
  let [ofPeer, relayed] = [0, 0]
  for (const check of state.checks.values()) {
    if (check.kind !== 'proposal') continue
    if (check.peer === from.peer) ofPeer++
    else if (!check.direct) relayed++
  }
  if (from.validator === signer) return ofPeer < OWN_CHECKS_MAX
  if (ofPeer > 0 || relayed >= RELAYED_CHECKS_MAX) return false
  // Of views too far ahead only one proposal is kept, so they share a limit.
  const place = view > state.view + FUTURE_BODIES_MAX ? 'far' : view
  return state.allow(`relay:${place}:${from.peer}`, nowMs, state.parameters.deltaMs)
}

/** Decodes the body and checks that it is the one that the vote's digest and the header name. */
function openBody(state: EpochState, from: Sender, proposal: Proposal): SealedBlock | undefined {
  let reason = 'proposal without its block'
  try {
    const block = decodeBlock(proposal.block)
    const { digest } = proposal.vote.subject
    if (digest !== undefined && equalBytes(block.hash, digest)) {
      if (hasOwnBody(block)) return block
      reason = "proposal with another block's body"
    }
  } catch (error) {
    if (!(error instanceof SchemaError)) throw error
  }
  state.emit({ kind: 'penalise', peer: from.peer, reason })
  return undefined
}

/** Keeps a proposal whose vote its leader has signed; otherwise the sender pays. */
export function onProposalChecked(
  state: EpochState,
  checked: { readonly offered: OfferedProposal; readonly peer: string },
  isValid: boolean,
): void {
  const { offered, peer } = checked
  if (isValid) admitProposal(state, offered)
  else state.emit({ kind: 'penalise', peer, reason: 'proposal with an invalid signature' })
}

/** Keeps the first signed proposal of a view and judges its timestamp once; a second one is only evidence. */
function admitProposal(state: EpochState, offered: OfferedProposal): void {
  const { vote, block, arrivedAtMs } = offered
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
    state.holdBody(block, subject.view)
    if (state.blocks.block(block.hash) !== undefined) state.journalBlock(block.hash)
    state.emit({
      kind: 'journal',
      record: { kind: 'proposal', body: { epoch: state.epoch, vote, timely } },
    })
  } else if (sameBlock(held.subject, subject)) {
    state.holdBody(block, subject.view)
  }
  admitVote(state, vote, 'verified')
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
