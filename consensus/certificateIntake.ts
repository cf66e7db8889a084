// Certificates, aggregated from votes or received from peers: verified, kept, journaled, broadcast once (CONSENSUS §4).
import { assert } from '../base/assert.ts'
import type { Hash32 } from '../base/ids.ts'
import { JUSTIFICATION_MAX } from '../base/protocol/limits.ts'
import {
  type Certificate,
  certificateSigners,
  sameBlock,
  signersBitmap,
  VOTE_KINDS,
  type Vote,
  voteBytes,
} from '../base/protocol/vote.ts'
import { ANSWER_CERTIFICATES_MAX } from './messages.ts'
import type { CertificateJob, CertificateLoad, EpochState } from './state.ts'
import { subjectKey } from './subject.ts'
import type { Target } from './types.ts'
import { groupSubject } from './votePool.ts'

const ALL: Target = { kind: 'all' }
/** Certificates of one peer that are checked at once: all of them may be false, and others wait for the same processor. */
export const PEER_CHECKS_MAX = 4
/** Certificates of one peer that wait: a full answer, and a justification. */
export const PEER_WAITING_MAX = ANSWER_CERTIFICATES_MAX + JUSTIFICATION_MAX + 1

/** Whether a certificate still matters; old and held ones are skipped unless they conflict with one that is held. */
function isWanted(state: EpochState, certificate: Certificate): boolean {
  const { kind, view } = certificate.subject
  if (view <= state.finalizedView) return state.certificates.conflictOf(certificate) !== undefined
  const held = state.certificates.get(kind, view)
  // A certificate for another block convicts its signers, so it is worth a check.
  return held === undefined || !sameBlock(held.subject, certificate.subject)
}

/** Offers the certificates of one message, up to the first malformed one: false, and one penalty for the message. */
export function offerCertificates(
  state: EpochState,
  certificates: readonly Certificate[],
  peer: string,
): boolean {
  return certificates.every((certificate) => offerCertificate(state, certificate, peer))
}

/**
 * Checks a peer's certificate: structure at once, signature when no other check of its subject is running and few of this
 * peer are. False when it is malformed.
 */
export function offerCertificate(state: EpochState, certificate: Certificate, peer: string): boolean {
  if (certificate.subject.epoch !== state.epoch || !isWanted(state, certificate)) return true
  if (certificateSigners(certificate, state.validatorCount) === undefined) {
    state.emit({ kind: 'penalise', peer, reason: 'malformed certificate' })
    return false
  }
  const key = subjectKey(certificate.subject)
  const job = jobOf(state, key)
  const load = loadOf(state, peer)
  if (job.waiting.has(peer)) job.waiting.set(peer, certificate)
  else if (job.waiting.size < state.validatorCount && load.waiting < PEER_WAITING_MAX) {
    job.waiting.set(peer, certificate)
    load.waiting++
  }
  runJob(state, key)
  forgetIdle(state, peer)
  return true
}

function loadOf(state: EpochState, peer: string): CertificateLoad {
  let load = state.certificateLoads.get(peer)
  if (load === undefined) {
    load = { inFlight: 0, waiting: 0 }
    state.certificateLoads.set(peer, load)
  }
  return load
}

function forgetIdle(state: EpochState, peer: string): void {
  const load = state.certificateLoads.get(peer)
  if (load?.inFlight === 0 && load.waiting === 0) state.certificateLoads.delete(peer)
}

function jobOf(state: EpochState, key: string): CertificateJob {
  let job = state.jobs.get(key)
  if (job === undefined) {
    job = { inFlight: false, waiting: new Map() }
    state.jobs.set(key, job)
  }
  return job
}

/** Starts the next check of a subject; a job without candidates ends. */
function runJob(state: EpochState, key: string): void {
  const job = state.jobs.get(key)
  if (job === undefined || job.inFlight) return
  for (const [peer, certificate] of job.waiting) {
    const load = loadOf(state, peer)
    const signers = certificateSigners(certificate, state.validatorCount)
    const isDue = signers !== undefined && isWanted(state, certificate)
    if (isDue && load.inFlight >= PEER_CHECKS_MAX) continue
    job.waiting.delete(peer)
    load.waiting--
    if (!isDue) {
      forgetIdle(state, peer)
      continue
    }
    job.inFlight = true
    load.inFlight++
    const id = state.expect({ kind: 'certificate', certificate, peer, isForgiven: false })
    const message = voteBytes(state.shared.genesisHash, certificate.subject)
    state.emit({
      kind: 'checkSignatures',
      id,
      epoch: state.epoch,
      checks: [{ signers, message, signature: certificate.signature }],
    })
    return
  }
  if (job.waiting.size === 0) state.jobs.delete(key)
}

/** Starts checks of a peer that waited for its own earlier ones. */
function runWaiting(state: EpochState, peer: string): void {
  for (const [key, job] of state.jobs) {
    const load = state.certificateLoads.get(peer)
    if (load === undefined || load.waiting === 0 || load.inFlight >= PEER_CHECKS_MAX) return
    if (job.waiting.has(peer)) runJob(state, key)
  }
}

/**
 * Penalises the sender of an invalid certificate, once for all that it has sent so far: one message holds hundreds. What
 * waits is dropped unchecked.
 */
function blame(state: EpochState, peer: string): void {
  state.emit({ kind: 'penalise', peer, reason: 'certificate with an invalid signature' })
  for (const check of state.checks.values()) {
    if (check.kind === 'certificate' && check.peer === peer) check.isForgiven = true
  }
  const load = loadOf(state, peer)
  for (const [key, job] of state.jobs) {
    if (!job.waiting.delete(peer)) continue
    load.waiting--
    if (!job.inFlight && job.waiting.size === 0) state.jobs.delete(key)
  }
  assert(load.waiting === 0, 'every waiting certificate of a peer is counted')
}

function finishJob(state: EpochState, key: string): void {
  const job = state.jobs.get(key)
  if (job === undefined) return
  job.inFlight = false
  runJob(state, key)
}

/** Handles the result of checking a peer's certificate. */
export function onCertificateChecked(
  state: EpochState,
  nowMs: number,
  options: { certificate: Certificate; peer: string; isForgiven: boolean; valid: boolean },
): void {
  const { certificate, peer, isForgiven, valid } = options
  loadOf(state, peer).inFlight--
  if (valid) acceptCertificate(state, nowMs, certificate)
  else if (!isForgiven) blame(state, peer)
  finishJob(state, subjectKey(certificate.subject))
  runWaiting(state, peer)
  forgetIdle(state, peer)
}

/** Aggregates every subject that has q votes and no certificate; votes of suspects are checked alone first. */
export function aggregateVotes(state: EpochState): boolean {
  let started = false
  for (const view of state.pool.views()) {
    if (view <= state.finalizedView) continue
    for (const kind of VOTE_KINDS) {
      if (state.certificates.get(kind, view) !== undefined) continue
      for (const group of state.pool.quorate(view, kind, state.quorum)) {
        const key = subjectKey(groupSubject(group))
        if (state.jobs.get(key)?.inFlight === true) continue
        const joined = group.filter((vote) => mayJoin(state, vote))
        if (joined.length < state.quorum) continue
        jobOf(state, key).inFlight = true
        checkVotes(state, joined, true)
        started = true
      }
    }
  }
  return started
}

/** Whether a vote may join an aggregate; one of a suspect is checked alone first. */
export function mayJoin(state: EpochState, vote: Vote): boolean {
  if (!state.suspects.has(vote.signer)) return true
  const trust = state.pool.trustOf(vote)
  if (trust === 'verified') return true
  if (trust === 'unverified') checkVotes(state, [vote])
  return false
}

/** Requests one check of votes that share a subject. */
export function checkVotes(state: EpochState, votes: readonly Vote[], job = false): void {
  state.pool.markChecking(votes)
  const message = voteBytes(state.shared.genesisHash, groupSubject(votes))
  const id = state.expect({ kind: 'votes', votes, job })
  state.emit({ kind: 'checkVotes', id, epoch: state.epoch, message, votes })
}

/** Handles the result of `checkVotes`: settles trust; q valid votes make a certificate. */
export function onVotesChecked(
  state: EpochState,
  nowMs: number,
  options: {
    votes: readonly Vote[]
    job: boolean
    valid: readonly number[]
    signature: Uint8Array | undefined
  },
): void {
  const { votes, job, valid, signature } = options
  const validSigners = new Set(valid)
  const subject = groupSubject(votes)
  for (const vote of votes) {
    const isValid = validSigners.has(vote.signer)
    state.pool.settle(vote, isValid)
    if (votes.length === 1) state.proofs.set(vote, isValid ? 'proven' : 'disproven')
    if (isValid) state.activity.note(subject.view, [vote.signer])
    else {
      state.suspects.add(vote.signer)
      // It came on its signer's own connection, so nobody else can have spoilt it.
      const peer = state.voteSenders.get(vote)
      if (peer !== undefined) {
        // It may be part of several checks.
        state.voteSenders.delete(vote)
        state.emit({ kind: 'penalise', peer, reason: 'vote with an invalid signature' })
      }
      if (state.latestVotes.get(vote.signer) === vote) state.latestVotes.delete(vote.signer)
    }
  }
  const signers = [...validSigners].sort((a, b) => a - b)
  if (signature !== undefined && signers.length >= state.quorum) {
    const bitmap = signersBitmap(signers, state.validatorCount)
    acceptCertificate(state, nowMs, { subject, bitmap, signature })
  }
  if (job) finishJob(state, subjectKey(subject))
}

/** Keeps a verified certificate: conflict check, journal, one broadcast. */
export function acceptCertificate(state: EpochState, nowMs: number, certificate: Certificate): void {
  if (!keepCertificate(state, nowMs, certificate)) return
  state.emit({
    kind: 'journal',
    record: { kind: 'certificate', body: { epoch: state.epoch, certificate } },
  })
  state.emit({ kind: 'send', to: ALL, message: { kind: 'certificate', body: certificate } })
}

/** Keeps a certificate without broadcasting it; replay uses this too. False when known, too old or conflicting. */
export function keepCertificate(state: EpochState, nowMs: number, certificate: Certificate): boolean {
  if (!isWanted(state, certificate)) return false
  const conflict = state.certificates.add(certificate)
  if (conflict !== undefined) {
    state.emit({
      kind: 'misbehaviour',
      misbehaviour: { kind: 'certificates', first: conflict, second: certificate },
    })
    state.halt(`conflicting certificates in view ${certificate.subject.view}`)
    return false
  }
  const { kind, view, digest } = certificate.subject
  const signers = certificateSigners(certificate, state.validatorCount)
  noteLeader(state, nowMs, certificate)
  if (signers !== undefined) state.activity.note(view, signers)
  if (kind === 'finalize') onFinal(state, nowMs)
  if (digest !== undefined) haltOnRefusedBody(state, digest)
  return true
}

/** What a certificate says of its view's leader. A leader that does not even vote is found by its silence. */
function noteLeader(state: EpochState, nowMs: number, { subject: { kind, view } }: Certificate): void {
  const leader = state.leaderOf(view)
  if (kind === 'nullify') {
    if (!state.activity.isInactive(leader, view)) state.leaders.noteFailure(leader)
  } else if (kind === 'notarize' || state.certificates.get('notarize', view) === undefined) {
    state.leaders.noteSuccess(leader)
  }
  if (kind === 'notarize' && view === state.view && state.armedAtMs !== undefined) {
    state.leaders.noteTime(leader, Math.max(0, nowMs - state.armedAtMs - state.armedWaitMs))
  }
}

function onFinal(state: EpochState, nowMs: number): void {
  state.lastFinalityMs = nowMs
  const { finalizedView } = state
  state.own.raiseFloor(finalizedView)
  state.emit({ kind: 'floor', epoch: state.epoch, view: finalizedView })
  for (const view of state.proposals.keys()) if (view < finalizedView) state.proposals.delete(view)
  for (const [key, vote] of state.ownSigned) {
    if (vote.subject.view <= finalizedView) state.ownSigned.delete(key)
  }
  for (const view of state.equivocated) if (view < finalizedView) state.equivocated.delete(view)
  state.certificates.prune()
}

/** A quorum accepted a block that fails execution here: halt and keep all data (CONSENSUS §4 "Execution"). */
export function haltOnRefusedBody(state: EpochState, digest: Hash32): void {
  const held = state.blocks.get(digest)
  if (held?.verdict === undefined || held.verdict === 'valid') return
  // A block of an abandoned fork may be rejected for that reason alone.
  if (!state.certificates.isContending(digest)) return
  state.halt(`a certified block at height ${held.block.header.height} is ${held.verdict} here`)
}
