// Recounts as resumable steps: a recount asks for entries piece by piece, and whoever runs it decides when it goes on.
// Owns: the protocol of the steps. Not: the invariants (modules), when and against what they run (node/chain/recount.ts).
import { assert } from '../base/assert.ts'
import type { ReadContext } from './context.ts'
import type { FullState, StateKey } from './view.ts'

export type Entry = readonly [key: StateKey, value: Uint8Array]

/** The next entries of `prefix` in byte order, above `after` if given. */
export interface EntriesRequest {
  readonly prefix: StateKey
  readonly after: StateKey | undefined
}

/** A request is answered with at most `RECOUNT_PIECE` entries, fewer only at the end; undefined asks for a pause alone. */
export type Recounting<T> = Generator<EntriesRequest | undefined, T, readonly Entry[]>

/** A reason when the invariant is broken. */
export type Recount = Recounting<string | undefined>

/** Entries per step: a millisecond or two of work. */
export const RECOUNT_PIECE = 256
/** Point reads per step. */
const READS_PER_STEP = 64

/** Visits every entry of `prefix` in byte order; stops at the first reason that `visit` returns. */
export function* eachEntry(prefix: StateKey, visit: (entry: Entry) => string | undefined): Recount {
  let after: StateKey | undefined
  for (;;) {
    const piece = yield { prefix, after }
    for (const entry of piece) {
      const reason = visit(entry)
      if (reason !== undefined) return reason
    }
    if (piece.length < RECOUNT_PIECE) return undefined
    after = piece.at(-1)![0]
  }
}

/** Like `eachEntry` for items that cost a few point reads each, e.g. the members of a list. */
export function* eachItem<T>(items: Iterable<T>, visit: (item: T) => string | undefined): Recount {
  let count = 0
  for (const item of items) {
    const reason = visit(item)
    if (reason !== undefined) return reason
    if (++count % READS_PER_STEP === 0) yield undefined
  }
  return undefined
}

/** Reads the entries of a prefix one by one beside another walk. */
export class EntryCursor {
  readonly #prefix: StateKey
  #piece: readonly Entry[] = []
  #at = 0
  #after: StateKey | undefined
  #isLast = false

  constructor(prefix: StateKey) {
    this.#prefix = prefix
  }

  /** The next entry without taking it; undefined after the last one. */
  *peek(): Recounting<Entry | undefined> {
    if (this.#at === this.#piece.length && !this.#isLast) {
      this.#piece = yield { prefix: this.#prefix, after: this.#after }
      this.#at = 0
      this.#isLast = this.#piece.length < RECOUNT_PIECE
      this.#after = this.#piece.at(-1)?.[0]
    }
    return this.#piece[this.#at]
  }

  /** Takes the entry that `peek` returned. */
  take(): void {
    assert(this.#at < this.#piece.length, 'an entry to take')
    this.#at++
  }
}

/** Recounts an invariant at once, on a state in memory: genesis, tests and simulations. */
export function recountNow(
  invariant: { recount?(ctx: ReadContext): Recount },
  full: FullState,
  ctx: ReadContext,
): string | undefined {
  const recount = invariant.recount?.({ ...ctx, state: full })
  return recount === undefined ? undefined : runRecount(recount, full)
}

function runRecount<T>(recount: Recounting<T>, full: FullState): T {
  // One walk per prefix, because sorting the keys for every piece would be quadratic.
  const walks = new Map<StateKey, { readonly entries: readonly Entry[]; at: number }>()
  let step = recount.next()
  while (step.done !== true) step = recount.next(step.value === undefined ? [] : piece(step.value))
  return step.value

  function piece({ prefix, after }: EntriesRequest): readonly Entry[] {
    let walk = walks.get(prefix)
    if (walk === undefined || after === undefined) {
      walk = { entries: [...full.entries(prefix)], at: 0 }
      walks.set(prefix, walk)
    }
    assert(walk.at === 0 || walk.entries[walk.at - 1]![0] === after, 'a walk goes on where it stopped')
    const entries = walk.entries.slice(walk.at, walk.at + RECOUNT_PIECE)
    walk.at += entries.length
    return entries
  }
}
