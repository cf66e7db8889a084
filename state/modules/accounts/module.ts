// Joins the definition of accounts with its rules.
import { implement } from '../../rules.ts'
import { batch } from './batch.ts'
import { accountsInvariants } from './invariants.ts'
import { reserve } from './ledger.ts'
import { accountsQueries } from './queries.ts'
import { accountsSchema } from './schema.ts'

export const accountsModule = implement(accountsSchema, {
  actions: { batch },
  queries: accountsQueries,
  reserve,
  invariants: accountsInvariants,
})
