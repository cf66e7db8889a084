// The ordered sets of redemption: places, ids and sizes. Owns: which table holds them. Not: what they mean.
import { orderedSetsOf } from '../../orderedSet.ts'
import { redemptionTables } from './tables.ts'

const sets = orderedSetsOf(redemptionTables.setNode)

export const insertMember = sets.insert
export const removeMember = sets.remove
export const hasMember = sets.has
export const nextMember = sets.next
export const previousMember = sets.previous
