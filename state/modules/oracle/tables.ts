// Tables, parameters, failures and events of the oracle.
import { eventsOf, failuresOf } from '../../rules.ts'
import { paramsOf, tablesOf } from '../../table.ts'
import { oracleSchema } from './schema.ts'

export const oracleTables = tablesOf(oracleSchema)
export const oracleParams = paramsOf(oracleSchema)
export const fail = failuresOf(oracleSchema)
export const events = eventsOf(oracleSchema)
