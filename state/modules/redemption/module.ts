// Joins the definition of redemption with its rules (ECONOMY §6).
import { implement } from '../../rules.ts'
import { endBlock, hasWork } from './blockEnd.ts'
import { redemptionInvariants } from './invariants.ts'
import { list, resume, unlist } from './listings.ts'
import { checkParameters } from './parameters.ts'
import { redemptionQueries } from './queries.ts'
import { reserve } from './redemptions.ts'
import { cancel, drawPlaces, request } from './requests.ts'
import { redemptionSchema } from './schema.ts'
import { grant, settle } from './vouchers.ts'

export const redemptionModule = implement(redemptionSchema, {
  actions: { list, unlist, request, cancel, grant, settle, resume },
  queries: redemptionQueries,
  checkParameters,
  beginBlock: drawPlaces,
  endBlock,
  hasWork,
  reserve,
  invariants: redemptionInvariants,
})
