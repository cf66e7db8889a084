// Providers that may be assigned, in their order, with their lot groups and free hours (ECONOMY §6).
import { maxBigint } from '../../../base/units.ts'
import type { StateReader } from '../../view.ts'
import type { LotGroup } from '../capacity/schema.ts'
import { freeHoursIn, groupsOf, isServing, memberIds, shareOf } from './external.ts'
import { redemptionTables } from './tables.ts'

/** A lot group that may be assigned now. */
export interface ServingGroup {
  readonly id: number
  readonly group: LotGroup
  /** Free rated hours of the windows not yet begun, nearest first; the matcher lowers them. */
  readonly free: bigint[]
}

/** A provider that may be assigned now. */
export interface Server {
  readonly provider: number
  readonly groups: readonly ServingGroup[]
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
    groups: groupsOf(state, id).map(({ id: group, group: record }) => ({
      id: group,
      group: record,
      free: windows.map((windowIndex) => freeHoursIn(state, { group, windowIndex })),
    })),
  }))
}
