// The defaults of a chain: one case for each provider that has defaulted, handled one after another in their order.
// Owns: the records, and which case goes on. Not: what a case does at each stage (declare.ts, bids.ts, assumption.ts, closing.ts).
import type { StateReader, StateWriter } from '../../view.ts'
import { handledTurn } from './external.ts'
import type { Case } from './schema.ts'
import { defaultTables } from './tables.ts'

/** Providers whose default is not closed, in their order. */
export function openCases(state: StateReader): readonly number[] {
  return defaultTables.open.get(state, {})?.providers ?? []
}

/** A default, open or closed. */
export function getCase(state: StateReader, provider: number): Case | undefined {
  return defaultTables.case.get(state, { provider })
}

/** Changes the record of a default that exists. */
export function updateCase(state: StateWriter, provider: number, change: Partial<Case>): void {
  const known = defaultTables.case.mustGet(state, { provider })
  defaultTables.case.set(state, { provider }, { ...known, ...change })
}

/** Opens a case; it waits behind those before it. */
export function openCase(state: StateWriter, provider: number, opened: Case): void {
  defaultTables.case.set(state, { provider }, opened)
  defaultTables.open.set(state, {}, { providers: [...openCases(state), provider] })
}

/** Takes a case out of the list; its record stays. */
export function leaveOpen(state: StateWriter, provider: number): void {
  defaultTables.open.set(state, {}, { providers: openCases(state).filter((id) => id !== provider) })
}

/**
 * The case that goes on now: the one under way, or the first whose auction is over and whose window's end has been handled for
 * every member. Undefined when all wait. One at a time, since each counts the room that the one before has left.
 */
export function nextCase(state: StateReader): number | undefined {
  const open = openCases(state)
  const underWay = open.find((provider) => getCase(state, provider)?.stage !== 'auction')
  if (underWay !== undefined || open.length === 0) return underWay
  const turn = handledTurn(state)
  if (turn === undefined) return undefined
  return open.find(
    (provider) => defaultTables.case.mustGet(state, { provider }).auctionWindow <= turn.windowIndex,
  )
}
