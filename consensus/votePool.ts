// Votes of others and our own, verified lazily. Owns: slots, bounds, conflicts. Not: certificates, signatures.
import { equivocationOf } from '../base/protocol/evidence.ts'
import { type Subject, sameSubject, VOTE_KINDS, type Vote, type VoteKind } from '../base/protocol/vote.ts'
import { subjectKey } from './subject.ts'

/** Votes for views up to current + 64 are kept; beyond that only certificates count. */
export const FUTURE_VIEWS_MAX = 64
/** Votes are kept this many views past finality, long enough to notice an equivocation. */
const PAST_VIEWS_KEPT = 16
/** Without an N, votes older than this are forgotten even when nothing is final. */
const STALE_VIEWS = 128

export type Trust = 'verified' | 'unverified' | 'checking'

interface Slot {
  readonly vote: Vote
  trust: Trust
}

export interface VoteConflict {
  readonly first: Vote
  readonly second: Vote
}

type ViewSlots = Readonly<Record<VoteKind, Map<number, Slot>>>

export class VotePool {
  readonly #views = new Map<number, ViewSlots>()
  /** A second, different vote in a taken slot; one per slot. */
  readonly #seconds = new Map<string, Slot>()

  /** Adds a vote; false when its slot is taken. A different vote in a taken slot is kept once as a possible conflict. */
  add(vote: Vote, trust: Trust): boolean {
    const { view, kind } = vote.subject
    let slots = this.#views.get(view)
    if (slots === undefined) {
      slots = { notarize: new Map(), nullify: new Map(), finalize: new Map() }
      this.#views.set(view, slots)
    }
    const held = slots[kind].get(vote.signer)
    if (held === undefined) {
      slots[kind].set(vote.signer, { vote, trust })
      return true
    }
    if (sameSubject(held.vote.subject, vote.subject)) {
      if (trust !== 'verified' || held.trust === 'verified') return false
      slots[kind].set(vote.signer, { vote, trust })
      return true
    }
    const key = slotKey(vote)
    const second = this.#seconds.get(key)
    if (second !== undefined && (second.trust === 'verified' || trust !== 'verified')) return false
    this.#seconds.set(key, { vote, trust })
    return true
  }

  get(view: number, kind: VoteKind, signer: number): Vote | undefined {
    return this.#views.get(view)?.[kind].get(signer)?.vote
  }

  isVerified(view: number, kind: VoteKind, signer: number): boolean {
    return this.#views.get(view)?.[kind].get(signer)?.trust === 'verified'
  }

  /** Votes of one kind in a view, in order of arrival. */
  votes(view: number, kind: VoteKind): readonly Vote[] {
    return [...(this.#views.get(view)?.[kind].values() ?? [])].map((slot) => slot.vote)
  }

  verifiedCount(view: number, kind: VoteKind): number {
    let count = 0
    for (const slot of this.#views.get(view)?.[kind].values() ?? []) if (slot.trust === 'verified') count++
    return count
  }

  hasVerified(view: number): boolean {
    return this.#has(view, 'verified')
  }

  /** Whether some vote of the view is being checked. */
  isChecking(view: number): boolean {
    return this.#has(view, 'checking')
  }

  #has(view: number, trust: Trust): boolean {
    const slots = this.#views.get(view)
    if (slots === undefined) return false
    return VOTE_KINDS.some((kind) => [...slots[kind].values()].some((slot) => slot.trust === trust))
  }

  /** Subjects with at least `quorum` votes, verified or not; each with exactly those votes. */
  quorate(view: number, kind: VoteKind, quorum: number): readonly (readonly Vote[])[] {
    const slots = this.#views.get(view)?.[kind]
    if (slots === undefined || slots.size < quorum) return []
    const groups = new Map<string, Vote[]>()
    for (const { vote } of slots.values()) {
      const key = subjectKey(vote.subject)
      const group = groups.get(key)
      if (group === undefined) groups.set(key, [vote])
      else group.push(vote)
    }
    return [...groups.values()].filter((group) => group.length >= quorum)
  }

  /** Unverified votes of the view that are not being checked yet. */
  unverified(view: number, kind: VoteKind): readonly Vote[] {
    const out: Vote[] = []
    for (const slot of this.#views.get(view)?.[kind].values() ?? []) {
      if (slot.trust === 'unverified') out.push(slot.vote)
    }
    return out
  }

  /** Votes held, including second ones of a slot. */
  get size(): number {
    let count = this.#seconds.size
    for (const slots of this.#views.values()) for (const kind of VOTE_KINDS) count += slots[kind].size
    return count
  }

  views(): readonly number[] {
    return [...this.#views.keys()].sort((a, b) => a - b)
  }

  markChecking(votes: readonly Vote[]): void {
    for (const vote of votes) {
      const slot = this.#slotOf(vote)
      if (slot !== undefined && slot.trust === 'unverified') slot.trust = 'checking'
    }
  }

  /** Applies a check: valid votes become verified, an invalid vote frees its slot. */
  settle(vote: Vote, valid: boolean): void {
    const slot = this.#slotOf(vote)
    if (slot === undefined || slot.trust === 'verified') return
    if (valid) {
      slot.trust = 'verified'
      return
    }
    const key = slotKey(vote)
    if (this.#seconds.get(key) === slot) {
      this.#seconds.delete(key)
      return
    }
    const slots = this.#views.get(vote.subject.view)![vote.subject.kind]
    slots.delete(vote.signer)
    const second = this.#seconds.get(key)
    if (second !== undefined) {
      slots.set(vote.signer, second)
      this.#seconds.delete(key)
    }
  }

  #slotOf(vote: Vote): Slot | undefined {
    const held = this.#views.get(vote.subject.view)?.[vote.subject.kind].get(vote.signer)
    if (held?.vote === vote) return held
    const second = this.#seconds.get(slotKey(vote))
    return second?.vote === vote ? second : undefined
  }

  /** Pairs that no honest validator signs (CONSENSUS §6), verified or not. */
  conflicts(view: number, signer: number): readonly VoteConflict[] {
    const slots = this.#views.get(view)
    if (slots === undefined) return []
    const of = (kind: VoteKind): Vote | undefined => slots[kind].get(signer)?.vote
    const secondOf = (kind: VoteKind): Vote | undefined =>
      this.#seconds.get(`${kind}:${view}:${signer}`)?.vote
    const [n, u, f] = [of('notarize'), of('nullify'), of('finalize')]
    const pairs = [
      [n, secondOf('notarize')],
      [f, secondOf('finalize')],
      [u, f],
      [n, f],
    ] as const
    return pairs.flatMap(([first, second]) => {
      if (first === undefined || second === undefined) return []
      return equivocationOf(first.subject, second.subject) === undefined ? [] : [{ first, second }]
    })
  }

  trustOf(vote: Vote): Trust | undefined {
    return this.#slotOf(vote)?.trust
  }

  /** Forgets votes that no rule needs; `keep` tells which old views still wait for finality. */
  prune(options: { finalizedView: number; view: number; keep: (view: number) => boolean }): void {
    const { finalizedView, view, keep } = options
    for (const held of this.#views.keys()) {
      const waits = held > view - STALE_VIEWS || (held > finalizedView && keep(held))
      if (held > finalizedView - PAST_VIEWS_KEPT && waits) continue
      this.#views.delete(held)
    }
    for (const [key, slot] of this.#seconds) {
      if (!this.#views.has(slot.vote.subject.view)) this.#seconds.delete(key)
    }
  }
}

function slotKey(vote: Vote): string {
  return `${vote.subject.kind}:${vote.subject.view}:${vote.signer}`
}

/** The subject of the first vote; all votes of a group share it. */
export function groupSubject(votes: readonly Vote[]): Subject {
  return votes[0]!.subject
}
