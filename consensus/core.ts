// The Simplex core: step(now, input) → outputs, nothing else (CONSENSUS §3). Read first; the protocol is in README.md.
import { assert } from '../base/assert.ts'
import { equalBytes } from '../base/bytes.ts'
import type { Hash32 } from '../base/ids.ts'
import type { SealedBlock } from '../base/protocol/header.ts'
import type { Certificate, Vote } from '../base/protocol/vote.ts'
import {
  haltOnRefusedBody,
  keepCertificate,
  offerCertificate,
  onCertificateChecked,
  onVotesChecked,
} from './certificateIntake.ts'
import {
  onBlocks,
  onBlocksRequest,
  onBoundaryRequest,
  onCertificates,
  onCertificatesRequest,
  onForeignEpoch,
  onStatus,
} from './fetching.ts'
import type { ConsensusMessage } from './messages.ts'
import { onProposal, onProposalChecked, onRevealChecked } from './proposalIntake.ts'
import { onBuilt, sendProposal } from './proposing.ts'
import { replay } from './replay.ts'
import { onProposalRequest } from './retransmit.ts'
import { evaluate } from './rules.ts'
import { EpochState, type SharedState } from './state.ts'
import { subjectKey } from './subject.ts'
import type { CoreStart, CoreStatus, EpochStart, Input, Now, Output, Sender, Verdict } from './types.ts'
import { admitVote, onVote, settleConflicts } from './voteIntake.ts'

/** One validator's (or observer's) consensus. Deterministic: equal starts and equal inputs give equal outputs. */
export class Core {
  readonly #shared: SharedState
  #state: EpochState

  /** `nowMs`: monotonic. */
  constructor(start: CoreStart, nowMs: number) {
    const { genesisHash, parameters, consensusKey, jitterSeed, epoch, tip } = start
    this.#shared = { genesisHash, parameters, consensusKey, jitterSeed, nextCheckId: 1, wallAheadMs: 0 }
    this.#state = new EpochState({ shared: this.#shared, start: epoch, tip, nowMs })
    const { tipCertificate, journal, signed } = start
    replay(this.#state, nowMs, { tipCertificate, journal, signed })
  }

  /** Handles one input and returns its effects in the order in which the host must perform them. */
  step(now: Now, input: Input): readonly Output[] {
    const { monotonicMs: nowMs, wallMs } = now
    assert(Number.isSafeInteger(nowMs) && Number.isSafeInteger(wallMs), 'time is a safe integer')
    this.#shared.wallAheadMs = wallMs - nowMs
    if (input.kind === 'epochStarted') this.#startEpoch(nowMs, input.start, input.consensusKey)
    const state = this.#state
    if (!state.halted) {
      handle(state, nowMs, input)
      evaluate(state, nowMs)
    }
    const { out } = state
    state.out = []
    return out
  }

  status(): CoreStatus {
    const state = this.#state
    return {
      epoch: state.epoch,
      view: state.view,
      leader: state.leaderOf(state.view),
      self: state.self,
      validatorCount: state.validatorCount,
      finalizedView: state.finalizedView,
      finalizedHeight: state.blocks.tip.header.height,
      needed: state.armedAtMs !== undefined,
      halted: state.halted,
    }
  }

  /** For tests and diagnosis: the live state. Read-only outside `consensus/`. */
  get state(): EpochState {
    return this.#state
  }

  #startEpoch(nowMs: number, start: EpochStart, consensusKey: Uint8Array | undefined): void {
    if (start.epoch <= this.#state.epoch) return
    if (consensusKey !== undefined) this.#shared.consensusKey = consensusKey
    const before = this.#state
    this.#state = new EpochState({ shared: this.#shared, start, tip: start.floor, nowMs, before })
    this.#state.out = before.out
  }
}

function handle(state: EpochState, nowMs: number, input: Input): void {
  switch (input.kind) {
    case 'message':
      onMessage(state, nowMs, input.from, input.message)
      return
    case 'votesChecked': {
      const check = take(state, input.id)
      if (check?.kind !== 'votes') return
      const { votes, job } = check
      onVotesChecked(state, nowMs, { votes, job, valid: input.valid, signature: input.signature })
      for (const vote of votes) settleConflicts(state, vote.subject.view, vote.signer)
      return
    }
    case 'signaturesChecked':
      onSignatures(state, nowMs, input.id, input.valid)
      return
    case 'built':
      onBuilt(state, nowMs, input)
      return
    case 'verdict':
      onVerdict(state, input.digest, input.verdict)
      return
    case 'work':
      if (state.watchedParent !== undefined && equalBytes(state.watchedParent, input.parent)) {
        state.workReady = input.ready
      }
      return
    case 'signed':
      onSigned(state, input.vote)
      return
    case 'imported':
      onImported(state, nowMs, input)
      return
    case 'syncFailed':
      state.syncing = false
      return
    case 'tick':
      // The wake-up fired, perhaps slightly early: schedule the next one.
      state.wakeAtMs = undefined
      return
    default:
      // Refusals and epoch starts change nothing by themselves: a refused vote stays flagged as voted, so that
      // the core never asks for a different one.
      return
  }
}

function take(state: EpochState, id: number) {
  const check = state.checks.get(id)
  state.checks.delete(id)
  return check
}

function onSignatures(state: EpochState, nowMs: number, id: number, valid: readonly boolean[]): void {
  const check = take(state, id)
  const isValid = valid.length > 0 && valid.every((v) => v)
  if (check?.kind === 'certificate') {
    onCertificateChecked(state, nowMs, {
      certificate: check.certificate,
      peer: check.peer,
      isForgiven: check.isForgiven,
      valid: isValid,
    })
  } else if (check?.kind === 'reveal') onRevealChecked(state, check.view, isValid)
  else if (check?.kind === 'proposal') onProposalChecked(state, check, isValid)
}

function onVerdict(state: EpochState, digest: Hash32, verdict: Verdict): void {
  const held = state.blocks.get(digest)
  if (held === undefined || held.verdict !== undefined) return
  held.verifying = false
  held.verdict = verdict
  const before = held.journaledVerdict
  if (before !== undefined && before !== verdict) {
    state.halt(`height ${held.block.header.height} was ${before} before the restart and is ${verdict} now`)
    return
  }
  const body = { epoch: state.epoch, digest, verdict }
  state.emit({ kind: 'journal', record: { kind: 'verdict', body } })
  haltOnRefusedBody(state, digest)
}

/** Adds an own vote, durable in journal and signer, to the pool and broadcasts it. */
function onSigned(state: EpochState, vote: Vote): void {
  const { subject } = vote
  if (subject.epoch !== state.epoch || subject.view <= state.finalizedView) return
  state.ownSigned.set(subjectKey(subject), vote)
  admitVote(state, vote, 'verified')
  const isProposal = subject.kind === 'notarize' && state.isLeader(subject.view)
  if (isProposal && sendProposal(state, vote)) return
  state.emit({ kind: 'send', to: { kind: 'all' }, message: { kind: 'vote', body: vote } })
}

function onImported(
  state: EpochState,
  nowMs: number,
  imported: { tip: SealedBlock; certificate: Certificate },
): void {
  state.syncing = false
  const { tip, certificate } = imported
  if (tip.header.height <= state.blocks.tip.header.height) return
  state.blocks.moveTip(tip, certificate.subject.view)
  keepCertificate(state, nowMs, certificate)
}

function epochOf(message: ConsensusMessage): number | undefined {
  switch (message.kind) {
    case 'proposal':
      return message.body.vote.subject.epoch
    case 'vote':
    case 'certificate':
      return message.body.subject.epoch
    case 'status':
    case 'certificatesRequest':
    case 'proposalRequest':
      return message.body.epoch
    default:
      return undefined
  }
}

function onMessage(state: EpochState, nowMs: number, from: Sender, message: ConsensusMessage): void {
  const epoch = epochOf(message)
  if (epoch !== undefined && epoch !== state.epoch) {
    onForeignEpoch(state, nowMs, from, epoch)
    return
  }
  if (state.ended && message.kind !== 'blocksRequest' && message.kind !== 'boundaryRequest') {
    // The epoch has ended: a peer still in it needs its last F.
    if (epoch !== undefined) onBoundaryRequest(state, nowMs, from, state.epoch)
    return
  }
  switch (message.kind) {
    case 'proposal':
      onProposal(state, nowMs, from, message.body)
      return
    case 'vote':
      onVote(state, from, message.body)
      return
    case 'certificate':
      offerCertificate(state, message.body, from.peer)
      return
    case 'status':
      onStatus(state, nowMs, from, message.body)
      return
    case 'certificatesRequest':
      onCertificatesRequest(state, nowMs, from, message.body)
      return
    case 'certificates':
      onCertificates(state, from, message.body.certificates)
      return
    case 'blocksRequest':
      onBlocksRequest(state, nowMs, from, message.body)
      return
    case 'blocks':
      onBlocks(state, nowMs, from, message.body.blocks)
      return
    case 'boundaryRequest':
      onBoundaryRequest(state, nowMs, from, message.body.epoch)
      return
    case 'proposalRequest':
      onProposalRequest(state, nowMs, from, message.body.view)
      return
  }
}
