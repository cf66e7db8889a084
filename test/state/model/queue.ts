// ECONOMY §6: requests, their drawn order, places in the queue, cancelling and expiry.

import { concatBytes, fromHex, toHex, u32be } from '../../../base/bytes.ts'
import { sha256 } from '../../../base/crypto/hash.ts'
import { floorDiv, P, sum } from './arithmetic.ts'
import { counts, type LotGroup, lotGroups, ratingPpm } from './capacity.ts'
import { groupOf, isSuspended } from './coverage.ts'
import { FUND, moveCoins, redemptionEscrow } from './ledger.ts'
import type { Drawn, Request, Service, World } from './world.ts'

export interface RequestTerms {
  readonly amountBase: bigint
  readonly service: Service
  readonly provider: number
  readonly ratingMinPpm: bigint
  readonly region: string
  readonly startBy: number
  readonly finishBy: number
  readonly voucherKey: string
}

/** Requests that occupy the table. */
export const openRequests = (world: World): readonly Request[] =>
  [...world.requests.values()].filter((request) => request.closed === undefined)

/** One that names provider, class, region, start-by or finish-by. */
export const isConstrained = (terms: Omit<RequestTerms, 'amountBase' | 'service' | 'voucherKey'>): boolean =>
  terms.provider !== 0 ||
  terms.ratingMinPpm !== 0n ||
  terms.region !== '' ||
  terms.startBy !== 0 ||
  terms.finishBy !== 0

/** Whether a lot group meets the constraints of a request, whatever hours it has free. */
export function meets(
  world: World,
  group: LotGroup,
  request: Omit<RequestTerms, 'amountBase' | 'voucherKey'>,
): boolean {
  return (
    group.services.includes(request.service) &&
    (request.provider === 0 || request.provider === group.provider) &&
    (request.region === '' || request.region === group.region) &&
    ratingPpm(world, group.classId, request.service) >= request.ratingMinPpm
  )
}

/** The queued coins of a request that no lot group meets now. */
export const queuedOf = (world: World, request: number): bigint =>
  sum(world.places.filter((place) => place.request === request).map((place) => place.amountBase))

/** Puts coins of a request at a place of the queue. */
export function enqueue(world: World, request: number, sequence: number, amountBase: bigint): void {
  if (amountBase === 0n) return
  world.returned.add(request)
  const same = world.places.find((place) => place.request === request && place.sequence === sequence)
  if (same !== undefined) {
    same.amountBase += amountBase
    return
  }
  const sinceMs = world.numberedMs.get(sequence) ?? world.timestampMs
  world.numberedMs.set(sequence, sinceMs)
  world.places.push({ sequence, request, amountBase, sinceMs })
  world.places.sort((a, b) => a.sequence - b.sequence)
}

/** A new number behind all others. */
export const tailNumber = (world: World): number => world.nextSequence++

/** What is less than a tenth of the minimum is not served for itself. */
const isCrumb = (world: World, amountBase: bigint): boolean => amountBase * 10n < world.parameters.minimumBase

/** Puts coins behind all others; crumbs join the last place that their request has. */
export function enqueueAtTail(world: World, request: number, amountBase: bigint): void {
  const last = world.places.filter((place) => place.request === request).at(-1)
  const joins = last !== undefined && isCrumb(world, amountBase)
  if (amountBase > 0n) enqueue(world, request, joins ? last.sequence : tailNumber(world), amountBase)
}

/** Refunds what has returned to the queue and nothing will serve: too late, too small, or everybody who could is rejected. */
export function endHopeless(world: World): void {
  for (const id of world.returned) {
    const request = world.requests.get(id)
    const queued = queuedOf(world, id)
    if (request === undefined || request.closed !== undefined || queued === 0n) continue
    const last = lastWindowOf(world, request)
    if (request.isDrawn && last !== 0 && last <= world.window) {
      close(world, request, 'expired')
      continue
    }
    const isTooSmall = openOf(request) === queued && isCrumb(world, queued)
    const isEndless = last === 0 && request.excluded.size > 0
    if (!isTooSmall && (!isEndless || canBeServed(world, request))) continue
    const isDelivered = request.burnedBase + request.transferredBase > 0n
    close(world, request, isDelivered ? 'settled' : isTooSmall ? 'expired' : 'cancelled')
  }
  world.returned.clear()
}

const canBeServed = (world: World, request: Request): boolean =>
  lotGroups(world).some((group) => {
    const provider = world.providers.get(group.provider)!
    const isOpen = counts(provider) && !request.excluded.has(groupOf(provider))
    return isOpen && meets(world, group, request)
  })

/**
 * What the mix of this block draws: everything of earlier blocks whose proposer was of another legal group; with one
 * group in the set everything of earlier blocks. One block's after another's, each in the order of
 * SHA256(mix ‖ txHash ‖ index) (§8).
 */
export function draw<T>(
  waiting: readonly Drawn<T>[],
  block: {
    readonly height: number
    readonly proposerGroup: string
    readonly mix: string
    readonly groups: number
  },
): { readonly drawn: readonly T[]; readonly left: Drawn<T>[] } {
  const isDue = (entry: Drawn<T>): boolean =>
    entry.height < block.height && (block.groups === 1 || entry.proposerGroup !== block.proposerGroup)
  const key = (entry: Drawn<T>): string =>
    toHex(sha256(concatBytes(fromHex(block.mix), fromHex(entry.txHash), u32be(entry.index))))
  const drawn = waiting
    .filter(isDue)
    .map((entry) => ({ entry, key: key(entry) }))
    .sort((a, b) => a.entry.height - b.entry.height || (a.key < b.key ? -1 : 1))
  return { drawn: drawn.map(({ entry }) => entry.what), left: waiting.filter((entry) => !isDue(entry)) }
}

/** Returns the queued coins of a request to its owner, less the no-show fee of what it rejected. */
function refundQueued(world: World, request: Request): void {
  const queued = request.isDrawn ? queuedOf(world, request.id) : request.lockedBase
  world.places = world.places.filter((place) => place.request !== request.id)
  world.pending = world.pending.filter(({ what }) => what !== request.id)
  const fee = noShowFee(world, request.rejectedBase, queued)
  request.rejectedBase = 0n
  payFund(world, request, fee)
  moveCoins(world, redemptionEscrow(request.id), request.owner, queued - fee)
  request.refundedBase += queued - fee
}

/** `noShow` of an amount, at most what is there to take it from. */
export function noShowFee(world: World, amountBase: bigint, availableBase: bigint): bigint {
  const fee = floorDiv(amountBase * world.parameters.noShowPpm, P)
  return fee < availableBase ? fee : availableBase
}

export function payFund(world: World, request: Request, feeBase: bigint): void {
  moveCoins(world, redemptionEscrow(request.id), FUND, feeBase)
  request.feesBase += feeBase
}

/** Coins of a request that are neither burned, transferred, refunded nor paid as fees. */
export const openOf = (request: Request): bigint =>
  request.lockedBase - request.burnedBase - request.transferredBase - request.refundedBase - request.feesBase

/** Ends a request whose coins are all queued. */
export function close(
  world: World,
  request: Request,
  reason: NonNullable<Request['closed']>['reason'],
): void {
  refundQueued(world, request)
  closeIfDone(world, request, reason)
}

/** A request with no open coins leaves the table; it stays in the state for `tailWindows`. */
export function closeIfDone(
  world: World,
  request: Request,
  reason: NonNullable<Request['closed']>['reason'],
): void {
  if (request.closed === undefined && openOf(request) === 0n)
    request.closed = { reason, window: world.window }
}

/** Cancel refunds the queued part. */
export function cancel(world: World, sender: string, id: number): string | undefined {
  const request = world.requests.get(id)
  if (request === undefined) return 'UnknownRedemption'
  if (request.owner !== sender) return 'NotOwner'
  if (request.closed !== undefined || (request.isDrawn && queuedOf(world, id) === 0n)) return 'NothingQueued'
  close(world, request, 'cancelled')
  return undefined
}

/** The earliest window that can still be reserved: in the last quarter of a window not the next one (§6). */
export const earliestWindow = (world: World): number =>
  world.window + (world.timestampMs >= world.windowEndsMs - world.parameters.windowMs / 4 ? 2 : 1)

/** Windows not yet begun, at most `assignAhead` ahead; in the last quarter of a window not the next one. */
export function openWindows(world: World): readonly number[] {
  const windows: number[] = []
  const last = world.window + world.parameters.assignAhead
  for (let window = earliestWindow(world); window <= last; window++) windows.push(window)
  return windows
}

/** The last window in which queued coins of a request may be served; 0: no limit. */
export function lastWindowOf(world: World, request: Request): number {
  const { startBy, finishBy } = request
  const own = world.assignments.filter((a) => a.request === request.id)
  // Start-by binds until delivery has begun or is about to.
  const isStarted = own.some((a) => a.isOpen || a.settledBase > 0n)
  if (startBy === 0 || isStarted) return finishBy
  return finishBy === 0 ? startBy : Math.min(startBy, finishBy)
}

/** Queued coins whose last window has begun expire: only windows not yet begun can be reserved. */
export function expire(world: World): void {
  for (const request of openRequests(world)) {
    if (!request.isDrawn || queuedOf(world, request.id) === 0n) continue
    const last = lastWindowOf(world, request)
    if (last !== 0 && last <= world.window) close(world, request, 'expired')
  }
}

/** Closed requests leave the state after `tailWindows`. */
export function forget(world: World): void {
  for (const request of [...world.requests.values()]) {
    const since = request.closed?.window
    if (since !== undefined && world.window >= since + world.parameters.tailWindows)
      world.requests.delete(request.id)
  }
}

/** Whether a provider may be assigned anything. */
export const mayServe = (world: World, id: number): boolean => {
  const provider = world.providers.get(id)!
  return counts(provider) && !isSuspended(provider) && !groupIsSuspended(world, groupOf(provider))
}

/** A group is suspended if any member is (§2). */
export const groupIsSuspended = (world: World, group: string): boolean =>
  [...world.providers.values()].some((provider) => groupOf(provider) === group && isSuspended(provider))
