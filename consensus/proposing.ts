// The leader: when to build, on which parent, and what it sends (CONSENSUS §4 "Propose").
import { equalBytes } from '../base/bytes.ts'
import type { SealedBlock } from '../base/protocol/header.ts'
import type { Vote } from '../base/protocol/vote.ts'
import { canSign } from './canSign.ts'
import type { CertifiedParent } from './certificateStore.ts'
import { wantBody } from './fetching.ts'
import type { EpochState } from './state.ts'
import { type BlockSubject, blockSubject, hasBlock } from './subject.ts'
import type { Target } from './types.ts'
import { castVote } from './voting.ts'

/**
 * From this back-off step on, each step halves the block budget; after ten halvings blocks are empty. Every unfinalized
 * block takes a view, so this is long before the 64 unfinalized blocks at which CONSENSUS §4 requires empty ones.
 */
const HALVE_FROM_STEP = 3
const HALVINGS_MAX = 10

/** Re-proposes a boundary at once, or orders a block when this node leads and the view is needed. */
export function propose(state: EpochState, nowMs: number): boolean {
  const { view } = state
  if (!state.isLeader(view) || state.building || state.buildFailed || state.syncing) return false
  const flags = state.own.of(view)
  if (flags.notarized !== undefined || flags.nullified !== undefined || flags.finalized !== undefined) {
    return false
  }
  const parent = state.parent()
  if (parent === undefined) return false
  const block = state.blocks.block(parent.digest)
  if (block === undefined) {
    wantBody(state, nowMs, parent.digest)
    return false
  }
  if (!state.blocks.isVerified(parent.digest)) return false
  if (state.isBoundary(block)) return proposeOwn(state, nowMs, { parent, block })
  if (state.armedAtMs === undefined) return false
  const soonestMs = state.whenWall(
    block.header.timestampMs + Math.max(1, state.parameters.minBlockIntervalMs),
  )
  if (nowMs < soonestMs) {
    state.due(soonestMs)
    return false
  }
  orderBlock(state, nowMs, block)
  return false
}

function orderBlock(state: EpochState, nowMs: number, parent: SealedBlock): void {
  state.building = true
  const halvings = Math.max(0, state.steps(state.view) - HALVE_FROM_STEP + 1)
  state.emit({
    kind: 'build',
    order: {
      epoch: state.epoch,
      view: state.view,
      parent,
      timestampMs: state.wallMs(nowMs),
      halvings,
      emptyOnly: halvings > HALVINGS_MAX,
    },
  })
}

/** Takes the built block as the first proposal of the view, unless the view has moved on. */
export function onBuilt(
  state: EpochState,
  nowMs: number,
  built: { epoch: number; view: number; block: SealedBlock | undefined },
): void {
  if (built.epoch !== state.epoch || built.view !== state.view || !state.building) return
  state.building = false
  const parent = state.parent()
  const { block } = built
  if (block === undefined) {
    state.buildFailed = true
    return
  }
  if (parent === undefined || !equalBytes(block.header.parentHash, parent.digest)) return
  const held = state.holdBody(block, built.view)
  if (held === undefined) return
  held.verdict = 'valid'
  proposeOwn(state, nowMs, { parent, block })
}

/** Journals block and vote; the proposal is sent when the vote comes back signed. */
function proposeOwn(
  state: EpochState,
  nowMs: number,
  options: { parent: CertifiedParent; block: SealedBlock },
): boolean {
  const { parent, block } = options
  const { epoch, view } = state
  const subject = blockSubject('notarize', { epoch, view, parentView: parent.view, digest: block.hash })
  holdOwnProposal(state, subject)
  if (canSign(state, nowMs, subject) !== undefined) {
    state.proposals.delete(view)
    state.buildFailed = true
    return true
  }
  castVote(state, nowMs, subject)
  return true
}

/** Own proposals need no reveal check and were timely when built. */
export function holdOwnProposal(state: EpochState, subject: BlockSubject): void {
  state.proposals.set(subject.view, {
    vote: undefined,
    subject,
    own: true,
    timely: 'timely',
    reveal: 'valid',
  })
}

/** Sends the exact journaled block with its vote and justification; false when the body is gone. */
export function sendProposal(state: EpochState, vote: Vote, to: Target = { kind: 'all' }): boolean {
  const { subject } = vote
  if (!hasBlock(subject)) return false
  const block = state.blocks.block(subject.digest)
  if (block === undefined) return false
  const justification = state.certificates.justification(subject.parentView, subject.view)
  state.emit({
    kind: 'send',
    to,
    message: { kind: 'proposal', body: { vote, block: block.bytes, justification } },
  })
  return true
}
