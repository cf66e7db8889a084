// Judges every new vote of an honest node by an independent implementation of CONSENSUS §4 over the messages it received. It
// reads the core's containers but none of its rules: deleting a guard of canSign, of the proposal rules or of the boundary
// rule leads to a vote that this rejects.
import { bytesKey, equalBytes } from '../../../base/bytes.ts'
import type { Bls } from '../../../base/crypto/types.ts'
import type { SealedBlock } from '../../../base/protocol/header.ts'
import { randaoBytes, type Subject, type Vote } from '../../../base/protocol/vote.ts'
import type { EpochState } from '../../../consensus/state.ts'
import type { ConsensusParameters } from '../../../consensus/types.ts'
import { type ChainRules, verifyBlock } from '../../support/simChain.ts'
import { signedBytes } from './certificateCheck.ts'

/** A proposal as received by a node. */
interface Arrival {
  readonly subject: Subject
  readonly block: Uint8Array
  readonly life: number
  readonly atMs: number
  /** lastFinalized.view before its arrival. */
  readonly finalizedView: number
  /** Whether it came from the leader itself, in a view close enough to be kept. */
  readonly direct: boolean
}

export interface OracleContext {
  /** This node's version of the rules. */
  readonly rules: () => ChainRules
  readonly bls: Bls
  readonly parameters: ConsensusParameters
  /** Any block built or executed in this run. */
  blockOf(digest: Uint8Array): SealedBlock | undefined
}

const ARRIVALS_MAX = 4096

/** Records the proposals received by one node and judges its votes. */
export class VoteOracle {
  readonly #context: OracleContext
  #epoch = 0
  #arrivals = new Map<number, Arrival[]>()
  #voted = new Map<number, Subject[]>()
  /** The first proposal of a view that was in the journal at this start. */
  #kept = new Map<number, Subject>()
  #count = 0

  constructor(context: OracleContext) {
    this.#context = context
  }

  #enter(epoch: number): void {
    if (epoch === this.#epoch) return
    this.#epoch = epoch
    this.#arrivals = new Map()
    this.#voted = new Map()
    this.#kept = new Map()
    this.#count = 0
  }

  /** After a restart, only the votes of journal and signer and the journal's proposals remain. */
  restart(epoch: number, remembered: readonly Subject[], proposals: readonly Subject[]): void {
    this.#enter(epoch)
    this.#voted = new Map()
    this.#kept = new Map()
    for (const subject of proposals) {
      if (subject.epoch === epoch && !this.#kept.has(subject.view)) this.#kept.set(subject.view, subject)
    }
    for (const subject of remembered) if (subject.epoch === epoch) this.#remember(subject)
  }

  #remember(subject: Subject): void {
    const list = this.#voted.get(subject.view) ?? []
    this.#voted.set(subject.view, list)
    if (!list.some((known) => isSame(known, subject))) list.push(subject)
  }

  /** Called before the core sees a proposal. */
  onProposal(
    state: EpochState,
    arrival: { vote: Vote; block: Uint8Array; fromSigner: boolean; life: number; atMs: number },
  ) {
    const { vote, block, fromSigner, life, atMs } = arrival
    const { subject } = vote
    this.#enter(state.epoch)
    if (subject.epoch !== state.epoch || vote.signer !== state.leaderOf(subject.view)) return
    if (this.#count >= ARRIVALS_MAX) return
    const key = state.validators[vote.signer]!.consensusKey
    if (
      !this.#context.bls.verify(key, signedBytes(this.#context.rules().genesisHash, subject), vote.signature)
    )
      return
    this.#count++
    const list = this.#arrivals.get(subject.view) ?? []
    this.#arrivals.set(subject.view, list)
    const direct =
      fromSigner && subject.view <= state.view && subject.view > state.finalizedView && !state.ended
    list.push({ subject, block, life, atMs, finalizedView: state.finalizedView, direct })
  }

  /** Why this new vote is forbidden, or undefined. `isOld`: in the journal or the signer at this start. */
  judge(vote: {
    readonly state: EpochState
    readonly subject: Subject
    readonly nowMs: number
    readonly life: number
    readonly isOld: boolean
  }): string | undefined {
    const { state, subject, isOld } = vote
    this.#enter(state.epoch)
    if (state.self === undefined) return 'an observer votes'
    if (subject.epoch !== state.epoch) return 'votes in another epoch'
    if (subject.kind !== 'nullify' && (subject.parentView === undefined || subject.digest === undefined))
      return 'malformed'
    const fault = isOld ? undefined : this.#fault(vote)
    if (fault !== undefined) return fault
    this.#remember(subject)
    return undefined
  }

  #fault(vote: { state: EpochState; subject: Subject; nowMs: number; life: number }): string | undefined {
    const { state, subject } = vote
    const earlier = this.#voted.get(subject.view) ?? []
    if (subject.view <= state.finalizedView) return 'votes at or below finality'
    switch (subject.kind) {
      case 'nullify':
        if (subject.view !== state.view) return 'nullifies another view than the current'
        return earlier.some((v) => v.kind === 'finalize') ? 'nullifies after its finalize' : undefined
      case 'finalize':
        return this.#finalizeFault(state, subject, earlier)
      case 'notarize':
        if (subject.view !== state.view) return 'notarizes in another view than the current'
        if (earlier.some((v) => !isSame(v, subject))) return 'notarizes after another vote in the view'
        return this.#notarizeFault(vote)
    }
  }

  #finalizeFault(state: EpochState, subject: Subject, earlier: readonly Subject[]): string | undefined {
    if (earlier.some((v) => v.kind === 'nullify')) return 'finalizes after its nullify'
    if (earlier.some((v) => v.kind === 'notarize' && !isSameBlock(v, subject)))
      return 'finalizes another block'
    const n = state.certificates.get('notarize', subject.view)
    if (n === undefined || !isSameBlock(n.subject, subject)) return 'finalizes without N'
    if (state.blocks.block(subject.digest!) === undefined) return 'finalizes without the body'
    return this.#executionFault(subject)
  }

  #notarizeFault(vote: {
    state: EpochState
    subject: Subject
    nowMs: number
    life: number
  }): string | undefined {
    const { state, subject } = vote
    const { view } = subject
    const p = subject.parentView!
    if (p >= view) return 'parent view is not below the view'
    if (p < state.finalizedView) return 'builds below finality'
    for (let w = p + 1; w < view; w++) {
      if (state.certificates.get('nullify', w) === undefined) return `skips view ${w} without U`
    }
    const block = state.blocks.block(subject.digest!)
    if (block === undefined) return 'notarizes without the body'
    const parentDigest = this.#certifiedAt(state, p)
    if (parentDigest === undefined) return `builds on view ${p} without N or F`
    if (state.leaderOf(view) !== state.self) {
      const fault = this.#arrivalFault(vote)
      if (fault !== undefined) return fault
    }
    if (equalBytes(parentDigest, subject.digest!)) {
      const isBoundary = p > 0 && block.header.endsEpoch && block.header.epoch === state.epoch
      return isBoundary ? this.#executionFault(subject) : 'notarizes a block again that is no boundary'
    }
    return this.#freshFault(vote, block, parentDigest)
  }

  #certifiedAt(state: EpochState, view: number): Uint8Array | undefined {
    if (view === 0) return state.floor.hash
    const held = state.certificates.get('finalize', view) ?? state.certificates.get('notarize', view)
    return held?.subject.digest
  }

  #arrivalFault(vote: { state: EpochState; subject: Subject; life: number }): string | undefined {
    const arrivals = this.#arrivals.get(vote.subject.view) ?? []
    if (!arrivals.some((a) => isSame(a.subject, vote.subject)))
      return 'notarizes what the leader did not propose'
    const direct = arrivals.filter((a) => a.direct && a.life === vote.life)
    if (direct.some((a) => !isSame(a.subject, direct[0]!.subject)))
      return 'notarizes although the leader equivocated'
    const kept = this.#kept.get(vote.subject.view)
    if (kept !== undefined && !isSame(kept, vote.subject))
      return 'notarizes another proposal than the first, which is in its journal'
    return undefined
  }

  #freshFault(
    vote: { state: EpochState; subject: Subject; nowMs: number },
    block: SealedBlock,
    parentDigest: Uint8Array,
  ): string | undefined {
    const { state, subject } = vote
    const { header } = block
    const parent = state.blocks.block(parentDigest)
    if (parent === undefined) return 'notarizes without the body of the parent'
    if (parent.header.endsEpoch && parent.header.epoch === state.epoch) return 'builds on a boundary'
    if (!equalBytes(header.parentHash, parentDigest)) return 'header names another parent'
    if (header.epoch !== state.epoch || header.view !== subject.view) return 'header names another round'
    if (header.height !== parent.header.height + 1) return 'header names another height'
    const leader = state.validators[state.leaderOf(subject.view)]!
    if (!equalBytes(header.proposer, leader.operator)) return 'header names another proposer'
    const message = randaoBytes(this.#context.rules().genesisHash, header.epoch, header.height)
    if (!this.#context.bls.verify(leader.consensusKey, message, header.randaoReveal)) return 'wrong reveal'
    return this.#timeFault(vote, block, parent) ?? this.#executionFault(subject)
  }

  #timeFault(
    vote: { state: EpochState; subject: Subject; nowMs: number },
    block: SealedBlock,
    parent: SealedBlock,
  ): string | undefined {
    const { state, subject, nowMs } = vote
    const { minBlockIntervalMs, precisionMs, messageDelayMs } = this.#context.parameters
    const { timestampMs } = block.header
    if (timestampMs <= parent.header.timestampMs) return 'time does not move'
    if (timestampMs < parent.header.timestampMs + minBlockIntervalMs) return 'too soon after its parent'
    if (timestampMs > nowMs + precisionMs) return 'from the future'
    if (state.leaderOf(subject.view) === state.self) return undefined
    const arrivals = (this.#arrivals.get(subject.view) ?? []).filter((a) => isSame(a.subject, subject))
    const isTimely = arrivals.some(({ atMs, finalizedView }) => {
      const steps = Math.max(0, subject.view - finalizedView - 1)
      // One millisecond per step for rounding.
      const delayMs = Math.min(messageDelayMs * 1.5 ** steps, Math.max(messageDelayMs, 20_000)) + steps
      return timestampMs >= atMs - delayMs - precisionMs
    })
    return isTimely ? undefined : 'too old at its arrival'
  }

  #executionFault(subject: Subject): string | undefined {
    const block = this.#context.blockOf(subject.digest!)
    const parent = block === undefined ? undefined : this.#context.blockOf(block.header.parentHash)
    if (block === undefined || parent === undefined) return 'votes for what was never executed'
    return verifyBlock(this.#context.rules(), block, parent) === 'valid'
      ? undefined
      : 'votes for an invalid block'
  }
}

function isSameBlock(a: Subject, b: Subject): boolean {
  if (a.digest === undefined || b.digest === undefined) return a.digest === b.digest
  return a.parentView === b.parentView && bytesKey(a.digest) === bytesKey(b.digest)
}

function isSame(a: Subject, b: Subject): boolean {
  return a.kind === b.kind && a.view === b.view && isSameBlock(a, b)
}
