// The sums that each provider's groups add up to, by the last complete recount and the one under way.
// Every change of them goes through here. Not: what a group counts (measures.ts), when recounts run (recount.ts).

import type { Reserve } from '../../../base/protocol/header.ts'
import { maxBigint } from '../../../base/units.ts'
import type { StateReader, StateWriter } from '../../view.ts'
import { isServing } from './external.ts'
import { type Measures, measuresAt, NO_SUMS } from './measures.ts'
import type { CapacitySums, Count } from './schema.ts'
import { capacityTables, changedSums } from './tables.ts'

/** What a provider can deliver, as the last complete recount and later bookings have it. */
export interface CapacitySummary extends CapacitySums {
  readonly counts: boolean
  readonly noticeUntil?: number
}

/** Before the first recount nothing counts. */
const NO_COUNT: Count = {
  pass: 0,
  windowIndex: 0,
  anchor: 0n,
  sinceHeight: 0,
  anchorMoved: false,
  parametersChanged: false,
  parametersDirty: false,
  revision: 0,
  overbookedHead: 0,
  overbookedTail: 0,
}

export function getCount(state: StateReader): Count {
  return capacityTables.count.get(state, {}) ?? NO_COUNT
}

/** Increases whenever hours may have become free: matching looks again. */
export function capacityRevision(state: StateReader): number {
  return getCount(state).revision
}

/** The measures of the last complete recount: those of the header, of matching and of all limits. */
export function getMeasures(state: StateReader): Measures {
  const { windowIndex, anchor } = getCount(state)
  return measuresAt(state, { windowIndex, anchor })
}

/** The anchor of the last complete recount: redemption books at it, and the header shows it beside the capacity it counted. */
export function countedAnchor(state: StateReader): bigint {
  return getCount(state).anchor
}

/** This module's part of the header's reserve (ECONOMY §11). */
export function reserve(state: StateReader): Partial<Reserve> {
  return { anchor: countedAnchor(state) }
}

/** Whether a recount is under way: until it is complete, minting waits. */
export function isRecounting(state: StateReader): boolean {
  return getCount(state).next !== undefined
}

/** The slot that a recount writes: two take turns, so that the one before stays whole. */
const slotOf = (pass: number): number => pass & 1

/** Sums of a provider by a recount; zero if it has not reached it. */
export function sumsIn(
  state: StateReader,
  at: { readonly provider: number; readonly pass: number },
): CapacitySums {
  const stored = capacityTables.sums.get(state, { provider: at.provider, slot: slotOf(at.pass) })
  if (stored?.pass !== at.pass) return NO_SUMS
  const { pass: _, ...sums } = stored
  return sums
}

/** C, C* and R of a provider whatever its status: what its pledges can deliver. */
export function pledgedSums(state: StateReader, provider: number): CapacitySums {
  return sumsIn(state, { provider, pass: getCount(state).pass })
}

/** C, C* and R of a provider by a recount, complete or under way; zero if its status does not let it count. */
export function countedSums(
  state: StateReader,
  at: { readonly provider: number; readonly pass: number },
): CapacitySums {
  return isServing(state, at.provider) ? sumsIn(state, at) : NO_SUMS
}

/** What a provider can deliver; all zero if it never pledged, or if its status does not let it count. */
export function getSummary(state: StateReader, provider: number): CapacitySummary {
  const counts = isServing(state, provider)
  const notice = capacityTables.notice.get(state, { provider })
  return {
    ...(counts ? pledgedSums(state, provider) : NO_SUMS),
    counts,
    ...(notice === undefined ? {} : { noticeUntil: notice.lastWindow }),
  }
}

/** Changes a provider's sums in force, or those that a recount under way has taken already. */
export function setSums(
  state: StateWriter,
  at: { readonly provider: number; readonly pass: number },
  sums: CapacitySums,
): void {
  changedSums.add(state, at.provider)
  putSums(state, at, sums)
}

/** Stores a provider's sums by a recount. They never fall below zero, even where parameters changed between two recounts. */
export function putSums(
  state: StateWriter,
  at: { readonly provider: number; readonly pass: number },
  sums: CapacitySums,
): void {
  const { provider, pass } = at
  const floor = (value: bigint): bigint => maxBigint(0n, value)
  capacityTables.sums.set(
    state,
    { provider, slot: slotOf(pass) },
    {
      pass,
      capacityBase: floor(sums.capacityBase),
      lastingBase: floor(sums.lastingBase),
      quarterBase: sums.quarterBase.map(floor),
      reservedBase: floor(sums.reservedBase),
      cutBase: sums.cutBase,
      withdrawnBase: sums.withdrawnBase,
    },
  )
}

/** Marks that hours may have become free, e.g. because a provider serves again. */
export function touchCapacity(state: StateWriter): void {
  const count = getCount(state)
  capacityTables.count.set(state, {}, { ...count, revision: count.revision + 1 })
}

/** Marks that parameters have changed: what coverage loses by the next recount is then nobody's fault. */
export function noteParametersChanged(state: StateWriter): void {
  capacityTables.count.set(state, {}, { ...getCount(state), parametersDirty: true })
}
