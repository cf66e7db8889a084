// ECONOMY §6, Assignment: one reservation after another, each found by looking at everything.
import { atLeastZero, least, most, sum } from './arithmetic.ts'
import {
  changeBooked,
  coinsOfWork,
  countsInWindow,
  type LotGroup,
  leastRatingPpm,
  lotGroups,
  offersAll,
  ratingPpm,
  reservedWork,
  whileUnchanged,
  workAt,
  workOf,
} from './capacity.ts'
import { groupOf } from './coverage.ts'
import { wasServed } from './delivery.ts'
import { lastWindowOf, mayServe, meets, openWindows } from './queue.ts'
import { latestToUnbook, settleReturned, unbook } from './unbooking.ts'
import type { Assignment, Listing, Place, Request, World } from './world.ts'

export const listingKey = (at: Pick<Listing, 'provider' | 'service'>): string =>
  `${at.provider}/${at.service}`

/** Rating at which a lot group is booked: the least of three services, or R[c][s] of one that lacks some. */
export const bookedRating = (world: World, group: LotGroup, service: Request['service']): bigint =>
  offersAll(group) ? leastRatingPpm(world, group.classId) : ratingPpm(world, group.classId, service)

/** Work that a lot group has left in a window. */
export const freeWork = (
  world: World,
  group: LotGroup,
  window: number,
  service: Request['service'],
): bigint =>
  atLeastZero(
    workAt(world, group, window, bookedRating(world, group, service)) -
      reservedWork(world, group.key, window),
  )

/** Coins that a lot group can still take in a window; crumbs below the minimum request are none. */
function room(world: World, offer: Offer, window: number, wantedBase: bigint): bigint {
  const free = coinsOfWork(world, freeWork(world, offer.group, window, offer.service), offer.bonusPpm)
  return free < world.parameters.minimumBase && free < wantedBase ? 0n : least(free, wantedBase)
}

interface Offer {
  readonly group: LotGroup
  readonly service: Request['service']
  readonly bonusPpm: bigint
}

/** The listing that offers a lot group's hours for a service, or undefined. */
function listingOf(world: World, group: LotGroup, service: Request['service']): Listing | undefined {
  const listing = world.listings.get(listingKey({ ...group, service }))
  return listing?.classId === group.classId && listing.region === group.region ? listing : undefined
}

/** Whether nobody offered to serve a place within a quarter window: then all whose lots count must. */
const isObliged = (world: World, place: Place): boolean =>
  world.timestampMs >= place.sinceMs + world.parameters.windowMs / 4

/** The lot groups that may serve a place, at their bonus. */
function offersFor(world: World, place: Place, isPar: boolean): readonly Offer[] {
  const request = world.requests.get(place.request)!
  return lotGroups(world)
    .filter((group) => meets(world, group, request) && mayServe(world, group.provider))
    .filter((group) => !request.excluded.has(groupOf(world.providers.get(group.provider)!)))
    .flatMap((group) => {
      const listing = listingOf(world, group, request.service)
      const isForced = isObliged(world, place) && countsInWindow(world, group, world.window)
      if (listing === undefined && !isForced) return []
      const bonusPpm = isPar || isUnreliable(world, group.provider) ? 0n : (listing?.bonusPpm ?? 0n)
      return [{ group, service: request.service, bonusPpm }]
    })
}

/** Its group's grants not served in three of its last K windows with assignments (§6, Fault). */
export function isUnreliable(world: World, provider: number): boolean {
  const group = groupOf(world.providers.get(provider)!)
  const members = [...world.providers.values()].filter((p) => groupOf(p) === group).map(({ id }) => id)
  const own = world.assignments.filter(
    (a) => a.granted && a.window < world.window && members.includes(a.provider),
  )
  const windows = [...new Set(own.map((a) => a.window))]
    .sort((a, b) => b - a)
    .slice(0, world.parameters.horizonWindows)
  return windows.filter((window) => wasServed(world, members, window) === false).length >= 3
}

/** While matchable queued coins exceed half of the next window's free capacity, every assignment is at par. */
const isCrowded = (world: World): boolean => exceedHalf(world, matchableCoins(world))

/** Whether queued coins exceed half of the next window's free capacity. */
function exceedHalf(world: World, coinsBase: bigint): boolean {
  const next = world.window + 1
  const free = sum(
    lotGroups(world)
      .filter((group) => mayServe(world, group.provider) && countsInWindow(world, group, next))
      .map((group) => coinsOfWork(world, freeWork(world, group, next, 'infer'), 0n)),
  )
  return coinsBase * 2n > free
}

/** Coins whose constraints a lot group with free hours meets now: of all with the same ones the earliest place tells. */
function matchableCoins(world: World): bigint {
  const matches = new Map<string, boolean>()
  const isMatchable = (place: Place): boolean => {
    const terms = termsOf(world, world.requests.get(place.request)!)
    const known = matches.get(terms) ?? matchOf(world, place, true) !== undefined
    matches.set(terms, known)
    return known
  }
  return sum(world.places.filter(isMatchable).map(({ amountBase }) => amountBase))
}

/** What decides by whom a request may be served, and when. */
function termsOf(world: World, request: Request): string {
  const { service, provider, region, ratingMinPpm, excluded } = request
  return [
    service,
    provider,
    region,
    ratingMinPpm,
    lastWindowOf(world, request),
    ...[...excluded].sort(),
  ].join('/')
}

/** L/C of the window-start snapshot, largest first; without capacity any liability is the largest share, and none the least. */
function byShare(world: World, a: number, b: number): number {
  const liability = (id: number): bigint => world.shares.get(id)?.liabilityBase ?? 0n
  // A capacity of nothing counts as the least there is: with 0 every provider would tie with one of 0/0.
  const capacity = (id: number): bigint => most(world.shares.get(id)?.capacityBase ?? 0n, 1n)
  const left = liability(a) * capacity(b)
  const right = liability(b) * capacity(a)
  return left === right ? 0 : left > right ? -1 : 1
}

export interface Match {
  readonly place: Place
  readonly group: LotGroup
  readonly window: number
  readonly amountBase: bigint
  readonly bonusPpm: bigint
}

/** What a place gets now: the earliest window with room; there the highest bonus, then share, then the lowest ids. */
export function matchOf(world: World, place: Place, isPar: boolean): Match | undefined {
  const request = world.requests.get(place.request)!
  const offers = offersFor(world, place, isPar)
  const last = lastWindowOf(world, request)
  for (const window of openWindows(world)) {
    if (last !== 0 && window > last) continue
    const able = offers
      .map((offer) => ({ ...offer, amountBase: room(world, offer, window, place.amountBase) }))
      .filter((offer) => offer.amountBase > 0n)
      .sort(
        (a, b) =>
          Number(b.bonusPpm - a.bonusPpm) ||
          byShare(world, a.group.provider, b.group.provider) ||
          a.group.provider - b.group.provider,
      )
    const best = able[0]
    if (best !== undefined)
      return { place, group: best.group, window, amountBase: best.amountBase, bonusPpm: best.bonusPpm }
  }
  return undefined
}

/** The next reservation: of the earliest place that any lot group can serve now; none: the queue rests. */
export const nextMatch = (world: World): Match | undefined =>
  whileUnchanged(() => findNext(world, isCrowded(world)))

/** The next reservation when what has not been looked at yet counts as matchable: at par if all queued coins are enough for it. */
const nextAtPar = (world: World): Match | undefined =>
  whileUnchanged(() =>
    findNext(world, exceedHalf(world, sum(world.places.map(({ amountBase }) => amountBase)))),
  )

function findNext(world: World, isPar: boolean): Match | undefined {
  for (const place of world.places) {
    const match = matchOf(world, place, isPar)
    if (match !== undefined) return match
  }
  return undefined
}

/** Reserves hours for a match. */
export function reserve(world: World, match: Match): Assignment {
  const { place, group, window, amountBase, bonusPpm } = match
  const request = world.requests.get(place.request)!
  const assignment: Assignment = {
    request: request.id,
    number: request.nextAssignment++,
    provider: group.provider,
    lotGroup: group.key,
    window,
    sequence: place.sequence,
    amountBase,
    reserved: workOf(world, amountBase, bonusPpm),
    anchorPpm: world.counted.anchorPpm,
    granted: false,
    voucheredBase: 0n,
    settledBase: 0n,
    isOpen: true,
    isReturned: false,
    isRejected: false,
  }
  changeBooked(world, assignment, () => {
    world.assignments.push(assignment)
  })
  place.amountBase -= amountBase
  if (place.amountBase === 0n) world.places = world.places.filter((other) => other !== place)
  return assignment
}

/** How far the chain's steps per block let it come in one block; which reservations these are the model decides. */
export interface MatchLimit {
  readonly reservations: number
  /** Reservations given up for coins that a fault returned. */
  readonly unbooked: number
  /** Which of the reservations, by index, the chain made without a bonus when it may not have looked at the whole queue. */
  readonly atPar: ReadonlySet<number>
}

export interface Matched {
  readonly made: readonly Assignment[]
  readonly unbooked: number
}

/** Matches up to a limit; whenever nothing more matches, a later reservation gives way to what a fault has returned. */
export function matchUpTo(world: World, limit: MatchLimit): Matched {
  const made: Assignment[] = []
  let unbooked = 0
  for (;;) {
    const byRule = nextMatch(world)
    const mayBeAtPar = byRule !== undefined && byRule.bonusPpm > 0n && limit.atPar.has(made.length)
    const match = mayBeAtPar ? nextAtPar(world) : byRule
    if (match !== undefined) {
      if (made.length === limit.reservations) break
      made.push(reserve(world, match))
      continue
    }
    const latest = latestToUnbook(world)
    if (latest === undefined) settleReturned(world)
    else if (unbooked < limit.unbooked) {
      unbook(world, latest)
      unbooked++
    } else break
    if (world.returnedPlaces.size === 0) break
  }
  return { made, unbooked }
}
