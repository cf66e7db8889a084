// Places whose coins a provider's fault returned, until they have hours again (ECONOMY §6). Owns: the set of them.
// Not: whose reservations they take (unbooking.ts).
import { utf8 } from '../../../base/bytes.ts'
import { sha256 } from '../../../base/crypto/hash.ts'
import type { StateReader, StateWriter } from '../../view.ts'
import { hasMember, insertMember, nextMember, removeMember } from './orderedSet.ts'
import { redemptionTables } from './tables.ts'

/** Places that later reservations are un-booked for. */
export const RETURNED = sha256(utf8('suanli/redemption/returned'))

/** Notes a place to which coins have returned; no effect when they were refunded or wait elsewhere. */
export function noteReturned(state: StateWriter, sequence: number): void {
  if (!redemptionTables.place.has(state, { sequence }) || hasMember(state, RETURNED, sequence)) return
  insertMember(state, RETURNED, sequence)
}

/** The earliest place whose coins have returned and may still lack hours. */
export function firstReturned(state: StateReader): number | undefined {
  return nextMember(state, RETURNED, 0)
}

/** Forgets a place that has hours again, or that nothing can be un-booked for. */
export function settleReturned(state: StateWriter, sequence: number): void {
  removeMember(state, RETURNED, sequence)
}
