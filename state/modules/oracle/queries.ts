// Queries of the oracle: the anchor and prices.
import type { Rules } from '../../rules.ts'
import { getPrice } from './prices.ts'
import type { oracleSchema } from './schema.ts'
import { oracleParams, oracleTables } from './tables.ts'

export const oracleQueries: Rules<typeof oracleSchema>['queries'] = {
  anchor: (ctx) => {
    const { anchor, nextAnchor, sinceWindow } = oracleTables.anchor.mustGet(ctx.state, {})
    return { anchor, nextAnchor, sinceWindow, driftPpm: oracleParams.get(ctx.state).driftPpm }
  },
  price: (ctx, args) => getPrice(ctx.state, args.asset)?.priceBase,
}
