// A: a misbehaviour report names only Byzantine validators and proves it; and an honest node reports every validator that
// sent it contradicting votes over its own connection (CONSENSUS §6).
import { bytesKey } from '../../../base/bytes.ts'
import type { Bls } from '../../../base/crypto/types.ts'
import type { Hash32 } from '../../../base/ids.ts'
import type { Subject, Vote } from '../../../base/protocol/vote.ts'
import type { EpochState } from '../../../consensus/state.ts'
import type { Misbehaviour } from '../../../consensus/types.ts'
import { signedBytes } from './certificateCheck.ts'

/** Exactly the four faults of CONSENSUS §6; deliberately independent of the program's rule (base/protocol/evidence.ts). */
export function contradict(a: Subject, b: Subject): boolean {
  if (a.epoch !== b.epoch || a.view !== b.view) return false
  const kinds = [a.kind, b.kind].sort().join('+')
  if (kinds === 'finalize+nullify') return true
  if (kinds === 'notarize+nullify' || kinds === 'nullify+nullify') return false
  return a.parentView !== b.parentView || bytesKey(a.digest!) !== bytesKey(b.digest!)
}

/** The fault of a report, or undefined when it convicts. */
export function reportFault(options: {
  readonly misbehaviour: Extract<Misbehaviour, { kind: 'votes' }>
  readonly key: Uint8Array
  readonly genesisHash: Hash32
  readonly bls: Bls
}): string | undefined {
  const { misbehaviour, key, genesisHash, bls } = options
  const { first, second } = misbehaviour
  if (first.signer !== second.signer) return 'two signers'
  if (!contradict(first.subject, second.subject)) return 'no contradiction'
  for (const vote of [first, second]) {
    if (!bls.verify(key, signedBytes(genesisHash, vote.subject), vote.signature))
      return 'an invalid signature'
  }
  return undefined
}

interface Shown {
  readonly life: number
  readonly epoch: number
  readonly votes: Vote[]
  /** Votes with an invalid signature: the core may have one of them for the valid vote that says the same. */
  readonly spoilt: Subject[]
}

const SHOWN_MAX = 8192
const SPOILT_MAX = 16

/** Votes sent to one honest node, and the contradictions it must report. */
export class Accountability {
  #shown = new Map<string, Shown>()
  readonly #reported = new Set<string>()
  readonly #genesisHash: Hash32
  readonly #bls: Bls

  constructor(genesisHash: Hash32, bls: Bls) {
    this.#genesisHash = genesisHash
    this.#bls = bls
  }

  onMisbehaviour(misbehaviour: Extract<Misbehaviour, { kind: 'votes' }>): void {
    const { subject } = misbehaviour.first
    this.#reported.add(`${misbehaviour.first.signer}:${subject.epoch}:${subject.view}`)
  }

  /** Called before the core sees a vote that arrived over its signer's own connection. */
  onVote(state: EpochState, vote: Vote, life: number): void {
    const { subject, signer } = vote
    if (subject.epoch !== state.epoch || state.ended || state.halted || signer === state.self) return
    if (subject.view > state.view + 64 || subject.view <= state.finalizedView) return
    const key = `${signer}:${subject.epoch}:${subject.view}`
    if (this.#shown.size >= SHOWN_MAX) this.#shown.clear()
    const before = this.#shown.get(key)
    const shown =
      before !== undefined && before.life === life
        ? before
        : { life, epoch: subject.epoch, votes: [], spoilt: [] }
    this.#shown.set(key, shown)
    if (
      shown.votes.some((known) => known.subject.kind === subject.kind && !contradict(known.subject, subject))
    )
      return
    const validator = state.validators[signer]
    if (validator === undefined) return
    const message = signedBytes(this.#genesisHash, subject)
    if (this.#bls.verify(validator.consensusKey, message, vote.signature)) shown.votes.push(vote)
    else if (shown.spoilt.length < SPOILT_MAX) shown.spoilt.push(subject)
  }

  /** Called after the core has seen it: returns a contradiction in its window that it did not report. */
  missing(signer: number, subject: Subject): string | undefined {
    const key = `${signer}:${subject.epoch}:${subject.view}`
    const shown = this.#shown.get(key)
    if (shown === undefined || shown.votes.length < 2 || this.#reported.has(key)) return undefined
    const isSpoilt = (vote: Vote): boolean =>
      shown.spoilt.some((other) => other.kind === vote.subject.kind && !contradict(other, vote.subject))
    const votes = shown.votes.filter((vote) => !isSpoilt(vote))
    for (const a of votes) {
      for (const b of votes) {
        if (contradict(a.subject, b.subject))
          return `${a.subject.kind} and ${b.subject.kind} in view ${subject.view}`
      }
    }
    return undefined
  }
}
