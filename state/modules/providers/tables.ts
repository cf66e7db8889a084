// Tables, parameters, failures and events of providers.
import { eventsOf, failuresOf } from '../../rules.ts'
import { paramsOf, tablesOf } from '../../table.ts'
import { providersSchema } from './schema.ts'

export const providersTables = tablesOf(providersSchema)
export const providersParams = paramsOf(providersSchema)
export const fail = failuresOf(providersSchema)
export const events = eventsOf(providersSchema)
