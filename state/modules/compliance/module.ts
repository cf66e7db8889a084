// Joins the definition of compliance with its rules.
import { implement } from '../../rules.ts'
import { beginBlock } from './blockBegin.ts'
import { attest, revoke } from './credentials.ts'
import { checkDebit } from './debits.ts'
import { appeal } from './freezes.ts'
import { complianceInvariants } from './invariants.ts'
import { transferWithMemo } from './memo.ts'
import { complianceQueries } from './queries.ts'
import { complianceSchema } from './schema.ts'

export const complianceModule = implement(complianceSchema, {
  actions: { appeal, attest, revoke, transferWithMemo },
  queries: complianceQueries,
  checkDebit,
  beginBlock,
  invariants: complianceInvariants,
})
