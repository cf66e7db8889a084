// Joins the definition of redemption with its rules (ECONOMY §6).
import { implement } from '../../rules.ts'
import { beginBlock, dueAtMs, endBlock, hasWork, onWindowEnd } from './blockEnd.ts'
import { redemptionInvariants } from './invariants.ts'
import { list, resume, unlist } from './listings.ts'
import { checkParameters } from './parameters.ts'
import { redemptionQueries } from './queries.ts'
import { reserve } from './redemptions.ts'
import { reject } from './rejects.ts'
import { cancel, request } from './requests.ts'
import { redemptionSchema } from './schema.ts'
import { grant, settle } from './vouchers.ts'

export const redemptionModule = implement(redemptionSchema, {
  actions: { list, unlist, request, cancel, grant, settle, reject, resume },
  queries: redemptionQueries,
  checkParameters,
  beginBlock,
  endBlock,
  onWindowEnd,
  hasWork,
  dueAtMs,
  reserve,
  invariants: redemptionInvariants,
})
