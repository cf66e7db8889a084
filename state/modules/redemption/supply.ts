// The supply of a pass over the queue: servers with free hours, and the volunteers among them per service.
// Not: who gets it (matching.ts).
import type { StateReader } from '../../view.ts'
import type { LotGroup } from '../capacity/schema.ts'
import { SERVICES, type Service } from '../catalogue/schema.ts'
import { bonusAt } from './bonus.ts'
import { getCursors } from './cursors.ts'
import { anchorNow, coinsAtPar, offersService, ratingOf, runningWindow } from './external.ts'
import { getTotals } from './redemptions.ts'
import type { Listing } from './schema.ts'
import { type Server, serversInOrder } from './servers.ts'
import { redemptionParams, redemptionTables } from './tables.ts'

/** A provider with a listing. */
export interface Volunteer {
  readonly server: Server
  readonly listing: Listing
  readonly rating: bigint
  readonly bonusPpm: bigint
}

/** What a pass over the queue can assign from, held in memory while it runs. */
export interface Supply {
  readonly anchor: bigint
  readonly minimumBase: bigint
  /** Windows not yet begun within assignAhead, nearest first. */
  readonly windows: readonly number[]
  readonly servers: readonly Server[]
  /** Listings per service: highest bonus first, then as `servers`. */
  readonly volunteers: { readonly [S in Service]: readonly Volunteer[] }
  readonly obligedSequence: number
}

/** Coins that hours of a group deliver at par of a service that it offers. */
export function parCoins(group: LotGroup, hours: bigint, anchor: bigint): bigint {
  const service = SERVICES.find((s) => offersService(group, s))
  return service === undefined ? 0n : coinsAtPar(group, { service, hours, anchor })
}

/** Reads what can be assigned now; at most providers × (windows + lots) records. */
export function readSupply(state: StateReader, assume?: { readonly longQueue: boolean }): Supply {
  const { assignAhead, minimumBase } = redemptionParams.get(state)
  const current = runningWindow(state)
  const windows = Array.from({ length: assignAhead }, (_, k) => current + 1 + k)
  const servers = serversInOrder(state, windows)
  const anchor = anchorNow(state)
  const nextFree = servers.reduce(
    (sum, { groups }) =>
      groups.reduce((s, { group, free }) => s + parCoins(group, free[0] ?? 0n, anchor), sum),
    0n,
  )
  // While the queue is long everything is assigned at par: the same capacity then serves more coins.
  const atPar = assume?.longQueue ?? getTotals(state).queuedBase * 2n > nextFree
  const volunteersOf = (service: Service): Volunteer[] =>
    servers
      .flatMap((server) => {
        const listing = redemptionTables.listing.get(state, { provider: server.provider, service })
        if (listing === undefined) return []
        const bonusPpm = atPar ? 0n : bonusAt(listing, current)
        return [{ server, listing, bonusPpm, rating: ratingOf(state, listing.classId, service) }]
      })
      // The sort is stable: equal bonuses keep the order of the servers.
      .sort((a, b) => (a.bonusPpm === b.bonusPpm ? 0 : a.bonusPpm > b.bonusPpm ? -1 : 1))
  return {
    anchor,
    minimumBase,
    windows,
    servers,
    volunteers: Object.fromEntries(
      SERVICES.map((s) => [s, volunteersOf(s)]),
    ) as unknown as Supply['volunteers'],
    obligedSequence: getCursors(state).obligedSequence,
  }
}
