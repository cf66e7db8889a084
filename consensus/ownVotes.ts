// This validator's votes per view, and the one rule on those flags. Core and signer both use it, each on its own copy
// (CONSENSUS §4, §5). Not: the other checks before a vote (canSign.ts).
import { assert } from '../base/assert.ts'
import { type Subject, sameBlock, sameSubject } from '../base/protocol/vote.ts'

/** Views above the floor that may carry flags; at this limit the signer refuses to sign rather than forget. */
export const FLAGGED_VIEWS_MAX = 65_536

export interface ViewFlags {
  readonly notarized: Subject | undefined
  readonly nullified: Subject | undefined
  readonly finalized: Subject | undefined
}

export type FlagRefusal = 'belowFloor' | 'full' | 'notarized' | 'nullified' | 'finalized' | 'otherDigest'

const NO_FLAGS: ViewFlags = { notarized: undefined, nullified: undefined, finalized: undefined }

/** Flags of one epoch: a floor, and what was voted in each view above it. */
export class OwnVotes {
  #floor = 0
  readonly #views = new Map<number, ViewFlags>()
  readonly #viewsMax: number

  constructor(viewsMax: number = FLAGGED_VIEWS_MAX) {
    this.#viewsMax = viewsMax
  }

  get floor(): number {
    return this.#floor
  }

  of(view: number): ViewFlags {
    return this.#views.get(view) ?? NO_FLAGS
  }

  /** Whether exactly this subject is already recorded: signing it again is harmless. */
  has(subject: Subject): boolean {
    return all(this.of(subject.view)).some((voted) => sameSubject(voted, subject))
  }

  /** Why the flags forbid this vote (Simplex: no finalize after nullify, no second digest), or undefined. */
  refuses(subject: Subject): FlagRefusal | undefined {
    const { view, kind } = subject
    if (view <= this.#floor) return 'belowFloor'
    if (this.has(subject)) return undefined
    if (!this.#views.has(view) && this.#views.size >= this.#viewsMax) return 'full'
    const flags = this.of(view)
    if (kind === 'nullify') return flags.finalized !== undefined ? 'finalized' : undefined
    if (flags.nullified !== undefined) return 'nullified'
    if (kind === 'notarize') {
      if (flags.notarized !== undefined) return 'notarized'
      return flags.finalized !== undefined ? 'finalized' : undefined
    }
    if (flags.finalized !== undefined) return 'finalized'
    if (flags.notarized !== undefined && !sameBlock(flags.notarized, subject)) return 'otherDigest'
    return undefined
  }

  /** Records a vote that `refuses` allowed. */
  record(subject: Subject): void {
    assert(this.refuses(subject) === undefined, 'recorded a vote that the flags forbid')
    this.adopt(subject)
  }

  /** Merges a flag from a journal or a signer: a union, in any order (CONSENSUS §5). */
  adopt(subject: Subject): void {
    if (subject.view <= this.#floor) return
    const flags = this.of(subject.view)
    const next = {
      notarized: flags.notarized ?? (subject.kind === 'notarize' ? subject : undefined),
      nullified: flags.nullified ?? (subject.kind === 'nullify' ? subject : undefined),
      finalized: flags.finalized ?? (subject.kind === 'finalize' ? subject : undefined),
    }
    this.#views.set(subject.view, next)
  }

  /** Forgets views at or below `view`; no vote in them is possible again. */
  raiseFloor(view: number): void {
    if (view <= this.#floor) return
    this.#floor = view
    for (const voted of this.#views.keys()) if (voted <= view) this.#views.delete(voted)
  }

  /** Every recorded vote, ascending by view. */
  subjects(): readonly Subject[] {
    const views = [...this.#views.keys()].sort((a, b) => a - b)
    return views.flatMap((view) => all(this.of(view)))
  }
}

function all(flags: ViewFlags): readonly Subject[] {
  return [flags.notarized, flags.nullified, flags.finalized].filter((s): s is Subject => s !== undefined)
}
