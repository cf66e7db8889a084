// The order in which providers are assigned: by share of liability to capacity when the window began, volunteers first
// by bonus (ECONOMY §6). Owns: the stored lists. Not: who has hours free (candidates.ts).
import { maxBigint } from '../../../base/units.ts'
import type { StateReader, StateWriter } from '../../view.ts'
import { SERVICES, type Service } from '../catalogue/schema.ts'
import { countedBonus } from './bonus.ts'
import { areSnapshotsTaken, memberIds, runningWindow, shareOf } from './external.ts'
import type { Volunteers } from './schema.ts'
import { redemptionTables } from './tables.ts'

const NO_VOLUNTEERS: Volunteers = { version: 0, atPar: [], byBonus: [], bonusCount: 0 }

/** All members by share of liability to capacity when the window began, highest first, then by id. */
export function membersByShare(state: StateReader): readonly number[] {
  const ranked = memberIds(state).map((id) => ({ id, ...shareOf(state, id) }))
  ranked.sort((a, b) => {
    // Cross products compare the shares exactly; no capacity counts as the smallest capacity.
    const left = a.liabilityBase * maxBigint(1n, b.capacityBase)
    const right = b.liabilityBase * maxBigint(1n, a.capacityBase)
    return left === right ? a.id - b.id : left > right ? -1 : 1
  })
  return ranked.map(({ id }) => id)
}

/** The order that the running window's pass goes by. */
export function orderOf(state: StateReader): readonly number[] {
  return redemptionTables.order.get(state, {})?.providers ?? []
}

export function volunteersOf(state: StateReader, service: Service): Volunteers {
  return redemptionTables.volunteers.get(state, { service }) ?? NO_VOLUNTEERS
}

/**
 * Takes the order of the running window, and with it the lists of volunteers; at most 4 × providers reads. While snapshots
 * are being taken the order of the one before holds, so that no two members are compared by different ones.
 */
export function takeOrder(state: StateWriter): void {
  const before = orderOf(state)
  const providers = before.length === 0 || areSnapshotsTaken(state) ? membersByShare(state) : before
  redemptionTables.order.set(state, {}, { providers })
  for (const service of SERVICES)
    putVolunteers(
      state,
      service,
      providers.filter((provider) => redemptionTables.listing.has(state, { provider, service })),
    )
}

/** Stores who lists a service, given at par; who has a bonus comes first in the other list, the highest before all. */
function putVolunteers(state: StateWriter, service: Service, atPar: readonly number[]): void {
  const known = redemptionTables.volunteers.get(state, { service })
  if (atPar.length === 0) {
    if (known !== undefined) redemptionTables.volunteers.delete(state, { service })
    return
  }
  const window = runningWindow(state)
  const bonuses = atPar.map((provider) => {
    const listing = redemptionTables.listing.mustGet(state, { provider, service })
    return { provider, bonusPpm: countedBonus(state, { provider, window }, listing) }
  })
  // The sort is stable: equal bonuses keep the order at par.
  bonuses.sort((a, b) => (a.bonusPpm === b.bonusPpm ? 0 : a.bonusPpm > b.bonusPpm ? -1 : 1))
  redemptionTables.volunteers.set(
    state,
    { service },
    {
      version: (known?.version ?? 0) + 1,
      atPar,
      byBonus: bonuses.map(({ provider }) => provider),
      bonusCount: bonuses.filter(({ bonusPpm }) => bonusPpm > 0n).length,
    },
  )
}

/** Enters a provider that lists a service from now on. Its bonus counts only from the next window on, when all are ranked anew. */
export function enterVolunteer(state: StateWriter, provider: number, service: Service): void {
  const known = volunteersOf(state, service)
  const order = orderOf(state)
  const insert = (list: readonly number[], from: number): readonly number[] => {
    if (list.includes(provider)) return list
    const rank = rankIn(order, provider)
    const at = list.findIndex((other, i) => i >= from && rankIn(order, other) > rank)
    return at < 0 ? [...list, provider] : [...list.slice(0, at), provider, ...list.slice(at)]
  }
  redemptionTables.volunteers.set(
    state,
    { service },
    {
      version: known.version + 1,
      atPar: insert(known.atPar, 0),
      byBonus: insert(known.byBonus, known.bonusCount),
      bonusCount: known.bonusCount,
    },
  )
}

/** A member admitted since the order was taken comes last. */
function rankIn(order: readonly number[], provider: number): number {
  const rank = order.indexOf(provider)
  return rank < 0 ? order.length + provider : rank
}

/** Removes a provider that no longer lists a service. */
export function leaveVolunteers(state: StateWriter, provider: number, service: Service): void {
  const known = volunteersOf(state, service)
  const atBonus = known.byBonus.indexOf(provider)
  const byBonus = known.byBonus.filter((other) => other !== provider)
  if (byBonus.length === 0) {
    redemptionTables.volunteers.delete(state, { service })
    return
  }
  redemptionTables.volunteers.set(
    state,
    { service },
    {
      version: known.version + 1,
      atPar: known.atPar.filter((other) => other !== provider),
      byBonus,
      bonusCount: atBonus >= 0 && atBonus < known.bonusCount ? known.bonusCount - 1 : known.bonusCount,
    },
  )
}
