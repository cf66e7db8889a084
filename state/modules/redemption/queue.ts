// The queue: filters (what may serve a request), buckets of places that the same capacity can serve, and the heads of
// all buckets by what is known of them. Owns: membership in those sets, and waking. Not: who is assigned (matching.ts).
import { assert } from '../../../base/assert.ts'
import { utf8 } from '../../../base/bytes.ts'
import { sha256 } from '../../../base/crypto/hash.ts'
import type { Hash32 } from '../../../base/ids.ts'
import type { StateReader, StateWriter } from '../../view.ts'
import type { Service } from '../catalogue/schema.ts'
import { insertMember, nextMember, removeMember } from './orderedSet.ts'
import { getTotals, isOpen, lastWindowOf, updateTotals } from './redemptions.ts'
import type { Bucket, Filter, Place, Redemption, Standing } from './schema.ts'
import { redemptionTables } from './tables.ts'

const setOf = (name: string): Hash32 => sha256(utf8(`suanli/redemption/${name}`))

/** Lowest place of every bucket, by what is known of the bucket. */
export const HEADS: { readonly [S in Standing]: Hash32 } = {
  unlooked: setOf('unlooked'),
  matchable: setOf('matchable'),
  asleep: setOf('asleep'),
}

/** The places of a bucket. */
export function bucketSet(id: number): Hash32 {
  return setOf(`bucket/${id}`)
}

/** The filters that a service of a region, or of a provider, may serve; 0 and the empty region stand for any. */
export function filterSet(terms: {
  readonly service: Service
  readonly provider: number
  readonly region: string
}): Hash32 {
  return setOf(`filters/${terms.service}/${terms.provider}/${terms.region}`)
}

/** Redemptions with queued coins whose last window is this one, by id. */
export function deadlineSet(window: number): Hash32 {
  return setOf(`deadline/${window}`)
}

/** The buckets of a filter, one for each last window. */
export function filterBuckets(filter: number): Hash32 {
  return setOf(`filterBuckets/${filter}`)
}

type Terms = Pick<Filter, 'service' | 'provider' | 'tierPpm' | 'region' | 'excluded'>

function filterName(terms: Terms): Hash32 {
  const { service, provider, tierPpm, region, excluded } = terms
  return setOf(`filter/${service}/${provider}/${tierPpm}/${region}/${excluded.join()}`)
}

export function mustGetFilter(state: StateReader, id: number): Filter {
  return redemptionTables.filter.mustGet(state, { id })
}

export function mustGetBucket(state: StateReader, id: number): Bucket {
  return redemptionTables.bucket.mustGet(state, { id })
}

function openFilter(state: StateWriter, terms: Terms): number {
  const name = filterName(terms)
  const known = redemptionTables.filterName.get(state, { name })?.id
  if (known !== undefined) {
    const filter = mustGetFilter(state, known)
    redemptionTables.filter.set(state, { id: known }, { ...filter, buckets: filter.buckets + 1 })
    return known
  }
  const id = getTotals(state).nextFilter
  updateTotals(state, { nextFilter: id + 1 })
  const { service, provider, tierPpm, region, excluded } = terms
  const filter = { service, provider, tierPpm, region, excluded, buckets: 1, pass: 0, frontiers: [] }
  redemptionTables.filter.set(state, { id }, filter)
  redemptionTables.filterName.set(state, { name }, { id })
  insertMember(state, filterSet(filter), id)
  return id
}

function closeFilter(state: StateWriter, id: number): void {
  const filter = mustGetFilter(state, id)
  assert(filter.buckets > 0, 'a filter covers its buckets')
  if (filter.buckets > 1) {
    redemptionTables.filter.set(state, { id }, { ...filter, buckets: filter.buckets - 1 })
    return
  }
  redemptionTables.filter.delete(state, { id })
  redemptionTables.filterName.delete(state, { name: filterName(filter) })
  removeMember(state, filterSet(filter), id)
}

function isWaiting(redemption: Redemption | undefined): redemption is Redemption {
  return redemption !== undefined && isOpen(redemption) && redemption.places.length > 0
}

/** The bucket of a waiting redemption; created when it is the first of its kind. */
function openBucket(state: StateWriter, redemption: Redemption): number {
  const { service, provider, tierPpm, region, excluded } = redemption
  const lastWindow = lastWindowOf(redemption)
  const terms = { service, provider, tierPpm, region, excluded }
  const filterId = redemptionTables.filterName.get(state, { name: filterName(terms) })?.id
  if (filterId !== undefined) {
    const known = redemptionTables.bucketName.get(state, { filter: filterId, lastWindow })?.id
    if (known !== undefined) return known
  }
  const filter = openFilter(state, terms)
  const id = getTotals(state).nextBucket
  updateTotals(state, { nextBucket: id + 1 })
  const empty: Bucket = { filter, lastWindow, standing: 'unlooked', head: 0, count: 0, queuedBase: 0n }
  redemptionTables.bucket.set(state, { id }, empty)
  redemptionTables.bucketName.set(state, { filter, lastWindow }, { id })
  insertMember(state, filterBuckets(filter), id)
  return id
}

/** Whether two versions of a redemption wait in the same bucket. */
function isSameBucket(before: Redemption, after: Redemption): boolean {
  return lastWindowOf(before) === lastWindowOf(after) && before.excluded.length === after.excluded.length
}

const isAwake = (standing: Standing): boolean => standing !== 'asleep'

/** Writes a bucket, the set of heads that its head is in, and the sum of what may match. */
function putBucket(state: StateWriter, id: number, before: Bucket, after: Bucket): void {
  if (before.head !== after.head || before.standing !== after.standing) {
    if (before.head !== 0) removeMember(state, HEADS[before.standing], before.head)
    if (after.head !== 0) insertMember(state, HEADS[after.standing], after.head)
  }
  const awakeBase = (bucket: Bucket): bigint => (isAwake(bucket.standing) ? bucket.queuedBase : 0n)
  const changeBase = awakeBase(after) - awakeBase(before)
  if (changeBase !== 0n) updateTotals(state, { matchableBase: getTotals(state).matchableBase + changeBase })
  if (after.count > 0) {
    redemptionTables.bucket.set(state, { id }, after)
    return
  }
  assert(after.head === 0 && after.queuedBase === 0n, 'an empty bucket has no head')
  redemptionTables.bucket.delete(state, { id })
  redemptionTables.bucketName.delete(state, { filter: after.filter, lastWindow: after.lastWindow })
  removeMember(state, filterBuckets(after.filter), id)
  closeFilter(state, after.filter)
}

function enter(state: StateWriter, id: number, place: Place): void {
  const bucket = mustGetBucket(state, id)
  insertMember(state, bucketSet(id), place.sequence)
  const isFirst = bucket.head === 0 || place.sequence < bucket.head
  putBucket(state, id, bucket, {
    ...bucket,
    head: isFirst ? place.sequence : bucket.head,
    // An earlier place may be one that providers are obliged to serve already.
    standing: isFirst && bucket.standing === 'asleep' ? 'unlooked' : bucket.standing,
    count: bucket.count + 1,
    queuedBase: bucket.queuedBase + place.queuedBase,
  })
}

function leave(state: StateWriter, id: number, place: Place): void {
  const bucket = mustGetBucket(state, id)
  removeMember(state, bucketSet(id), place.sequence)
  putBucket(state, id, bucket, {
    ...bucket,
    head:
      place.sequence === bucket.head ? (nextMember(state, bucketSet(id), place.sequence) ?? 0) : bucket.head,
    count: bucket.count - 1,
    queuedBase: bucket.queuedBase - place.queuedBase,
  })
}

function changeSum(state: StateWriter, id: number, changeBase: bigint): void {
  const bucket = mustGetBucket(state, id)
  putBucket(state, id, bucket, { ...bucket, queuedBase: bucket.queuedBase + changeBase })
}

/** Replaces what is known of a bucket. */
export function setStanding(state: StateWriter, id: number, standing: Standing): void {
  const bucket = mustGetBucket(state, id)
  if (bucket.standing !== standing) putBucket(state, id, bucket, { ...bucket, standing })
}

/** Moves the places of a redemption to the bucket in which they now belong. Returns that bucket; 0: none. */
export function moveInQueue(
  state: StateWriter,
  id: number,
  before: Redemption | undefined,
  after: Redemption,
): number {
  const was = isWaiting(before) ? before : undefined
  const is = isWaiting(after) ? after : undefined
  if (was !== undefined && is !== undefined && isSameBucket(was, is)) {
    movePlaces(state, { id, bucket: was.bucket }, was.places, is.places)
    return was.bucket
  }
  if (was !== undefined) {
    for (const place of was.places) {
      leave(state, was.bucket, place)
      if (is?.places.some(({ sequence }) => sequence === place.sequence) !== true)
        redemptionTables.place.delete(state, { sequence: place.sequence })
    }
    moveDeadline(state, id, lastWindowOf(was), false)
  }
  if (is === undefined) return 0
  const bucket = openBucket(state, is)
  for (const place of is.places) {
    redemptionTables.place.set(state, { sequence: place.sequence }, { id })
    enter(state, bucket, place)
  }
  moveDeadline(state, id, lastWindowOf(is), true)
  return bucket
}

function moveDeadline(state: StateWriter, id: number, lastWindow: number, isIn: boolean): void {
  if (lastWindow === 0) return
  if (isIn) insertMember(state, deadlineSet(lastWindow), id)
  else removeMember(state, deadlineSet(lastWindow), id)
}

/** What changed among the places of a redemption that stays in its bucket. New ones come before old ones leave it. */
function movePlaces(
  state: StateWriter,
  at: { readonly id: number; readonly bucket: number },
  before: readonly Place[],
  after: readonly Place[],
): void {
  const amounts = new Map(before.map(({ sequence, queuedBase }) => [sequence, queuedBase]))
  for (const place of after) {
    const known = amounts.get(place.sequence)
    amounts.delete(place.sequence)
    if (known === undefined) {
      redemptionTables.place.set(state, { sequence: place.sequence }, { id: at.id })
      enter(state, at.bucket, place)
    } else if (known !== place.queuedBase) changeSum(state, at.bucket, place.queuedBase - known)
  }
  for (const [sequence, queuedBase] of amounts) {
    leave(state, at.bucket, { sequence, queuedBase })
    redemptionTables.place.delete(state, { sequence })
  }
}

/** The lowest head from a place on of the buckets with a standing. */
export function nextHead(state: StateReader, standing: Standing, from: number): number | undefined {
  return nextMember(state, HEADS[standing], from)
}

/** The redemption and bucket of a place that waits; undefined when nothing waits there. */
export function waitingAt(
  state: StateReader,
  sequence: number,
): { readonly id: number; readonly redemption: Redemption } | undefined {
  const id = redemptionTables.place.get(state, { sequence })?.id
  return id === undefined ? undefined : { id, redemption: redemptionTables.redemption.mustGet(state, { id }) }
}
