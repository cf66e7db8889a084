// Requests missing bodies by hash, certificates by view and boundaries by epoch, and answers such requests.
import { bytesKey, equalBytes } from '../base/bytes.ts'
import { SchemaError } from '../base/field.ts'
import type { Hash32 } from '../base/ids.ts'
import { decodeBlock, hasOwnBody } from '../base/protocol/header.ts'
import { BLOCK_BYTES_MAX } from '../base/protocol/limits.ts'
import type { Certificate } from '../base/protocol/vote.ts'
import { offerCertificates } from './certificateIntake.ts'
import { ANSWER_BLOCKS_MAX, type ConsensusMessage, REQUEST_VIEWS_MAX, type Status } from './messages.ts'
import { type EpochState, wantKey } from './state.ts'
import { hasBlock } from './subject.ts'
import { backedOff } from './timers.ts'
import type { Sender, Target } from './types.ts'

/** Blocks per request: a missing body and its ancestors. */
const FETCH_BLOCKS = 16
/** A finalized block more than this far above the tip is reached by range sync, not by fetches. */
export const SYNC_DISTANCE = 64
const REPLY_EVERY_MS = 200
const FOREIGN_EPOCH_EVERY_MS = 1_000
const WANTS_MAX = 1024
/** A proposal that left with others may still arrive this part of Δ after their votes. */
const PROPOSAL_GRACE_DIVISOR = 8

/** The attempt's number when this want is due, else undefined; schedules the next attempt, or the first in `graceMs`. */
function isDue(state: EpochState, nowMs: number, key: string, graceMs = 0): number | undefined {
  let want = state.wants.get(key)
  if (want === undefined) {
    if (state.wants.size >= WANTS_MAX) state.wants.clear()
    want = { nextAtMs: nowMs + graceMs, attempts: 0 }
    state.wants.set(key, want)
  }
  if (nowMs < want.nextAtMs) {
    state.due(want.nextAtMs)
    return undefined
  }
  const attempt = want.attempts++
  want.nextAtMs = nowMs + Math.min(2_000, backedOff(2 * state.parameters.deltaMs + 10, attempt))
  state.due(want.nextAtMs)
  return attempt
}

/** Sends a request to a validator that should have it and to another, in rotation (CONSENSUS §4 "Notarize"). */
export function ask(
  state: EpochState,
  options: { message: ConsensusMessage; attempt: number; preferred: number | undefined },
): void {
  const { preferred } = options
  sendTo(state, options, preferred === undefined ? [] : [preferred])
}

/** To the `first`, up to two, and then to others in rotation, so that two are asked, and not all nodes ask the same. */
function sendTo(
  state: EpochState,
  options: { message: ConsensusMessage; attempt: number },
  first: readonly number[],
): void {
  const { message, attempt } = options
  const n = state.validatorCount
  const start = (state.self ?? 0) + 1 + attempt
  const asked = new Set<number>()
  const order = [...first.slice(0, 2), ...Array.from({ length: n }, (_, i) => (start + i) % n)]
  for (const index of order) if (asked.size < 2 && index !== state.self) asked.add(index)
  for (const index of asked) state.emit({ kind: 'send', to: { kind: 'validator', index }, message })
}

/** Validators that voted for this block over their own connections: they hold its body, and are connected. */
function votersFor(state: EpochState, digest: Hash32): readonly number[] {
  const { pool, self } = state
  return pool
    .views()
    .flatMap((view) => pool.votes(view, 'notarize'))
    .filter(
      ({ subject, signer }) => signer !== self && hasBlock(subject) && equalBytes(subject.digest, digest),
    )
    .map(({ signer }) => signer)
}

/** Another voter first with each attempt. */
function rotated(voters: readonly number[], by: number): readonly number[] {
  const at = voters.length === 0 ? 0 : by % voters.length
  return [...voters.slice(at), ...voters.slice(0, at)]
}

/** Requests a body that a rule waits for: of two that voted for it, later of one such and anybody. */
export function wantBody(state: EpochState, nowMs: number, digest: Hash32, preferred?: number): void {
  const attempt = isDue(state, nowMs, wantKey(digest))
  if (attempt === undefined) return
  const message: ConsensusMessage = { kind: 'blocksRequest', body: { hash: digest, countMax: FETCH_BLOCKS } }
  const voters = rotated(votersFor(state, digest), (state.self ?? 0) + attempt)
  const known = preferred === undefined ? voters : [...voters, preferred]
  sendTo(state, { message, attempt }, attempt === 0 ? known : known.slice(0, 1))
}

/**
 * Asks two validators that voted for the current view's proposal for it, when it does not come soon after their votes: its
 * leader may have shown it to them alone.
 */
export function wantProposal(state: EpochState, nowMs: number): void {
  const { view, epoch, self, pool } = state
  const leader = state.leaderOf(view)
  if (self === undefined || self === leader || state.own.of(view).nullified !== undefined) return
  const voters = pool.votes(view, 'notarize').map(({ signer }) => signer)
  const others = voters.filter((signer) => signer !== self && signer !== leader)
  if (others.length === 0) return
  const graceMs = Math.ceil(state.parameters.deltaMs / PROPOSAL_GRACE_DIVISOR)
  const attempt = isDue(state, nowMs, `proposal:${view}`, graceMs)
  if (attempt === undefined) return
  const message: ConsensusMessage = { kind: 'proposalRequest', body: { epoch, view } }
  for (const index of rotated(others, self + attempt).slice(0, 2)) {
    state.emit({ kind: 'send', to: { kind: 'validator', index }, message })
  }
}

/** Requests every certificate of the 64 views up to `toView`. */
export function wantCertificates(state: EpochState, nowMs: number, toView: number, preferred?: number): void {
  const attempt = isDue(state, nowMs, `views:${toView}`)
  if (attempt === undefined) return
  const fromView = Math.max(state.finalizedView + 1, toView - REQUEST_VIEWS_MAX + 1)
  const body = { epoch: state.epoch, fromView, toView }
  ask(state, { message: { kind: 'certificatesRequest', body }, attempt, preferred })
}

/** Requests the highest gap between lastFinalized and the current view until it is filled. */
export function askForGap(state: EpochState, nowMs: number): void {
  const gap = state.certificates.highestGap(state.view)
  if (gap !== undefined) wantCertificates(state, nowMs, gap)
}

/** Accepts only requested bodies and their ancestors in the same reply. */
export function onBlocks(
  state: EpochState,
  nowMs: number,
  from: Sender,
  encoded: readonly Uint8Array[],
): void {
  let next: Hash32 | undefined
  for (const bytes of encoded) {
    const block = decodeOrPenalise(state, from, bytes)
    if (block === undefined) return
    const isAsked = state.wants.has(wantKey(block.hash))
    if (next !== undefined ? !equalBytes(block.hash, next) : !isAsked) return
    if (!hasOwnBody(block)) {
      state.emit({ kind: 'penalise', peer: from.peer, reason: "served another block's body" })
      askAgain(state, nowMs, wantKey(block.hash))
      return
    }
    state.wants.delete(wantKey(block.hash))
    if (state.holdBody(block, state.view) === undefined) return
    next = block.header.parentHash
  }
}

/** The answer was false: others are asked at once. */
function askAgain(state: EpochState, nowMs: number, key: string): void {
  const want = state.wants.get(key)
  if (want !== undefined) want.nextAtMs = Math.min(want.nextAtMs, nowMs)
}

function decodeOrPenalise(state: EpochState, from: Sender, bytes: Uint8Array) {
  try {
    return decodeBlock(bytes)
  } catch (error) {
    if (!(error instanceof SchemaError)) throw error
    state.emit({ kind: 'penalise', peer: from.peer, reason: 'undecodable block' })
    return undefined
  }
}

/** Only the highest F of a reply and certificates above it matter; an invalid F costs one check. */
export function onCertificates(state: EpochState, from: Sender, certificates: readonly Certificate[]): void {
  let best: Certificate | undefined
  for (const c of certificates) {
    if (c.subject.kind !== 'finalize' || c.subject.epoch !== state.epoch) continue
    if (best === undefined || c.subject.view > best.subject.view) best = c
  }
  const aboveView = best?.subject.view ?? 0
  const above = certificates.filter((c) => c.subject.view > aboveView)
  offerCertificates(state, best === undefined ? above : [best, ...above], from.peer)
}

export function replyTo(from: Sender): Target {
  return { kind: 'peer', peer: from.peer }
}

export function onCertificatesRequest(
  state: EpochState,
  nowMs: number,
  from: Sender,
  range: { fromView: number; toView: number },
): void {
  if (!state.allow(`certificates:${from.peer}`, nowMs, state.parameters.deltaMs)) return
  const { fromView, toView } = range
  const certificates = [...state.certificates.range(Math.max(1, fromView), toView)]
  const final = state.certificates.highestFinal
  if (final !== undefined && !certificates.includes(final)) certificates.push(final)
  if (certificates.length === 0) return
  state.emit({ kind: 'send', to: replyTo(from), message: { kind: 'certificates', body: { certificates } } })
}

export function onBlocksRequest(
  state: EpochState,
  nowMs: number,
  from: Sender,
  request: { hash: Hash32; countMax: number },
): void {
  if (!state.allow(`blocks:${from.peer}:${bytesKey(request.hash)}`, nowMs, state.parameters.deltaMs)) return
  const countMax = Math.min(request.countMax, ANSWER_BLOCKS_MAX)
  const held = state.blocks.chain(request.hash, { countMax, bytesMax: BLOCK_BYTES_MAX - 64 * 1024 })
  if (held.length === 0) {
    state.emit({ kind: 'serveBlocks', to: replyTo(from), hash: request.hash, countMax })
    return
  }
  const blocks = held.map((block) => block.bytes)
  state.emit({ kind: 'send', to: replyTo(from), message: { kind: 'blocks', body: { blocks } } })
}

/** Sends certificates to a peer that is behind, and requests them from one that is ahead. */
export function onStatus(state: EpochState, nowMs: number, from: Sender, status: Status): void {
  if (status.finalizedView > state.finalizedView || status.view > state.view) {
    if (!state.allow(`behind:${from.peer}`, nowMs, REPLY_EVERY_MS)) return
    const toView = Math.max(state.view, Math.min(status.view, state.view + REQUEST_VIEWS_MAX))
    const body = { epoch: state.epoch, fromView: state.finalizedView + 1, toView }
    state.emit({ kind: 'send', to: replyTo(from), message: { kind: 'certificatesRequest', body } })
    return
  }
  if (status.finalizedView === state.finalizedView && status.view === state.view) return
  if (!state.allow(`ahead:${from.peer}`, nowMs, REPLY_EVERY_MS)) return
  for (const certificate of [state.certificates.highestFinal, state.entryCertificate]) {
    if (certificate === undefined || certificate.subject.view < status.finalizedView) continue
    state.emit({ kind: 'send', to: replyTo(from), message: { kind: 'certificate', body: certificate } })
  }
}

/** Answers an older epoch with its F(boundary); on a later one, requests ours (both rate-limited). */
export function onForeignEpoch(state: EpochState, nowMs: number, from: Sender, epoch: number): void {
  if (epoch < state.epoch) {
    if (state.allow(`old:${from.peer}`, nowMs, FOREIGN_EPOCH_EVERY_MS)) {
      state.emit({ kind: 'serveBoundary', to: replyTo(from), epoch })
    }
    return
  }
  if (!state.allow('later', nowMs, REPLY_EVERY_MS)) return
  const message: ConsensusMessage = { kind: 'boundaryRequest', body: { epoch: state.epoch } }
  state.emit({ kind: 'send', to: replyTo(from), message })
}

export function onBoundaryRequest(state: EpochState, nowMs: number, from: Sender, epoch: number): void {
  if (epoch < state.epoch) {
    onForeignEpoch(state, nowMs, from, epoch)
    return
  }
  const final = state.certificates.highestFinal
  if (epoch !== state.epoch || final === undefined || !state.ended) return
  if (!state.allow(`boundary:${from.peer}`, nowMs, REPLY_EVERY_MS)) return
  state.emit({ kind: 'send', to: replyTo(from), message: { kind: 'certificate', body: final } })
}
