// Lot groups: attested lots of one provider, class, region, set of services and rating version, which book as one.
// Owns: what a group has per window, and at which rating it books. Not: bookings (book.ts), lots (lots.ts).
import { assert } from '../../../base/assert.ts'
import { utf8 } from '../../../base/bytes.ts'
import { sha256 } from '../../../base/crypto/hash.ts'
import type { Hash32 } from '../../../base/ids.ts'
import { minBigint, mulDivCeil, mulDivFloor, PPM } from '../../../base/units.ts'
import type { StateReader, StateWriter } from '../../view.ts'
import { SERVICES, type Service } from '../catalogue/schema.ts'
import { classRatings, lesserRatings } from './external.ts'
import { changeOffers } from './offers.ts'
import { coinsOfHours, groupHours } from './rating.ts'
import { addDevices, devicesAt, runsFrom } from './runs.ts'
import { ALL_SERVICES, type Lot, type LotGroup, SERVICE_BITS } from './schema.ts'
import { capacityParams, capacityTables } from './tables.ts'

type Ratings = LotGroup['pledged']

/** Ids of the lot groups of a provider, ascending; at most `LOTS_MAX`. */
export function groupIdsOf(state: StateReader, provider: number): readonly number[] {
  return capacityTables.groups.get(state, { provider })?.ids ?? []
}

/** Undefined once a group's last lot has ended. */
export function getGroup(state: StateReader, id: number): LotGroup | undefined {
  return capacityTables.group.get(state, { id })
}

/** Whether the lots of a group offer a service. */
export function offers(group: Pick<LotGroup, 'services'>, service: Service): boolean {
  return (group.services & SERVICE_BITS[service]) !== 0
}

/** Whether a group can count at all: only lots that offer all three services do (ECONOMY §3). */
export function offersAll(group: Pick<LotGroup, 'services'>): boolean {
  return group.services === ALL_SERVICES
}

/** The rating at which a group's hours are rated, ppm: the least of the services that it offers. */
export function groupRating(group: Pick<LotGroup, 'services' | 'inForce'>): bigint {
  let least: bigint | undefined
  for (const service of SERVICES)
    if (offers(group, service)) least = minBigint(least ?? group.inForce[service], group.inForce[service])
  return least ?? 0n
}

/**
 * The rating at which coins for a service book a group's hours, ppm: the least of the three if it offers all, so that
 * coverage holds whichever service is asked for, else that of the service (ECONOMY §3).
 */
export function bookingRating(group: LotGroup, service: Service): bigint {
  return offersAll(group) ? groupRating(group) : group.inForce[service]
}

/** Rated hours of a group that coins for a service book at an anchor, rounded up: the client gains. */
export function hoursOfGroup(
  group: LotGroup,
  coins: { readonly service: Service; readonly amountBase: bigint; readonly anchor: bigint },
): bigint {
  const booked = bookingRating(group, coins.service)
  assert(booked > 0n, 'a group is booked for a service that it has a rating for')
  return mulDivCeil(coins.amountBase * coins.anchor, groupRating(group), PPM * booked)
}

/** Coins that rated hours of a group deliver of a service at an anchor, rounded down; 0 if it does not offer it. */
export function coinsOfGroup(
  group: LotGroup,
  hours: { readonly service: Service; readonly hours: bigint; readonly anchor: bigint },
): bigint {
  const rating = groupRating(group)
  if (!offers(group, hours.service) || rating === 0n) return 0n
  return coinsOfHours(mulDivFloor(hours.hours, bookingRating(group, hours.service), rating), hours.anchor)
}

/** V of a group in a window: what its devices deliver, rated hours; 0 outside the runs of its lots. */
export function ratedHours(state: StateReader, group: LotGroup, windowIndex: number): bigint {
  const { windowHours, availabilityHaircutPpm } = capacityParams.get(state)
  const devicesPpm = devicesAt(group.runs, windowIndex)
  return groupHours({ devicesPpm, ratingPpm: groupRating(group), windowHours, availabilityHaircutPpm })
}

/** The ratings at which a group counts now: those of its pledge, less what the catalogue has cut since. */
export function ratingsInForce(state: StateReader, group: Pick<LotGroup, 'classId' | 'pledged'>): Ratings {
  const present = classRatings(state, group.classId)
  return present === undefined
    ? { train: 0n, finetune: 0n, infer: 0n }
    : lesserRatings(group.pledged, present)
}

export function isSameRatings(a: Ratings, b: Ratings): boolean {
  return SERVICES.every((service) => a[service] === b[service])
}

/** The group of a lot's kind; undefined before the first of its kind is attested. */
export function knownGroupOf(
  state: StateReader,
  lot: Pick<Lot, 'provider' | 'classId' | 'region' | 'services' | 'ratings'>,
): number | undefined {
  return capacityTables.groupName.get(state, { name: groupName({ ...lot, pledged: lot.ratings }) })?.id
}

/** What makes lots of one group, as a hash. Regions have no slash. */
export function groupName(
  kind: Pick<LotGroup, 'provider' | 'classId' | 'region' | 'services' | 'pledged'>,
): Hash32 {
  const { provider, classId, region, services, pledged } = kind
  const ratings = SERVICES.map((service) => pledged[service]).join('/')
  return sha256(utf8(`suanli/capacity/group/${provider}/${classId}/${region}/${services}/${ratings}`))
}

/** The group that a lot belongs to, created when it is the first of its kind. Returns its id. */
export function groupOfLot(state: StateWriter, lot: Lot): number {
  const { provider, classId, region, services, ratings } = lot
  const known = knownGroupOf(state, lot)
  if (known !== undefined) return known
  const ids = groupIdsOf(state, provider)
  const sequence = capacityTables.sequence.mustGet(state, {})
  const id = sequence.lastGroup + 1
  capacityTables.sequence.set(state, {}, { ...sequence, lastGroup: id })
  capacityTables.groups.set(state, { provider }, { ids: [...ids, id] })
  const key = { provider, classId, region, services, pledged: ratings }
  const inForce = ratingsInForce(state, key)
  changeOffers(state, key, { to: inForce })
  capacityTables.groupName.set(state, { name: groupName(key) }, { id })
  capacityTables.group.set(
    state,
    { id },
    {
      ...key,
      inForce,
      lotCount: 0,
      runs: [],
      nextRuns: [],
      changed: false,
      overbooked: false,
      ending: [],
      booked: [],
      // A recount under way has nothing to count of it.
      countedIn: capacityTables.count.get(state, {})?.next?.pass ?? 0,
    },
  )
  return id
}

/** Changes what a group has from the running window's end on, e.g. after an audit; `ends` and `stays` name a lot that gets or loses a last window. */
export function changeNext(
  state: StateWriter,
  id: number,
  change: Parameters<typeof addDevices>[1] & {
    readonly ends?: number
    readonly stays?: number
    readonly lots?: number
  },
): void {
  const group = capacityTables.group.mustGet(state, { id })
  const nextRuns = addDevices(group.changed ? group.nextRuns : group.runs, change)
  const { ends, stays } = change
  const kept = stays === undefined ? group.ending : group.ending.filter((lot) => lot !== stays)
  const ending = ends === undefined ? kept : [...kept, ends]
  const lotCount = group.lotCount + (change.lots ?? 0)
  capacityTables.group.set(state, { id }, { ...group, nextRuns, changed: true, ending, lotCount })
}

/** A group as it counts from a window on: what has changed since the last window's end is put into force. */
export function refreshGroup(state: StateReader, group: LotGroup, windowIndex: number): LotGroup {
  const isBooked = group.booked.some((booking) => booking.windowIndex < windowIndex)
  return {
    ...group,
    inForce: ratingsInForce(state, group),
    runs: runsFrom(group.changed ? group.nextRuns : group.runs, windowIndex),
    nextRuns: [],
    changed: false,
    booked: isBooked ? group.booked.filter((booking) => booking.windowIndex >= windowIndex) : group.booked,
  }
}

/** Stores a group that a recount has refreshed, if that has changed it; most have nothing new. Returns whether it did. */
export function putRefreshed(state: StateWriter, id: number, before: LotGroup, group: LotGroup): boolean {
  const isSameRated = isSameRatings(before.inForce, group.inForce)
  if (!isSameRated) changeOffers(state, group, { from: before.inForce, to: group.inForce })
  const isSame =
    isSameRated &&
    !before.changed &&
    before.runs === group.runs &&
    before.booked === group.booked &&
    before.ending === group.ending &&
    before.overbooked === group.overbooked
  if (!isSame) capacityTables.group.set(state, { id }, group)
  return !isSame
}

/** Marks a group as counted ahead of its turn; no effect if that has removed it. */
export function markCounted(state: StateWriter, id: number, pass: number): void {
  const group = getGroup(state, id)
  if (group !== undefined) capacityTables.group.set(state, { id }, { ...group, countedIn: pass })
}

/** Removes a group without lots. */
export function removeGroup(state: StateWriter, id: number, provider: number): void {
  const group = capacityTables.group.mustGet(state, { id })
  changeOffers(state, group, { from: group.inForce })
  capacityTables.groupName.delete(state, { name: groupName(group) })
  const ids = groupIdsOf(state, provider).filter((other) => other !== id)
  if (ids.length === 0) capacityTables.groups.delete(state, { provider })
  else capacityTables.groups.set(state, { provider }, { ids })
  capacityTables.group.delete(state, { id })
}
