// Certificates, aggregated from votes or received from peers: verified, kept, journaled, broadcast once (CONSENSUS §4).
import type { Hash32 } from '../base/ids.ts'
import {
  type Certificate,
  certificateSigners,
  sameBlock,
  signersBitmap,
  VOTE_KINDS,
  type Vote,
  voteBytes,
} from '../base/protocol/vote.ts'
import type { CertificateJob, EpochState } from './state.ts'
import { subjectKey } from './subject.ts'
import type { Target } from './types.ts'
import { groupSubject } from './votePool.ts'

const ALL: Target = { kind: 'all' }

/** Whether a certificate still matters; old and held ones are skipped unless they conflict with one that is held. */
function isWanted(state: EpochState, certificate: Certificate): boolean {
  const { kind, view } = certificate.subject
  if (view <= state.finalizedView) return state.certificates.conflictOf(certificate) !== undefined
  const held = state.certificates.get(kind, view)
  // A certificate for another block convicts its signers, so it is worth a check.
  return held === undefined || !sameBlock(held.subject, certificate.subject)
}

/** Checks a peer's certificate: structure at once, signature when no other check of its subject is running. */
export function offerCertificate(state: EpochState, certificate: Certificate, peer: string): void {
  if (certificate.subject.epoch !== state.epoch || !isWanted(state, certificate)) return
  if (certificateSigners(certificate, state.validatorCount) === undefined) {
    state.emit({ kind: 'penalise', peer, reason: 'malformed certificate' })
    return
  }
  const job = jobOf(state, subjectKey(certificate.subject))
  if (job.waiting.size < state.validatorCount) job.waiting.set(peer, certificate)
  runJob(state, subjectKey(certificate.subject))
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
    job.waiting.delete(peer)
    const signers = certificateSigners(certificate, state.validatorCount)
    if (signers === undefined || !isWanted(state, certificate)) continue
    job.inFlight = true
    const id = state.expect({ kind: 'certificate', certificate, peer })
    const message = voteBytes(state.shared.genesisHash, certificate.subject)
    state.emit({
      kind: 'checkSignatures',
      id,
      epoch: state.epoch,
      checks: [{ signers, message, signature: certificate.signature }],
    })
    return
  }
  state.jobs.delete(key)
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
  options: { certificate: Certificate; peer: string; valid: boolean },
): void {
  const { certificate, peer, valid } = options
  if (valid) acceptCertificate(state, nowMs, certificate)
  else state.emit({ kind: 'penalise', peer, reason: 'certificate with an invalid signature' })
  finishJob(state, subjectKey(certificate.subject))
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

function mayJoin(state: EpochState, vote: Vote): boolean {
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
  if (signers !== undefined) state.activity.note(view, signers)
  if (kind === 'finalize') onFinal(state, nowMs)
  if (digest !== undefined) haltOnRefusedBody(state, digest)
  return true
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
