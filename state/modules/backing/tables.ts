// Tables, parameters, failures and events of backing.
import { eventsOf, failuresOf } from '../../rules.ts'
import { paramsOf, tablesOf } from '../../table.ts'
import { backingSchema } from './schema.ts'

export const backingTables = tablesOf(backingSchema)
export const backingParams = paramsOf(backingSchema)
export const fail = failuresOf(backingSchema)
export const events = eventsOf(backingSchema)
