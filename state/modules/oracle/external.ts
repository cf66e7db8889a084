// What the oracle needs from other modules: the members and their legal groups, and the catalogue's classes.
import type { Address } from '../../../base/ids.ts'
import type { StateReader } from '../../view.ts'
import { classIds, getClass, getRatings, leastRating } from '../catalogue/classes.ts'
import { groupOf } from '../providers/groups.ts'
import { getProvider, providerByOperator, providerIds } from '../providers/members.ts'
import { hasVote } from '../providers/validatorSet.ts'

/** Whether an account is the operator of any member. */
export function isOperator(state: StateReader, account: Address): boolean {
  return providerByOperator(state, account) !== undefined
}

/** The legal group, named by its lowest id, for which an account may report: of a member that validates and serves. */
export function groupOfOperator(state: StateReader, account: Address): number | undefined {
  const id = providerByOperator(state, account)
  return id !== undefined && validates(state, id) ? groupOf(state, id) : undefined
}

function validates(state: StateReader, id: number): boolean {
  const member = getProvider(state, id)
  return member !== undefined && hasVote(member)
}

/** The legal groups with a member that validates and serves, ascending; a few reads for each member. */
export function votingGroups(state: StateReader): readonly number[] {
  const groups = providerIds(state)
    .filter((id) => validates(state, id))
    .map((id) => groupOf(state, id))
  return [...new Set(groups)].sort((a, b) => a - b)
}

/** All legal groups that members have or had, by their lowest member, ascending. */
export function legalGroups(state: StateReader): readonly number[] {
  return [...new Set(providerIds(state).map((id) => groupOf(state, id)))].sort((a, b) => a - b)
}

/** Every hardware class by its least rating, then id: at most `CLASSES_MAX`. */
export function classesByRating(
  state: StateReader,
): readonly { readonly classId: number; readonly slug: string; readonly rating: bigint }[] {
  const classes = classIds(state).map((classId) => {
    const ratings = getRatings(state, classId)
    const rating = ratings === undefined ? 0n : leastRating(ratings)
    return { classId, slug: getClass(state, classId)?.slug ?? '', rating }
  })
  return classes.sort((a, b) => (a.rating < b.rating ? -1 : a.rating > b.rating ? 1 : a.classId - b.classId))
}
