// Lots: evergreen pledges, their notice, attestation and end. Not: what they add up to (book.ts).
import { assert } from '../../../base/assert.ts'
import type { Hash32 } from '../../../base/ids.ts'
import { PPM } from '../../../base/units.ts'
import type { WriteContext } from '../../context.ts'
import type { StateReader, StateWriter } from '../../view.ts'
import { classRatings, isServing, pledgeRatings, tellAttested } from './external.ts'
import { changeNext, groupOfLot } from './groups.ts'
import { ALL_SERVICES, LOT_DEVICES_MAX, type Lot } from './schema.ts'
import { capacityParams, capacityTables, events, fail } from './tables.ts'
import { currentWindow } from './windows.ts'

const REGION = /^[a-z0-9][a-z0-9-]{0,15}$/

export interface Pledge {
  readonly provider: number
  readonly classId: number
  readonly devices: number
  readonly deviceRoot: Hash32
  readonly region: string
  readonly services: number
  readonly firstWindow: number
}

/** Ids of the lots of a provider, ascending; at most `LOTS_MAX`. */
export function lotIdsOf(state: StateReader, provider: number): readonly number[] {
  return capacityTables.lots.get(state, { provider })?.ids ?? []
}

export function getLot(state: StateReader, id: number): Lot | undefined {
  return capacityTables.lot.get(state, { id })
}

/** Id of the next pledge. */
export function nextLotId(state: StateReader): number {
  return (capacityTables.sequence.get(state, {})?.lastLot ?? 0) + 1
}

/** Why a pledge is refused, or undefined. `earliest` is the first window it may name. */
export function checkPledge(state: StateReader, pledge: Pledge, earliest: number) {
  const { provider, classId, devices, deviceRoot, region, services, firstWindow } = pledge
  const { horizonWindows, lotsPerProviderMax } = capacityParams.get(state)
  if (!isServing(state, provider)) return fail.ProviderNotServing({ provider })
  if (classRatings(state, classId) === undefined) return fail.UnknownClass({ classId })
  if (devices < 1 || devices > LOT_DEVICES_MAX)
    return fail.DevicesOutOfRange({ devices, maximum: LOT_DEVICES_MAX })
  if (!REGION.test(region)) return fail.MalformedRegion({ region })
  if (services < 1 || services > ALL_SERVICES) return fail.ServicesOutOfRange({ services })
  const latest = currentWindow(state) + horizonWindows
  if (firstWindow < earliest || firstWindow > latest)
    return fail.FirstWindowOutOfRange({ firstWindow, earliest, latest })
  const taken = capacityTables.deviceRoot.get(state, { root: deviceRoot })
  if (taken !== undefined) return fail.DevicesAlreadyPledged({ deviceRoot, lot: taken.lot })
  if (lotIdsOf(state, provider).length >= lotsPerProviderMax)
    return fail.TooManyLots({ provider, maximum: lotsPerProviderMax })
  return undefined
}

/** Writes a pledge that `checkPledge` accepted; it is pending and does not count yet. Returns its id. */
export function addLot(ctx: WriteContext, pledge: Pledge): number {
  const { state } = ctx
  const ratings = pledgeRatings(state, { classId: pledge.classId, window: currentWindow(state) })
  assert(ratings !== undefined, 'the class was checked')
  const id = nextLotId(state)
  const lastGroup = capacityTables.sequence.get(state, {})?.lastGroup ?? 0
  capacityTables.sequence.set(state, {}, { lastLot: id, lastGroup })
  capacityTables.lot.set(
    state,
    { id },
    { ...pledge, ratings, status: 'pending', countsFrom: 0, auditPpm: PPM, renewable: false },
  )
  capacityTables.lots.set(
    state,
    { provider: pledge.provider },
    { ids: [...lotIdsOf(state, pledge.provider), id] },
  )
  capacityTables.deviceRoot.set(state, { root: pledge.deviceRoot }, { lot: id })
  events.LotPledged(ctx, {
    provider: pledge.provider,
    lot: id,
    classId: pledge.classId,
    devices: pledge.devices,
    firstWindow: pledge.firstWindow,
  })
  return id
}

/**
 * Marks a lot as audited with the share that counts. Its group has the devices from the next recount on: of a lot that
 * was pending, in windows from `countsFrom` on. With a last window it is an attestation of governance, which ends then;
 * the first audit ends the time limit.
 */
export function markAttested(
  ctx: WriteContext,
  attestation: {
    readonly lot: number
    readonly countsFrom: number
    readonly auditPpm: bigint
    readonly lastWindow?: number
  },
): Lot {
  const { lot: id, countsFrom, auditPpm, lastWindow } = attestation
  assert(auditPpm <= PPM, 'the audit share is a share')
  const lot = capacityTables.lot.mustGet(ctx.state, { id })
  const first = lot.status === 'pending'
  const group = lot.group ?? groupOfLot(ctx.state, lot)
  const { lastWindow: before, renewable: wasLimited, ...unlimited } = lot
  // Notice is final; a time limit is not.
  const last = first || wasLimited ? lastWindow : before
  const attested: Lot = {
    ...unlimited,
    ...(last === undefined ? {} : { lastWindow: last }),
    renewable: (first || wasLimited) && last !== undefined,
    status: 'attested',
    auditPpm,
    countsFrom: first ? countsFrom : lot.countsFrom,
    group,
  }
  const from = Math.max(attested.countsFrom, lot.firstWindow, first ? 0 : currentWindow(ctx.state))
  const devicesPpm = BigInt(lot.devices) * (auditPpm - (first ? 0n : lot.auditPpm))
  const ends = first && last !== undefined ? { ends: id } : {}
  changeNext(ctx.state, group, {
    from,
    last: first ? last : before,
    devicesPpm,
    lots: first ? 1 : 0,
    ...ends,
  })
  if (wasLimited) extend(ctx.state, { id, before, last, lot: attested })
  capacityTables.lot.set(ctx.state, { id }, attested)
  tellAttested(ctx.state, { classId: lot.classId, devicesPpm })
  events.LotAttested(ctx, { provider: lot.provider, lot: id, countsFrom: attested.countsFrom, auditPpm })
  if (attested.renewable && last !== undefined)
    events.LotAttestedUntil(ctx, { provider: lot.provider, lot: id, lastWindow: last })
  return attested
}

/** Gives a group the devices of a lot for the windows that a renewal, or a first audit, has added. */
function extend(
  state: StateWriter,
  change: {
    readonly id: number
    readonly before: number | undefined
    readonly last: number | undefined
    readonly lot: Lot
  },
): void {
  const { id, before, last, lot } = change
  assert(lot.group !== undefined && before !== undefined, 'an attestation that ends is of a lot in a group')
  assert(last === undefined || last >= before, 'a renewal takes no window away')
  changeNext(state, lot.group, {
    from: before + 1,
    last,
    devicesPpm: BigInt(lot.devices) * lot.auditPpm,
    ...(last === undefined ? { stays: id } : {}),
  })
}

/** Gives notice: an attested lot ends K windows from now or with its attestation, a pending one at once. */
export function endLot(ctx: WriteContext, id: number): void {
  const lot = capacityTables.lot.mustGet(ctx.state, { id })
  assert(lot.lastWindow === undefined || lot.renewable, 'notice is given once')
  const lastWindow = lot.lastWindow ?? currentWindow(ctx.state) + capacityParams.get(ctx.state).horizonWindows
  if (lot.status === 'pending') {
    events.LotNoticeGiven(ctx, { provider: lot.provider, lot: id, lastWindow: currentWindow(ctx.state) })
    removeLot(ctx, id)
    return
  }
  capacityTables.lot.set(ctx.state, { id }, { ...lot, lastWindow, renewable: false })
  const { group, devices, auditPpm, provider } = lot
  assert(group !== undefined, 'an attested lot is in a group')
  // The group knows of the end of an attestation.
  if (lot.lastWindow === undefined)
    changeNext(ctx.state, group, { from: lastWindow + 1, devicesPpm: -BigInt(devices) * auditPpm, ends: id })
  // Only what could count can be missed: other lots end without a stop of minting.
  if (lot.services === ALL_SERVICES) {
    const known = capacityTables.notice.get(ctx.state, { provider })?.lastWindow ?? lastWindow
    capacityTables.notice.set(ctx.state, { provider }, { lastWindow: Math.max(known, lastWindow) })
  }
  events.LotNoticeGiven(ctx, { provider: lot.provider, lot: id, lastWindow })
}

/** Removes a lot that is pending or whose last window has ended; its devices may be pledged again. */
export function removeLot(ctx: WriteContext, id: number): void {
  const lot = capacityTables.lot.mustGet(ctx.state, { id })
  const { provider } = lot
  const ids = lotIdsOf(ctx.state, provider).filter((other) => other !== id)
  if (ids.length === 0) capacityTables.lots.delete(ctx.state, { provider })
  else capacityTables.lots.set(ctx.state, { provider }, { ids })
  capacityTables.lot.delete(ctx.state, { id })
  if (lot.status === 'attested')
    tellAttested(ctx.state, { classId: lot.classId, devicesPpm: -BigInt(lot.devices) * lot.auditPpm })
  capacityTables.deviceRoot.delete(ctx.state, { root: lot.deviceRoot })
  events.LotEnded(ctx, { provider, lot: id })
}
