// Joins the definition of the oracle with its rules.
import { implement } from '../../rules.ts'
import { onParametersChanged } from './anchor.ts'
import { oracleInvariants } from './invariants.ts'
import { checkParameters } from './parameters.ts'
import { oracleQueries } from './queries.ts'
import { commit, reveal } from './reports.ts'
import { oracleSchema } from './schema.ts'
import { onWindowEnd } from './tally.ts'

export const oracleModule = implement(oracleSchema, {
  actions: { commit, reveal },
  queries: oracleQueries,
  checkParameters,
  onParametersChanged,
  onWindowEnd,
  invariants: oracleInvariants,
})
