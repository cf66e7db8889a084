// Tables, parameters, failures and events of notary.
import { eventsOf, failuresOf } from '../../../state/rules.ts'
import { paramsOf, tablesOf } from '../../../state/table.ts'
import { notarySchema } from './schema.ts'

export const notaryTables = tablesOf(notarySchema)
export const notaryParams = paramsOf(notarySchema)
export const fail = failuresOf(notarySchema)
export const events = eventsOf(notarySchema)
