// Joins the definition of notary with its rules.
import { implement } from '../../../state/rules.ts'
import {
  amend,
  checkParameters,
  deposit,
  dueAtMs,
  endBlock,
  hasWork,
  onActivate,
  onWindowEnd,
  sealCall,
  withdraw,
} from './deeds.ts'
import { notaryInvariants } from './invariants.ts'
import { notaryQueries } from './queries.ts'
import { notarySchema } from './schema.ts'

export const notaryModule = implement(notarySchema, {
  actions: { deposit, amend, withdraw },
  queries: notaryQueries,
  checkParameters,
  onActivate,
  precheck: sealCall,
  onWindowEnd,
  endBlock,
  dueAtMs,
  hasWork,
  invariants: notaryInvariants,
})
