// Joins the definition of the oracle with its rules.
import { implement } from '../../rules.ts'
import { onParametersChanged } from './anchor.ts'
import { oracleInvariants } from './invariants.ts'
import { oracleQueries } from './queries.ts'
import { oracleSchema } from './schema.ts'

export const oracleModule = implement(oracleSchema, {
  actions: {},
  queries: oracleQueries,
  onParametersChanged,
  invariants: oracleInvariants,
})
