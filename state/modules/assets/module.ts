// Joins the definition of assets with its rules. The ERC-20 interface is dispatched by the asset's address (facade.ts).
import { implement } from '../../rules.ts'
import { assetsInvariants } from './invariants.ts'
import { assetsQueries } from './queries.ts'
import { assetsSchema } from './schema.ts'
import { issue, redeem } from './supply.ts'

export const assetsModule = implement(assetsSchema, {
  actions: { issue, redeem },
  queries: assetsQueries,
  invariants: assetsInvariants,
})
