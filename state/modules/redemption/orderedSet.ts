// The ordered sets of places in the queue. Owns: which table holds them. Not: what they mean (queue.ts).
import { orderedSetsOf } from '../../orderedSet.ts'
import { redemptionTables } from './tables.ts'

const sets = orderedSetsOf(redemptionTables.setNode)

export const insertMember = sets.insert
export const removeMember = sets.remove
export const hasMember = sets.has
export const nextMember = sets.next
