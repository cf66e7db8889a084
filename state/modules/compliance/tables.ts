// Tables, parameters, failures and events of compliance.
import { eventsOf, failuresOf } from '../../rules.ts'
import { paramsOf, tablesOf } from '../../table.ts'
import { complianceSchema } from './schema.ts'

export const complianceTables = tablesOf(complianceSchema)
export const complianceParams = paramsOf(complianceSchema)
export const fail = failuresOf(complianceSchema)
export const events = eventsOf(complianceSchema)
