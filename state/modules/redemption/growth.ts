// Free hours that have grown, and whom that wakes: only buckets whose filter the lot group meets (ECONOMY §6).
// Owns: the notes of growth, and telling the filters. Not: what capacity has free.
import { utf8 } from '../../../base/bytes.ts'
import { sha256 } from '../../../base/crypto/hash.ts'
import type { StateReader, StateWriter } from '../../view.ts'
import type { LotGroup } from '../capacity/schema.ts'
import { SERVICES } from '../catalogue/schema.ts'
import { drawBack, meets, putFrontier } from './candidates.ts'
import { type Budget, getCursors, takePart, takeStep, updateCursors } from './cursors.ts'
import { groupsOf, legalGroupOf, lotGroup } from './external.ts'
import { orderOf, volunteersOf } from './order.ts'
import { hasMember, insertMember, nextMember, removeMember } from './orderedSet.ts'
import { filterBuckets, filterSet, mustGetBucket, mustGetFilter, setStanding } from './queue.ts'

/** Lot groups whose free hours have grown. */
const GROWN_GROUPS = sha256(utf8('suanli/redemption/grownGroups'))
/** Providers all of whose lot groups may serve more than before. */
const GROWN_PROVIDERS = sha256(utf8('suanli/redemption/grownProviders'))

function note(state: StateWriter, set: Uint8Array, member: number): void {
  if (!hasMember(state, set, member)) insertMember(state, set, member)
}

/** Notes that hours of a lot group have become free. */
export function noteGrowth(state: StateWriter, group: number): void {
  note(state, GROWN_GROUPS, group)
}

/** Notes that a provider offers more than before: a new listing. */
export function noteOffer(state: StateWriter, provider: number): void {
  note(state, GROWN_PROVIDERS, provider)
}

/** Whether filters are still to be told of growth. */
export function growthPending(state: StateReader): boolean {
  return (
    nextMember(state, GROWN_GROUPS, 0) !== undefined || nextMember(state, GROWN_PROVIDERS, 0) !== undefined
  )
}

/** Tells filters of what has grown; false when the steps ran out. One step per filter and per set of filters. */
export function tellGrowth(state: StateWriter, budget: Budget): boolean {
  for (;;) {
    const provider = nextMember(state, GROWN_PROVIDERS, 0)
    if (provider === undefined) break
    if (!noteGroups(state, provider, budget)) return false
  }
  for (;;) {
    const id = nextMember(state, GROWN_GROUPS, 0)
    if (id === undefined) return true
    const group = lotGroup(state, id)
    if (group !== undefined && !tellFilters(state, { id, group }, budget)) return false
    removeMember(state, GROWN_GROUPS, id)
    updateCursors(state, { grownSet: 0, grownFilter: 0, grownBucket: 0 })
  }
}

function noteGroups(state: StateWriter, provider: number, budget: Budget): boolean {
  for (const id of groupsOf(state, provider)) {
    if (id <= getCursors(state).grownGroup) continue
    if (!takeStep(budget)) return false
    noteGrowth(state, id)
    updateCursors(state, { grownGroup: id })
  }
  removeMember(state, GROWN_PROVIDERS, provider)
  updateCursors(state, { grownGroup: 0 })
  return true
}

/** The sets of filters that a lot group may meet: by service, its provider or any, its region or any. */
function filterSetsOf({ provider, region }: LotGroup): readonly Uint8Array[] {
  return SERVICES.flatMap((service) =>
    [0, provider].flatMap((named) =>
      ['', region].map((place) => filterSet({ service, provider: named, region: place })),
    ),
  )
}

function tellFilters(
  state: StateWriter,
  at: { readonly id: number; readonly group: LotGroup },
  budget: Budget,
): boolean {
  const sets = filterSetsOf(at.group)
  for (;;) {
    const { grownSet, grownFilter } = getCursors(state)
    const set = sets[grownSet]
    if (set === undefined) return true
    if (!takeStep(budget)) return false
    const filter = nextMember(state, set, grownFilter)
    if (filter === undefined) {
      updateCursors(state, { grownSet: grownSet + 1, grownFilter: 0, grownBucket: 0 })
      continue
    }
    // It may have begun in an earlier block.
    updateCursors(state, filter === grownFilter ? {} : { grownFilter: filter, grownBucket: 0 })
    if (!tellFilter(state, filter, at, budget)) return false
    updateCursors(state, { grownFilter: filter + 1, grownBucket: 0 })
  }
}

/** Draws the frontiers of a filter back to a lot group, and wakes its buckets; false when the block's steps ran out. */
function tellFilter(
  state: StateWriter,
  id: number,
  at: { readonly id: number; readonly group: LotGroup },
  budget: Budget,
): boolean {
  const filter = mustGetFilter(state, id)
  const { provider } = at.group
  if (!meets(filter, at.group) || filter.excluded.includes(legalGroupOf(state, provider))) return true
  const { pass } = getCursors(state)
  if (filter.pass === pass) {
    const lists = { order: orderOf(state), volunteers: volunteersOf(state, filter.service) }
    for (const frontier of filter.frontiers)
      putFrontier(state, id, pass, drawBack(frontier, lists, { provider, id: at.id }))
  }
  const buckets = filterBuckets(id)
  for (;;) {
    const bucket = nextMember(state, buckets, getCursors(state).grownBucket)
    if (bucket === undefined) return true
    if (mustGetBucket(state, bucket).standing === 'asleep') {
      if (!takePart(budget, 'wake')) return false
      setStanding(state, bucket, 'unlooked')
    }
    updateCursors(state, { grownBucket: bucket + 1 })
  }
}
