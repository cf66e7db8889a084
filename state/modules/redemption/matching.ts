// Who serves whom: the pass over the queue in order of place, and the order of providers (ECONOMY §6).
// Owns: matchability and the choice. Not: the books (assignments.ts), the sets of the queue (queue.ts).
import { minBigint } from '../../../base/units.ts'
import type { ReadContext, WriteContext } from '../../context.ts'
import type { StateReader } from '../../view.ts'
import { capacityRevision } from '../capacity/book.ts'
import { coinsOfHours } from '../capacity/rating.ts'
import { capacityParams } from '../capacity/tables.ts'
import { currentWindow } from '../capacity/windows.ts'
import { SERVICES, type Service } from '../catalogue/schema.ts'
import { getAnchor } from '../oracle/anchor.ts'
import { openAssignment } from './assignments.ts'
import {
  coinsWithBonus,
  hoursWithBonus,
  lotServes,
  ratingOf,
  type Server,
  serversInOrder,
} from './external.ts'
import { bonusAt } from './listings.ts'
import { lastWindowOf, nextHead } from './queue.ts'
import {
  getEngine,
  getTotals,
  type Listing,
  lookAgain,
  type Redemption,
  redemptionParams,
  tables,
  updateEngine,
} from './store.ts'

interface Volunteer {
  readonly server: Server
  readonly listing: Listing
  readonly rating: bigint
  readonly bonusPpm: bigint
}

/** What can be assigned in this block, held in memory while the pass runs. */
export interface Market {
  readonly anchor: bigint
  readonly minimumBase: bigint
  /** Windows not yet begun within assignAhead, nearest first. */
  readonly windows: readonly number[]
  readonly servers: readonly Server[]
  /** Listings per service: highest bonus first, then as `servers`. */
  readonly volunteers: { readonly [S in Service]: readonly Volunteer[] }
  readonly obligedSequence: number
}

/** Reads listings and free hours; at most providers × (windows + lots) records. */
export function openMarket(state: StateReader, assume?: { readonly longQueue: boolean }): Market {
  const { assignAhead, minimumBase } = redemptionParams.get(state)
  const current = currentWindow(state)
  const windows = Array.from({ length: assignAhead }, (_, k) => current + 1 + k)
  const servers = serversInOrder(state, windows)
  const anchor = getAnchor(state)
  const nextFree = servers.reduce((sum, { free }) => sum + coinsOfHours(free[0] ?? 0n, anchor), 0n)
  // While the queue is long the whole capacity goes further at par.
  const atPar = assume?.longQueue ?? getTotals(state).queuedBase * 2n > nextFree
  const volunteersOf = (service: Service): Volunteer[] =>
    servers
      .flatMap((server) => {
        const listing = tables.listing.get(state, { provider: server.provider, service })
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
    ) as unknown as Market['volunteers'],
    obligedSequence: getEngine(state).obligedSequence,
  }
}

interface Offer {
  readonly server: Server
  /** Position in `Market.windows`. */
  readonly k: number
  readonly window: number
  readonly classId: number
  readonly rating: bigint
  readonly bonusPpm: bigint
  /** Coins it takes now. */
  readonly takesBase: bigint
}

/** The first offer a request can take: nearest window, then volunteers, then the obliged. */
export function firstOffer(ctx: ReadContext, market: Market, redemption: Redemption): Offer | undefined {
  const lastWindow = lastWindowOf(redemption)
  for (let k = 0; k < market.windows.length; k++) {
    const window = market.windows[k]!
    if (lastWindow !== 0 && window > lastWindow) return undefined
    const offer = volunteerIn(market, redemption, k) ?? obligedIn(ctx, market, redemption, k)
    if (offer !== undefined) return offer
  }
  return undefined
}

function takes(market: Market, server: Server, k: number, bonusPpm: bigint): bigint {
  const coins = coinsWithBonus(server.free[k]!, market.anchor, bonusPpm)
  // A crumb of capacity is not worth a grant.
  return coins < market.minimumBase ? 0n : coins
}

function volunteerIn(market: Market, redemption: Redemption, k: number): Offer | undefined {
  const window = market.windows[k]!
  const { service, provider, ratingMin, region } = redemption
  for (const { server, listing, rating, bonusPpm } of market.volunteers[service]) {
    if (provider !== 0 && server.provider !== provider) continue
    if (rating < ratingMin || (region !== '' && listing.region !== region)) continue
    const takesBase = takes(market, server, k, bonusPpm)
    if (takesBase === 0n) continue
    const { classId } = listing
    const pledged = server.lots.some(
      (lot) => lot.classId === classId && lot.region === listing.region && lotServes(lot, service, window),
    )
    if (pledged) return { server, k, window, classId, rating, bonusPpm, takesBase }
  }
  return undefined
}

/** After a quarter window the obligation falls on all whose pledges count, at par, listed or not (docs/decisions). */
function obligedIn(ctx: ReadContext, market: Market, redemption: Redemption, k: number): Offer | undefined {
  if (redemption.sequence > market.obligedSequence) return undefined
  const window = market.windows[k]!
  const { service, provider, ratingMin, region } = redemption
  for (const server of market.servers) {
    if (provider !== 0 && server.provider !== provider) continue
    const takesBase = takes(market, server, k, 0n)
    if (takesBase === 0n) continue
    for (const lot of server.lots) {
      if ((region !== '' && lot.region !== region) || !lotServes(lot, service, window)) continue
      const rating = ratingOf(ctx.state, lot.classId, service)
      if (rating === 0n || rating < ratingMin) continue
      return { server, k, window, classId: lot.classId, rating, bonusPpm: 0n, takesBase }
    }
  }
  return undefined
}

/** Providers become obliged to requests that have waited a quarter window; the pass looks at those again. */
export function obligeProviders(ctx: WriteContext, stepsMax: number): void {
  const { state, block } = ctx
  const waitMs = Math.ceil(capacityParams.get(state).windowMs / 4)
  for (let steps = 0; steps < stepsMax; steps++) {
    const { markHead, markTail, obligedSequence } = getEngine(state)
    if (markHead === markTail) return
    const mark = tables.mark.mustGet(state, { index: markHead })
    if (mark.atMs + waitMs > block.timestampMs) return
    tables.mark.delete(state, { index: markHead })
    updateEngine(state, { markHead: markHead + 1, obligedSequence: mark.sequence })
    lookAgain(state, obligedSequence + 1)
  }
}

/**
 * Goes on with the pass: each head of a bucket in order of place takes what it can; a bucket whose head finds nothing
 * sleeps until capacity grows. At most `stepsMax` visits and assignments together.
 */
export function assignQueued(ctx: WriteContext, stepsMax: number): void {
  const { state } = ctx
  const revision = capacityRevision(state)
  if (getEngine(state).capacityRevision !== revision) lookAgain(state, 0)
  const first = nextHead(state, getEngine(state).passSequence)
  if (first !== undefined) {
    const market = openMarket(state)
    let sequence: number | undefined = first
    for (let steps = 0; steps < stepsMax && sequence !== undefined; ) {
      const used = serve(ctx, market, sequence, stepsMax - steps)
      steps += used.steps
      if (!used.finished) break
      updateEngine(state, { passSequence: sequence + 1 })
      sequence = nextHead(state, sequence + 1)
    }
  }
  // Bookings move the revision too; only what others change from here on wakes the sleepers.
  const seen = capacityRevision(state)
  if (getEngine(state).capacityRevision !== seen) updateEngine(state, { capacityRevision: seen })
}

/** Assigns as much of one request as its offers take. `finished` is false when the steps ran out before. */
function serve(
  ctx: WriteContext,
  market: Market,
  sequence: number,
  stepsMax: number,
): { readonly steps: number; readonly finished: boolean } {
  const { id } = tables.place.mustGet(ctx.state, { sequence })
  let redemption = tables.redemption.mustGet(ctx.state, { id })
  for (let steps = 1; steps <= stepsMax; steps++) {
    const offer = firstOffer(ctx, market, redemption)
    if (offer === undefined) return { steps, finished: true }
    const { server, k, window, classId, rating, bonusPpm } = offer
    const amountBase = minBigint(redemption.queuedBase, offer.takesBase)
    const bookedHours = hoursWithBonus(amountBase, market.anchor, bonusPpm)
    redemption = openAssignment(ctx, id, {
      provider: server.provider,
      window,
      amountBase,
      anchor: market.anchor,
      classId,
      rating,
      bonusPpm,
      bookedHours,
    })
    server.free[k]! -= bookedHours
    if (redemption.queuedBase === 0n) return { steps, finished: true }
  }
  return { steps: stepsMax, finished: false }
}
