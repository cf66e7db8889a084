// Tables, parameters, failures and events of redemption.
import { eventsOf, failuresOf } from '../../rules.ts'
import { paramsOf, tablesOf } from '../../table.ts'
import { redemptionSchema } from './schema.ts'

export const redemptionTables = tablesOf(redemptionSchema)
export const redemptionParams = paramsOf(redemptionSchema)
export const fail = failuresOf(redemptionSchema)
export const events = eventsOf(redemptionSchema)
