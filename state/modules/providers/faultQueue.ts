// The one queue of faults: whoever finds a fault posts it, and every module with an `onFault` rule gets it, in order, at
// the end of a block (state/faults.ts). Owns: the queue and its bound. Not: what a fault costs, or who finds it.
import { assert } from '../../../base/assert.ts'
import type { Fault, ReadContext, WriteContext } from '../../context.ts'
import type { Recount } from '../../recount.ts'
import type { StateReader } from '../../view.ts'
import { providersTables } from './tables.ts'

/** Faults that may wait. */
export const FAULTS_MAX = 4_096

function cursorOf(state: StateReader): { readonly head: number; readonly tail: number } {
  return providersTables.faultQueue.get(state, {}) ?? { head: 0, tail: 0 }
}

/** Faults not yet delivered. */
export function faultsWaiting(state: StateReader): number {
  const { head, tail } = cursorOf(state)
  return tail - head
}

/**
 * How many faults may be posted now. Whoever may find one looks first and otherwise leaves the matter where it is: a
 * walk stops and continues in a later block, an action fails and is sent again. So a full queue loses nothing, and as a
 * delivery cannot fail, it does not stay full.
 */
export function faultRoom(state: StateReader): number {
  return FAULTS_MAX - faultsWaiting(state)
}

/** Posts a fault of a member. Asserts that the member exists and that there is room. */
export function postFault(ctx: WriteContext, fault: Omit<Fault, 'height'>): void {
  const { state, block } = ctx
  assert(providersTables.provider.has(state, { id: fault.provider }), 'the faulty provider exists')
  assert(faultRoom(state) > 0, 'whoever posts a fault has looked for room')
  const { head, tail } = cursorOf(state)
  providersTables.faultEntry.set(state, { number: tail }, { ...fault, height: block.height })
  providersTables.faultQueue.set(state, {}, { head, tail: tail + 1 })
}

/** Takes the oldest fault out of the queue; undefined when none waits. */
export function takeFault(ctx: WriteContext): Fault | undefined {
  const { state } = ctx
  const { head, tail } = cursorOf(state)
  if (head === tail) return undefined
  const at = { number: head }
  const fault = providersTables.faultEntry.mustGet(state, at)
  providersTables.faultEntry.delete(state, at)
  providersTables.faultQueue.set(state, {}, { head: head + 1, tail })
  return fault
}

/** By full recount: the entries are those between the cursors, and within the bound. A reason when not. */
export function* recountFaults({ state }: ReadContext): Recount {
  let entries = 0
  yield* providersTables.faultEntry.each(() => {
    entries++
    return undefined
  })
  const waiting = faultsWaiting(state)
  if (entries !== waiting) return `${entries} faults are kept, ${waiting} wait`
  return waiting <= FAULTS_MAX ? undefined : `${waiting} faults wait, at most ${FAULTS_MAX} may`
}
