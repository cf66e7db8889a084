// Books: the open assignments of each provider per window, and of each place per window. Owns: these lists.
// Not: what opening and closing does to coins and capacity (assignments.ts).
import { assert } from '../../../base/assert.ts'
import { utf8 } from '../../../base/bytes.ts'
import { sha256 } from '../../../base/crypto/hash.ts'
import type { Hash32 } from '../../../base/ids.ts'
import type { StateReader, StateWriter } from '../../view.ts'
import { insertMember, nextMember, previousMember, removeMember } from './orderedSet.ts'
import type { Assignment, AssignmentKey, Book } from './schema.ts'
import { redemptionTables } from './tables.ts'

const NO_BOOK: Book = { count: 0, openCount: 0, openBase: 0n }

/** Places that hold open assignments in a window. */
export function holdersOf(window: number): Hash32 {
  return sha256(utf8(`suanli/redemption/holders/${window}`))
}

/** Lists a new assignment in the book of its provider and of its place; returns it with its neighbours. */
export function enterBooks(
  state: StateWriter,
  at: AssignmentKey,
  assignment: Omit<Assignment, 'entry' | 'previous' | 'next'>,
): Assignment {
  const { provider, window, sequence, amountBase } = assignment
  const book = redemptionTables.book.get(state, { provider, window }) ?? NO_BOOK
  redemptionTables.booked.set(state, { provider, window, index: book.count }, at)
  redemptionTables.book.set(
    state,
    { provider, window },
    { count: book.count + 1, openCount: book.openCount + 1, openBase: book.openBase + amountBase },
  )
  const held = redemptionTables.held.get(state, { window, sequence })
  if (held === undefined) insertMember(state, holdersOf(window), sequence)
  else {
    assert(held.id === at.id, 'a place belongs to one redemption')
    link(state, { id: at.id, assignment: held.last }, { next: at.assignment })
  }
  redemptionTables.held.set(
    state,
    { window, sequence },
    { id: at.id, first: held?.first ?? at.assignment, last: at.assignment },
  )
  return { ...assignment, entry: book.count, previous: held?.last ?? 0, next: 0 }
}

function link(
  state: StateWriter,
  at: AssignmentKey,
  change: Partial<Pick<Assignment, 'previous' | 'next'>>,
): void {
  const assignment = redemptionTables.assignment.mustGet(state, at)
  redemptionTables.assignment.set(state, at, { ...assignment, ...change })
}

/** Takes settled coins of an open assignment out of its provider's book. */
export function lowerBook(state: StateWriter, assignment: Assignment, amountBase: bigint): void {
  const at = { provider: assignment.provider, window: assignment.window }
  const book = redemptionTables.book.mustGet(state, at)
  assert(book.openBase >= amountBase, 'a book covers what leaves it')
  redemptionTables.book.set(state, at, { ...book, openBase: book.openBase - amountBase })
}

/** Removes an assignment, with `leftBase` coins still open, from the books. */
export function leaveBooks(
  state: StateWriter,
  at: AssignmentKey,
  assignment: Assignment,
  leftBase: bigint,
): void {
  const { provider, window, sequence, entry, previous, next } = assignment
  redemptionTables.booked.delete(state, { provider, window, index: entry })
  const book = redemptionTables.book.mustGet(state, { provider, window })
  const openCount = book.openCount - 1
  const openBase = book.openBase - leftBase
  assert(openCount >= 0 && openBase >= 0n, 'a book covers what leaves it')
  if (openCount === 0) redemptionTables.book.delete(state, { provider, window })
  else redemptionTables.book.set(state, { provider, window }, { count: book.count, openCount, openBase })
  if (previous !== 0) link(state, { id: at.id, assignment: previous }, { next })
  if (next !== 0) link(state, { id: at.id, assignment: next }, { previous })
  if (previous === 0 && next === 0) {
    redemptionTables.held.delete(state, { window, sequence })
    removeMember(state, holdersOf(window), sequence)
    return
  }
  const held = redemptionTables.held.mustGet(state, { window, sequence })
  redemptionTables.held.set(
    state,
    { window, sequence },
    { ...held, first: previous === 0 ? next : held.first, last: next === 0 ? previous : held.last },
  )
}

/** The first open assignment of a window at or after a place. */
export function firstHeld(state: StateReader, window: number, from: number): HeldAt | undefined {
  const sequence = nextMember(state, holdersOf(window), from)
  if (sequence === undefined) return undefined
  const { id, first } = redemptionTables.held.mustGet(state, { window, sequence })
  return { sequence, id, assignment: first }
}

export interface HeldAt extends AssignmentKey {
  readonly sequence: number
}

/** The latest place below another that holds assignments in a window. */
export function holderBelow(state: StateReader, window: number, below: number): number | undefined {
  return below === 0 ? undefined : previousMember(state, holdersOf(window), below - 1)
}
