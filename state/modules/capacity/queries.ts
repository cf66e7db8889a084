// Queries of capacity: the clock, lots, and the capacity of providers per window and in total.
import { mustExist } from '../../../base/assert.ts'
import type { ReadContext } from '../../context.ts'
import type { Rules } from '../../rules.ts'
import { getMeasures, getSummary, getTotalCapacity, getWindow, windowCoins } from './book.ts'
import { memberIds } from './external.ts'
import { getLot, lotIdsOf } from './lots.ts'
import { coinsOfHours } from './rating.ts'
import type { capacitySchema } from './schema.ts'
import { getClock } from './windows.ts'

function windowsOf(ctx: ReadContext, provider: number) {
  const measures = getMeasures(ctx.state)
  const { counts } = getSummary(ctx.state, provider)
  return measures.growth.map((_growth, k) => {
    const windowIndex = measures.windowIndex + k
    const hours = getWindow(ctx.state, { provider, windowIndex })
    const free = hours.ratedHours > hours.reservedHours ? hours.ratedHours - hours.reservedHours : 0n
    return {
      windowIndex,
      ...hours,
      freeBase: counts ? coinsOfHours(free, measures.anchor) : 0n,
      countedBase: counts ? windowCoins(hours, k, measures) : 0n,
    }
  })
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
  summary: (ctx, { provider }) => ({ provider, ...getSummary(ctx.state, provider) }),
  windows: (ctx, { provider }) => windowsOf(ctx, provider),
  totals: (ctx) => ({
    capacityBase: getTotalCapacity(ctx.state),
    summaries: memberIds(ctx.state).map((provider) => ({
      provider,
      capacityBase: getSummary(ctx.state, provider).capacityBase,
    })),
  }),
}
