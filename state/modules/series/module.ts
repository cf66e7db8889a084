// Joins the definition of series with its rules (ECONOMY §4).
import { implement } from '../../rules.ts'
import { beginBlock, endBlock, hasWork } from './blockEnd.ts'
import { onWindowEnd } from './clock.ts'
import { seriesInvariants } from './invariants.ts'
import { open, reclaim, secure, stop } from './offerings.ts'
import { buy } from './purchases.ts'
import { seriesQueries } from './queries.ts'
import { claim, refund } from './receipts.ts'
import { seriesSchema } from './schema.ts'

export const seriesModule = implement(seriesSchema, {
  actions: { open, stop, secure, reclaim, buy, claim, refund },
  queries: seriesQueries,
  beginBlock,
  endBlock,
  onWindowEnd,
  hasWork,
  invariants: seriesInvariants,
})
