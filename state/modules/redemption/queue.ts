// The queue: buckets of requests with equal constraints, each in order of place; the heads of all buckets; deadlines.
// Owns: membership in those sets. Not: who is assigned (matching.ts) or how coins move (coins.ts).
import { utf8 } from '../../../base/bytes.ts'
import { sha256 } from '../../../base/crypto/hash.ts'
import type { Hash32 } from '../../../base/ids.ts'
import type { StateReader, StateWriter } from '../../view.ts'
import { hasMember, insertMember, nextMember, removeMember } from './orderedSet.ts'
import { isOpen } from './redemptions.ts'
import type { Redemption } from './schema.ts'

/** Lowest place of every bucket. */
export const HEADS: Hash32 = sha256(utf8('suanli/redemption/heads'))

function deadlineSet(window: number): Hash32 {
  return sha256(utf8(`suanli/redemption/deadline/${window}`))
}

/** The last window in which more of a request may be reserved; 0: no limit. Start-by counts until delivery is under way. */
export function lastWindowOf(redemption: Redemption): number {
  const { startBy, finishBy, burnedBase, transferredBase, open } = redemption
  const started = open.length > 0 || burnedBase + transferredBase > 0n
  if (started || startBy === 0) return finishBy
  return finishBy === 0 ? startBy : Math.min(startBy, finishBy)
}

interface Bucket {
  readonly set: Hash32
  readonly name: string
  readonly lastWindow: number
}

/** The bucket a request waits in; undefined when it does not wait. All requests of a bucket match the same capacity. */
export function bucketOf(redemption: Redemption): Bucket | undefined {
  if (!isOpen(redemption) || redemption.sequence === 0 || redemption.queuedBase === 0n) return undefined
  const { service, provider, ratingMin, region } = redemption
  const lastWindow = lastWindowOf(redemption)
  const name = `${service}/${provider}/${ratingMin}/${lastWindow}/${region}`
  return { set: sha256(utf8(`suanli/redemption/bucket/${name}`)), name, lastWindow }
}

function enter(state: StateWriter, bucket: Bucket, sequence: number): void {
  const head = nextMember(state, bucket.set, 0)
  insertMember(state, bucket.set, sequence)
  if (bucket.lastWindow !== 0) insertMember(state, deadlineSet(bucket.lastWindow), sequence)
  if (head !== undefined && head < sequence) return
  if (head !== undefined) removeMember(state, HEADS, head)
  insertMember(state, HEADS, sequence)
}

function leave(state: StateWriter, bucket: Bucket, sequence: number): void {
  removeMember(state, bucket.set, sequence)
  if (bucket.lastWindow !== 0) removeMember(state, deadlineSet(bucket.lastWindow), sequence)
  if (!hasMember(state, HEADS, sequence)) return
  removeMember(state, HEADS, sequence)
  const next = nextMember(state, bucket.set, sequence)
  if (next !== undefined) insertMember(state, HEADS, next)
}

/** Moves a request to the bucket it now belongs to. */
export function moveInQueue(state: StateWriter, before: Redemption | undefined, after: Redemption): void {
  const from = before === undefined ? undefined : bucketOf(before)
  const to = bucketOf(after)
  if (from?.name === to?.name) return
  if (from !== undefined) leave(state, from, before!.sequence)
  if (to !== undefined) enter(state, to, after.sequence)
}

/** The next head of a bucket from a place on. */
export function nextHead(state: StateReader, sequence: number): number | undefined {
  return nextMember(state, HEADS, sequence)
}

/** The first request, in order of place, whose last window is `window`. */
export function nextDeadline(state: StateReader, window: number): number | undefined {
  return nextMember(state, deadlineSet(window), 0)
}
