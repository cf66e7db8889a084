// Whether the proposal of a view is valid here and now (CONSENSUS §4 "Notarize", "Epochs"). Read-only.
import { equalBytes } from '../base/bytes.ts'
import type { Hash32 } from '../base/ids.ts'
import type { SealedBlock } from '../base/protocol/header.ts'
import type { EpochState, HeldProposal } from './state.ts'
import { type BlockSubject, hasBlock } from './subject.ts'
import { backedOff } from './timers.ts'

export type InvalidReason =
  | 'parentBelowFinalized'
  | 'boundaryReproposedWrongly'
  | 'notOnBoundary'
  | 'wrongParent'
  | 'wrongEpoch'
  | 'wrongView'
  | 'wrongProposer'
  | 'wrongHeight'
  | 'tooSoon'
  | 'badReveal'
  | 'execution'

/** What a proposal lacks for our notarize vote, the first that applies; or `ready`. */
export type Judgement =
  | { readonly kind: 'missing' }
  | { readonly kind: 'body'; readonly digest: Hash32 }
  /** A certificate of the parent or of a skipped view is not held. */
  | { readonly kind: 'ancestry'; readonly parentView: number }
  | { readonly kind: 'unverified'; readonly digest: Hash32 }
  | { readonly kind: 'reveal' }
  | { readonly kind: 'late' }
  | { readonly kind: 'early'; readonly atMs: number }
  | { readonly kind: 'invalid'; readonly reason: InvalidReason }
  | { readonly kind: 'ready'; readonly subject: BlockSubject; readonly block: SealedBlock }

const invalid = (reason: InvalidReason): Judgement => ({ kind: 'invalid', reason })

/** Judged once, when the first complete proposal arrives; an early timestamp only has to wait. */
export function judgeTimestamp(
  state: EpochState,
  wallMs: number,
  options: { readonly view: number; readonly timestampMs: number },
): 'timely' | 'late' {
  const { messageDelayMs, precisionMs } = state.parameters
  const delayMs = backedOff(messageDelayMs, state.steps(options.view))
  return options.timestampMs < wallMs - delayMs - precisionMs ? 'late' : 'timely'
}

/** Applies every guard of a proposal in `view`, cheapest first. */
export function judgeProposal(state: EpochState, nowMs: number, view: number): Judgement {
  const proposal = state.proposals.get(view)
  if (proposal === undefined) return { kind: 'missing' }
  const { parentView, digest } = proposal.subject
  if (parentView < state.finalizedView) return invalid('parentBelowFinalized')
  const block = state.blocks.block(digest)
  if (block === undefined) return { kind: 'body', digest }
  const parent = state.certificates.parentAt(parentView)
  if (parent === undefined || !state.certificates.skipsAll(parentView, view)) {
    return { kind: 'ancestry', parentView }
  }
  if (equalBytes(parent.digest, digest)) return judgeReproposal(state, proposal, block)
  const parentBlock = state.blocks.block(parent.digest)
  if (parentBlock === undefined) return { kind: 'body', digest: parent.digest }
  if (state.isBoundary(parentBlock)) return invalid('notOnBoundary')
  const reason = checkHeader(state, { proposal, block, parent: parentBlock, view })
  if (reason !== undefined) return invalid(reason)
  return judgeExecution(state, nowMs, { proposal, block, parent: parentBlock })
}

/** A boundary certified at the parent view may be re-proposed unchanged; no other block may. */
function judgeReproposal(state: EpochState, proposal: HeldProposal, block: SealedBlock): Judgement {
  // The floor is a boundary of the previous epoch, not of this one.
  if (!state.isBoundary(block)) return invalid('boundaryReproposedWrongly')
  const verdict = state.blocks.get(block.hash)?.verdict
  if (verdict === undefined) return { kind: 'unverified', digest: block.hash }
  if (verdict !== 'valid') return invalid('execution')
  return { kind: 'ready', subject: proposal.subject, block }
}

function checkHeader(
  state: EpochState,
  options: { proposal: HeldProposal; block: SealedBlock; parent: SealedBlock; view: number },
): InvalidReason | undefined {
  const { proposal, block, parent, view } = options
  const { header } = block
  if (!equalBytes(header.parentHash, parent.hash)) return 'wrongParent'
  if (header.epoch !== state.epoch) return 'wrongEpoch'
  if (header.view !== view) return 'wrongView'
  const leader = state.validators[state.leaderOf(view)]!
  if (!equalBytes(header.proposer, leader.operator)) return 'wrongProposer'
  if (header.height !== parent.header.height + 1) return 'wrongHeight'
  const soonest = parent.header.timestampMs + state.parameters.minBlockIntervalMs
  // Strictly later even at interval 0, so that time moves with every block.
  if (header.timestampMs < soonest || header.timestampMs <= parent.header.timestampMs) return 'tooSoon'
  if (proposal.reveal === 'invalid') return 'badReveal'
  return undefined
}

function judgeExecution(
  state: EpochState,
  nowMs: number,
  options: { proposal: HeldProposal; block: SealedBlock; parent: SealedBlock },
): Judgement {
  const { proposal, block, parent } = options
  if (proposal.timely === 'late') return { kind: 'late' }
  const atMs = state.whenWall(block.header.timestampMs - state.parameters.precisionMs)
  if (nowMs < atMs) return { kind: 'early', atMs }
  // A certified parent that fails here halts the core (certificateIntake.ts), so it is valid or not yet executed.
  if (!state.blocks.isVerified(parent.hash)) return { kind: 'unverified', digest: parent.hash }
  const verdict = state.blocks.get(block.hash)?.verdict
  if (verdict === undefined) return { kind: 'unverified', digest: block.hash }
  if (verdict !== 'valid') return invalid('execution')
  if (proposal.reveal !== 'valid') return { kind: 'reveal' }
  return { kind: 'ready', subject: proposal.subject, block }
}

/** The block certified by N(v), as a finalize subject needs it. */
export function certifiedSubject(state: EpochState, view: number): BlockSubject | undefined {
  const held = state.certificates.get('notarize', view)
  return held !== undefined && hasBlock(held.subject) ? held.subject : undefined
}
