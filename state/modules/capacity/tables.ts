// Tables, parameters, failures and events of capacity.
import { changeListOf } from '../../changeList.ts'
import { eventsOf, failuresOf } from '../../rules.ts'
import { paramsOf, tablesOf } from '../../table.ts'
import { capacitySchema } from './schema.ts'

export const capacityTables = tablesOf(capacitySchema)
export const capacityParams = paramsOf(capacitySchema)
export const fail = failuresOf(capacitySchema)
export const events = eventsOf(capacitySchema)

/** Providers whose sums have changed since the last complete recount; issuance takes note of them. */
export const changedSums = changeListOf(capacityTables.changed)
