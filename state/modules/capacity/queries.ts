// Queries of capacity: the clock, lots, lot groups, and the capacity of providers per window and in total.
import { mustExist } from '../../../base/assert.ts'
import type { ReadContext } from '../../context.ts'
import type { Rules } from '../../rules.ts'
import type { StateReader } from '../../view.ts'
import { bookingAt, hoursLeft } from './book.ts'
import { isServing, memberIds } from './external.ts'
import { getGroup, groupIdsOf, ratedHours } from './groups.ts'
import { getLot, lotIdsOf } from './lots.ts'
import { coinsNow, type Measures, standingOf, windowCoins } from './measures.ts'
import type { capacitySchema } from './schema.ts'
import { getMeasures, getSummary } from './sums.ts'
import { getClock } from './windows.ts'

function groupInfoOf(state: StateReader, id: number) {
  const group = getGroup(state, id)
  if (group === undefined) return undefined
  const { provider, classId, region, services, pledged, inForce, lotCount } = group
  return { id, provider, classId, region, services, pledged, inForce, lotCount }
}

/** What a provider's groups have together in one window; only what counts there has coins. */
function windowOf(state: StateReader, at: { readonly provider: number; readonly k: number; m: Measures }) {
  const { provider, k, m } = at
  const windowIndex = m.windowIndex + k
  const sum = { windowIndex, ratedHours: 0n, reservedHours: 0n, freeBase: 0n, countedBase: 0n }
  const serves = isServing(state, provider)
  for (const id of groupIdsOf(state, provider)) {
    const group = mustExist(getGroup(state, id), 'a listed group exists')
    const free = hoursLeft(state, group, windowIndex)
    sum.ratedHours += ratedHours(state, group, windowIndex)
    sum.reservedHours += bookingAt(group, windowIndex).hours
    if (!serves) continue
    sum.freeBase += coinsNow(free, m.anchor)
    if (k <= standingOf(group, m).countsTo) sum.countedBase += windowCoins(free, k, m)
  }
  return sum
}

function windowsOf(ctx: ReadContext, provider: number) {
  const m = getMeasures(ctx.state)
  return m.growth.map((_growth, k) => windowOf(ctx.state, { provider, k, m }))
}

export const capacityQueries: Rules<typeof capacitySchema>['queries'] = {
  clock: (ctx) => getClock(ctx.state),
  lot: (ctx, { id }) => {
    const lot = getLot(ctx.state, id)
    return lot === undefined ? undefined : { id, ...lot }
  },
  lots: (ctx, { provider }) =>
    lotIdsOf(ctx.state, provider).map((id) => ({
      id,
      ...mustExist(getLot(ctx.state, id), 'listed lot exists'),
    })),
  group: (ctx, { id }) => groupInfoOf(ctx.state, id),
  groups: (ctx, { provider }) =>
    groupIdsOf(ctx.state, provider).map((id) =>
      mustExist(groupInfoOf(ctx.state, id), 'a listed group exists'),
    ),
  summary: (ctx, { provider }) => ({ provider, ...getSummary(ctx.state, provider) }),
  windows: (ctx, { provider }) => windowsOf(ctx, provider),
  totals: (ctx) => {
    const summaries = memberIds(ctx.state).map((provider) => ({
      provider,
      capacityBase: getSummary(ctx.state, provider).capacityBase,
    }))
    return { capacityBase: summaries.reduce((sum, s) => sum + s.capacityBase, 0n), summaries }
  },
}
