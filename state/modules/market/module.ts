// Joins the definition of the market with its rules (ECONOMY §8).
import { implement } from '../../rules.ts'
import { endBlock, hasWork, onWindowEnd } from './blockEnd.ts'
import { marketInvariants } from './invariants.ts'
import { cancel, place } from './orders.ts'
import { marketQueries } from './queries.ts'
import { marketSchema } from './schema.ts'

export const marketModule = implement(marketSchema, {
  actions: { place, cancel },
  queries: marketQueries,
  onWindowEnd,
  endBlock,
  hasWork,
  invariants: marketInvariants,
})
