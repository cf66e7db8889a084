// Tables, parameters, failures and events of governance.
import { eventsOf, failuresOf } from '../../rules.ts'
import { paramsOf, tablesOf } from '../../table.ts'
import { governanceSchema } from './schema.ts'

export const governanceTables = tablesOf(governanceSchema)
export const governanceParams = paramsOf(governanceSchema)
export const fail = failuresOf(governanceSchema)
export const events = eventsOf(governanceSchema)
