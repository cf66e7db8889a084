// Providers that may be assigned, in their order, with their lots and free hours (ECONOMY §6).
import { maxBigint } from '../../../base/units.ts'
import type { StateReader } from '../../view.ts'
import { type Lot, SERVICE_BITS } from '../capacity/schema.ts'
import type { Service } from '../catalogue/schema.ts'
import { freeHoursIn, isServing, lotsOf, memberIds, shareOf } from './external.ts'
import { redemptionTables } from './tables.ts'

/** A provider that may be assigned now. */
export interface Server {
  readonly provider: number
  /** Its lots that have passed an audit. */
  readonly lots: readonly Lot[]
  /** Free rated hours of the windows not yet begun, nearest first; the matcher lowers them. */
  readonly free: bigint[]
}

/** Providers by share of liability to capacity when the window began, highest first, then by id (ECONOMY §6). */
export function serversInOrder(state: StateReader, windows: readonly number[]): Server[] {
  const ranked = memberIds(state)
    .filter((id) => isServing(state, id) && !redemptionTables.suspension.has(state, { provider: id }))
    .map((id) => ({ id, ...shareOf(state, id) }))
  ranked.sort((a, b) => {
    // Cross products compare the shares exactly; no capacity counts as the smallest capacity.
    const left = a.liabilityBase * maxBigint(1n, b.capacityBase)
    const right = b.liabilityBase * maxBigint(1n, a.capacityBase)
    return left === right ? a.id - b.id : left > right ? -1 : 1
  })
  return ranked.map(({ id }) => ({
    provider: id,
    lots: attestedLots(state, id),
    free: windows.map((windowIndex) => freeHoursIn(state, { provider: id, windowIndex })),
  }))
}

/** Lots of a provider that have passed an audit. */
export function attestedLots(state: StateReader, provider: number): readonly Lot[] {
  return lotsOf(state, provider).filter((lot) => lot.status === 'attested')
}

/** Whether a lot serves in a window. */
export function lotServes(lot: Lot, service: Service, window: number): boolean {
  return (
    (lot.services & SERVICE_BITS[service]) !== 0 &&
    lot.firstWindow <= window &&
    lot.countsFrom <= window &&
    (lot.lastWindow === undefined || lot.lastWindow >= window)
  )
}
