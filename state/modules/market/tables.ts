// Tables, parameters, failures and events of the market.
import { eventsOf, failuresOf } from '../../rules.ts'
import { paramsOf, tablesOf } from '../../table.ts'
import { marketSchema } from './schema.ts'

export const marketTables = tablesOf(marketSchema)
export const marketParams = paramsOf(marketSchema)
export const fail = failuresOf(marketSchema)
export const events = eventsOf(marketSchema)
