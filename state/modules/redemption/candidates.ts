// Lot groups that may serve a filter, in order, and the frontier before which none has hours free. Every group looked
// at is a step; a search that runs out of them goes on in the next block where it stopped.
// Owns: who meets a filter. Not: what is assigned (matching.ts), the order itself (order.ts).
import { mustExist } from '../../../base/assert.ts'
import { maxBigint } from '../../../base/units.ts'
import type { StateReader, StateWriter } from '../../view.ts'
import type { LotGroup } from '../capacity/schema.ts'
import { coinsWithBonus, countedBonus } from './bonus.ts'
import { type Budget, takeStep } from './cursors.ts'
import {
  countsIn,
  groupsOf,
  hoursLeftIn,
  isAnySuspended,
  isServing,
  legalGroupOf,
  lotGroup,
  memberIds,
  offersService,
  runningWindow,
} from './external.ts'
import { orderOf, volunteersOf } from './order.ts'
import type { Filter, Frontier, Listing, Volunteers } from './schema.ts'
import { redemptionTables } from './tables.ts'

/** What a search needs to know in one block, read once. */
export interface Search {
  readonly state: StateReader
  readonly budget: Budget
  readonly anchor: bigint
  readonly minimumBase: bigint
  /** The pass that frontiers must belong to. */
  readonly pass: number
  readonly order: readonly number[]
  /** Legal group of each provider that may be assigned; 0: none of it may. */
  readonly legalGroups: Map<number, number>
}

/** A lot group that can take coins now. */
export interface Candidate {
  readonly id: number
  readonly group: LotGroup
  readonly bonusPpm: bigint
  /** Coins it takes. */
  readonly takesBase: bigint
}

/** How a place is served. */
export interface Manner {
  /** Every assignment is at par while the queue is long. */
  readonly isAtPar: boolean
  /** All whose lots count must serve it, listed or not. */
  readonly isObliged: boolean
}

const AT_START = { index: 0, group: 0 }
type Position = Frontier['atPar']

export function startFrontier(window: number, version: number): Frontier {
  return {
    window,
    version,
    atPar: AT_START,
    byBonus: AT_START,
    obligedAtPar: AT_START,
    obligedByBonus: AT_START,
  }
}

/** The frontier of a filter in a window; at its start when the pass, or the volunteers, are new. */
export function frontierOf(
  filter: Filter,
  at: { readonly window: number; readonly pass: number; readonly version: number },
): Frontier {
  const { window, pass, version } = at
  const known =
    filter.pass === pass ? filter.frontiers.find((frontier) => frontier.window === window) : undefined
  if (known === undefined) return startFrontier(window, version)
  if (known.version === version) return known
  return { ...known, version, atPar: AT_START, byBonus: AT_START }
}

/** Stores a frontier of a filter. */
export function putFrontier(state: StateWriter, id: number, pass: number, frontier: Frontier): void {
  const filter = redemptionTables.filter.mustGet(state, { id })
  const current = runningWindow(state)
  const kept = filter.pass === pass ? filter.frontiers : []
  const others = kept.filter(({ window }) => window !== frontier.window && window > current)
  redemptionTables.filter.set(
    state,
    { id },
    { ...filter, pass, frontiers: [...others, frontier].sort((a, b) => a.window - b.window) },
  )
}

type Terms = Pick<Filter, 'service' | 'provider' | 'tierPpm' | 'region' | 'excluded'>

/** Whether a lot group meets a filter, whatever hours it has free. */
export function meets(filter: Omit<Terms, 'excluded'>, group: LotGroup): boolean {
  const { service, provider, tierPpm, region } = filter
  if (provider !== 0 && provider !== group.provider) return false
  if (region !== '' && region !== group.region) return false
  return offersService(group, service) && group.inForce[service] >= maxBigint(1n, tierPpm)
}

/** Lot groups looked at, at most, to tell whether anybody may ever serve a request. */
const SERVED_LOOKS_MAX = 64

/**
 * Whether a member that serves, of a legal group not excluded, has attested lots that meet terms, and how many members and
 * lot groups were read. Most have only lots that do; after `SERVED_LOOKS_MAX` lot groups without one, somebody is taken to:
 * the request waits, which its owner can end.
 */
export function canBeServed(
  state: StateReader,
  terms: Terms,
): { readonly isServed: boolean; readonly members: number; readonly groups: number } {
  const { provider, excluded } = terms
  let members = 0
  let groups = 0
  for (const id of provider === 0 ? memberIds(state) : [provider]) {
    members++
    if (excluded.includes(legalGroupOf(state, id)) || !isServing(state, id)) continue
    for (const group of groupsOf(state, id)) {
      if (groups === SERVED_LOOKS_MAX) return { isServed: true, members, groups }
      groups++
      if (meets(terms, mustExist(lotGroup(state, group), 'a listed group')))
        return { isServed: true, members, groups }
    }
  }
  return { isServed: false, members, groups }
}

function assignableGroupOf(search: Search, provider: number): number {
  const { state, legalGroups } = search
  const known = legalGroups.get(provider)
  if (known !== undefined) return known
  const isAssignable = isServing(state, provider) && !isAnySuspended(state, provider)
  const legalGroup = isAssignable ? legalGroupOf(state, provider) : 0
  legalGroups.set(provider, legalGroup)
  return legalGroup
}

/** Whether a listing offers the hours of a lot group. */
function offersGroup(listing: Listing | undefined, group: LotGroup): listing is Listing {
  return listing !== undefined && listing.classId === group.classId && listing.region === group.region
}

type Found =
  | { readonly kind: 'found'; readonly position: Position; readonly candidate: Candidate }
  | { readonly kind: 'none'; readonly position: Position }
  | { readonly kind: 'outOfSteps'; readonly position: Position }

interface Walk {
  readonly filter: Filter
  readonly list: readonly number[]
  readonly from: Position
  accept(id: number, group: LotGroup, listing: Listing | undefined): Candidate | undefined
}

/** Goes along a list of providers and their groups until one is accepted. */
function walk(search: Search, { filter, list, from, accept }: Walk): Found {
  const { state, budget } = search
  if (from.index >= list.length) return { kind: 'none', position: from }
  let { index, group: first } = from
  for (; index < list.length; index++, first = 0) {
    const provider = list[index]!
    if (filter.provider !== 0 && filter.provider !== provider) continue
    // What was read of a provider in this block costs no further step.
    if (!search.legalGroups.has(provider) && !takeStep(budget))
      return { kind: 'outOfSteps', position: { index, group: first } }
    const legalGroup = assignableGroupOf(search, provider)
    if (legalGroup === 0 || filter.excluded.includes(legalGroup)) continue
    const { service } = filter
    const listing = redemptionTables.listing.get(state, { provider, service })
    for (const id of groupsOf(state, provider)) {
      if (id < first) continue
      const position = { index, group: id }
      if (!takeStep(budget)) return { kind: 'outOfSteps', position }
      const group = lotGroup(state, id)
      if (group === undefined || !meets(filter, group)) continue
      const candidate = accept(id, group, listing)
      if (candidate !== undefined) return { kind: 'found', position, candidate }
    }
  }
  return { kind: 'none', position: { index, group: 0 } }
}

function candidateAt(
  search: Search,
  at: {
    readonly filter: Filter
    readonly window: number
    readonly id: number
    readonly group: LotGroup
    readonly bonusPpm: bigint
  },
): Candidate | undefined {
  const { state, anchor, minimumBase } = search
  const { filter, window, id, group, bonusPpm } = at
  const hours = hoursLeftIn(state, group, window)
  const takesBase = coinsWithBonus(group, hours, { service: filter.service, anchor, bonusPpm })
  // Less than the minimum is not worth a grant.
  return takesBase < maxBigint(1n, minimumBase) ? undefined : { id, group, bonusPpm, takesBase }
}

export interface SearchResult {
  readonly frontier: Frontier
  readonly candidate?: Candidate
  readonly isOutOfSteps: boolean
}

/** The first candidate of a filter in a window, from its frontier on, and the frontier then reached. */
export function findCandidate(
  search: Search,
  filter: Filter,
  at: Manner & { readonly window: number },
): SearchResult {
  const { state } = search
  const { window, isAtPar, isObliged } = at
  const volunteers = volunteersOf(state, filter.service)
  const frontier = frontierOf(filter, { window, pass: search.pass, version: volunteers.version })
  const key = isAtPar ? 'atPar' : 'byBonus'
  const bonusOf = (provider: number, listing: Listing): bigint =>
    isAtPar ? 0n : countedBonus(state, { provider, window: runningWindow(state) }, listing)
  const found = walk(search, {
    filter,
    list: volunteersIn(volunteers, at),
    from: frontier[key],
    accept: (id, group, listing) =>
      offersGroup(listing, group)
        ? candidateAt(search, { filter, window, id, group, bonusPpm: bonusOf(group.provider, listing) })
        : undefined,
  })
  const reached: Frontier = { ...frontier, [key]: found.position }
  if (found.kind !== 'none' || !isObliged) return resultOf(reached, found)
  return findObliged(search, filter, { ...at, frontier: reached })
}

/** Whoever has a bonus comes before those who are merely obliged; at par all are in one order. */
function volunteersIn(volunteers: Volunteers, { isAtPar, isObliged }: Manner): readonly number[] {
  if (!isObliged) return isAtPar ? volunteers.atPar : volunteers.byBonus
  return isAtPar ? [] : volunteers.byBonus.slice(0, volunteers.bonusCount)
}

function findObliged(
  search: Search,
  filter: Filter,
  at: Manner & { readonly window: number; readonly frontier: Frontier },
): SearchResult {
  const { window, isAtPar, frontier } = at
  const { state } = search
  const current = runningWindow(state)
  const key = isAtPar ? 'obligedAtPar' : 'obligedByBonus'
  const found = walk(search, {
    filter,
    list: search.order,
    from: frontier[key],
    accept: (id, group, listing) => {
      const isListed = offersGroup(listing, group)
      if (!isListed && !countsIn(state, group, current)) return undefined
      // With its bonus it was looked at among the volunteers.
      const provider = group.provider
      if (isListed && !isAtPar && countedBonus(state, { provider, window: current }, listing) > 0n)
        return undefined
      return candidateAt(search, { filter, window, id, group, bonusPpm: 0n })
    },
  })
  return resultOf({ ...frontier, [key]: found.position }, found)
}

function resultOf(frontier: Frontier, found: Found): SearchResult {
  const isOutOfSteps = found.kind === 'outOfSteps'
  return found.kind === 'found'
    ? { frontier, candidate: found.candidate, isOutOfSteps }
    : { frontier, isOutOfSteps }
}

const earlier = (a: Position, b: Position): Position =>
  a.index < b.index || (a.index === b.index && a.group < b.group) ? a : b

/** The frontier drawn back to a lot group that has hours again. */
export function drawBack(
  frontier: Frontier,
  lists: { readonly order: readonly number[]; readonly volunteers: Volunteers },
  at: { readonly provider: number; readonly id: number },
): Frontier {
  const { order, volunteers } = lists
  const back = (position: Position, list: readonly number[]): Position => {
    const index = list.indexOf(at.provider)
    return index < 0 ? position : earlier(position, { index, group: at.id })
  }
  return {
    ...frontier,
    atPar: back(frontier.atPar, volunteers.atPar),
    byBonus: back(frontier.byBonus, volunteers.byBonus),
    obligedAtPar: back(frontier.obligedAtPar, order),
    obligedByBonus: back(frontier.obligedByBonus, order),
  }
}

/** Begins a search in a block. */
export function openSearch(
  state: StateReader,
  options: Pick<Search, 'budget' | 'anchor' | 'minimumBase' | 'pass'>,
): Search {
  return { state, ...options, order: orderOf(state), legalGroups: new Map() }
}
