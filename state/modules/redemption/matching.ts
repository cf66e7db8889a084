// Who serves whom: the pass over the queue in order of place (ECONOMY §6). Owns: matchability and the choice.
// Not: what there is to assign (supply.ts), the books (assignments.ts), the sets of the queue (queue.ts).
import { minBigint } from '../../../base/units.ts'
import type { ReadContext, WriteContext } from '../../context.ts'
import type { Service } from '../catalogue/schema.ts'
import { openAssignment } from './assignments.ts'
import { coinsWithBonus, hoursWithBonus } from './bonus.ts'
import { getCursors, lookAgain, updateCursors } from './cursors.ts'
import { capacityVersion, ratingOf, windowLengthMs } from './external.ts'
import { lastWindowOf, nextHead } from './queue.ts'
import type { Redemption } from './schema.ts'
import type { Server, ServingGroup } from './servers.ts'
import { readSupply, type Supply } from './supply.ts'
import { redemptionTables } from './tables.ts'

/** Capacity that a request can take. */
interface Match {
  readonly server: Server
  readonly serving: ServingGroup
  /** Position in `Supply.windows`. */
  readonly k: number
  readonly window: number
  readonly classId: number
  readonly rating: bigint
  readonly bonusPpm: bigint
  /** Coins it takes now. */
  readonly takesBase: bigint
}

/** The first match of a request: nearest window first, there volunteers before obliged providers. */
export function firstMatch(ctx: ReadContext, supply: Supply, redemption: Redemption): Match | undefined {
  const lastWindow = lastWindowOf(redemption)
  for (let k = 0; k < supply.windows.length; k++) {
    const window = supply.windows[k]!
    if (lastWindow !== 0 && window > lastWindow) return undefined
    const match = volunteerIn(supply, redemption, k) ?? obligedIn(ctx, supply, redemption, k)
    if (match !== undefined) return match
  }
  return undefined
}

function takes(
  supply: Supply,
  serving: ServingGroup,
  terms: { readonly k: number; readonly service: Service; readonly bonusPpm: bigint },
): bigint {
  const { service, bonusPpm } = terms
  const hours = serving.free[terms.k]!
  const coins = coinsWithBonus(serving.group, { service, anchor: supply.anchor, bonusPpm, hours })
  // Less than the minimum is not worth a grant.
  return coins < supply.minimumBase ? 0n : coins
}

function volunteerIn(supply: Supply, redemption: Redemption, k: number): Match | undefined {
  const window = supply.windows[k]!
  const { service, provider, ratingMin, region } = redemption
  for (const { server, listing, rating, bonusPpm } of supply.volunteers[service]) {
    if (provider !== 0 && server.provider !== provider) continue
    if (rating < ratingMin || (region !== '' && listing.region !== region)) continue
    const { classId } = listing
    for (const serving of server.groups) {
      if (serving.group.classId !== classId || serving.group.region !== listing.region) continue
      const takesBase = takes(supply, serving, { k, service, bonusPpm })
      if (takesBase > 0n) return { server, serving, k, window, classId, rating, bonusPpm, takesBase }
    }
  }
  return undefined
}

/** After a quarter window all providers whose pledges count must serve at par, listed or not (docs/decisions). */
function obligedIn(ctx: ReadContext, supply: Supply, redemption: Redemption, k: number): Match | undefined {
  if (redemption.sequence > supply.obligedSequence) return undefined
  const window = supply.windows[k]!
  const { service, provider, ratingMin, region } = redemption
  for (const server of supply.servers) {
    if (provider !== 0 && server.provider !== provider) continue
    for (const serving of server.groups) {
      const { classId } = serving.group
      if (region !== '' && serving.group.region !== region) continue
      const rating = ratingOf(ctx.state, classId, service)
      if (rating === 0n || rating < ratingMin) continue
      const takesBase = takes(supply, serving, { k, service, bonusPpm: 0n })
      if (takesBase > 0n) return { server, serving, k, window, classId, rating, bonusPpm: 0n, takesBase }
    }
  }
  return undefined
}

/** Obliges providers to serve requests that have waited a quarter window; the pass revisits those. */
export function obligeProviders(ctx: WriteContext, stepsMax: number): void {
  const { state, block } = ctx
  const waitMs = Math.ceil(windowLengthMs(state) / 4)
  for (let steps = 0; steps < stepsMax; steps++) {
    const { markHead, markTail, obligedSequence } = getCursors(state)
    if (markHead === markTail) return
    const mark = redemptionTables.mark.mustGet(state, { index: markHead })
    if (mark.atMs + waitMs > block.timestampMs) return
    redemptionTables.mark.delete(state, { index: markHead })
    updateCursors(state, { markHead: markHead + 1, obligedSequence: mark.sequence })
    lookAgain(state, obligedSequence + 1)
  }
}

/**
 * Continues the pass: each bucket's head, in order of place, takes what it can; a bucket whose head finds no match waits
 * until capacity grows. At most `stepsMax` visits and assignments together.
 */
export function assignQueued(ctx: WriteContext, stepsMax: number): void {
  const { state } = ctx
  const revision = capacityVersion(state)
  if (getCursors(state).capacityRevision !== revision) lookAgain(state, 0)
  const first = nextHead(state, getCursors(state).passSequence)
  if (first !== undefined) {
    const supply = readSupply(state)
    let sequence: number | undefined = first
    for (let steps = 0; steps < stepsMax && sequence !== undefined; ) {
      const used = serve(ctx, supply, sequence, stepsMax - steps)
      steps += used.steps
      if (!used.finished) break
      updateCursors(state, { passSequence: sequence + 1 })
      sequence = nextHead(state, sequence + 1)
    }
  }
  // Bookings change the revision too; only later changes by others wake waiting buckets.
  const seen = capacityVersion(state)
  if (getCursors(state).capacityRevision !== seen) updateCursors(state, { capacityRevision: seen })
}

/** Assigns as much of one request as its matches take. `finished` is false when the steps run out first. */
function serve(
  ctx: WriteContext,
  supply: Supply,
  sequence: number,
  stepsMax: number,
): { readonly steps: number; readonly finished: boolean } {
  const { id } = redemptionTables.place.mustGet(ctx.state, { sequence })
  let redemption = redemptionTables.redemption.mustGet(ctx.state, { id })
  for (let steps = 1; steps <= stepsMax; steps++) {
    const match = firstMatch(ctx, supply, redemption)
    if (match === undefined) return { steps, finished: true }
    const { server, serving, k, window, classId, rating, bonusPpm } = match
    const amountBase = minBigint(redemption.queuedBase, match.takesBase)
    const { service } = redemption
    const bookedHours = hoursWithBonus(serving.group, {
      service,
      anchor: supply.anchor,
      bonusPpm,
      amountBase,
    })
    redemption = openAssignment(ctx, id, {
      provider: server.provider,
      group: serving.id,
      window,
      amountBase,
      anchor: supply.anchor,
      classId,
      rating,
      bonusPpm,
      bookedHours,
    })
    serving.free[k]! -= bookedHours
    if (redemption.queuedBase === 0n) return { steps, finished: true }
  }
  return { steps: stepsMax, finished: false }
}
