// Tables, parameters, failures and events of issuance.
import { changeListOf } from '../../changeList.ts'
import { eventsOf, failuresOf } from '../../rules.ts'
import { paramsOf, tablesOf } from '../../table.ts'
import { issuanceSchema } from './schema.ts'

export const issuanceTables = tablesOf(issuanceSchema)
export const issuanceParams = paramsOf(issuanceSchema)
export const fail = failuresOf(issuanceSchema)
export const events = eventsOf(issuanceSchema)

/** Providers whose liability has changed since coverage last took note. */
export const changedLiabilities = changeListOf(issuanceTables.changed)
