// How far a recount under way is: which lot groups it has counted. Not: the recount itself (recount.ts).
import type { StateKey, StateReader } from '../../view.ts'
import { memberIds } from './external.ts'
import type { Count, LotGroup } from './schema.ts'
import { capacityTables } from './tables.ts'

/**
 * Whether the recount under way has counted a group, given with the key of its record: it takes members, and their groups,
 * in order, and some groups ahead of their turn, which it marks.
 */
export function isCounted(
  state: StateReader,
  next: NonNullable<Count['next']>,
  at: { readonly key: StateKey; readonly group: Pick<LotGroup, 'provider' | 'countedIn'> },
): boolean {
  const { provider, countedIn } = at.group
  if (countedIn === next.pass) return true
  const member = memberIds(state).indexOf(provider)
  // Keys are ordered as ids are.
  return (
    member < next.member || (member === next.member && at.key <= capacityTables.group.key({ id: next.group }))
  )
}
