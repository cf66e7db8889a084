// Tables, parameters, failures and events of capacity.
import { eventsOf, failuresOf } from '../../rules.ts'
import { paramsOf, tablesOf } from '../../table.ts'
import { capacitySchema } from './schema.ts'

export const capacityTables = tablesOf(capacitySchema)
export const capacityParams = paramsOf(capacitySchema)
export const fail = failuresOf(capacitySchema)
export const events = eventsOf(capacitySchema)
