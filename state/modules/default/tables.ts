// Tables, parameters, failures and events of default.
import { eventsOf, failuresOf } from '../../rules.ts'
import { paramsOf, tablesOf } from '../../table.ts'
import { defaultSchema } from './schema.ts'

export const defaultTables = tablesOf(defaultSchema)
export const defaultParams = paramsOf(defaultSchema)
export const fail = failuresOf(defaultSchema)
export const events = eventsOf(defaultSchema)
