// Tables, parameters, failures and events of providers.
import { changeListOf } from '../../changeList.ts'
import { eventsOf, failuresOf } from '../../rules.ts'
import { paramsOf, tablesOf } from '../../table.ts'
import { providersSchema } from './schema.ts'

export const providersTables = tablesOf(providersSchema)
export const providersParams = paramsOf(providersSchema)
export const fail = failuresOf(providersSchema)
export const events = eventsOf(providersSchema)

/** Members whose status or suspension has changed; issuance takes note of them. */
export const changedMembers = changeListOf(providersTables.changed)
