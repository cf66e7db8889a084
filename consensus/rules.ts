// The rules, applied again after every input until nothing changes (CONSENSUS §4). Owns: their order. Not: the guards.
import { assert } from '../base/assert.ts'
import { equalBytes } from '../base/bytes.ts'
import type { Hash32 } from '../base/ids.ts'
import type { SealedBlock } from '../base/protocol/header.ts'
import { canSign } from './canSign.ts'
import { aggregateVotes } from './certificateIntake.ts'
import type { CertifiedParent } from './certificateStore.ts'
import { askForGap, SYNC_DISTANCE, wantBody, wantCertificates, wantProposal } from './fetching.ts'
import { need } from './need.ts'
import { castNullify, viewDeadlines } from './nullifyRules.ts'
import { admitFarProposal, requestRevealCheck } from './proposalIntake.ts'
import { judgeProposal } from './proposalRules.ts'
import { propose } from './proposing.ts'
import { retransmit } from './retransmit.ts'
import type { EpochState } from './state.ts'
import { blockSubject, hasBlock } from './subject.ts'
import { successorWaitMs } from './timers.ts'
import { checkVotesThatMatter } from './voteIntake.ts'
import { castVote } from './voting.ts'

/** Rounds of rules one input may cause: every round enters a view, votes or finalizes, all of which are bounded. */
const ROUNDS_MAX = 10_000
const SYNC_RETRY_MS = 1_000

/** Applies every rule and leaves the outputs in the state. */
export function evaluate(state: EpochState, nowMs: number): void {
  state.dueAtMs = undefined
  let rounds = 0
  while (!state.halted && applyRules(state, nowMs)) {
    assert(++rounds < ROUNDS_MAX, 'the rules settle')
  }
  if (state.halted) return
  if (!state.isEnding) {
    watchParent(state)
    askForGap(state, nowMs)
  }
  retransmit(state, nowMs)
  setWake(state, nowMs)
}

/** One pass; true when something changed that another rule may depend on. */
function applyRules(state: EpochState, nowMs: number): boolean {
  if (state.ended) return false
  // No view follows F of a boundary; only the blocks below it remain to be fetched and verified.
  if (state.isEnding) return deliverFinal(state, nowMs)
  let changed = enterView(state, nowMs)
  aggregateVotes(state)
  if (deliverFinal(state, nowMs)) return true
  if (castFinalizes(state, nowMs)) changed = true
  arm(state, nowMs)
  checkVotesThatMatter(state)
  if (followProposal(state, nowMs)) changed = true
  if (castNullify(state, nowMs)) changed = true
  if (propose(state, nowMs)) changed = true
  return changed
}

/** Enter v+1 on any of N(v), U(v), F(v) for v ≥ current; jumping ahead is allowed. */
function enterView(state: EpochState, nowMs: number): boolean {
  const { certificates } = state
  const entered = certificates.highestView
  if (entered < state.view) return false
  state.view = entered + 1
  state.enteredAtMs = nowMs
  const by =
    certificates.get('finalize', entered) ??
    certificates.get('notarize', entered) ??
    certificates.get('nullify', entered)
  assert(by !== undefined, 'a view is entered by a certificate')
  state.enteredBy = by.subject.kind
  state.entryCertificate = by
  state.armedAtMs = undefined
  state.building = false
  state.buildFailed = false
  const { view } = state
  state.pool.prune({
    finalizedView: state.finalizedView,
    view,
    keep: (v) => certificates.get('notarize', v) !== undefined,
  })
  admitFarProposal(state)
  return true
}

/** Delivers the path to the highest F once every body on it is held and verified. */
function deliverFinal(state: EpochState, nowMs: number): boolean {
  const { highestFinal, finalizedDigest } = state.certificates
  if (highestFinal === undefined || state.syncing) return false
  const { tip } = state.blocks
  if (equalBytes(finalizedDigest, tip.hash)) return finishEpoch(state)
  const found = state.blocks.pathTo(finalizedDigest)
  if ('detached' in found) {
    state.halt(`a finalized block is not a descendant of height ${tip.header.height}`)
    return false
  }
  if ('missing' in found) {
    if (requestSync(state, nowMs, finalizedDigest)) return false
    wantBody(state, nowMs, found.missing, state.leaderOf(highestFinal.subject.view))
    return false
  }
  const refused = found.path.find((block) => {
    const verdict = state.blocks.get(block.hash)?.verdict
    return verdict !== undefined && verdict !== 'valid'
  })
  if (refused !== undefined) {
    state.halt(`the finalized block at height ${refused.header.height} is refused here`)
    return false
  }
  if (!verifyPath(state, nowMs, finalizedDigest)) return false
  state.emit({ kind: 'finalized', blocks: found.path, certificate: highestFinal })
  state.blocks.moveTip(found.path.at(-1)!, highestFinal.subject.view)
  state.wants.clear()
  finishEpoch(state)
  return true
}

/** Any F on a boundary ends the epoch. */
function finishEpoch(state: EpochState): boolean {
  const { tip } = state.blocks
  const certificate = state.certificates.highestFinal
  if (certificate === undefined || !state.isBoundary(tip)) return false
  assert(!state.ended, 'an epoch ends once')
  state.ended = true
  state.emit({ kind: 'epochEnded', boundary: tip, certificate })
  return true
}

/** Starts range sync when a verified F is far ahead; claimed heights are ignored. */
function requestSync(state: EpochState, nowMs: number, digest: Hash32): boolean {
  const target = state.blocks.block(digest)
  const certificate = state.certificates.highestFinal
  if (target === undefined || certificate === undefined) return false
  if (target.header.height - state.blocks.tip.header.height <= SYNC_DISTANCE) return false
  if (nowMs < state.syncAgainAtMs) {
    state.due(state.syncAgainAtMs)
    return true
  }
  state.syncing = true
  state.syncAgainAtMs = nowMs + SYNC_RETRY_MS
  state.emit({ kind: 'sync', block: target, certificate })
  return true
}

/** Whether every block from the tip to `digest` is verified; asks for the next body or execution otherwise. */
function verifyPath(state: EpochState, nowMs: number, digest: Hash32): boolean {
  if (state.blocks.isVerified(digest)) return true
  const found = state.blocks.pathTo(digest)
  if ('detached' in found) return false
  if ('missing' in found) {
    wantBody(state, nowMs, found.missing)
    return false
  }
  let parent: SealedBlock = state.blocks.tip
  for (const block of found.path) {
    const held = state.blocks.get(block.hash)!
    if (held.verdict !== undefined && held.verdict !== 'valid') return false
    if (held.verdict === undefined) {
      if (held.verifying) return false
      held.verifying = true
      state.emit({ kind: 'verify', block, parent })
      return false
    }
    parent = block
  }
  return true
}

/** Finalize votes for every notarized, verified block above lastFinalized, also from later views. */
function castFinalizes(state: EpochState, nowMs: number): boolean {
  if (state.syncing) return false
  let cast = false
  for (const { subject } of state.certificates.unfinalized()) {
    if (!hasBlock(subject) || !verifyPath(state, nowMs, subject.digest)) continue
    const { epoch, view, parentView, digest } = subject
    const vote = blockSubject('finalize', { epoch, view, parentView, digest })
    if (canSign(state, nowMs, vote) !== undefined) continue
    castVote(state, nowMs, vote)
    cast = true
  }
  return cast
}

/** Requests what the current proposal still lacks, or votes for it. */
function followProposal(state: EpochState, nowMs: number): boolean {
  const { view } = state
  const judged = judgeProposal(state, nowMs, view)
  const leader = state.leaderOf(view)
  switch (judged.kind) {
    case 'missing':
      wantProposal(state, nowMs)
      return false
    case 'ancestry':
      wantCertificates(state, nowMs, view - 1, leader)
      return false
    case 'body':
      wantBody(state, nowMs, judged.digest, leader)
      return false
    case 'early':
      state.due(judged.atMs)
      return false
    case 'unverified':
      requestRevealCheck(state, view)
      verifyPath(state, nowMs, judged.digest)
      return false
    case 'reveal':
      requestRevealCheck(state, view)
      return false
    case 'ready': {
      if (canSign(state, nowMs, judged.subject) !== undefined) return false
      castVote(state, nowMs, judged.subject)
      return true
    }
    default:
      return false
  }
}

/** Arms the view's timers when a need arises; disarms them when it is gone. */
function arm(state: EpochState, nowMs: number): void {
  const { reason, nextAtMs } = need(state, nowMs)
  if (nextAtMs !== undefined) state.due(nextAtMs)
  if (reason === undefined) {
    state.armedAtMs = undefined
    return
  }
  if (state.armedAtMs === undefined) {
    const parent = state.parent()
    const block = parent === undefined ? undefined : state.blocks.block(parent.digest)
    state.armedAtMs = nowMs
    state.armedWaitMs =
      block === undefined
        ? 0
        : successorWaitMs(state.parameters, {
            parentTimestampMs: block.header.timestampMs,
            wallMs: state.wallMs(nowMs),
          })
  }
  shareTransactions(state)
}

/** Sends includable transactions to the leader of a needed view, once per view and with each retransmission. */
function shareTransactions(state: EpochState): void {
  if (state.sharedTransactionsIn === state.view || !state.hasWork()) return
  state.sharedTransactionsIn = state.view
  const leader = state.leaderOf(state.view)
  if (leader !== state.self) state.emit({ kind: 'shareTransactions', leader })
}

/** Points the application's watch at the parent that this node would propose on. */
function watchParent(state: EpochState): void {
  const parent: CertifiedParent | undefined = state.parent()
  const block = parent === undefined ? undefined : state.blocks.block(parent.digest)
  if (block === undefined || !state.blocks.isVerified(block.hash)) return
  if (state.watchedParent !== undefined && equalBytes(state.watchedParent, block.hash)) return
  state.watchedParent = block.hash
  state.workReady = false
  state.emit({ kind: 'watch', parent: block })
}

function setWake(state: EpochState, nowMs: number): void {
  const times = viewDeadlines(state, nowMs)
  if (state.dueAtMs !== undefined) times.push(state.dueAtMs)
  times.push(Math.max(state.retransmitAtMs, nowMs + 1))
  const atMs = Math.min(...times)
  if (atMs === state.wakeAtMs) return
  state.wakeAtMs = atMs
  state.emit({ kind: 'wake', atMs })
}
