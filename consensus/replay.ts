// Rebuilds state at a start from the journal and the signer's flags (CONSENSUS §5): union and maximum, in any order.
import { SchemaError } from '../base/field.ts'
import { openBlock, type SealedBlock } from '../base/protocol/header.ts'
import type { Certificate, Subject } from '../base/protocol/vote.ts'
import { keepCertificate } from './certificateIntake.ts'
import { holdOwnProposal } from './proposing.ts'
import type { JournalRecord } from './records.ts'
import type { EpochState } from './state.ts'
import { hasBlock } from './subject.ts'

/** Most own finalize votes re-signed at a start. */
const RESIGNED_MAX = 64

/** Rebuilds the state of this epoch; records of other epochs and at or below the finalized tip have no effect. */
export function replay(
  state: EpochState,
  nowMs: number,
  known: {
    readonly tipCertificate: Certificate | undefined
    readonly journal: readonly JournalRecord[]
    readonly signed: readonly Subject[]
  },
): void {
  const { tipCertificate, journal, signed } = known
  const records = journal.filter((record) => record.body.epoch === state.epoch)
  if (tipCertificate?.subject.epoch === state.epoch) keepCertificate(state, nowMs, tipCertificate)
  for (const record of records) {
    if (record.kind === 'certificate') keepCertificate(state, nowMs, record.body.certificate)
  }
  for (const record of records) if (record.kind === 'block') replayBlock(state, record.body)
  for (const record of records) replayRest(state, record)
  for (const subject of signed) if (subject.epoch === state.epoch) state.own.adopt(subject)
  let view = state.certificates.highestView + 1
  for (const subject of state.own.subjects()) {
    view = Math.max(view, subject.view)
    const isOwnProposal = subject.kind === 'notarize' && state.isLeader(subject.view)
    if (isOwnProposal && hasBlock(subject)) holdOwnProposal(state, subject)
  }
  restoreView(state, view)
  resign(state)
}

/** A record whose bytes are no block with its own body was never voted for: it counts as missing. */
function replayBlock(state: EpochState, { view, block: bytes }: { view: number; block: Uint8Array }): void {
  let block: SealedBlock
  try {
    block = openBlock(bytes)
  } catch (error) {
    if (!(error instanceof SchemaError)) throw error
    return
  }
  const held = state.holdBody(block, view)
  if (held !== undefined) held.journaled = true
}

function replayRest(state: EpochState, record: JournalRecord): void {
  if (record.kind === 'intent') state.own.adopt(record.body.subject)
  else if (record.kind === 'verdict') {
    const held = state.blocks.get(record.body.digest)
    // Execution keeps its result in memory only, so a valid block is executed again and must be valid again.
    if (held !== undefined && held.block !== state.blocks.tip) held.journaledVerdict = record.body.verdict
  } else if (record.kind === 'proposal') {
    const { vote, timely } = record.body
    const { subject } = vote
    if (!hasBlock(subject) || subject.view <= state.finalizedView || state.proposals.has(subject.view)) return
    state.proposals.set(subject.view, { vote, subject, own: false, timely, reveal: 'unchecked' })
    state.pool.add(vote, 'unverified')
  }
}

/** Restores the highest view known; `enteredBy` decides need (c) as before the restart. */
function restoreView(state: EpochState, view: number): void {
  state.view = view
  const by = (['finalize', 'notarize', 'nullify'] as const)
    .map((kind) => state.certificates.get(kind, view - 1))
    .find((certificate) => certificate !== undefined)
  if (by !== undefined) {
    state.enteredBy = by.subject.kind
    state.entryCertificate = by
  } else if (view > 1) {
    // Our own vote shows that we were here; the certificate is lost. Someone needed this view.
    state.enteredBy = 'nullify'
  }
  state.activity = state.freshActivity(view)
}

/**
 * Re-signs own votes, to identical bytes; signing returns them to the pool and sends them again. Includes votes of views
 * whose certificate was lost with a journal: otherwise nobody could build past them. Excludes a notarize whose block was
 * lost: it could complete an N that nobody can build on.
 */
function resign(state: EpochState): void {
  if (state.self === undefined) return
  const isWaiting = (s: Subject): boolean =>
    s.kind === 'finalize' || s.view === state.view || state.certificates.isGap(s.view)
  const isLost = (s: Subject): boolean =>
    s.kind === 'notarize' && hasBlock(s) && state.blocks.block(s.digest) === undefined
  const subjects = state.own.subjects().filter((s) => isWaiting(s) && !isLost(s))
  for (const subject of subjects.slice(-RESIGNED_MAX - 2)) state.emit({ kind: 'sign', subject })
}
