// Joins the definition of accounts with its rules.
import { implement } from '../../rules.ts'
import { batch } from './batch.ts'
import { execute } from './execute.ts'
import { accountsInvariants } from './invariants.ts'
import { reserve } from './ledger.ts'
import { accountsQueries } from './queries.ts'
import { accountsSchema } from './schema.ts'
import { addSessionKey, removeSessionKey } from './sessionKeys.ts'
import { isExecute, precheckExecute } from './signedActions.ts'

export const accountsModule = implement(accountsSchema, {
  actions: { batch, execute, addSessionKey, removeSessionKey },
  queries: accountsQueries,
  reserve,
  precheck: precheckExecute,
  hasPrecheck: isExecute,
  invariants: accountsInvariants,
})
